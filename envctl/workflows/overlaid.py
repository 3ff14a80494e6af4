"""A tree with some files replaced: what a commit would be, before anything is written."""

from collections.abc import Mapping

from envctl.errors import InputError
from envctl.manifests.gitids import blob_id
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree


class OverlaidTree(Tree):
    """`tree` with `files` in place of what it has at their paths; their folders must exist in it."""

    def __init__(self, tree: Tree, files: Mapping[str, bytes]) -> None:
        self._tree = tree
        self._files = dict(files)

    @property
    def label(self) -> str:
        return self._tree.label

    def entry(self, path: str) -> Entry | None:
        data = self._files.get(path)
        return self._tree.entry(path) if data is None else _entry(path, data)

    def read(self, path: str) -> bytes:
        data = self._files.get(path)
        return self._tree.read(path) if data is None else data

    def list(self, path: str) -> tuple[Entry, ...]:
        found = {entry.name: entry for entry in self._tree.list(path)}
        for each, data in self._files.items():
            folder, _, name = each.rpartition("/")
            if folder == path:
                found[name] = _entry(each, data)
        return tuple(found[name] for name in sorted(found))

    def fingerprint(self, path: str) -> str:
        raise InputError("a tree that is not written yet has no fingerprint", place=path)


def _entry(path: str, data: bytes) -> Entry:
    return Entry(path.rpartition("/")[2], EntryKind.FILE, blob_id(data))
