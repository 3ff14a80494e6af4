"""Loose objects: one file each, there as a whole or not at all.

dulwich writes such a file under a lock of a fixed name. A process that is killed leaves the
lock, and since the same content has the same name, every later run would stop there for ever.
So a file gets a name of its own first, like Git's, which Git's housekeeping knows to remove.
"""

import os
import secrets
import zlib
from pathlib import Path

from dulwich.file import adjust_shared_perm
from dulwich.object_store import DiskObjectStore
from dulwich.objects import ShaFile

MAX_LOOSE = 64 << 20
_READ_ONLY = 0o444
_HEADER = 64
_TYPES = {b"commit": 1, b"tree": 2, b"blob": 3, b"tag": 4}


def loose_path(objects: Path, object_id: str) -> Path:
    """Where an object lies that is loose."""
    return objects / object_id[:2] / object_id[2:]


def read_loose(objects: Path, object_id: str) -> tuple[int, bytes] | None:
    """Type number and content of a loose object; None where it is absent, damaged or too large."""
    try:
        data = loose_path(objects, object_id).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    inflating = zlib.decompressobj()
    try:
        header, _, content = inflating.decompress(data, MAX_LOOSE + _HEADER).partition(b"\0")
    except zlib.error:
        return None
    name, _, size = header.partition(b" ")
    whole = inflating.eof and size == b"%d" % len(content) and len(content) <= MAX_LOOSE
    return (_TYPES[name], content) if whole and name in _TYPES else None


def add_loose(store: DiskObjectStore, file: ShaFile) -> None:
    """Write an object as a loose file. Raises OSError; then nothing is left."""
    name = file.id.decode()
    folder = Path(os.fsdecode(store.path), name[:2])
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        adjust_shared_perm(folder, store.shared_perm)
    scratch = folder / f"tmp_obj_{secrets.token_hex(8)}"
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READ_ONLY)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(file.as_legacy_object(compression_level=store.loose_compression_level))
            opened.flush()
            os.fsync(opened.fileno())
        adjust_shared_perm(scratch, store.shared_perm)
        scratch.replace(folder / name[2:])
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
