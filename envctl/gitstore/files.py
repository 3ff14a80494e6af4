"""Files of a work tree, opened step by step so that no symbolic link is ever followed."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from envctl.gitstore.failures import translated
from envctl.gitstore.names import is_dot_git, shown

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a pipe must not hang us

_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}


class NoFolderError(Exception):
    """A step on the way to a path is absent (`is_absent`), a symbolic link or no directory."""

    def __init__(self, path: str, *, is_absent: bool = False) -> None:
        super().__init__(path)
        self.is_absent = is_absent


@contextmanager
def opened_folder(root: Path, path: str) -> Iterator[int]:
    """A descriptor of a directory below the root. Raises NoFolderError where a step of the way is none."""
    with translated("open a directory", place=str(root)):
        at = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        with translated("open a directory", place=shown(path)):
            for step in path.split("/") if path else ():
                at = _next(at, step, path)
        yield at
    finally:
        os.close(at)


@contextmanager
def made_folder(root: Path, path: str) -> Iterator[int]:
    """A descriptor of a directory below the root, made where absent. Raises NoFolderError."""
    steps = path.split("/") if path else []
    for depth, step in enumerate(steps):
        with opened_folder(root, "/".join(steps[:depth])) as above, suppress(FileExistsError):
            os.mkdir(step, dir_fd=above)
    with opened_folder(root, path) as opened:
        yield opened


def _next(at: int, step: str, path: str) -> int:
    if step in {"", ".", ".."} or is_dot_git(step):
        raise NoFolderError(path)
    try:
        below = os.open(step, _FOLDER, dir_fd=at)
    except OSError as error:
        if error.errno in _NO_FOLDER:
            raise NoFolderError(path, is_absent=error.errno == errno.ENOENT) from error
        raise
    os.close(at)
    return below


def status(folder: int, name: str) -> os.stat_result | None:
    """What is at a name in a directory, not followed; None where nothing is."""
    with translated("look at a file", place=shown(name)):
        try:
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENAMETOOLONG}:
                return None
            raise


def is_executable(found: os.stat_result) -> bool:
    """Whether the owner may run a file: all that Git keeps of its permissions."""
    return bool(found.st_mode & stat.S_IXUSR)


def content(folder: int, name: str) -> tuple[bytes, os.stat_result] | None:
    """The bytes of a plain file and its state when they were read; None where there is no plain file."""
    with translated("read a file", place=shown(name)):
        try:
            descriptor = os.open(name, _FILE, dir_fd=folder)
        except OSError:
            found = status(folder, name)
            if found is None or not stat.S_ISREG(found.st_mode):
                return None
            raise
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            return (file.read(), found) if stat.S_ISREG(found.st_mode) else None
