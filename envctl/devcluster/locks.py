"""File locks: one process at a time does the work, the others wait and find it done."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from envctl.devcluster.progress import Progress, quiet


@contextlib.contextmanager
def locked(path: Path, waiting: str = "", progress: Progress = quiet) -> Iterator[None]:
    """Hold a lock file; whoever must wait is told `waiting` first.

    The kernel drops the lock when its holder ends, in whatever way, so no lock is ever stale.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not take(handle):
            progress(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def take(handle: int) -> bool:
    """Take the lock of an open file at once, or say that somebody else holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether some process holds this lock file now."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not take(handle)
    finally:
        os.close(handle)
