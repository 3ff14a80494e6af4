"""What can be reached from what, on any history, with any clocks, with and without Git's commit-graph files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.gitstore.ancestry import Ancestry
from envctl.gitstore.objects import Objects
from envctl.gitstore.repository import GitRepository
from tests.support.repositories import ANN, Box, draft, new_box

# Parents by their number, and a date: no two clocks agree, and some are years off.
SHAPES = st.lists(
    st.tuples(st.lists(st.integers(0, 13), max_size=4, unique=True), st.integers(0, 40)),
    min_size=2,
    max_size=14,
)
DAY = 86_400


def grow(repository: GitRepository, shape: Sequence[tuple[list[int], int]], unit: int) -> list[str]:
    """Write commits of a shape; a parent that is not there yet is left out."""
    tree = repository.write_tree({})
    commits: list[str] = []
    for number, (parents, date) in enumerate(shape):
        known = [commits[each] for each in parents if each < number]
        by = replace(ANN, time=ANN.time + date * unit)
        made = replace(draft(tree, *known, message=f"{number}\n"), author=by, committer=by)
        commits.append(repository.write_commit(made))
    return commits


def below(box: Box, commits: Sequence[str]) -> dict[str, set[str]]:
    """What each commit reaches, by git."""
    return {each: set(box.git("rev-list", each).split()) for each in commits}


def require_what_git_says(box: Box, commits: Sequence[str]) -> None:
    reached, repository = below(box, commits), box.open()
    for old in commits:
        for new in commits:
            assert repository.is_ancestor(old, new) is (old in reached[new])
            found = [each.id for each in repository.since(old, new)]
            assert len(found) == len(set(found))
            assert set(found) == reached[new] - reached[old]


@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, unit=st.sampled_from([0, 60, DAY]))
def test_dates_decide_nothing(
    tmp_path_factory: pytest.TempPathFactory, shape: list[tuple[list[int], int]], unit: int
) -> None:
    """Any history, merges of many and several roots included: ancestry is that of git rev-list."""
    box = new_box(tmp_path_factory.mktemp("skewed"))
    require_what_git_says(box, grow(box.open(), shape, unit))


@settings(max_examples=15, deadline=None)
@given(shape=SHAPES, unit=st.sampled_from([0, DAY]), split=st.booleans(), known=st.integers(0, 14))
def test_a_commit_graph_file_changes_no_answer(
    tmp_path_factory: pytest.TempPathFactory,
    shape: list[tuple[list[int], int]],
    unit: int,
    *,
    split: bool,
    known: int,
) -> None:
    """Whole or in a chain of files, and with commits that are newer than it."""
    box = new_box(tmp_path_factory.mktemp("graph"))
    commits = grow(box.open(), shape, unit)
    options = ("--split=no-merge",) if split else ()
    for part in (commits[: known // 2], commits[:known]):
        box.git("commit-graph", "write", "--stdin-commits", *options, stdin="\n".join(part))
    require_what_git_says(box, commits)


@dataclass(frozen=True)
class Damage:
    """What happens to a commit-graph file."""

    name: str
    start: int
    data: bytes


DAMAGES = [
    Damage("not one", 0, b"no graph"),
    Damage("of another version", 4, b"\2"),
    Damage("of other ids", 5, b"\2"),
    Damage("without its parts", 8, b"AAAA" * 16),
    Damage("with parts elsewhere", 12, b"\xff" * 8),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.name)
def test_a_commit_graph_file_that_cannot_be_read_is_not_needed(box: Box, damage: Damage) -> None:
    """The commits themselves say the same."""
    commits = [box.commit({"a": str(number)}, f"{number}") for number in range(4)]
    box.git("commit-graph", "write", "--reachable")
    path = box.path / ".git/objects/info/commit-graph"
    data = bytearray(path.read_bytes())
    data[damage.start : damage.start + len(damage.data)] = damage.data
    path.chmod(0o644)
    path.write_bytes(data)
    repository = box.open()
    assert [repository.is_ancestor(commits[0], each) for each in commits] == [True] * 4
    assert [repository.is_ancestor(each, commits[0]) for each in commits[1:]] == [False] * 3


class Counted(Objects):
    """Objects that count the commits that are looked at."""

    looked = 0

    def parents(self, commit_id: str) -> tuple[tuple[str, ...], int]:
        self.looked += 1
        return super().parents(commit_id)


@dataclass(frozen=True)
class Question:
    """Whether one revision is in another's history, and how many commits may be looked at to tell.

    `since` counts what the other adds; None where all of history has to be looked at to know that.
    """

    name: str
    old: str
    new: str
    since: int | None
    most: int
    answer: bool


# main has 300 commits; near has 3 more than main~5, orphan has 2 and no common history.
QUESTIONS = [
    Question("an older one close by", "main~3", "main", since=3, most=30, answer=True),
    Question("a newer one close by", "main", "main~3", since=0, most=30, answer=False),
    Question(
        "the first one, from which there is nowhere to go",
        "main",
        "main~299",
        since=None,
        most=30,
        answer=False,
    ),
    Question("two that parted close by", "main", "near", since=3, most=90, answer=False),
    Question("two that parted close by, the other way", "near", "main", since=5, most=90, answer=False),
    Question("one that was merged", "merged~1", "merged", since=4, most=90, answer=True),
    Question(
        "one without common history, which is short", "main", "orphan", since=None, most=30, answer=False
    ),
]


@pytest.fixture(scope="module")
def long_history(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Branches of every shape on a long one, a minute between commits."""
    box = new_box(tmp_path_factory.mktemp("long"))
    shape = [([number - 1] if number else [], number) for number in range(300)]
    shape += [([294], 300), ([300], 301), ([301], 302), ([299, 302], 303), ([], 1), ([304], 304)]
    commits = grow(box.open(), shape, 60)
    for name, number in {"main": 299, "near": 302, "merged": 303, "orphan": 305}.items():
        box.git("update-ref", f"refs/heads/{name}", commits[number])
    return box


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.name)
def test_only_what_lies_between_is_looked_at(long_history: Box, question: Question) -> None:
    """However long the history below is, and however long the one that leads nowhere."""
    old, new = (long_history.git("rev-parse", each) for each in (question.old, question.new))
    store = long_history.open()._repo.object_store
    objects = Counted(store)
    ancestry = Ancestry(objects, lambda: None)
    assert ancestry.is_ancestor(old, new) is question.answer
    assert objects.looked <= question.most
    objects.looked = 0
    if question.since is not None:
        assert len(ancestry.since(old, new)) == question.since
        assert objects.looked <= question.most * 2


def test_a_shallow_clone_answers_what_it_can(box: Box, tmp_path: Path) -> None:
    """Where the answer is in what is here; else it says what is missing, and never no."""
    ids = [box.commit({"a": str(number)}, f"{number}") for number in range(6)]
    box.git("checkout", "-q", "-b", "side", ids[4])
    side = box.commit({"b": "1"}, "side")
    shallow = box.clone(tmp_path / "shallow", "--depth=3", "--no-single-branch").open()
    assert shallow.is_ancestor(ids[3], ids[5])
    assert not shallow.is_ancestor(ids[5], ids[3])
    assert not shallow.is_ancestor(side, ids[5])
    assert [each.id for each in shallow.since(ids[5], side)] == [side]
    with pytest.raises(InputError) as caught:
        shallow.is_ancestor(ids[0], ids[5])
    assert str(caught.value).startswith(f"there is no commit {ids[0]} in this repository")
