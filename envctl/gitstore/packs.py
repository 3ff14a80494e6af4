"""Storing packs, past the lock file that a killed process left beside the index of the same pack."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from dulwich.file import FileLocked

# Whoever writes an index does so in one go; one that stands still so long (seconds) has no writer.
_STILL = 2.0
_TRIES = 5


def add_pack(add: Callable[[], object]) -> None:
    """Call `add`, which stores a pack and may be called again. Raises FileLocked where others keep at it.

    A pack's name follows from its objects, so a lock that was left would stop every later fetch.
    """
    for _ in range(_TRIES):
        try:
            add()
        except FileLocked as error:
            lock = Path(os.fsdecode(error.lockfilename))
            if _stands_still(lock):
                lock.unlink(missing_ok=True)
        else:
            return
    add()


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
