"""Virtual trees: a commit's, read lazily; and what all trees say about a path that cannot be read."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from envctl.errors import InputError
from envctl.gitstore.names import shown
from envctl.gitstore.objects import BLOB, Item, Objects
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree

_HINTS = {
    EntryKind.SYMLINK: ("a symbolic link; links are not followed", "replace it by a copy of the file"),
    EntryKind.SUBMODULE: (
        "a submodule; only this repository's own files are read",
        "copy its files (vendor/)",
    ),
    EntryKind.TREE: ("a directory, not a file", ""),
    EntryKind.FILE: ("a file, not a directory", ""),
}


class Looked(Protocol):
    """What can be asked what is at a path."""

    @property
    def label(self) -> str:
        """How messages name it."""
        ...

    def entry(self, path: str) -> Entry | None:
        """What is at a path."""
        ...


class CommitTree(Tree):
    """The tree of a commit. Only the trees on the way to a path are read."""

    def __init__(self, objects: Objects, root: str, label: str) -> None:
        self._objects = objects
        self._root = root
        self._label = label

    @property
    def label(self) -> str:
        return self._label

    def entry(self, path: str) -> Entry | None:
        return entry_below(self._objects, self._root, path)

    def read(self, path: str) -> bytes:
        entry = self.entry(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            raise unreadable(self, path)
        return self._objects.raw(entry.id, BLOB)

    def list(self, path: str) -> tuple[Entry, ...]:
        entry = self.entry(path)
        if entry is None or entry.kind is not EntryKind.TREE:
            return ()
        directory = self._objects.tree(entry.id)
        directory.require_honest(path)
        return tuple(Entry(name, item.kind, item.id) for name, item in sorted(directory.items.items()))

    def fingerprint(self, path: str) -> str:
        entry = self.entry(path)
        return f"{entry.kind} {entry.id}" if entry else ""


def entry_below(objects: Objects, root: str, path: str) -> Entry | None:
    """The entry at a path below a tree id. Raises InputError where a tree is dishonest about it."""
    entry = Entry("", EntryKind.TREE, root)
    for prefix in prefixes(path):
        if entry.kind is not EntryKind.TREE:
            return None
        found = objects.tree(entry.id).entry(prefix.rpartition("/")[2], prefix)
        if found is None:
            return None
        entry = found
    return entry


def find_item(objects: Objects, root: str, path: str) -> Item | None:
    """The plain file at a path below a tree id, with its mode; None where there is none."""
    folder, _, name = path.rpartition("/")
    parent = entry_below(objects, root, folder)
    if parent is None or parent.kind is not EntryKind.TREE:
        return None
    item = objects.tree(parent.id).items.get(name)
    return item if item and item.kind is EntryKind.FILE else None


def prefixes(path: str) -> Iterator[str]:
    """Every step on the way to a path, the path itself last; none for ""."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
    if path:
        yield path


def unreadable(tree: Looked, path: str) -> InputError:
    """Why there is no file to read at a path: what is in the way, or that there is nothing."""
    for prefix in prefixes(path):
        entry = tree.entry(prefix)
        if entry is None:
            break
        if entry.kind is not EntryKind.TREE or prefix == path:
            reason, hint = _HINTS[entry.kind]
            what = "it" if prefix == path else shown(prefix)
            return InputError(f"{what} is {reason}", place=_place(tree, path), hint=hint)
    return InputError("there is no such file", place=_place(tree, path))


def _place(tree: Looked, path: str) -> str:
    return f"{shown(path)} ({tree.label})"


def digest(entries: Iterable[tuple[str, Entry]]) -> str:
    """One text for paths and what is there; "" for nothing."""
    lines = sorted(f"{path}\0{entry.kind}\0{entry.id}" for path, entry in entries)
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    return f"files {hashlib.sha256(text).hexdigest()}" if lines else ""
