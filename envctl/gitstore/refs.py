"""Refs: reading them, and moving one by compare-and-swap with a reflog entry."""

import os
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from dulwich.config import StackedConfig
from dulwich.file import FileLocked
from dulwich.objects import ZERO_SHA, ObjectID
from dulwich.reflog import format_reflog_line
from dulwich.refs import HEADREF, DiskRefsContainer, Ref, SymrefLoop, check_ref_format
from dulwich.repo import Repo

from envctl.errors import ConflictError, InputError
from envctl.gitstore.configuration import git_config
from envctl.gitstore.failures import locked, translated
from envctl.gitstore.locks import hold
from envctl.gitstore.names import shown
from envctl.gitstore.objects import COMMIT, Objects
from envctl.gitstore.writing import person
from envctl.model.git import RefUpdate, Signature

_LOCK_TRIES = 20
_LOCK_PAUSE = 0.05  # seconds; another process holds a ref's lock for a few milliseconds
_LOGGED = ("refs/heads/", "refs/remotes/", "refs/notes/")


def read_ref(repo: Repo, name: str) -> str | None:
    """The id that a full ref name points to, through symbolic refs; None where absent. Raises InputError."""
    with translated("read a ref", place=shown(name)):
        try:
            _, found = repo.refs.follow(Ref(name.encode("utf-8", "surrogateescape")))
        except SymrefLoop as error:
            raise InputError("it is a symbolic ref that leads back to itself", place=shown(name)) from error
        except KeyError:
            return None
    if found is None or found == ZERO_SHA:
        return None
    if len(found) != len(ZERO_SHA):
        raise InputError("the ref holds no object id", place=shown(name), hint="check it with git fsck")
    return found.decode()


def list_refs(repo: Repo, prefix: str) -> Mapping[str, str]:
    """All refs whose full name starts with a prefix, sorted by name. Broken ones are left out."""
    folder = prefix.rpartition("/")[0] + "/" if prefix.startswith("refs/") else "refs/"
    with translated("list refs"):
        # Loose ones first: a ref that is packed meanwhile is then found in one of both places.
        loose = _loose_names(Path(repo.commondir()), folder)
        below = repo.refs.subkeys(Ref(folder.encode("utf-8", "surrogateescape")))
        packed = repo.refs.get_packed_refs()
    names = sorted(folder + each.decode("utf-8", "surrogateescape") for each in below)
    found = ((name, _listed(repo, name, loose, packed)) for name in names if name.startswith(prefix))
    return {name: target for name, target in found if target}


def _loose_names(common: Path, folder: str) -> set[str]:
    """The names of files below a folder of refs."""
    start = len(str(common)) + 1
    walk = os.walk(common / folder)
    return {f"{path}/{name}"[start:] for path, _, names in walk for name in names}


def _listed(repo: Repo, name: str, loose: AbstractSet[str], packed: Mapping[Ref, ObjectID]) -> str | None:
    """What a ref points to. One that is only packed needs no look at the disk: there may be thousands."""
    target = None if name in loose else packed.get(Ref(name.encode("utf-8", "surrogateescape")))
    return target.decode() if target and len(target) == len(ZERO_SHA) else read_ref(repo, name)


def head(repo: Repo) -> tuple[str | None, str | None]:
    """HEAD's ref (None when detached) and its commit id (None before the first commit)."""
    with translated("read HEAD"):
        content = repo.refs.read_ref(HEADREF)
        target = content.removeprefix(b"ref: ").decode() if content and content.startswith(b"ref: ") else None
    return target, read_ref(repo, "HEAD")


def move_ref(repo: Repo, objects: Objects, update: RefUpdate, log: bytes, by: Signature) -> None:
    """Move one ref if it still is where the caller saw it, and note that in its log.

    The new id is on disk before it takes the place of the old one. A log that cannot be written
    undoes nothing: the ref has moved.

    Raises ConflictError that names both ids where it is not, or where another process keeps it
    locked; InputError for a name that cannot be, or an object that is not there.
    """
    name = _checked_name(repo, update.name)
    found = objects.find(update.new)
    if found is None:
        raise InputError(f"there is no object {update.new} to point to", place=update.name)
    if update.name.startswith("refs/heads/") and found[0] != COMMIT:
        raise InputError(f"a branch points to commits, and {update.new} is none", place=update.name)
    with objects.lock, translated("move a ref", place=update.name):
        _clear_folder(Path(repo.commondir(), update.name))
        moved = _swap(repo, name, update)
    if not moved:
        raise moved_away(update, read_ref(repo, update.name))
    _append_logs(repo, update, log, by)


