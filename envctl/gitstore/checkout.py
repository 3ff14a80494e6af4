"""Bringing one file of the work tree, and its index entry, to a HEAD that moved: or leaving both alone."""

import os
import stat
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from dulwich.index import IndexChecksumWriter, IndexEntry, index_entry_from_stat, write_index_dict

from envctl.gitstore.failures import translated
from envctl.gitstore.files import NoFolderError, content, is_executable, made_folder, opened_folder, status
from envctl.gitstore.index import Index, read_index
from envctl.gitstore.locks import Lock, hold
from envctl.gitstore.names import name_flaw
from envctl.gitstore.normal import Normalizer
from envctl.gitstore.objects import BLOB, Item, Objects
from envctl.gitstore.writing import object_id


class Checkout:
    """One file, its index and the work tree it lies in."""

    def __init__(self, objects: Objects, normalizer: Normalizer, index_path: Path, root: Path) -> None:
        self._objects = objects
        self._normalizer = normalizer
        self._index_path = index_path
        self._root = root

    def refresh(self, path: str, old: str | None, new: Item | None) -> bool:
        """Bring a file from blob `old` to `new` (None: absent) on disk and in the index.

        False, and nothing touched, where either is neither; a file that is `new` already was left by a
        process that was killed here. Raises ConflictError while another process holds the index.
        """
        if any(name_flaw(each) for each in path.split("/")):
            return False
        with translated("update the work tree"), hold(self._index_path) as lock:
            index = read_index(self._index_path)
            key = path.encode()
            entry = index.entries.get(key)
            held = entry.sha.decode() if isinstance(entry, IndexEntry) else None
            if (key in index.entries) is (held is None) or _is_elsewhere(entry):
                return False
            self._sweep(path)
            wanted, there = new.id if new else None, self._on_disk(path)
            if held == there == wanted:
                return True
            if held != old or (there != wanted and not (there == old and self._replace(path, old, new))):
                return False
            self._write_index(lock, index, path, new)
        return True

    def _sweep(self, path: str) -> None:
        """Remove what killed processes left beside a file: who holds the index is the only one at work."""
        folder, _, name = path.rpartition("/")
        with suppress(NoFolderError), opened_folder(self._root, folder) as opened:
            for each in os.listdir(opened):  # noqa: PTH208  by descriptor
                if each.startswith(_scratch(name)):
                    os.unlink(each, dir_fd=opened)

    def _on_disk(self, path: str) -> str | None:
        """The blob id of a file, None where nothing is there, "" for anything else."""
        folder, _, name = path.rpartition("/")
        try:
            with opened_folder(self._root, folder) as opened:
                found = content(opened, name)
                if found is None:
                    return None if status(opened, name) is None else ""
                return object_id(b"blob", self._normalizer.stored(found[0], path))
        except NoFolderError as error:
            return None if error.is_absent else ""

    def _replace(self, path: str, old: str | None, new: Item | None) -> bool:
        folder, _, name = path.rpartition("/")
        if new is None:
            return self._remove(path)
        data = self._normalizer.checked_out(self._objects.raw(new.id, BLOB), path)
        with made_folder(self._root, folder) as opened:
            scratch = f"{_scratch(name)}{os.getpid()}"
            try:
                before = status(opened, name)
                _write(opened, scratch, data, new.mode, before)
                if old is None:
                    os.link(scratch, name, src_dir_fd=opened, dst_dir_fd=opened)  # never over a new file
                elif _same(before, status(opened, name)):
                    os.rename(scratch, name, src_dir_fd=opened, dst_dir_fd=opened)
                else:
                    return False
            except FileExistsError:
                return False
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(scratch, dir_fd=opened)
        return True

    def _remove(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        with opened_folder(self._root, folder) as opened:
            os.unlink(name, dir_fd=opened)
        with suppress(OSError):  # directories that hold something else stay
            while folder:
                (self._root / folder).rmdir()
                folder = folder.rpartition("/")[0]
        return True

    def _write_index(self, lock: Lock, index: Index, path: str, new: Item | None) -> None:
        """Write the index with one entry changed. Git's caches in it are left out: they would be stale."""
        entries = dict(index.entries)
        entries.pop(path.encode(), None)
        if new is not None:
            found = (self._root / path).lstat()
            entries[path.encode()] = index_entry_from_stat(found, new.id.encode(), mode=new.mode)
        written = BytesIO()
        writer = IndexChecksumWriter(written)
        write_index_dict(writer, entries, version=index.version)
        writer.write_checksum()
        lock.replace(written.getvalue())


def _scratch(name: str) -> str:
    """How the names of files begin that are to take another one's place."""
    return f".{name[:100]}.envctl-"


def _is_elsewhere(entry: object) -> bool:
    return isinstance(entry, IndexEntry) and entry.skip_worktree


def _same(before: os.stat_result | None, after: os.stat_result | None) -> bool:
    return (
        before is not None
        and after is not None
        and (before.st_ino, before.st_mtime_ns, before.st_size)
        == (after.st_ino, after.st_mtime_ns, after.st_size)
    )


def _write(folder: int, name: str, data: bytes, mode: int, before: os.stat_result | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, mode & 0o777 | 0o022, dir_fd=folder), "wb") as file:
        file.write(data)
        if before is not None and is_executable(before) is bool(mode & stat.S_IXUSR):
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
        file.flush()
        os.fsync(file.fileno())
