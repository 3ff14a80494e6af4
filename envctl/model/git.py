"""What envctl knows of Git: tree entries, commits, and changes between trees. Ids are 40 hex digits."""

from dataclasses import dataclass
from enum import StrEnum

from envctl.model.changes import ObjectAction


class EntryKind(StrEnum):
    """The kinds of tree entries that Git has."""

    FILE = "file"
    TREE = "tree"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree. `id` is the blob or tree id ("" for a directory of a work tree or index)."""

    name: str
    kind: EntryKind
    id: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when, as a commit stores it. `time` is in whole seconds since 1970, `zone` in seconds east."""

    name: str
    email: str
    time: int
    zone: int

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, read."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class CommitDraft:
    """A commit to be written. The same draft always makes the same id."""

    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True, slots=True)
class TreeChange:
    """A file that differs between two trees. `old` or `new` is None where the file is absent.

    `kind` is that of the newer side: symbolic links and submodules differ like files do. Where
    both ids are equal, only the kind or the executable bit differs.
    """

    path: str
    old: str | None
    new: str | None
    kind: EntryKind = EntryKind.FILE

    @property
    def action(self) -> ObjectAction:
        """What happened to the file as a whole."""
        if self.old is None:
            return ObjectAction.CREATED
        return ObjectAction.DELETED if self.new is None else ObjectAction.CHANGED


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """A ref to be moved by compare-and-swap. `old` None means: must not exist yet."""

    name: str
    old: str | None
    new: str
