"""What all three virtual trees promise alike: a commit's, the index's and the work tree's."""

import os
from collections.abc import Callable

import pytest

from envctl.errors import InputError
from envctl.gitstore.writing import object_id
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree
from tests.support.repositories import Box

SUBMODULE = "1" * 40


def of_commit(box: Box) -> Tree:
    repository = box.open()
    return repository.tree(repository.resolve("HEAD"))


def of_index(box: Box) -> Tree:
    return box.open().index()


def of_work_tree(box: Box) -> Tree:
    return box.open().work_tree()


@pytest.fixture(params=[of_commit, of_index, of_work_tree], ids=lambda each: each.__name__)
def tree(request: pytest.FixtureRequest, full: Box) -> Tree:
    opened: Callable[[Box], Tree] = request.param
    return opened(full)


def blob(data: bytes) -> str:
    return object_id(b"blob", data)


def test_a_tree_says_what_it_is(full: Box) -> None:
    """Labels tell trees apart in messages."""
    assert [of_commit(full).label, of_index(full).label, of_work_tree(full).label] == [
        full.git("rev-parse", "HEAD")[:12],
        "index",
        "work tree",
    ]


def test_entries_are_listed_by_name_with_kind_and_id(tree: Tree) -> None:
    """Links and submodules are reported as such; only a commit's directories have ids."""
    listed = [(each.name, each.kind, each.id) for each in tree.list("") if each.kind is not EntryKind.TREE]
    assert listed == [
        ("folder", EntryKind.SYMLINK, blob(b"lib")),
        ("link", EntryKind.SYMLINK, blob(b"lib/a.libsonnet")),
        ("readme", EntryKind.FILE, blob(b"two\n")),
        ("tool", EntryKind.FILE, blob(b"#!/bin/sh\n")),
    ]
    assert [each.name for each in tree.list("") if each.kind is EntryKind.TREE] == ["lib", "vendor"]
    assert tree.list("vendor") == (Entry("sub", EntryKind.SUBMODULE, SUBMODULE),)


ENTRIES = [
    pytest.param("readme", Entry("readme", EntryKind.FILE, blob(b"two\n")), id="file"),
    pytest.param("lib/deep/b", Entry("b", EntryKind.FILE, blob(b"b")), id="deep file"),
    pytest.param("link", Entry("link", EntryKind.SYMLINK, blob(b"lib/a.libsonnet")), id="link"),
    pytest.param("folder/a.libsonnet", None, id="through a link"),
    pytest.param("vendor/sub", Entry("sub", EntryKind.SUBMODULE, SUBMODULE), id="submodule"),
    pytest.param("vendor/sub/x", None, id="in a submodule"),
    pytest.param("gone", None, id="removed"),
    pytest.param("readme/x", None, id="below a file"),
    pytest.param("lib/../readme", None, id="up"),
    pytest.param("./readme", None, id="here"),
    pytest.param("/etc/passwd", None, id="absolute"),
    pytest.param("lib/", None, id="trailing slash"),
    pytest.param("lib//deep", None, id="two slashes"),
    pytest.param(".git/config", None, id="the repository itself"),
    pytest.param(".GIT/config", None, id="the repository itself, shouted"),
    pytest.param("x\0y", None, id="NUL"),
    pytest.param("x" * 300, None, id="too long"),
]


@pytest.mark.parametrize(("path", "entry"), ENTRIES)
def test_an_entry_is_found_by_its_plain_path_only(tree: Tree, path: str, entry: Entry | None) -> None:
    """Nothing is followed, and no path leads out of the tree."""
    assert tree.entry(path) == entry


def test_directories_are_entries(tree: Tree) -> None:
    """The root and directories can be looked up; what is no directory lists nothing."""
    assert [tree.entry(path).kind for path in ("", "lib", "lib/deep")] == [EntryKind.TREE] * 3  # type: ignore[union-attr]
    assert [tree.list(path) for path in ("readme", "link", "folder", "vendor/sub", "absent", "../box")] == [
        ()
    ] * 6
    assert [each.name for each in tree.list("lib")] == ["a.libsonnet", "deep"]


UNREADABLE = [
    pytest.param("absent", "there is no such file", "", id="absent"),
    pytest.param("../box/readme", "there is no such file", "", id="outside"),
    pytest.param("lib", "it is a directory, not a file", "", id="directory"),
    pytest.param("readme/x", "readme is a file, not a directory", "", id="below a file"),
    pytest.param(
        "link",
        "it is a symbolic link; links are not followed",
        "replace it by a copy of the file",
        id="link",
    ),
    pytest.param(
        "folder/a.libsonnet",
        "folder is a symbolic link; links are not followed",
        "replace it by a copy of the file",
        id="through a link",
    ),
    pytest.param(
        "vendor/sub/x",
        "vendor/sub is a submodule; only this repository's own files are read",
        "copy its files (vendor/)",
        id="in a submodule",
    ),
]


