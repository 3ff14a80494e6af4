"""The same answers from every shape a repository on disk can have."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.errors import InputError
from envctl.model.git import Commit, RefUpdate, TreeChange
from tests.support.repositories import ANN, Box, draft


def normal(full: Box, path: Path) -> Box:
    return full.clone(path)


def bare(full: Box, path: Path) -> Box:
    return full.clone(path, "--bare")


def mirror_with_packed_refs(full: Box, path: Path) -> Box:
    made = full.clone(path, "--mirror")
    made.git("pack-refs", "--all")
    assert not list((path / "refs/heads").rglob("*"))
    return made


def linked_worktree(full: Box, path: Path) -> Box:
    full.clone(path.with_name("main-of-worktree")).git("worktree", "add", "-q", "-b", "linked", str(path))
    return Box(path)


def shallow(full: Box, path: Path) -> Box:
    return full.clone(path, "--depth=2", "--no-single-branch")


def with_alternates(full: Box, path: Path) -> Box:
    full.git("clone", "-q", "--shared", str(full.path), str(path))
    made = Box(path)
    assert (path / ".git/objects/info/alternates").exists()
    return made


def repacked(full: Box, path: Path) -> Box:
    made = full.clone(path)
    made.git("repack", "-adq", "--write-bitmap-index")
    made.git("multi-pack-index", "write")
    made.git("commit-graph", "write", "--reachable")
    return made


def separate_git_folder(full: Box, path: Path) -> Box:
    return full.clone(path, f"--separate-git-dir={path.with_name('elsewhere.git')}")


SHAPES = [
    normal,
    bare,
    mirror_with_packed_refs,
    linked_worktree,
    shallow,
    with_alternates,
    repacked,
    separate_git_folder,
]


@pytest.fixture(params=SHAPES, ids=lambda shape: shape.__name__)
def shaped(request: pytest.FixtureRequest, full: Box, tmp_path: Path) -> Box:
    shape: Callable[[Box, Path], Box] = request.param
    return shape(full, tmp_path / "shaped")


def test_revisions_and_history_read_alike(full: Box, shaped: Box) -> None:
    """HEAD, a branch, an annotated tag and history are the same everywhere."""
    repository = shaped.open()
    second, first = full.git("rev-list", "HEAD").split()
    expected = Commit(second, full.git("rev-parse", "HEAD^{tree}"), (first,), ANN, ANN, "second\n")
    assert repository.resolve("HEAD") == second
    assert repository.resolve("v1") == repository.resolve("HEAD~1") == first
    assert next(repository.history(second)) == expected
    assert [each.id for each in repository.history(second)] == [second, first]
    assert repository.is_ancestor(first, second)
    assert not repository.is_ancestor(second, first)


def test_trees_and_changes_read_alike(full: Box, shaped: Box) -> None:
    """Files and differences are the same everywhere."""
    repository = shaped.open()
    second, first = full.git("rev-list", "HEAD").split()
    assert repository.tree(second).read("lib/deep/b") == b"b"
    assert [each.name for each in repository.tree(second).list("")] == full.git(
        "ls-tree", "--name-only", "HEAD"
    ).split("\n")
    trees = [repository.commit(each).tree for each in (first, second)]
    assert TreeChange(
        "readme", full.git("rev-parse", "v1:readme"), full.git("rev-parse", "HEAD:readme")
    ) in repository.changes(*trees)


def test_a_commit_written_anywhere_is_a_commit_for_git(shaped: Box) -> None:
    """Objects, ref and reflog are what git expects, on top of every shape."""
    repository = shaped.open()
    head = repository.resolve("HEAD")
    tree = repository.write_tree({"lib/new": b"new"}, base=repository.commit(head).tree)
    commit = repository.write_commit(draft(tree, head, message="third\n"))
    repository.move_ref(RefUpdate("refs/heads/deploy/dev", None, commit), "envctl: publish dev")
    assert shaped.git("show", "deploy/dev:lib/new") == "new"
    assert shaped.git("log", "--format=%s", "-1", "deploy/dev") == "third"
    shaped.git("fsck", "--strict", "--no-dangling")
    assert shaped.open().ref("refs/heads/deploy/dev") == commit


def test_what_git_packs_meanwhile_stays_readable(full: Box, tmp_path: Path) -> None:
    """An open repository survives git gc and commits of others."""
    box = full.clone(tmp_path / "busy")
    box.git("config", "user.name", "x")
    repository = box.open()
    head = repository.resolve("HEAD")
    tree = repository.write_tree({f"{each}": b"%d" % each for each in range(100)})
    repository.move_ref(RefUpdate("refs/heads/kept", None, repository.write_commit(draft(tree))), "keep")
    newer = box.commit({"more": "1"})
    box.git("gc", "-q", "--prune=now")
    assert repository.tree(repository.resolve("kept")).read("7") == b"7"
    assert (repository.resolve("HEAD~1"), repository.resolve("HEAD")) == (head, newer)


def test_history_that_a_shallow_clone_lacks_is_an_error_and_never_an_end(full: Box, tmp_path: Path) -> None:
    """Nobody may take the boundary of a shallow clone for the first commit."""
    first, second = full.git("rev-list", "--reverse", "HEAD").split()
    repository = full.clone(tmp_path / "one", "--depth=1").open()
    with pytest.raises(InputError) as caught:
        list(repository.history(second))
    assert str(caught.value) == (
        f"there is no commit {first} in this repository\n"
        "hint: a shallow clone lacks old commits (git fetch --unshallow), a partial clone (--filter) lacks files"
    )
    with pytest.raises(InputError):
        repository.is_ancestor(first, second)


def test_the_index_of_a_hook_is_the_one_that_git_names(full: Box, tmp_path: Path) -> None:
    """In the hook of `git commit FILE` the index lies in another file, which Git names."""
    full.write("readme", "three\n")
    seen = tmp_path / "seen"
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import sys; from tests.support.repositories import Box; from pathlib import Path\n"
        "Path(sys.argv[2]).write_bytes(Box(Path(sys.argv[1])).open().index().read('readme'))\n"
    )
    hook = full.write(
        ".git/hooks/pre-commit",
        f"#!/bin/sh\nPYTHONPATH={Path(__file__).parents[3]} {os.sys.executable} {probe} {full.path} {seen}\n",
    )
    hook.chmod(0o755)
    full.git("commit", "-qam", "third")
    assert seen.read_bytes() == b"three\n"
