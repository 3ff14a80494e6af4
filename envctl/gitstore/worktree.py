"""The work tree as Git sees it: files on disk that it tracks, or that it does not ignore."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from dulwich.ignore import IgnoreFilterManager
from dulwich.index import IndexEntry, read_submodule_head
from dulwich.repo import Repo

from envctl.errors import InputError
from envctl.gitstore.failures import translated
from envctl.gitstore.files import NoFolderError, content, is_executable, opened_folder, status
from envctl.gitstore.index import Index, entry_kind
from envctl.gitstore.names import is_dot_git, name_flaw, shown
from envctl.gitstore.normal import Normalizer
from envctl.gitstore.objects import BLOB, Objects
from envctl.gitstore.trees import unreadable
from envctl.gitstore.writing import object_id
from envctl.model.git import Entry, EntryKind

_FLAG_VALID = 0x8000  # git update-index --assume-unchanged


class WorkTree:
    """Files on disk. Index and ignore rules are those of its making; files are read when asked for.

    An id is that of the bytes Git would store, and `read` returns these. A file that looks
    unchanged since Git wrote its index is not read for its id.
    """

    def __init__(self, repo: Repo, objects: Objects, index: Index) -> None:
        self._repo = repo
        self._objects = objects
        self._index = index
        self._root = Path(repo.path)
        self._normalizer = Normalizer(repo)
        self._foreign: dict[str, bool] = {}

    @property
    def label(self) -> str:
        return "work tree"

    def entry(self, path: str) -> Entry | None:
        if not path:
            return Entry("", EntryKind.TREE, "")
        folder, _, name = path.rpartition("/")
        try:
            with opened_folder(self._root, folder) as opened:
                kind = None if self._in_foreign(folder) else self._kind(opened, folder, name)
                return Entry(name, kind, self.id_at(opened, path, kind)) if kind else None
        except NoFolderError:
            return None

    def read(self, path: str) -> bytes:
        entry = self.entry(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            raise unreadable(self, path)
        folder, _, name = path.rpartition("/")
        try:
            with opened_folder(self._root, folder) as opened:
                found = content(opened, name)
        except NoFolderError:
            found = None
        if found is None:
            raise unreadable(self, path)
        stored = self._normalizer.stored(found[0], path)
        tracked = self._index.entry(path)
        if stored != found[0] and tracked and self.is_unchanged(tracked, found[1]):
            return self._objects.raw(tracked.sha.decode(), BLOB)  # the rules changed, the file did not
        return stored

    def list(self, path: str) -> tuple[Entry, ...]:
        try:
            with opened_folder(self._root, path) as opened:
                if self._in_foreign(path):
                    return ()
                return tuple(
                    Entry(name, kind, self.id_at(opened, f"{path}/{name}" if path else name, kind))
                    for name, kind in self._names(opened, path)
                )
        except NoFolderError:
            return ()

    def untracked(self) -> Iterator[str]:
        """Files that Git neither tracks nor ignores; a repository inside counts as one."""
        pending = [""]
        while pending:
            folder = pending.pop()
            with suppress(NoFolderError), opened_folder(self._root, folder) as opened:  # gone meanwhile
                for name in listed(opened):
                    path = f"{folder}/{name}" if folder else name
                    kind = self.kind_at(opened, folder, name)
                    if kind is EntryKind.TREE:
                        pending.append(path)
                    elif kind and self._index.entry(path) is None:
                        yield path

    def differs(self, opened: int, path: str, entry: IndexEntry) -> bool:
        """Whether what is on disk differs from an index entry, as ``git status`` tells it."""
        if entry.skip_worktree or entry.flags & _FLAG_VALID:
            return False
        name = path.rpartition("/")[2]
        found = status(opened, name)
        kind = entry_kind(entry)
        if found is None or _disk_kind(found) is not (
            EntryKind.TREE if kind is EntryKind.SUBMODULE else kind
        ):
            return True
        if kind is EntryKind.SUBMODULE:
            head = read_submodule_head(str(self._root / path))
            return head is not None and head != entry.sha
        if kind is EntryKind.FILE and self._file_mode and is_executable(found) != bool(entry.mode & 0o100):
            return True
        return self.id_at(opened, path, kind) != entry.sha.decode()

    def _names(self, opened: int, folder: str) -> Iterator[tuple[str, EntryKind]]:
        for name in sorted(listed(opened)):
            kind = self._kind(opened, folder, name)
            if kind:
                flaw = name_flaw(name)
                if flaw:
                    raise InputError(f"the directory holds {flaw}", place=shown(f"{folder}/{name}"))
                yield name, kind

    def _kind(self, opened: int, folder: str, name: str) -> EntryKind | None:
        """What is at a name, None for nothing, what is ignored, and directories that hold nothing else."""
        kind = self.kind_at(opened, folder, name)
        if kind is EntryKind.TREE and not self._holds_files(f"{folder}/{name}" if folder else name):
            return None
        return kind

    def kind_at(self, opened: int, folder: str, name: str) -> EntryKind | None:
        """What is at a name, None for nothing and for what is ignored; a directory may hold nothing else."""
        path = f"{folder}/{name}" if folder else name
        if not name or name in {".", ".."} or "\0" in name or is_dot_git(name):
            return None
        found = status(opened, name)
        kind = _disk_kind(found) if found else None
        if kind is None or (not self._index.tracks(path) and self._ignored(path, kind)):
            return None
        return EntryKind.SUBMODULE if kind is EntryKind.TREE and self._is_foreign(path) else kind

    def _holds_files(self, path: str) -> bool:
        try:
            with opened_folder(self._root, path) as opened:
                return any(self._kind(opened, path, name) for name in listed(opened))
        except NoFolderError:
            return False

    def _in_foreign(self, folder: str) -> bool:
        """Whether a directory lies in another repository, a submodule or not."""
        while folder:
            if self._is_foreign(folder):
                return True
            folder = folder.rpartition("/")[0]
        return False

    def _is_foreign(self, path: str) -> bool:
        known = self._foreign.get(path)
        if known is None:
            tracked = self._index.entry(path)
            submodule = tracked is not None and entry_kind(tracked) is EntryKind.SUBMODULE
            # A tracked file may have become a folder: that alone makes no repository of it.
            known = submodule or (path not in self._index.folders and (self._root / path / ".git").exists())
            self._foreign[path] = known
        return known

    def _ignored(self, path: str, kind: EntryKind) -> bool:
        with translated("read the ignore rules", place=shown(path)):
            if kind is EntryKind.TREE:
                return self._ignores.may_prune_directory(f"{path}/")
            return bool(self._ignores.is_ignored(path))

    def id_at(self, opened: int, path: str, kind: EntryKind) -> str:
        """The id that Git would give to what is at a path; "" for a directory."""
        name = path.rpartition("/")[2]
        tracked = self._index.entry(path)
        if kind is EntryKind.TREE:
            return ""
        if kind is EntryKind.SUBMODULE:
            return tracked.sha.decode() if tracked else ""
        if kind is EntryKind.SYMLINK:
            with translated("read a symbolic link", place=shown(path)):
                return object_id(b"blob", os.fsencode(os.readlink(name, dir_fd=opened)))
        found = status(opened, name)
        if tracked and found and self.is_unchanged(tracked, found):
            return tracked.sha.decode()
        data = content(opened, name)
        return object_id(b"blob", self._normalizer.stored(data[0], path)) if data else ""

    def is_unchanged(self, entry: IndexEntry, found: os.stat_result) -> bool:
        """Whether a file looks as it did when Git wrote its index entry.

        A file changed in the very moment the index was written could look so too ("racy Git"):
        what is not older than the index is never trusted.
        """
        changed = _nanoseconds(entry.mtime)
        return (
            changed == found.st_mtime_ns
            and changed < self._index.written
            and _nanoseconds(entry.ctime) == found.st_ctime_ns
            and entry.size == found.st_size & 0xFFFFFFFF
            and entry.ino == found.st_ino & 0xFFFFFFFF
            and stat.S_ISREG(entry.mode) == stat.S_ISREG(found.st_mode)
        )

    @cached_property
    def _ignores(self) -> IgnoreFilterManager:
        return IgnoreFilterManager.from_repo(self._repo)

    @cached_property
    def _file_mode(self) -> bool:
        with translated("read Git's configuration"):
            return bool(self._repo.get_config_stack().get_boolean((b"core",), b"filemode", default=True))


def listed(opened: int) -> list[str]:
    """The names in an open directory. Raises errors of `envctl.errors` only."""
    with translated("list a directory"):
        return os.listdir(opened)


def _disk_kind(found: os.stat_result) -> EntryKind | None:
    for test, kind in (
        (stat.S_ISREG, EntryKind.FILE),
        (stat.S_ISDIR, EntryKind.TREE),
        (stat.S_ISLNK, EntryKind.SYMLINK),
    ):
        if test(found.st_mode):
            return kind
    return None


def _nanoseconds(time: float | tuple[int, int]) -> int:
    return time[0] * 1_000_000_000 + time[1] if isinstance(time, tuple) else int(time * 1_000_000_000)
