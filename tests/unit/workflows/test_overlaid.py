"""A tree with some files replaced: each is what it will be, and nothing of what was there before."""

from typing import Any, ClassVar

import pytest

from envctl.errors import InputError
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree
from envctl.workflows.sources.overlaid import OverlaidTree


class Before(Tree):
    """A tree of two files."""

    FILES: ClassVar = {"a/gone": b"old", "a/kept": b"kept"}

    def entry(self, path: str) -> Entry | None:
        return Entry(path.rpartition("/")[2], EntryKind.FILE, "1" * 40) if path in self.FILES else None

    def read(self, path: str) -> bytes:
        return self.FILES[path]

    def list(self, path: str) -> tuple[Entry, ...]:
        return tuple(each for name in self.FILES if (each := self.entry(name))) if path == "a" else ()


@pytest.fixture
def tree() -> OverlaidTree:
    repository: Any = None
    return OverlaidTree(repository, Before(), {"a/gone": "", "a/new": b"new", "a/empty": b""})


def test_files_are_listed_as_they_will_be(tree: OverlaidTree) -> None:
    """Without those that go, with those that come, sorted."""
    assert [each.name for each in tree.list("a")] == ["empty", "kept", "new"]


def test_files_are_read_as_they_will_be(tree: OverlaidTree) -> None:
    """An empty file is a file."""
    assert [tree.read(f"a/{name}") for name in ("empty", "kept", "new")] == [b"", b"kept", b"new"]


def test_a_file_that_goes_is_not_read(tree: OverlaidTree) -> None:
    """Its bytes are still in Git, and are none of the next commit."""
    assert tree.entry("a/gone") is None
    with pytest.raises(InputError, match="there is no such file"):
        tree.read("a/gone")
