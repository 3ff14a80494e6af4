"""The edge to dulwich: what it and the operating system raise becomes an error of `envctl.errors`."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from dulwich.errors import (
    ChecksumMismatch,
    FileFormatException,
    NotBlobError,
    NotCommitError,
    NotTreeError,
    PackedRefsException,
    RefFormatError,
)
from dulwich.file import FileLocked

from envctl.errors import AccessError, ConflictError, InputError, UnavailableError

_DAMAGED = (
    AssertionError,
    ChecksumMismatch,
    FileFormatException,
    NotBlobError,
    NotCommitError,
    NotTreeError,
    PackedRefsException,
    ValueError,
    zlib.error,
)


@contextmanager
def translated(doing: str, place: str = "") -> Iterator[None]:
    """Let nothing but errors of `envctl.errors` pass. `doing` completes "cannot …"."""
    try:
        yield
    except FileLocked as error:
        raise locked(error) from error
    except PermissionError as error:
        raise AccessError(
            f"cannot {doing}: permission denied", place=place or str(error.filename or "")
        ) from error
    except RefFormatError as error:
        raise InputError(f"cannot {doing}: the ref name is not valid", place=place) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(
            f"cannot {doing}: {reason}", place=place or str(error.filename or "")
        ) from error
    except _DAMAGED as error:
        raise InputError(
            f"cannot {doing}: the repository is damaged: {error}", place=place, hint="check it with git fsck"
        ) from error


def locked(error: FileLocked) -> ConflictError:
    """Another process holds a lock file, or left it behind."""
    name = error.lockfilename
    path = name.decode(errors="replace") if isinstance(name, bytes) else name
    return ConflictError(
        "another process works on the repository: its lock file exists",
        place=path,
        hint="wait for it; where no Git process runs any more, remove the file",
    )
