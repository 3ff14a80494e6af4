"""The work tree as it was when it was first looked at: each name of the root is scanned once, as a whole.

A render that reads it sees one state, and two scans can be compared by one digest.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from envctl.errors import InputError
from envctl.gitstore.failures import translated
from envctl.gitstore.files import NoFolderError, opened_folder
from envctl.gitstore.index import Index
from envctl.gitstore.names import name_flaw, shown
from envctl.gitstore.objects import FILE_MODES
from envctl.gitstore.trees import digest
from envctl.gitstore.worktree import WorkTree
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree


class FrozenWorkTree(Tree):
    """A work tree whose entries stay as they were first seen. `read` gives what is on disk now."""

    def __init__(self, work: WorkTree, index: Index, root: Path) -> None:
        self._work = work
        self._index = index
        self._root = root
        self._tops: dict[str, dict[str, Entry]] = {}

    @property
    def label(self) -> str:
        return self._work.label

    def entry(self, path: str) -> Entry | None:
        return self._top(path).get(path) if path else Entry("", EntryKind.TREE, "")

    def read(self, path: str) -> bytes:
        return self._work.read(path)

    def list(self, path: str) -> tuple[Entry, ...]:
        if not path:
            return self._work.list(path)
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
            self._tops[name] = found
        return self._tops[name]

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
