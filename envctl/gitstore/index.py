"""Git's index, read as it is on disk; the tree that it would commit."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

from dulwich.index import ConflictedIndexEntry, IndexEntry, read_index_dict_with_version

from envctl.errors import InputError, Problem
from envctl.gitstore.failures import translated
from envctl.gitstore.names import shown
from envctl.gitstore.objects import BLOB, KINDS, Objects
from envctl.gitstore.trees import digest, prefixes, unreadable
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree

IndexEntries = dict[bytes, IndexEntry | ConflictedIndexEntry]

_INTENT_TO_ADD = 0x2000
_CHECKSUM = 20
_SPLIT = b"link"
_State = tuple[Path, int, int, int, int, int]
_last: "dict[_State, Index]" = {}  # nobody changes an index once it is read


@dataclass(frozen=True)
class Index:
    """What an index file holds. `written` is the file's time in nanoseconds since 1970, 0 without a file."""

    entries: IndexEntries
    version: int
    written: int

    def entry(self, path: str) -> IndexEntry | None:
        """The entry of a file, None where it is not tracked or is in conflict."""
        found = self.entries.get(path.encode("utf-8", "surrogateescape"))
        return found if isinstance(found, IndexEntry) else None

    def tracks(self, path: str) -> bool:
        """Whether Git tracks a file, or any file below a directory, of this path."""
        return path.encode("utf-8", "surrogateescape") in self.entries or path in self.folders

    @cached_property
    def folders(self) -> Mapping[str, frozenset[str]]:
        """The names in each directory that holds a tracked file; the top one is ""."""
        found: dict[str, set[str]] = {"": set()}
        for raw in self.entries:
            path = raw.decode("utf-8", "surrogateescape")
            while path:
                folder, _, name = path.rpartition("/")
                known = folder in found
                found.setdefault(folder, set()).add(name)
                path = "" if known else folder
        return {folder: frozenset(names) for folder, names in found.items()}


def read_index(path: Path) -> Index:
    """Read an index file; an empty one where there is none. Raises InputError for forms it cannot read.

    One that is still the file that was read last is not read again: a command asks two or three times,
    and an index may list 100,000 files.
    """
    with translated("read the index", place=str(path)):
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                state = (
                    path,
                    found.st_dev,
                    found.st_ino,
                    found.st_size,
                    found.st_mtime_ns,
                    found.st_ctime_ns,
                )
                known = _last.get(state)
                if known is None:
                    known = Index(*_parse(file.read(), path), found.st_mtime_ns)
                    _last.clear()
                    _last[state] = known
                return known
        except FileNotFoundError:
            return Index({}, 2, 0)


def _parse(data: bytes, path: Path) -> tuple[IndexEntries, int]:
    body, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if checksum.strip(b"\0") and hashlib.sha1(body, usedforsecurity=False).digest() != checksum:
        raise ValueError("the index's checksum is wrong")
    file = BytesIO(data)
    entries, version, _ = read_index_dict_with_version(file)
    if file.read(len(_SPLIT)) == _SPLIT and file.tell() <= len(body):
        raise InputError(
            "the index is split over two files", place=str(path), hint="git update-index --no-split-index"
        )
    if any(isinstance(each, IndexEntry) and stat.S_ISDIR(each.mode) for each in entries.values()):
        raise InputError("the index is sparse", place=str(path), hint="git sparse-checkout disable")
    return entries, version


class IndexTree(Tree):
    """The tree that ``git commit`` would make now. Blobs are read from the object store."""

    def __init__(self, objects: Objects, index: Index) -> None:
        conflicts = [each for each, entry in index.entries.items() if isinstance(entry, ConflictedIndexEntry)]
        if conflicts:
            problems = (
                Problem(shown(each.decode("utf-8", "surrogateescape")), "is unmerged") for each in conflicts
            )
            raise InputError(
                "the index has conflicts", hint="resolve them: git add", problems=tuple(problems)
            )
        self._objects = objects
        committed = {
            path: entry
            for path, entry in index.entries.items()
            if isinstance(entry, IndexEntry) and not entry.extended_flags & _INTENT_TO_ADD
        }
        self._index = Index(dict(committed), index.version, index.written)

    @property
    def label(self) -> str:
        return "index"

    def entry(self, path: str) -> Entry | None:
        name = path.rpartition("/")[2]
        found = self._index.entry(path)
        if found is not None:
            return Entry(name, entry_kind(found), found.sha.decode())
        return Entry(name, EntryKind.TREE, "") if path in self._index.folders else None

    def read(self, path: str) -> bytes:
        entry = self.entry(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            raise unreadable(self, path)
        return self._objects.raw(entry.id, BLOB)

    def list(self, path: str) -> tuple[Entry, ...]:
        names = sorted(self._index.folders.get(path, ()))
        found = (self.entry(f"{path}/{name}" if path else name) for name in names)
        return tuple(each for each in found if each)

    def fingerprint(self, path: str) -> str:
        start = f"{path}/"
        paths = (raw.decode("utf-8", "surrogateescape") for raw in self._index.entries)
        files = [each for each in paths if each == path or each.startswith(start)]
        folders = {
            each for file in files for each in prefixes(file) if each.startswith(start) or each == path
        }
        entries = ((each, self.entry(each)) for each in {*files, *folders})
        return digest((each, entry) for each, entry in entries if entry)


def entry_kind(entry: IndexEntry) -> EntryKind:
    """The kind of an index entry."""
    return KINDS.get(entry.mode, EntryKind.FILE)
