"""How far components are behind: over random histories with merges, what Git's own rules say."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.wiring import open_repository
from envctl.workflows.audit.lag import Lag, Unknown, lags
from tests.functional.conftest import Workspace, new_workspace

FILES = (
    "README.md",
    "components/a/main.jsonnet",
    "components/b/main.jsonnet",
    "environments/dev/environment.yaml",
    "lib/shared.libsonnet",
    "schemas/a.schema.json",
    "vendor/other/file.libsonnet",
)
COMPONENTS = ("a", "b", "never-there")
DAY = 86_400
START = 1_760_000_000

Tree = dict[str, int]


@dataclass(frozen=True)
class Step:
    """One commit: its parents by number, what it writes (file to content; None removes), its time."""

    parents: tuple[int, ...]
    writes: dict[str, int | None]
    time: int


@dataclass(frozen=True)
class History:
    """Commits by number; the last one is the tip of the source branch."""

    steps: tuple[Step, ...]

    @cached_property
    def trees(self) -> list[Tree]:
        found: list[Tree] = []
        for step in self.steps:
            tree = dict(found[step.parents[0]]) if step.parents else {"envctl.yaml": 0}
            for path, content in step.writes.items():
                tree.pop(path, None)
                if content is not None:
                    tree[path] = content
            found.append(tree)
        return found

    def reachable(self, start: int) -> set[int]:
        return {start}.union(*(self.reachable(each) for each in self.steps[start].parents))

    def chain(self) -> Iterator[int]:
        at: int | None = len(self.steps) - 1
        while at is not None:
            yield at
            parents = self.steps[at].parents
            at = parents[0] if parents else None

    def code(self, number: int | None, component: str) -> Tree:
        """What a commit has of a component; nothing for what is before the first commit."""
        prefixes = (f"components/{component}/", f"schemas/{component}.schema.json", "lib/", "vendor/")
        tree = {} if number is None else self.trees[number]
        return {path: content for path, content in tree.items() if path.startswith(prefixes)}

    def lacking(self, component: str, revision: int) -> list[int] | None:
        """The rule, told as simply as it can be: None where the revision is not in the history."""
        if revision not in self.reachable(len(self.steps) - 1):
            return None
        if self.code(revision, component) == self.code(len(self.steps) - 1, component):
            return []
        known = self.reachable(revision)
        return [
            each
            for each in self.chain()
            if each not in known
            and self.code(each, component) != self.code(next(iter(self.steps[each].parents), None), component)
        ]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to twelve commits in any shape, more than one root too; clocks may differ by days."""
    steps: list[Step] = []
    pace = draw(st.sampled_from([3600, 5 * DAY]))
    for number in range(draw(st.integers(1, 12))):
        parents = draw(st.lists(st.integers(0, number - 1), unique=True, max_size=2)) if number else []
        if number and not parents and draw(st.integers(0, 4)):
            parents = [number - 1]
        writes = draw(st.dictionaries(st.sampled_from(FILES), st.none() | st.integers(0, 3), max_size=3))
        skew = draw(st.integers(-9 * DAY, 9 * DAY))
        steps.append(Step(tuple(parents), writes, START + number * pace + skew))
    return History(tuple(steps))


def imported(workspace: Workspace, history: History) -> list[str]:
    """Write a history with git fast-import; the ids of its commits. What was there before is out of reach."""
    text = []
    for number, (step, tree) in enumerate(zip(history.steps, history.trees, strict=True)):
        text.append(f"reset refs/heads/c{number}\n\ncommit refs/heads/c{number}\nmark :{number + 1}")
        text.append(f"committer Ann <ann@example.com> {step.time} +0000\ndata <<E\ncommit {number}\nE")
        text += [f"{'merge' if place else 'from'} :{each + 1}" for place, each in enumerate(step.parents)]
        text.append("deleteall")
        text += [f"M 644 inline {path}\ndata <<E\n{content}\nE" for path, content in tree.items()]
    text += [f"get-mark :{number + 1}" for number in range(len(history.steps))]
    command = ["git", "-C", str(workspace.path), "fast-import", "--quiet", "--force", "--cat-blob-fd=1"]
    done = subprocess.run(command, input="\n".join(text), capture_output=True, text=True, check=True)
    return done.stdout.split()


