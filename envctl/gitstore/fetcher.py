"""The process of one fetch: ``python -m envctl.gitstore.fetcher``, with an order on standard input."""

import json
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dulwich.repo import Repo

from envctl.errors import DamagedError, EnvctlError, InputError, UnavailableError
from envctl.gitstore.changes import changes
from envctl.gitstore.checked import CheckedObjects
from envctl.gitstore.fetching import FetchLimits, Order, order_of, told
from envctl.gitstore.objects import BLOB
from envctl.gitstore.remotes import Remotes
from envctl.gitstore.revisions import Revisions
from envctl.gitstore.storefolder import is_untidy, pack_bytes, read_state, write_state
from envctl.gitstore.trimming import trim
from envctl.model.access import access_from
from envctl.model.git import EntryKind

_MIB = 1 << 20
_OWN_SHARE = 0.9  # of the time: a fetch that ends itself can say more than one that is killed
_SPACE = 8  # times the memory: address space that is only reserved, and files that are only mapped


def main() -> int:
    """Carry out one order and print the answer; 0 also for an error that is told in it."""
    order = order_of(sys.stdin.buffer.read())
    _limit(order.limits)
    try:
        answer = (_trim if order.task == "trim" else _fetch)(order)
    except EnvctlError as error:
        answer = told(error)
    except MemoryError:
        limit = order.limits.memory // _MIB
        answer = told(UnavailableError(f"what the server sent takes more than {limit} MiB of memory"))
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    return 0


def _limit(limits: FetchLimits) -> None:
    for which, value in (
        (resource.RLIMIT_DATA, limits.memory),
        (resource.RLIMIT_AS, _SPACE * limits.memory),
        (resource.RLIMIT_FSIZE, limits.pack),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (lowered, lowered))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too large is an error like a full disk


def _fetch(order: Order) -> dict[str, Any]:
    folder, state = Path(order.folder), read_state(Path(order.folder))
    repo = Repo(order.folder)
    objects = CheckedObjects(repo.object_store)
    remotes = Remotes(
        repo,
        objects,
        Revisions(repo, objects),
        access=access_from(dict(order.access or {})),
        seconds=_OWN_SHARE * order.limits.fetch,
        complete=state.whole,
    )
    found = remotes.fetch(order.remote, order.refs)
    tips = [each for each in dict.fromkeys(found.values()) if each]
    flaws = {tip: flaw for tip in tips if (flaw := _flaw(objects, tip, state.whole, order.limits))}
    good = [each for each in tips if each not in flaws]
    state = state.with_whole(good, order.keep).with_flaws(flaws)
    if not state.size:
        state = state.sized(pack_bytes(folder)[1])
    write_state(folder, state)
    return {"refs": found, "untidy": is_untidy(folder, state)}


def _trim(order: Order) -> dict[str, Any]:
    folder, state = Path(order.folder), read_state(Path(order.folder))
    repo = Repo(order.folder)
    keep = [*state.whole[:1], *(each for each in order.keep if each in state.whole)]
    # Before anything goes: what is not whole any more must not be named to a server.
    write_state(folder, state.only(keep))
    whole = trim(repo, CheckedObjects(repo.object_store), folder, keep)
    write_state(folder, state.only(whole).sized(pack_bytes(folder)[1]))
    return {}


def _flaw(objects: CheckedObjects, tip: str, whole: Sequence[str], limits: FetchLimits) -> str:
    """Why a commit must not be read by the agent, "" for a good one.

    Raises DamagedError where something of it is missing here: the server sent it not, because it was told of
    commits that are not whole.
    """
    try:
        base = _base(objects, tip, whole)
        wanted = _wanted(objects, base, tip, limits)
    except DamagedError:
        raise
    except InputError as error:
        return error.summary
    for path, blob in wanted:
        if (size := len(objects.raw(blob, BLOB))) > limits.file:
            return f"{path} has {size} bytes; more than {limits.file // _MIB} MiB no object has"
    return ""


def _base(objects: CheckedObjects, tip: str, whole: Sequence[str]) -> str | None:
    """The newest commit before this one that is whole. All history up to it must be here."""
    known, pending, seen = set(whole), [tip], set[str]()
    base = None
    while pending:
        commit = pending.pop()
        if commit in seen:
            continue
        seen.add(commit)
        if commit in known and commit != tip:
            base = base or commit
            continue
        if not objects.has(commit):
            raise objects.damaged(f"the commit {commit[:12]} is missing")
        pending += objects.parents(commit)[0]
    return base


def _wanted(
    objects: CheckedObjects, base: str | None, tip: str, limits: FetchLimits
) -> Iterator[tuple[str, str]]:
    old = objects.commit(base).tree if base else None
    found = changes(objects, old, objects.commit(tip).tree)
    files = [(each.path, each.new) for each in found if each.new and each.kind is EntryKind.FILE]
    if len(files) > limits.files:
        raise InputError(f"it changes {len(files)} files; more than {limits.files} no environment has")
    return iter(files)


if __name__ == "__main__":
    sys.exit(main())
