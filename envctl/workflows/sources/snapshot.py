"""A tree that stays as it was first seen, so that what a render remembers is what it has read."""

from envctl.errors import InputError
from envctl.manifests.gitids import blob_id
from envctl.model.evaluation import evidence
from envctl.model.git import Entry
from envctl.ports import Tree

_ON_DISK = ("work tree", "index")


class Snapshot(Tree):
    """Looks up each path once. A file whose bytes are not those of its entry is refused, never used."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._entries: dict[str, Entry | None] = {}

    @property
    def label(self) -> str:
        return self._tree.label

    def entry(self, path: str) -> Entry | None:
        if path not in self._entries:
            self._entries[path] = self._tree.entry(path)
        return self._entries[path]

    def read(self, path: str) -> bytes:
        data = self._tree.read(path)
        if evidence(self.entry(path)) != blob_id(data):
            if self.label in _ON_DISK:
                raise InputError(
                    "the file changed while it was read", place=path, hint="run the command again"
                )
            raise InputError(
                "its bytes are not those of its object id: the object is damaged",
                place=path,
                hint="see which objects are: git fsck; fetch them again",
            )
        return data

    def list(self, path: str) -> tuple[Entry, ...]:
        return self._tree.list(path)

    def fingerprint(self, path: str) -> str:
        return self._tree.fingerprint(path)

    @property
    def tops(self) -> frozenset[str]:
        """The names at the root that anything was looked up at or below."""
        return frozenset(path.partition("/")[0] for path in self._entries)


def snapshot_of(tree: Tree) -> Snapshot:
    """The tree as a snapshot; itself where it is one already."""
    return tree if isinstance(tree, Snapshot) else Snapshot(tree)
