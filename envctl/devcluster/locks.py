"""File locks: one process at a time does the work, the others wait and find it done."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from envctl.devcluster.progress import Progress, quiet
from envctl.errors import UnavailableError


@contextlib.contextmanager
def locked(path: Path, waiting: str = "", progress: Progress = quiet) -> Iterator[None]:
    """Hold a lock file; whoever must wait is told `waiting` first.

    The kernel drops the lock when its holder ends, in whatever way, so no lock is ever stale.
    """
    handle = _open(path)
    try:
        if not take(handle):
            progress(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def take(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock of an open file at once, or say that somebody else holds it."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether some process holds this lock file now. Any number may ask at once."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask do not take each other for the holder.
        return not take(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(
            f"this folder cannot be written to: {error.strerror}",
            place=str(path.parent),
            hint="ENVCTL_CACHE_DIR names another cache folder",
        ) from error
