"""Files as a render cache: checked when read, written as a whole, bounded, least recently used first out.

Entries lie in sixteen folders by the first digit of their key, each with its share of the size
limit, so that keeping the bound never means looking at all files. Many processes may use one
folder. Whatever goes wrong with a file means that the entry is not there, or was not kept.
"""

import hashlib
import os
import stat
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from envctl.ports import RenderCache

DEFAULT_LIMIT = 512 << 20
_MAGIC = b"envctl-cache-1\n"
_DIGEST = 32
_SHARES = 16
_TOUCH_SECONDS = 3600  # a finer order of use is not worth a write for each read
_ABANDONED_SECONDS = 3600
_TEMPORARY = ".new-"


class FileCache(RenderCache):
    """Entries as files below a folder, `limit` bytes of them at most, and a sixteenth more for a moment."""

    def __init__(self, folder: Path, limit: int = DEFAULT_LIMIT) -> None:
        self._folder = folder
        self._share = limit // _SHARES
        self._written: Counter[str] = Counter()

    def get(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            data = _content(path, self._share)
            start = len(_MAGIC) + _DIGEST
            body = data[start:]
            if data[:start] != _head(key, body):
                return None
            if time.time() - path.stat().st_mtime > _TOUCH_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return body

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        if len(data) > self._share:
            return
        temporary = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_head(key, data) + data)
            os.replace(temporary, path)  # noqa: PTH105  rename(2), as one step
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            return
        self._count(path.parent, len(data))

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[0] / name[1:]

    def _count(self, share: Path, size: int) -> None:
        """Look at a share's files at its first write, and again after each sixteenth of it."""
        first = share.name not in self._written
        self._written[share.name] += size
        if first or self._written[share.name] > self._share // _SHARES:
            self._written[share.name] = 0
            with suppress(OSError):
                _trim(share, self._share)


def _content(path: Path, limit: int) -> bytes:
    """The bytes of a plain file that is no larger than an entry can be. Raises OSError for anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > limit + len(_MAGIC) + _DIGEST:
            raise OSError(path)
        return file.read()


def _head(key: str, data: bytes) -> bytes:
    """The key is part of the checksum, so a file under another's name is no entry."""
    return _MAGIC + hashlib.sha256(key.encode() + b"\0" + data).digest()


def _trim(share: Path, limit: int) -> None:
    """Remove what nobody finished writing, and the least recently used files beyond the limit."""
    entries = []
    now = time.time()
    with os.scandir(share) as found:
        for each in found:
            with suppress(OSError):
                state = each.stat(follow_symlinks=False)
                if not each.name.startswith(_TEMPORARY):
                    entries.append((state.st_mtime, state.st_size, each.path))
                elif now - state.st_mtime > _ABANDONED_SECONDS:
                    os.unlink(each.path)  # noqa: PTH108
    left = limit
    for _, size, path in sorted(entries, reverse=True):
        left -= size
        if left < 0:
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108
