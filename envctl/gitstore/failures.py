"""The edge to dulwich: what it and the operating system raise becomes an error of `envctl.errors`."""

import errno
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dulwich.errors import (
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    MissingCommitError,
    NotBlobError,
    NotCommitError,
    NotTreeError,
    ObjectMissing,
    PackedRefsException,
    RefFormatError,
)
from dulwich.file import FileLocked
from dulwich.pack import UnresolvedDeltas
from dulwich.repo import InvalidWorktreeConfiguration, UnsupportedExtension, UnsupportedVersion

from envctl.errors import AccessError, ConflictError, DamagedError, InputError, UnavailableError
from envctl.gitstore.locks import told

_ABSENT = (KeyError, MissingCommitError, ObjectMissing)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNKNOWN_FORMAT = (InvalidWorktreeConfiguration, UnsupportedExtension, UnsupportedVersion)
_DAMAGED = (
    ApplyDeltaError,
    AssertionError,
    ChecksumMismatch,
    EOFError,
    FileFormatException,
    IndexError,
    NotBlobError,
    NotCommitError,
    NotTreeError,
    OverflowError,
    PackedRefsException,
    StopIteration,  # of dulwich, for an empty packed-refs file
    TypeError,
    UnresolvedDeltas,
    ValueError,
    re.error,
    struct.error,
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
    except _UNKNOWN_FORMAT as error:
        raise InputError(
            f"the repository's format cannot be read: {error}",
            place=place,
            hint="a partial clone must be made whole: clone it without --filter",
        ) from error
    except _ABSENT as error:
        raise InputError(
            f"cannot {doing}: an object is missing: {_plain(error)}",
            place=place,
            hint="a shallow or partial clone lacks objects; check others with git fsck",
        ) from error
    except RefFormatError as error:
        raise InputError(f"cannot {doing}: the ref name is not valid", place=place) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(
            f"cannot {doing}: {reason}",
            place=place or str(error.filename or ""),
            hint="make room on the disk, then run it again" if error.errno in _FULL else "",
        ) from error
    except _DAMAGED as error:
        raise DamagedError(
            f"cannot {doing}: the repository is damaged: {_plain(error)}",
            place=place,
            hint="check it with git fsck",
        ) from error


def _plain(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    text = first.decode("ascii", "replace") if isinstance(first, bytes) else str(error)
    return text or type(error).__name__


def locked(error: FileLocked) -> ConflictError:
    """Another process holds a lock file, or left it behind."""
    name = error.lockfilename
    path = name.decode(errors="replace") if isinstance(name, bytes) else name
    return ConflictError(
        f"another process works on the repository: {told(Path(path))}",
        place=path,
        hint="wait for it; where no Git process runs any more, remove the file",
    )
