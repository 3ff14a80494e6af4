"""The work tree as it was when it was first looked at: each name of the root is scanned once, as a whole.

A render that reads it sees one state, and two scans can be compared by one digest.
"""

import os
import stat
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from dulwich.index import IndexEntry

from envctl.errors import InputError
from envctl.gitstore.failures import translated
from envctl.gitstore.files import NoFolderError, opened_folder
from envctl.gitstore.index import Index, entry_kind
from envctl.gitstore.names import name_flaw, shown
from envctl.gitstore.objects import BLOB, FILE_MODES, Objects
from envctl.gitstore.trees import digest, prefixes
from envctl.gitstore.worktree import WorkTree
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree

_SKIPPING_VERSION = 3
"""The first version of the index whose entries can say that they are not on disk."""


class FrozenWorkTree(Tree):
    """A work tree whose entries stay as they were first seen. `read` gives what is on disk now.

    What a sparse checkout leaves out is there nevertheless, as the index has it: Git calls it unchanged.
    """

    def __init__(self, work: WorkTree, objects: Objects, index: Index, root: Path) -> None:
        self._work = work
        self._objects = objects
        self._index = index
        self._root = root
        self._tops: dict[str, dict[str, Entry]] = {}

    @property
    def label(self) -> str:
        return self._work.label

    def entry(self, path: str) -> Entry | None:
        return self._top(path).get(path) if path else Entry("", EntryKind.TREE, "")

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
        start = len(path) + 1
        known = self._top(path)
        below = [at for at in known if at.startswith(f"{path}/") and "/" not in at[start:]]
        for at in below:
            flaw = name_flaw(at[start:])
            if flaw:
                raise InputError(f"the directory holds {flaw}", place=shown(at))
        return tuple(known[at] for at in sorted(below))

    def fingerprint(self, path: str) -> str:
        return digest((at, each) for at, each in self._top(path).items() if _inside(at, path))

    def _top(self, path: str) -> dict[str, Entry]:
        name = path.partition("/")[0]
        if name not in self._tops:
            found: dict[str, Entry] = {}
            with suppress(NoFolderError), opened_folder(self._root, "") as opened:
                self._look(opened, "", name, found)
            self._add_skipped(name, found)
            self._tops[name] = found
        return self._tops[name]

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

    def _folder(self, opened: int, folder: str, found: dict[str, Entry]) -> bool:
        """Scan a directory; whether it holds anything that Git would see."""
        before = len(found)
        for name in os.listdir(opened):
            self._look(opened, folder, name, found)
        return len(found) > before

    def _look(self, opened: int, folder: str, name: str, found: dict[str, Entry]) -> None:
        """Enter what is at a name of a directory, and all below it."""
        path = f"{folder}/{name}" if folder else name
        tracked = self._index.entry(path)
        if tracked is not None and tracked.mode in FILE_MODES:
            with suppress(OSError, ValueError):
                state = os.stat(name, dir_fd=opened, follow_symlinks=False)
                if stat.S_ISREG(state.st_mode) and self._work.is_unchanged(tracked, state):
                    found[path] = Entry(name, EntryKind.FILE, tracked.sha.decode())
                    return
        kind = self._work.kind_at(opened, folder, name)
        if kind is EntryKind.TREE:
            with suppress(NoFolderError), opened_folder(self._root, path) as below:
                with translated("list a directory", place=shown(path)):
                    holds = self._folder(below, path, found)
                if holds:
                    found[path] = Entry(name, kind, "")
        elif kind:
            found[path] = Entry(name, kind, self._work.id_at(opened, path, kind))


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
