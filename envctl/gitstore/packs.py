"""Storing packs: past the lock that a killed process left, and leaving nothing where it fails."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dulwich.file import FileLocked

from envctl.gitstore.locks import opener

# Whoever writes an index does so in one go; one that stands still so long (seconds) has no writer.
_STILL = 2.0
_TRIES = 5


def add_pack(folder: str | os.PathLike[str], add: Callable[[], object]) -> None:
    """Call `add`, which stores a pack and may be called again. Raises FileLocked where others keep at it.

    A pack's name follows from its objects, so a lock that was left would stop every later fetch.
    """
    for _ in range(_TRIES):
        try:
            with no_leftovers(folder):
                add()
        except FileLocked as error:
            lock = Path(os.fsdecode(error.lockfilename))
            if _stands_still(lock):
                lock.unlink(missing_ok=True)
        else:
            return
    with no_leftovers(folder):
        add()


@contextmanager
def no_leftovers(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Remove the half packs that dulwich leaves in a folder where it cannot write: on a full disk, all."""
    before = _halves(Path(folder))
    try:
        yield
    except OSError:
        for each in _halves(Path(folder)) - before:
            if opener(each) in {None, os.getpid()}:  # dulwich leaves it open, too
                each.unlink(missing_ok=True)
        raise


def _halves(folder: Path) -> set[Path]:
    """Packs without an index, and locks of indexes."""
    found = set(folder.glob("*.pack")) if folder.is_dir() else set()
    return {each for each in found if not each.with_suffix(".idx").exists()} | set(folder.glob("*.idx.lock"))


def _stands_still(lock: Path) -> bool:
    before = _state(lock)
    time.sleep(_STILL)
    return before == _state(lock)


def _state(lock: Path) -> tuple[int, ...]:
    try:
        found = lock.stat()
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