@pytest.mark.parametrize(("path", "summary", "hint"), UNREADABLE)
def test_what_cannot_be_read_says_what_is_in_the_way(tree: Tree, path: str, summary: str, hint: str) -> None:
    """The error names the path, the tree, and the step that is in the way."""
    with pytest.raises(InputError) as caught:
        tree.read(path)
    assert (caught.value.place, caught.value.summary, caught.value.hint) == (
        f"{path} ({tree.label})",
        summary,
        hint,
    )


def test_files_read_as_they_are(tree: Tree) -> None:
    """Bytes, whatever they are."""
    assert [tree.read(path) for path in ("readme", "lib/a.libsonnet", "tool")] == [
        b"two\n",
        b"{}",
        b"#!/bin/sh\n",
    ]


def test_the_index_is_what_would_be_committed(full: Box) -> None:
    """Staged changes count, unstaged and merely intended ones do not."""
    full.write("readme", "staged\n")
    full.git("add", "readme")
    full.write("readme", "unstaged\n")
    full.write("intended", "later")
    full.git("add", "--intent-to-add", "intended")
    full.git("rm", "-q", "--cached", "lib/a.libsonnet")
    index = full.open().index()
    assert index.read("readme") == b"staged\n"
    assert (index.entry("intended"), index.entry("lib/a.libsonnet")) == (None, None)


def test_an_index_with_conflicts_is_refused_file_by_file(full: Box) -> None:
    """What would be committed is not decided while a merge waits."""
    full.git("checkout", "-q", "-b", "other")
    full.commit({"readme": "theirs\n"})
    full.git("checkout", "-q", "main")
    full.commit({"readme": "ours\n"})
    full.git("merge", "other", check=False)
    with pytest.raises(InputError) as caught:
        full.open().index()
    assert str(caught.value) == "the index has conflicts\n  readme: is unmerged\nhint: resolve them: git add"
    assert full.open().changed_paths() == ("readme",)


def test_a_split_index_is_refused(full: Box) -> None:
    """dulwich reads a split index as nearly empty: that must not pass for a tree."""
    full.git("update-index", "--split-index")
    with pytest.raises(InputError) as caught:
        full.open().index()
    assert str(caught.value) == (
        f"{full.path / '.git/index'}: the index is split over two files\nhint: git update-index --no-split-index"
    )


def test_a_sparse_index_is_refused(full: Box) -> None:
    """Directories in the index hide the files below them."""
    full.git("rm", "-rq", "--cached", "vendor")
    full.git("commit", "-qm", "no submodule")
    full.git("sparse-checkout", "set", "--cone", "--sparse-index", "absent")
    with pytest.raises(InputError) as caught:
        full.open().index()
    assert (
        str(caught.value)
        == f"{full.path / '.git/index'}: the index is sparse\nhint: git sparse-checkout disable"
    )


def test_a_damaged_index_is_refused(full: Box) -> None:
    """A wrong checksum is named, with the program that finds out more."""
    file = full.path / ".git/index"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        full.open().index()
    assert str(caught.value) == (
        f"{file}: cannot read the index: the repository is damaged: the index's checksum is wrong\n"
        "hint: check it with git fsck"
    )


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_all_forms_of_the_index_read_alike(full: Box, version: str) -> None:
    """Git writes three versions of the index."""
    full.git("update-index", "--index-version", version)
    assert full.open().index().read("lib/deep/b") == b"b"


def test_the_work_tree_is_read_below_the_repository_only(full: Box) -> None:
    """A link to a folder outside, in the middle of a path, is as closed as one at its end."""
    outside = full.path.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s3cret")
    (full.path / "out").symlink_to(outside)
    tree = full.open().work_tree()
    assert (tree.entry("out/secret"), tree.list("out")) == (None, ())
    with pytest.raises(InputError) as caught:
        tree.read("out/secret")
    assert str(caught.value) == (
        "out/secret (work tree): out is a symbolic link; links are not followed\n"
        "hint: replace it by a copy of the file"
    )


def test_a_pipe_in_the_work_tree_does_not_hang(full: Box) -> None:
    """Git does not know pipes, sockets and devices: there is no entry."""
    os.mkfifo(full.path / "pipe")
    tree = full.open().work_tree()
    assert tree.entry("pipe") is None
    with pytest.raises(InputError, match="there is no such file"):
        tree.read("pipe")
