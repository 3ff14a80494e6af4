"""Refs: read through symbolic ones, moved by compare-and-swap, logged where git logs."""

import threading
from pathlib import Path

import pytest

from envctl.errors import ConflictError, EnvctlError, InputError
from envctl.model.git import RefUpdate
from tests.support.repositories import Box, draft

ONES = "1" * 40


def test_refs_read_like_git_names_them(full: Box, tmp_path: Path) -> None:
    """Branches, tags (unpeeled) and remote ones, loose or packed; symbolic ones are followed."""
    clone = full.clone(tmp_path / "clone")
    clone.git("pack-refs", "--all")
    clone.git("branch", "loose")
    repository = clone.open()
    expected = dict(
        line.split(" ")[::-1]
        for line in clone.git("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    )
    assert repository.refs("refs/") == expected
    assert list(repository.refs("refs/remotes/origin/rel")) == ["refs/remotes/origin/release/1.0"]
    assert repository.refs("refs/heads/nothing") == {}
    assert repository.ref("refs/remotes/origin/HEAD") == clone.git("rev-parse", "HEAD")
    assert (repository.ref("refs/heads/absent"), repository.ref("../config")) == (None, None)


def test_head_names_its_branch_or_only_its_commit(full: Box) -> None:
    """On a branch, before its first commit, and detached."""
    head = full.git("rev-parse", "HEAD")
    assert full.open().head() == ("refs/heads/main", head)
    full.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    assert full.open().head() == ("refs/heads/unborn", None)
    full.git("checkout", "-qf", "--detach", "main")
    assert full.open().head() == (None, head)


def test_a_ref_moves_only_from_where_it_was_seen(full: Box) -> None:
    """Created, moved, and not moved where somebody else was faster; the error names both ids."""
    repository = full.open()
    second, first = full.git("rev-list", "HEAD").split()
    name = "refs/heads/deploy/dev"
    repository.move_ref(RefUpdate(name, None, first), "envctl: one")
    repository.move_ref(RefUpdate(name, first, second), "envctl: two\nlines")
    for old, expected in [(None, "no such ref"), (first, first), (ONES, ONES)]:
        with pytest.raises(ConflictError) as caught:
            repository.move_ref(RefUpdate(name, old, first), "never")
        assert str(caught.value) == (
            f"{name}: the ref was moved by somebody else: expected {expected}, found {second}"
        )
    with pytest.raises(ConflictError, match=f"expected {first}, found no such ref"):
        repository.move_ref(RefUpdate("refs/heads/absent", first, second), "never")
    assert full.git("reflog", "--format=%H %gs", name).split("\n") == [
        f"{second} envctl: two lines",
        f"{first} envctl: one",
    ]


def test_a_packed_ref_is_compared_too(full: Box) -> None:
    """A ref that lives in packed-refs only is neither absent nor free."""
    second, first = full.git("rev-list", "HEAD").split()
    full.git("update-ref", "refs/heads/p", first)
    full.git("pack-refs", "--all")
    with pytest.raises(ConflictError, match=f"expected no such ref, found {first}"):
        full.open().move_ref(RefUpdate("refs/heads/p", None, second), "never")
    full.open().move_ref(RefUpdate("refs/heads/p", first, second), "moved")
    assert full.git("rev-parse", "p") == second


def test_the_branch_of_head_is_logged_for_head_too(full: Box) -> None:
    """After a promotion on the current branch, git reflog shows it; HEAD still names the branch."""
    repository = full.open()
    head = repository.resolve("HEAD")
    commit = repository.write_commit(draft(repository.commit(head).tree, head))
    repository.move_ref(RefUpdate("refs/heads/main", head, commit), "envctl: promote")
    assert full.git("reflog", "-1", "--format=%H %gn %gs") == f"{commit} Ann envctl: promote"
    assert full.git("symbolic-ref", "HEAD") == "refs/heads/main"


LOGGED = [
    pytest.param("", "refs/heads/x", True, id="a branch"),
    pytest.param("", "refs/envctl/x", False, id="a ref that git does not log"),
    pytest.param("always", "refs/envctl/x", True, id="always"),
    pytest.param("false", "refs/heads/x", False, id="never"),
]


@pytest.mark.parametrize(("setting", "name", "logged"), LOGGED)
def test_a_reflog_is_kept_where_git_keeps_one(full: Box, setting: str, name: str, logged: bool) -> None:  # noqa: FBT001
    """core.logAllRefUpdates decides, as for git."""
    if setting:
        full.git("config", "core.logAllRefUpdates", setting)
    repository = full.open()
    repository.move_ref(RefUpdate(name, None, repository.resolve("HEAD")), "why")
    assert bool(full.git("reflog", "show", name)) is logged


BAD_NAMES = ["main", "HEAD", "refs/heads/a..b", "refs/heads/a b", "refs/heads/.a", "refs/heads/a.lock",
             "refs/heads/", "refs/../config", "refs/heads/a\n", "refs/heads/\udcff", "refs//heads"]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_git_would_refuse_is_refused(full: Box, name: str) -> None:
    """HEAD included: only full names of real refs move."""
    with pytest.raises(InputError, match="this is no valid full ref name, like refs/heads/main"):
        full.open().move_ref(RefUpdate(name, None, full.git("rev-parse", "HEAD")), "never")


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
@pytest.mark.parametrize(
    ("there", "name"), [("refs/heads/a", "refs/heads/a/b"), ("refs/heads/a/b", "refs/heads/a")]
)
def test_a_ref_cannot_be_a_folder_of_refs(full: Box, there: str, name: str, packed: bool) -> None:  # noqa: FBT001
    """dulwich would write the file all the same, and hide one of both."""
    head = full.git("rev-parse", "HEAD")
    full.git("update-ref", there, head)
    if packed:
        full.git("pack-refs", "--all")
    with pytest.raises(InputError) as caught:
        full.open().move_ref(RefUpdate(name, None, head), "never")
    assert str(caught.value) == f"{name}: Git keeps no ref of this name beside {there}, which exists"


def test_empty_folders_of_deleted_refs_are_no_refs(full: Box) -> None:
    """Git leaves them behind."""
    (full.path / ".git/refs/heads/a/b").mkdir(parents=True)
    full.open().move_ref(RefUpdate("refs/heads/a", None, full.git("rev-parse", "HEAD")), "now a ref")
    assert full.git("rev-parse", "a") == full.git("rev-parse", "HEAD")


def test_a_ref_points_to_what_is_there(full: Box) -> None:
    """Absent objects and, for branches, what is no commit."""
    with pytest.raises(InputError) as absent:
        full.open().move_ref(RefUpdate("refs/heads/x", None, ONES), "never")
    assert str(absent.value) == f"refs/heads/x: there is no object {ONES} to point to"
    blob = full.git("rev-parse", "HEAD:readme")
    with pytest.raises(InputError) as wrong:
        full.open().move_ref(RefUpdate("refs/heads/x", None, blob), "never")
    assert str(wrong.value) == f"refs/heads/x: a branch points to commits, and {blob} is none"


def test_a_lock_of_another_process_is_a_conflict_that_names_the_file(full: Box) -> None:
    """A stale lock is never stolen; the message says what to do."""
    lock = full.write(".git/refs/heads/main.lock", "")
    second, first = full.git("rev-list", "HEAD").split()
    with pytest.raises(ConflictError) as caught:
        full.open().move_ref(RefUpdate("refs/heads/main", second, first), "never")
    assert str(caught.value) == (
        f"{lock}: another process works on the repository: its lock file was made less than a minute ago, "
        "and no process that can be seen here has it open\n"
        "hint: wait for it; where no Git process runs any more, remove the file"
    )


def test_of_many_movers_exactly_one_wins_each_round(full: Box) -> None:
    """Compare-and-swap holds between threads with repositories of their own, and with git."""
    name, parent = "refs/heads/race", full.git("rev-parse", "HEAD")
    full.git("update-ref", name, parent)
    for round_ in range(5):
        won: list[str] = []
        movers = [
            threading.Thread(target=race, args=(full, name, parent, f"{round_} {each}", won))
            for each in range(6)
        ]
        for mover in movers:
            mover.start()
        for mover in movers:
            mover.join()
        assert [full.git("rev-parse", name)] == won
        parent = won[0]


def race(box: Box, name: str, parent: str, message: str, won: list[str]) -> None:
    repository = box.open()
    commit = repository.write_commit(draft(repository.commit(parent).tree, parent, message=message))
    try:
        repository.move_ref(RefUpdate(name, parent, commit), "race")
    except ConflictError:
        return
    won.append(commit)


DAMAGED = [
    pytest.param(
        "nonsense\n", "refs/heads/bad: the ref holds no object id\nhint: check it with git fsck", id="no id"
    ),
    pytest.param(
        "ref: refs/heads/bad\n", "refs/heads/bad: it is a symbolic ref that leads back to itself", id="loop"
    ),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_a_damaged_ref_is_named(full: Box, content: str, message: str) -> None:
    """Not a silent absence: publishing over it would lose a branch."""
    full.write(".git/refs/heads/bad", content)
    with pytest.raises(EnvctlError) as caught:
        full.open().ref("refs/heads/bad")
    assert str(caught.value) == message
