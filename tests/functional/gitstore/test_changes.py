"""Differences of trees: what `git diff-tree -r` says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.gitstore.repository import init_repository
from envctl.model.git import EntryKind, TreeChange
from tests.support.repositories import Box, FixedClock, tree_bytes

NONE = "0" * 40
KINDS = {"120000": EntryKind.SYMLINK, "160000": EntryKind.SUBMODULE}
LEAF = st.tuples(st.sampled_from(["100644", "100755", "120000", "160000"]), st.integers(0, 3))
TREES = st.recursive(
    LEAF, lambda inner: st.dictionaries(st.sampled_from(["a", "a.b", "a-b", "b", "ab"]), inner, max_size=4)
).map(lambda each: each if isinstance(each, dict) else {"a": each})


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Box:
    path = tmp_path_factory.mktemp("scratch")
    init_repository(path, clock=FixedClock())
    return Box(path)


def git_tree(box: Box, tree: dict[str, object]) -> str:
    """Have git write a nested tree."""
    lines = []
    for name, value in tree.items():
        if isinstance(value, dict):
            lines.append(f"040000 tree {git_tree(box, value)}\t{name}\n")
        else:
            mode, number = value  # type: ignore[misc]
            kind = "commit" if mode == "160000" else "blob"
            lines.append(f"{mode} {kind} {number:040x}\t{name}\n")
    return box.git("mktree", "--missing", stdin="".join(lines))


def git_changes(box: Box, old: str, new: str) -> list[TreeChange]:
    """What git says of two trees."""
    found = []
    for line in box.git("diff-tree", "-r", "--no-renames", old, new).splitlines():
        head, path = line.split("\t")
        old_mode, new_mode, before, after, _ = head.removeprefix(":").split(" ")
        kind = KINDS.get(new_mode if new_mode != "000000" else old_mode, EntryKind.FILE)
        found.append(
            TreeChange(
                path,
                before if old_mode != "000000" else None,
                after if new_mode != "000000" else None,
                kind,
            )
        )
    return sorted(found, key=lambda each: each.path)


@settings(max_examples=60, deadline=None)
@given(before=TREES, after=TREES)
def test_changes_are_those_of_git(scratch: Box, before: dict[str, object], after: dict[str, object]) -> None:
    """Any two trees: files, links, submodules, modes, and files that become directories."""
    old, new = git_tree(scratch, before), git_tree(scratch, after)
    assert list(scratch.open().changes(old, new)) == git_changes(scratch, old, new)


def test_no_tree_counts_as_the_empty_one(full: Box) -> None:
    """None stands for before the first commit, or after the last."""
    repository = full.open()
    tree = repository.commit(repository.resolve("v1")).tree
    listed = {line.split("\t")[1]: line.split()[2] for line in full.git("ls-tree", "-r", tree).splitlines()}
    assert repository.changes(None, tree) == tuple(
        TreeChange(path, None, each) for path, each in listed.items()
    )
    assert repository.changes(tree, None) == tuple(
        TreeChange(path, each, None) for path, each in listed.items()
    )
    assert repository.changes(None, None) == repository.changes(tree, tree) == ()


def test_equal_subtrees_are_never_opened(box: Box) -> None:
    """A subtree that both sides share may even be absent."""
    absent = "5" * 40
    one, two = box.object("blob", b"1"), box.object("blob", b"2")
    old = box.object("tree", tree_bytes(("100644", b"a", one), ("40000", b"same", absent)))
    new = box.object("tree", tree_bytes(("100644", b"a", two), ("40000", b"same", absent)))
    assert box.open().changes(old, new) == (TreeChange("a", one, two),)


def test_a_tree_made_to_explode_is_an_error(box: Box) -> None:
    """Ten directories in ten levels, all the same object: ten thousand million files from eleven objects."""
    tree = box.object("tree", tree_bytes(("100644", b"f", box.object("blob", b"1"))))
    for _ in range(10):
        tree = box.object("tree", tree_bytes(*(("40000", b"d%d" % each, tree) for each in range(10))))
    with pytest.raises(InputError, match="the trees differ in more than 1000000 places or 2048 levels"):
        box.open().changes(None, tree)