def put_back(repo: Repo, objects: Objects, update: RefUpdate) -> None:
    """Undo a move of a ref, if nobody moved it again."""
    name = Ref(update.name.encode())
    with objects.lock, translated("put a ref back", place=update.name):
        if update.old is None:
            repo.refs.remove_if_equals(name, ObjectID(update.new.encode()))
        else:
            _swap(repo, name, RefUpdate(update.name, update.new, update.old))


def moved_away(update: RefUpdate, actual: str | None) -> ConflictError:
    """The refusal of a compare-and-swap: somebody else moved the ref."""
    return ConflictError(
        f"the ref was moved by somebody else: expected {update.old or 'no such ref'}, "
        f"found {actual or 'no such ref'}",
        place=update.name,
    )


def _swap(repo: Repo, name: Ref, update: RefUpdate) -> bool:
    for attempt in range(_LOCK_TRIES):
        try:
            return _compare_and_swap(repo, name, update)
        except FileLocked as error:
            if attempt == _LOCK_TRIES - 1:
                raise locked(error) from error
        except FileNotFoundError:  # Git removed the empty folder that the ref was to lie in
            if attempt == _LOCK_TRIES - 1:
                raise
        time.sleep(_LOCK_PAUSE)
    raise AssertionError("the last try returned or raised")


def _compare_and_swap(repo: Repo, name: Ref, update: RefUpdate) -> bool:
    """Move a ref under its lock. dulwich's own way leaves the lock behind on a full disk."""
    new = ObjectID(update.new.encode())
    if type(repo.refs) is not DiskRefsContainer:
        if update.old is None:
            return repo.refs.add_if_new(name, new)
        return repo.refs.set_if_equals(name, ObjectID(update.old.encode()), new)
    target = repo.refs.follow(name)[0][-1]
    path = Path(os.fsdecode(repo.refs.refpath(target)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold(path) as lock:
        found = repo.refs.read_loose_ref(target) or repo.refs.get_packed_refs().get(target)
        if (found.decode() if found else None) != update.old:
            return False
        lock.replace(new + b"\n", repo.object_store.shared_perm)
    return True


def _checked_name(repo: Repo, name: str) -> Ref:
    """The name, if Git allows it beside the refs that exist: a ref cannot be a file and a folder of refs."""
    rest = name.removeprefix("refs/")
    raw = rest.encode("utf-8", "replace")  # what is no text becomes ?, which no name may hold
    if rest == name or not check_ref_format(Ref(raw)):
        raise InputError("this is no valid full ref name, like refs/heads/main", place=shown(name))
    parts = name.split("/")
    above = ["/".join(parts[:end]) for end in range(2, len(parts))]
    taken = [each for each in above if read_ref(repo, each)] or list(list_refs(repo, f"{name}/"))
    if taken:
        raise InputError(f"Git keeps no ref of this name beside {taken[0]}, which exists", place=name)
    return Ref(name.encode())


def _clear_folder(path: Path) -> None:
    """Remove the empty directories that deleted refs left where a new one is to lie."""
    for folder in sorted(path.rglob("*"), reverse=True) if path.is_dir() else ():
        folder.rmdir()
    if path.is_dir():
        path.rmdir()


def _append_logs(repo: Repo, update: RefUpdate, log: bytes, by: Signature) -> None:
    line = format_reflog_line(
        update.old.encode() if update.old else ZERO_SHA,
        update.new.encode(),
        person(by).rpartition("> ")[0].encode() + b">",
        by.time,
        by.zone,
        log,
    )
    names = [update.name, "HEAD"] if head(repo)[0] == update.name else [update.name]
    for name in names:
        path = Path(repo.controldir() if name == "HEAD" else repo.commondir(), "logs", name)
        if path.exists() or _is_logged(git_config(repo), name, bare=repo.bare):
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                _append(path, line + b"\n")


def _append(path: Path, line: bytes) -> None:
    """Append a whole line or nothing."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        before = os.fstat(handle).st_size
        written = os.write(handle, line)
        if written < len(line) and os.fstat(handle).st_size == before + written:
            os.ftruncate(handle, before)
    finally:
        os.close(handle)


def _is_logged(config: StackedConfig, name: str, *, bare: bool) -> bool:
    """Whether Git starts a reflog for a ref, by ``core.logAllRefUpdates``."""
    try:
        setting = config.get((b"core",), b"logallrefupdates").decode().lower()
    except KeyError:
        setting = "false" if bare else "true"
    if setting == "always":
        return True
    return setting in {"true", "yes", "on", "1"} and (name == "HEAD" or name.startswith(_LOGGED))
