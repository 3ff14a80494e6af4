"""The work tree as it was when it was first looked at: each name of the root is scanned once, as a whole.

A render that reads it sees one state, and two scans can be compared by one digest.
"""

import os
import stat
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dulwich.index import IndexEntry

from envctl.errors import EnvctlError, InputError
from envctl.gitstore.files import NoFolderError, opened_folder
from envctl.gitstore.index import Index, entry_kind
from envctl.gitstore.names import name_flaw, shown
from envctl.gitstore.objects import BLOB, FILE_MODES, Objects
from envctl.gitstore.trees import digest, prefixes
from envctl.gitstore.worktree import WorkTree, listed
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree

_SKIPPING_VERSION = 3
"""The first version of the index whose entries can say that they are not on disk."""


_LARGE = 8 << 20
"""Bytes of a file that only a render which reads it is to hash."""


@dataclass(slots=True)
class _Scan:
    """What is below one name of the root. `unread` are files whose id nobody has asked for yet."""

    entries: dict[str, Entry] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    failed: dict[str, EnvctlError] = field(default_factory=dict)
    folders: dict[str, list[str]] = field(default_factory=dict)


class FrozenWorkTree(Tree):
    """A work tree whose entries stay as they were first seen. `read` gives what is on disk now.

    What a sparse checkout leaves out is there nevertheless, as the index has it: Git calls it unchanged.
    What nobody asks for, a large file or a folder that cannot be read, stands in nobody's way.
    """

    def __init__(self, work: WorkTree, objects: Objects, index: Index, root: Path) -> None:
        self._work = work
        self._objects = objects
        self._index = index
        self._root = root
        self._lock = threading.RLock()
        self._tops: dict[str, _Scan] = {}

    @property
    def label(self) -> str:
        return self._work.label

    def entry(self, path: str) -> Entry | None:
        return self._entry(self._top(path), path) if path else Entry("", EntryKind.TREE, "")

    def read(self, path: str) -> bytes:
        entry = self.entry(path)
        if entry and entry.kind is EntryKind.FILE and path in self._skipped and not self._on_disk(path):
            return self._objects.raw(entry.id, BLOB)
        return self._work.read(path)

    def list(self, path: str) -> tuple[Entry, ...]:
        if not path:
            tops = {each.partition("/")[0] for each in self._skipped}
            added = {name: found for name in tops if (found := self.entry(name))}
            known = {each.name: each for each in self._work.list(path)} | added
            return tuple(known[name] for name in sorted(known))
        scan = self._top(path)
        if path in scan.failed:
            raise scan.failed[path]
        below = [f"{path}/{name}" for name in sorted(scan.folders.get(path, ()))]
        for at in below:
            flaw = name_flaw(at.rpartition("/")[2])
            if flaw:
                raise InputError(f"the directory holds {flaw}", place=shown(at))
        return tuple(each for at in below if (each := self._entry(scan, at)))

    def fingerprint(self, path: str) -> str:
        scan = self._top(path)
        inside = sorted(each for each in scan.entries if _inside(each, path))
        if any(_inside(each, path) for each in scan.failed):
            return _unknown()
        try:
            for each in inside:
                if each in scan.unread and (self._root / each).lstat().st_size > _LARGE:
                    return _unknown()
                self._entry(scan, each)
        except (EnvctlError, OSError):
            return _unknown()
        return digest((each, scan.entries[each]) for each in inside if each in scan.entries)

    def _entry(self, scan: _Scan, path: str) -> Entry | None:
        """An entry with its id, which of a new or changed file is computed when it is first asked for."""
        with self._lock:
            if path in scan.unread:
                known = self._work.entry(path)
                scan.unread.discard(path)
                if known is None:  # gone since the scan
                    scan.entries.pop(path, None)
                else:
                    scan.entries[path] = known
            return scan.entries.get(path)

    def _top(self, path: str) -> _Scan:
        name = path.partition("/")[0]
        with self._lock:
            if name not in self._tops:
                self._tops[name] = self._scanned(name)
            return self._tops[name]

    def _scanned(self, top: str) -> _Scan:
        """Everything at and below a name of the root; folders only where they hold anything."""
        scan = _Scan()
        pending = deque[str]()
        with suppress(NoFolderError), opened_folder(self._root, "") as opened:
            pending += self._look(opened, "", [top], scan)
        while pending:
            folder = pending.pop()
            try:
                with opened_folder(self._root, folder) as opened:
                    pending += self._look(opened, folder, listed(opened), scan)
            except NoFolderError:  # gone since it was listed
                continue
            except EnvctlError as error:
                scan.failed[folder] = error
                scan.entries[folder] = Entry(folder.rpartition("/")[2], EntryKind.TREE, "")
        self._add_skipped(top, scan.entries)
        for path in list(scan.entries):
            for each in prefixes(path):
                scan.entries.setdefault(each, Entry(each.rpartition("/")[2], EntryKind.TREE, ""))
        for path in scan.entries:
            above, _, name = path.rpartition("/")
            scan.folders.setdefault(above, []).append(name)
        return scan

    def _look(self, opened: int, folder: str, names: Iterable[str], scan: _Scan) -> tuple[str, ...]:
        """Enter what is at names of a directory. Returns the directories among them."""
        return tuple(
            f"{folder}/{name}" if folder else name
            for name in names
            if self._enter(opened, folder, name, scan) is EntryKind.TREE
        )

    def _enter(self, opened: int, folder: str, name: str, scan: _Scan) -> EntryKind | None:
        """Enter what is at a name of a directory, and say what it is; a directory comes by what it holds."""
        path = f"{folder}/{name}" if folder else name
        tracked = self._index.entry(path)
        if tracked is not None and tracked.mode in FILE_MODES:
            with suppress(OSError, ValueError):
                state = os.stat(name, dir_fd=opened, follow_symlinks=False)
                if stat.S_ISREG(state.st_mode) and self._work.is_unchanged(tracked, state):
                    scan.entries[path] = Entry(name, EntryKind.FILE, tracked.sha.decode())
                    return EntryKind.FILE
        kind = self._work.kind_at(opened, folder, name)
        if kind is EntryKind.FILE:
            scan.entries[path] = Entry(name, kind, "")
            scan.unread.add(path)
        elif kind is not None and kind is not EntryKind.TREE:
            scan.entries[path] = Entry(name, kind, self._work.id_at(opened, path, kind))
        return kind

    @cached_property
    def _skipped(self) -> dict[str, IndexEntry]:
        """What Git was told not to check out, by path."""
        if self._index.version < _SKIPPING_VERSION:
            return {}
        return {
            raw.decode("utf-8", "surrogateescape"): entry
            for raw, entry in self._index.entries.items()
            if isinstance(entry, IndexEntry) and entry.skip_worktree
        }

    def _add_skipped(self, top: str, found: dict[str, Entry]) -> None:
        """Enter what is not checked out; where something is on disk nevertheless, that counts, as for Git."""
        for path, entry in self._skipped.items():
            above = list(prefixes(path))[:-1]
            if not _inside(path, top) or path in found or self._on_disk(path):
                continue
            if any(each in found and found[each].kind is not EntryKind.TREE for each in above):
                continue
            for each in above:
                found.setdefault(each, Entry(each.rpartition("/")[2], EntryKind.TREE, ""))
            found[path] = Entry(path.rpartition("/")[2], entry_kind(entry), entry.sha.decode())

    def _on_disk(self, path: str) -> bool:
        return os.path.lexists(self._root / path)


def _unknown() -> str:
    """A fingerprint that no other one equals: nothing is told from memory."""
    return f"unknown {os.urandom(16).hex()}"


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
