"""Revisions as people write them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import InputError
from tests.support.repositories import Box, draft, new_box


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A history with a merge, branches, tags and a detached line."""
    box = new_box(tmp_path_factory.mktemp("forest"))
    for number in range(3):
        box.commit({"a": str(number)}, f"main {number}")
    box.git("tag", "light")
    box.git("tag", "-a", "v1.0", "-m", "annotated")
    box.git("tag", "-a", "nested", "-m", "tag of a tag", "v1.0")
    box.git("checkout", "-q", "-b", "topic/one", "HEAD~1")
    box.commit({"b": "1"}, "topic")
    box.git("checkout", "-q", "main")
    box.git("merge", "-q", "--no-ff", "-m", "merge", "topic/one")
    box.git("update-ref", "refs/remotes/origin/main", "HEAD~1")
    box.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    box.git("update-ref", "refs/envctl/status/dev", "HEAD~2")
    box.git("branch", "light", "HEAD^2")
    return box


GOOD = ["HEAD", "@", "main", "heads/main", "refs/heads/main", "topic/one", "v1.0", "nested", "tags/light",
        "origin", "origin/main", "refs/envctl/status/dev", "envctl/status/dev", "main~2", "main^", "main^2",
        "main^2~1", "main~1^1", "main^0", "v1.0~1", "v1.0^{commit}", "v1.0^{}", "HEAD^^", "main~", "@~1", "light"]  # fmt: skip


@pytest.mark.parametrize("revision", GOOD)
def test_a_revision_names_what_git_says(forest: Box, revision: str) -> None:
    """The order of names, peeling and steps back are those of git rev-parse."""
    expected = forest.git("rev-parse", "--verify", f"{revision}^{{commit}}")
    assert forest.open().resolve(revision) == expected


def test_ids_may_be_short_or_shouted(forest: Box) -> None:
    """Any unique beginning of four digits or more; a tag's id stands for its commit."""
    repository, head, tag = forest.open(), forest.git("rev-parse", "HEAD"), forest.git("rev-parse", "v1.0")
    assert [repository.resolve(each) for each in (head, head.upper(), head[:7], head[:12].upper())] == [
        head
    ] * 4
    commit = forest.git("rev-parse", "v1.0^{commit}")
    assert [repository.resolve(each) for each in (tag, tag[:10])] == [commit, commit]


BAD = [
    pytest.param("mian", "there is no branch, tag or commit 'mian'\nhint: did you mean main?", id="typo"),
    pytest.param("topic/on", "there is no branch, tag or commit 'topic/on'\nhint: did you mean topic/one?", id="cut"),
    pytest.param("zzz", "there is no branch, tag or commit 'zzz'\nhint: git branch -a lists the branches", id="unknown"),
    pytest.param("ffffffff", "there is no branch, tag or commit 'ffffffff'\nhint: git branch -a lists the branches", id="no such short id"),
    pytest.param("f" * 40, f"'{'f' * 40}' names the object {'f' * 40}, which is not in this repository\nhint: fetch it first; a shallow clone lacks old commits: git fetch --unshallow", id="no such id"),
    pytest.param("main^3", "'main^3' goes too far back: {head} has no such parent", id="no third parent"),
    pytest.param("main~50", "'main~50' goes too far back: {root} has no such parent", id="before the first"),
    *(
        pytest.param(text, f"{shown!r} is no revision that envctl reads\nhint: name a branch, a tag, HEAD or a commit id; ~2 and ^ may follow", id=shown)
        for text, shown in [("", ""), ("main@{1}", "main@{1}"), (":/fix", ":/fix"), ("a b", "a b"), ("main:a", "main:a"), ("^main", "^main"), ("a\nb", "a\\x0ab"), ("main~x", "main~x")]
    ),
]  # fmt: skip


@pytest.mark.parametrize(("revision", "message"), BAD)
def test_what_names_no_commit_says_what_may_be_meant(forest: Box, revision: str, message: str) -> None:
    """Typos are guessed; ways to write that envctl does not read are told apart from unknown names."""
    names = {
        "head": forest.git("rev-parse", "HEAD")[:12],
        "root": forest.git("rev-list", "--max-parents=0", "HEAD")[:12],
    }
    with pytest.raises(InputError) as caught:
        forest.open().resolve(revision)
    assert str(caught.value) == (
        message.format(**names) if "{head}" in message or "{root}" in message else message
    )


