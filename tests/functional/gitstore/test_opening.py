"""Finding and making repositories."""

from pathlib import Path

import pytest

from envctl.errors import InputError
from envctl.gitstore.repository import init_repository, open_repository, open_store
from tests.support.repositories import Box, FixedClock, draft, new_box


def test_a_repository_is_found_from_a_directory_inside(full: Box) -> None:
    """Discovery goes upward, as with git -C."""
    repository = open_repository(full.path / "lib/deep", clock=FixedClock())
    assert (repository.is_bare, repository.head()[1]) == (False, full.git("rev-parse", "HEAD"))


def test_a_directory_without_a_repository_says_what_to_do(tmp_path: Path) -> None:
    """No repository is an input error with a way out."""
    with pytest.raises(InputError) as caught:
        open_repository(tmp_path, clock=FixedClock())
    assert str(caught.value) == (
        f"{tmp_path}: there is no Git repository here, nor in a directory above\n"
        "hint: go into one, name it with -C, or make one: git init"
    )


def test_a_directory_that_does_not_exist_is_not_looked_for_above(full: Box) -> None:
    """A typo in -C must not open the repository around it."""
    with pytest.raises(InputError) as caught:
        open_repository(full.path / "typo", clock=FixedClock())
    assert str(caught.value) == f"{full.path / 'typo'}: there is no such directory"


def test_what_a_partial_clone_lacks_is_named(full: Box, tmp_path: Path) -> None:
    """Objects of a partial clone come over the network when git reads them; envctl does not do that."""
    full.git("config", "uploadpack.allowFilter", "true")
    partial = full.clone(tmp_path / "partial", "--filter=blob:none")
    blob = full.git("rev-parse", "v1:gone")
    with pytest.raises(InputError) as caught:
        partial.open().tree(full.git("rev-parse", "v1^{commit}")).read("gone")
    assert str(caught.value) == (
        f"there is no file {blob} in this repository\n"
        "hint: a shallow clone lacks old commits (git fetch --unshallow), a partial clone (--filter) lacks files"
    )


def test_a_format_that_dulwich_does_not_know_is_refused(full: Box) -> None:
    """An unknown extension could change the meaning of anything: nothing is read."""
    full.git("config", "core.repositoryformatversion", "1")
    full.git("config", "extensions.partialClone", "origin")
    with pytest.raises(InputError) as caught:
        full.open()
    assert str(caught.value) == (
        f"{full.path}: the repository's format cannot be read: partialClone\n"
        "hint: a partial clone must be made whole: clone it without --filter"
    )


def test_a_repository_with_other_ids_is_refused(tmp_path: Path) -> None:
    """SHA-256 repositories are named as such."""
    box = new_box(tmp_path / "long", "--object-format=sha256")
    with pytest.raises(InputError) as caught:
        box.open()
    assert str(caught.value) == f"{box.path}: the repository uses sha256 object ids; envctl reads SHA-1 ones"


def test_a_new_repository_works_with_git(tmp_path: Path) -> None:
    """init_repository makes what git understands, and makes it once."""
    repository = init_repository(tmp_path / "new", clock=FixedClock())
    assert repository.head() == ("refs/heads/main", None)
    assert Box(tmp_path / "new").git("symbolic-ref", "HEAD") == "refs/heads/main"
    with pytest.raises(InputError, match="there is a Git repository already"):
        init_repository(tmp_path / "new", clock=FixedClock())


def test_a_store_is_made_once_and_opened_again(tmp_path: Path) -> None:
    """The agent's store is bare, keeps what was written, and is a repository for git."""
    store = open_store(tmp_path / "a/store", clock=FixedClock())
    commit = store.write_commit(draft(store.write_tree({"x": b"1"})))
    again = open_store(tmp_path / "a/store", clock=FixedClock())
    assert (again.is_bare, again.tree(commit).read("x")) == (True, b"1")
    assert Box(tmp_path / "a/store").git("cat-file", "-t", commit) == "commit"


def test_a_store_whose_making_was_killed_is_made_again(tmp_path: Path) -> None:
    """After a kill at any step of its making, the next start makes it; the agent must not stay down."""
    whole = tmp_path / "whole"
    open_store(whole, clock=FixedClock())
    steps = sorted(whole.rglob("*"), key=lambda path: (path.is_file(), path.name == "config", path))
    for end in range(len(steps)):
        store = tmp_path / f"cut{end}"
        store.mkdir()
        for each in steps[:end]:
            target = store / each.relative_to(whole)
            target.mkdir() if each.is_dir() else target.write_bytes(each.read_bytes())
        (store / "config.lock").touch()
        assert open_store(store, clock=FixedClock()).is_bare


def test_a_folder_that_holds_objects_is_never_cleared(tmp_path: Path) -> None:
    """A store that lost its config keeps what it holds."""
    store = open_store(tmp_path / "store", clock=FixedClock())
    commit = store.write_commit(draft(store.write_tree({"x": b"1"})))
    (tmp_path / "store/config").unlink()
    assert open_store(tmp_path / "store", clock=FixedClock()).tree(commit).read("x") == b"1"


@pytest.mark.parametrize("folder", ["", "lib"])
def test_a_store_never_takes_over_another_directory(full: Box, folder: str) -> None:
    """A directory that holds something else, a repository with a work tree even, is left alone."""
    with pytest.raises(InputError) as caught:
        open_store(full.path / folder, clock=FixedClock())
    assert str(caught.value) == f"{full.path / folder}: the directory holds no bare repository"


@pytest.mark.parametrize("ask", ["index", "work_tree"])
def test_a_bare_repository_has_neither_index_nor_work_tree(full: Box, tmp_path: Path, ask: str) -> None:
    """Asking is an input error that says what to name instead."""
    bare = full.clone(tmp_path / "bare.git", "--bare").open()
    with pytest.raises(InputError, match="a bare repository has no") as caught:
        getattr(bare, ask)()
    assert caught.value.hint == "name a revision, like --rev HEAD"
    assert bare.changed_paths() == ()
