"""Remotes that are repositories on this machine: read and written by dulwich, with the remote's own rules."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dulwich.errors import HookError, NotGitRepository
from dulwich.objects import ZERO_SHA, ObjectID
from dulwich.repo import Repo

from envctl.errors import EnvctlError, InputError, RefusedError, UnavailableError
from envctl.gitstore.addresses import Address, words
from envctl.gitstore.configuration import git_config
from envctl.gitstore.failures import translated
from envctl.gitstore.objects import Objects
from envctl.gitstore.packs import add_pack
from envctl.gitstore.refs import head, list_refs, move_ref, moved_away, put_back, read_ref
from envctl.model.git import RefUpdate, Signature

_LOG = b"push"


@contextmanager
def opened(address: Address) -> Iterator[Repo]:
    """The repository at a path, closed afterwards. Raises InputError where there is none."""
    with translated("open the remote repository", place=address.name):
        repo = _open(address)
    try:
        yield repo
    finally:
        repo.close()


def _open(address: Address) -> Repo:
    for path in (address.path, f"{address.path}.git"):
        if Path(path).is_dir():
            try:
                return Repo(path)
            except NotGitRepository:
                continue
    raise InputError("there is no Git repository at this path", place=address.name)


def look_up(address: Address, names: Sequence[str]) -> Mapping[str, str | None]:
    """Refs of the remote by name."""
    with opened(address) as repo:
        return {name: read_ref(repo, name) for name in names}


def fetch(
    address: Address, into: Repo, objects: Objects, names: Sequence[str], haves: Sequence[str]
) -> dict[str, str | None]:
    """Copy the objects of refs that are not here yet; the refs by name."""
    with opened(address) as repo, translated("copy objects", place=address.name):
        found = {name: read_ref(repo, name) for name in names}
        wanted = {ObjectID(each.encode()) for each in found.values() if each and not objects.has(each)}
        if wanted:
            if repo.get_shallow():
                raise UnavailableError(
                    "it is a shallow clone and lacks old commits",
                    place=address.name,
                    hint="make it whole: git fetch --unshallow",
                )
            known = {ObjectID(each.encode()) for each in haves}
            _copy(repo, into, objects, known, wanted)
        return found


def push(address: Address, repo: Repo, updates: Sequence[RefUpdate], by: Signature) -> None:
    """Copy objects and move the remote's refs, all or none, under the remote's hooks and settings."""
    with opened(address) as remote:
        theirs = Objects(remote.object_store)
        pending = [each for each in updates if not _is_done(remote, each)]
        _respect_checkout(address, remote, pending)
        known = {ObjectID(each.encode()) for each in list_refs(remote, "refs/").values()}
        wanted = {ObjectID(each.new.encode()) for each in pending if not theirs.has(each.new)}
        with translated("copy objects", place=address.name):
            _copy(repo, remote, theirs, known, wanted)
        _run_hooks(address, remote, pending)
        _move_all(remote, theirs, pending, by)
        with suppress(HookError):  # all has moved, whatever it says
            remote.hooks["post-receive"].execute(_as_hooks_see(pending))


def _copy(source: Repo, into: Repo, locked: Objects, known: set[ObjectID], wanted: set[ObjectID]) -> None:
    if not wanted:
        return
    with locked.lock:
        try:
            _pack(source, into, known, wanted)
        except RecursionError:
            # Dulwich goes through the trees that are known by recursion, and anybody can nest one this deep.
            # Those that are wanted it goes through in a loop: all of them are copied then.
            _pack(source, into, set(), wanted)


def _pack(source: Repo, into: Repo, known: set[ObjectID], wanted: set[ObjectID]) -> None:
    store = into.object_store
    add_pack(store.pack_dir, lambda: store.add_pack_data(*source.generate_pack_data(known, wanted)))


def _is_done(remote: Repo, update: RefUpdate) -> bool:
    actual = read_ref(remote, update.name)
    if actual not in {update.old, update.new}:
        raise moved_away(update, actual)
    return actual == update.new


def _respect_checkout(address: Address, remote: Repo, updates: Sequence[RefUpdate]) -> None:
    """Like Git, refuse to move a branch under somebody's work tree unless its owner allows it."""
    try:
        setting = git_config(remote).get((b"receive",), b"denycurrentbranch").lower()
    except KeyError:
        setting = b"refuse"
    branch = head(remote)[0]
    strict = not remote.bare and setting not in {b"ignore", b"false", b"warn"}
    if strict and branch in {each.name for each in updates}:
        raise RefusedError(
            f"{branch} is checked out there",
            place=address.name,
            hint="push to a bare repository, or check out another branch there",
        )


def _run_hooks(address: Address, remote: Repo, updates: Sequence[RefUpdate]) -> None:
    commands = _as_hooks_see(updates)
    try:
        if commands:
            remote.hooks["pre-receive"].execute(commands)
        for old, new, name in commands:
            remote.hooks["update"].execute(name, old, new)
    except HookError as error:
        raise RefusedError(
            f"the remote's hook refused the push: {words(str(error))}", place=address.name
        ) from error


def _as_hooks_see(updates: Sequence[RefUpdate]) -> list[tuple[bytes, bytes, bytes]]:
    return [
        (each.old.encode() if each.old else ZERO_SHA, each.new.encode(), os.fsencode(each.name))
        for each in updates
    ]


def _move_all(remote: Repo, objects: Objects, updates: Sequence[RefUpdate], by: Signature) -> None:
    moved: list[RefUpdate] = []
    try:
        for update in updates:
            move_ref(remote, objects, update, _LOG, by)
            moved.append(update)
    except EnvctlError:
        for update in moved:
            put_back(remote, objects, update)
        raise