def test_an_ambiguous_short_id_lists_the_commits(box: Box) -> None:
    """Commits are preferred to other objects, as by git; of several, each is named."""
    repository = box.open()
    tree = repository.write_tree({"a": b"1"})
    commits: dict[str, list[str]] = {}
    number = 0
    while not any(len(each) > 1 for each in commits.values()):
        made = repository.write_commit(draft(tree, message=f"{number}\n"))
        commits.setdefault(made[:4], []).append(made)
        number += 1
    short, both = next((short, sorted(each)) for short, each in commits.items() if len(each) > 1)
    with pytest.raises(InputError) as caught:
        box.open().resolve(short)
    assert str(caught.value) == (
        f"the short id {short} is ambiguous: 2 objects start with it\n"
        f"hint: write more digits: {both[0][:12]}, {both[1][:12]}"
    )


def test_what_is_no_commit_is_told(forest: Box) -> None:
    """A blob's id resolves to nothing."""
    blob = forest.git("rev-parse", "HEAD:a")
    with pytest.raises(InputError) as caught:
        forest.open().resolve(blob)
    assert str(caught.value) == f"'{blob}' names an object that is no commit"


def test_before_the_first_commit_head_is_told(box: Box) -> None:
    """A fresh repository."""
    with pytest.raises(InputError) as caught:
        box.open().resolve("HEAD")
    assert str(caught.value) == "HEAD points to no commit yet\nhint: make the first commit"


@settings(max_examples=20, deadline=None)
@given(shape=st.lists(st.lists(st.integers(0, 11), max_size=3, unique=True), min_size=2, max_size=12))
def test_ancestry_is_that_of_git(tmp_path_factory: pytest.TempPathFactory, shape: list[list[int]]) -> None:
    """Any history, merges and several roots included, with all dates alike."""
    box = new_box(tmp_path_factory.mktemp("graph"))
    repository = box.open()
    tree = repository.write_tree({})
    commits: list[str] = []
    for number, parents in enumerate(shape):
        known = [commits[each] for each in parents if each < number]
        commits.append(repository.write_commit(draft(tree, *known, message=f"{number}\n")))
    below = {each: set(box.git("rev-list", each).split()) for each in commits}
    again = box.open()
    assert all(again.is_ancestor(old, new) is (old in below[new]) for old in commits for new in commits)
    assert all(
        {each.id for each in again.since(old, new)} == below[new] - below[old]
        for old in commits
        for new in commits
    )
    first_parents = box.git("rev-list", "--first-parent", commits[-1]).split()
    assert [each.id for each in again.history(commits[-1])] == first_parents
    stop = frozenset(first_parents[1:2])
    assert [each.id for each in again.history(commits[-1], stop=stop)] == first_parents[:1]


def test_what_came_since_needs_only_the_history_in_between(box: Box, tmp_path: Path) -> None:
    """A shallow clone may end below both commits; where it lacks the older one, that is said."""
    ids = [box.commit({"a": str(number)}, f"{number}") for number in range(4)]
    shallow = box.clone(tmp_path / "shallow", "--depth=3").open()
    assert [each.id for each in shallow.since(ids[1], ids[3])] == [ids[3], ids[2]]
    with pytest.raises(InputError) as caught:
        shallow.since(ids[0], ids[3])
    assert str(caught.value) == (
        f"there is no commit {ids[0]} in this repository\nhint: a shallow clone lacks old commits "
        "(git fetch --unshallow), a partial clone (--filter) lacks files"
    )


def test_what_came_since_skips_side_branches_that_were_there_before(forest: Box) -> None:
    """First parents alone would miss the old commit, and go on to the first one of all."""
    repository = forest.open()
    side, merge, before = (forest.git("rev-parse", each) for each in ("main^2", "main", "main~1"))
    assert {each.id for each in repository.since(side, merge)} == {
        merge,
        before,
        forest.git("rev-parse", "main~2"),
    } - {forest.git("merge-base", "main^1", "main^2")}