def found(workspace: Workspace, ids: Sequence[str]) -> dict[tuple[str, str], Lag]:
    pairs = [(component, revision) for component in COMPONENTS for revision in ids]
    return dict(lags(open_repository(workspace.path), ids[-1], pairs))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One repository that takes all histories, side by side."""
    return new_workspace(tmp_path_factory.mktemp("lag") / "shelf")


@settings(deadline=None, max_examples=60)
@given(history=histories())
def test_one_walk_tells_what_each_component_lacks(shelf: Workspace, history: History) -> None:
    """For every component and every commit as its revision, whatever the history looks like."""
    ids = imported(shelf, history)
    told = found(shelf, ids)
    for number, revision in enumerate(ids):
        for component in COMPONENTS:
            lag, expected = told[component, revision], history.lacking(component, number)
            assert (lag.unknown is Unknown.ELSEWHERE) == (expected is None), (component, number)
            assert [each.id for each in lag.commits] == [ids[each] for each in expected or ()], (
                component,
                number,
            )


@settings(deadline=None, max_examples=20)
@given(history=histories(), revision=st.integers(0, 11))
def test_a_question_alone_has_the_answer_that_it_has_among_others(
    shelf: Workspace, history: History, revision: int
) -> None:
    """The walk for one pair ends sooner, and says the same."""
    ids = imported(shelf, history)
    pair = ("a", ids[revision % len(ids)])
    assert lags(open_repository(shelf.path), ids[-1], [pair])[pair] == found(shelf, ids)[pair]


def test_a_revision_that_came_in_by_a_merge_lacks_what_the_branch_had_since(small: Workspace) -> None:
    """As git log --first-parent tells it; not everything since the first commit."""
    small.git("checkout", "-qb", "feature")
    small.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    feature = small.commit("Two replicas")
    small.git("checkout", "-q", "main")
    small.write("lib/x.libsonnet", "{}")
    library = small.commit("A library")
    small.git("merge", "-q", "--no-ff", "-m", "Merge feature", "feature")
    merge = small.git("rev-parse", "HEAD")
    lag = lags(open_repository(small.path), merge, [("web", feature)])["web", feature]
    assert [each.id for each in lag.commits] == [merge, library]
    assert small.git("log", "--first-parent", "--format=%H", f"{feature}..main").split() == [merge, library]


def test_a_shallow_clone_says_what_it_cannot_know(small: Workspace, tmp_path: Path) -> None:
    """What is in the clone is told; what may lie before it is not here."""
    commits = [small.git("rev-parse", "HEAD")]
    for number in (2, 3, 4):
        small.write("components/web/main.jsonnet", f"{{ a: {number} }}")
        commits.append(small.commit(f"Number {number}"))
    clone = Workspace(tmp_path / "clone")
    small.git("clone", "-q", "--depth", "2", f"file://{small.path}", str(clone.path))
    told = lags(open_repository(clone.path), commits[-1], [("web", each) for each in commits])
    assert [told["web", each].unknown or len(told["web", each].commits) for each in commits] == [
        Unknown.NOT_HERE,
        Unknown.NOT_HERE,
        1,
        0,
    ]


def test_a_branch_of_its_own_in_a_shallow_clone_is_not_here(small: Workspace, tmp_path: Path) -> None:
    """A revision that is here, and whose way to the branch is not: nobody knows whether there is one."""
    old = small.git("rev-parse", "HEAD")
    for number in (2, 3, 4):
        small.write("components/web/main.jsonnet", f"{{ a: {number} }}")
        small.commit(f"Number {number}")
    clone = Workspace(tmp_path / "clone")
    small.git("clone", "-q", "--depth", "1", f"file://{small.path}", str(clone.path))
    clone.git("fetch", "-q", "--depth", "1", "origin", old)
    told = lags(open_repository(clone.path), clone.git("rev-parse", "HEAD"), [("web", old)])
    assert told["web", old] == Lag(unknown=Unknown.NOT_HERE)
