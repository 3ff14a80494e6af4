"""A tree with some files replaced: what a commit would be, before anything is written."""

from collections.abc import Mapping

from envctl.errors import InputError
from envctl.manifests.gitids import blob_id
from envctl.model.git import Entry, EntryKind
from envctl.ports import Repository, Tree


class OverlaidTree(Tree):
    """`tree` with `files` in place of what it has at their paths: bytes, ids of blobs, or "" for none."""

    def __init__(self, repository: Repository, tree: Tree, files: Mapping[str, bytes | str]) -> None:
        self._repository = repository
        self._tree = tree
        self._files = dict(files)

    @property
    def label(self) -> str:
        return self._tree.label

    def entry(self, path: str) -> Entry | None:
        return self._entry(path) if path in self._files else self._tree.entry(path)

    def read(self, path: str) -> bytes:
        if path not in self._files:
            return self._tree.read(path)
        value = self._files[path]
        if value == "":
            raise InputError("there is no such file", place=path)
        return value if isinstance(value, bytes) else self._repository.blob(value)

    def list(self, path: str) -> tuple[Entry, ...]:
        found = {entry.name: entry for entry in self._tree.list(path)}
        for each in self._files:
            folder, _, name = each.rpartition("/")
            if folder == path:
                found.pop(name, None)
                entry = self._entry(each)
                found |= {name: entry} if entry else {}
        return tuple(found[name] for name in sorted(found))

    def fingerprint(self, path: str) -> str:
        raise NotImplementedError(f"a tree that is not written yet has no fingerprint of {path}")

    def _entry(self, path: str) -> Entry | None:
        value = self._files[path]
        if value == "":
            return None
        identity = value if isinstance(value, str) else blob_id(value)
        return Entry(path.rpartition("/")[2], EntryKind.FILE, identity)
