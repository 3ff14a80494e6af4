"""Deploy branches of many commits: verified whole, by range, in a shallow clone; the one bad commit is named."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from envctl import wiring
from envctl.model.git import Commit
from envctl.ports import Repository
from envctl.rendercache.files import FileCache
from envctl.workflows.audit.verify import verify_tip
from envctl.workflows.audit.verifying import VerifyOptions
from envctl.workflows.audit.verifying import verify as run
from envctl.workflows.sources.tips import deploy_tip, tip_state
from tests.functional.conftest import SMALL, Workspace, new_workspace
from tests.functional.failing import fails
from tests.functional.growing import grow
from tests.functional.tampering import FILE, blob, git, put, says, tree_with
from tests.support.rendering import Counting, counting_engine

COUNT = 240


@pytest.fixture(scope="session")
def grown_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deploy branch of 241 commits, written once."""
    workspace = new_workspace(tmp_path_factory.mktemp("grown") / "repository")
    for path, text in SMALL.items():
        workspace.write(path, text)
    workspace.commit("Add web")
    workspace.ok("render", "dev", "--publish")
    grow(workspace, COUNT)
    workspace.git("tag", "good", "deploy/dev")
    return workspace.path


@pytest.fixture
def grown(grown_template: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(grown_template, tmp_path / "repository")
    return Workspace(tmp_path / "repository")


def edited_below(grown: Workspace, below: int) -> None:
    """The branch with one file of an older commit edited, and all that follows written anew upon it."""
    entry = f"100644 {blob(grown, 'replicas: many')}"
    tree = tree_with(grown, f"good~{below}", {FILE: entry})
    stream = git(grown, "fast-export", "--no-data", "--reference-excluded-parents", f"good~{below}..good")
    raw = git(grown, "cat-file", "commit", f"good~{below}").replace(
        grown.git("rev-parse", f"good~{below}^{{tree}}"), tree
    )
    base = git(grown, "hash-object", "-t", "commit", "-w", "--stdin", text=raw + "\n")
    stream = stream.replace(grown.git("rev-parse", f"good~{below}"), base).replace(
        "refs/tags/good", "refs/heads/edited"
    )
    git(grown, "fast-import", "--quiet", "--force", text=stream + "\n")
    put(grown, grown.git("rev-parse", "edited"))


def test_a_whole_branch_verifies(grown: Workspace) -> None:
    """Writer's fault row 33: each of hundreds of commits, from the tip to the root."""
    says(
        grown,
        "verify dev --all",
        "deploy/dev: 241 commits ({good~240} to {good}), each exactly what its source renders to\n",
        0,
        "rendering dev again: 0 of 241 commits done\n",
    )


def test_the_range_since_the_last_time_verifies(grown: Workspace) -> None:
    """Writer's fault row 33: what came since, and only that."""
    grown.git("tag", "last", "good~12")
    says(
        grown,
        "verify dev --rev last..",
        "deploy/dev: 12 commits ({good~11} to {good}), each exactly what its source renders to\n",
        0,
        "rendering dev again: 0 of 12 commits done\n",
    )


def test_one_bad_commit_among_many_is_named(grown: Workspace) -> None:
    """Writer's fault row 33: neither the one before nor the one after, which is right again."""
    edited_below(grown, 100)
    says(
        grown,
        "verify dev --rev deploy/dev~140..deploy/dev~60",
        """
        deploy/dev ({deploy/dev~100}): not what source {main~100} renders to
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 80 commits ({deploy/dev~139} to {deploy/dev~60}): 79 good, 1 not
        deploy/dev: the last good commit is {deploy/dev~60}
        """,
        16,
        "rendering dev again: 0 of 80 commits done\n",
    )


@pytest.fixture
def shallow(grown: Workspace, tmp_path: Path) -> Workspace:
    """CI's clone: 50 commits of each branch."""
    grown.git("clone", "-q", "--depth", "50", "--no-single-branch", grown.path.as_uri(), str(tmp_path / "ci"))
    return Workspace(tmp_path / "ci")


def test_a_shallow_clone_verifies_the_range_it_has(shallow: Workspace) -> None:
    """Writer's fault row 33: a bounded fetch, and a full proof of what was fetched."""
    says(
        shallow,
        "verify dev --rev origin/deploy/dev~49..",
        "deploy/dev: 49 commits ({good~48} to {good}), each exactly what its source renders to\n",
        0,
        "rendering dev again: 0 of 49 commits done\n",
    )


def test_a_shallow_clone_says_where_its_knowledge_ends(grown: Workspace, shallow: Workspace) -> None:
    """Writer's fault row 33: nothing differs, and not all could be checked: exit code 1, never 0."""
    says(
        shallow,
        "verify dev --all",
        """
        deploy/dev ({good~49}): cannot be checked
          error: deploy/dev ({good~49}): the commit before it, {parent}, is not in this repository
          hint: fetch more of the branch (git fetch --deepen=N, or --unshallow), or verify only what follows: --rev {good~49}..
        deploy/dev: 50 commits ({good~49} to {good}): 49 good, 1 unchecked
        """.replace("{parent}", grown.git("rev-parse", "good~50")[:12]),
        1,
        "rendering dev again: 0 of 50 commits done\n",
    )


def test_a_range_that_a_shallow_clone_does_not_reach(grown: Workspace, shallow: Workspace) -> None:
    """The far end is here, the way to it is not: an error, and not a range without end."""
    shallow.git("fetch", "-q", "--depth", "1", "origin", "main")
    outcome = fails(shallow, "verify", "dev", "--rev", "origin/main..")
    assert outcome.code == 1
    assert outcome.err == (
        f"error: there is no commit {grown.git('rev-parse', 'good~50')} in this repository\n"
        "hint: a shallow clone lacks old commits (git fetch --unshallow), "
        "a partial clone (--filter) lacks files\n"
    )


class Walked:
    """A repository that counts the commits which walks over history read."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._repository, name)

    def history(self, start: str, *, stop: frozenset[str] = frozenset()) -> Iterator[Commit]:
        for commit in self._repository.history(start, stop=stop):
            self.read += 1
            yield commit


@pytest.mark.parametrize(("local", "fetched"), [("good", "good~3"), ("good~3", "good")])
def test_which_branch_is_newer_costs_the_commits_between(grown: Workspace, local: str, fetched: str) -> None:
    """Three commits apart, hundreds below: a few are read, whichever is ahead."""
    put(grown, grown.git("rev-parse", local))
    put(grown, grown.git("rev-parse", fetched), "refs/remotes/origin/deploy/dev")
    repository = Walked(wiring.open_repository(grown.path))
    found = tip_state(cast("Repository", repository), "dev")
    assert found
    assert found.commit.id == grown.git("rev-parse", "good")
    assert repository.read <= 8


@pytest.fixture
def counting() -> Iterator[Counting]:
    with counting_engine() as engine:
        yield engine


def test_equal_sources_are_rendered_once(grown: Workspace, counting: Counting) -> None:
    """Within one run each component is evaluated once for what it is made of, across commits and environments."""
    repository = wiring.open_repository(grown.path)
    (found,) = run(repository, counting, VerifyOptions(("dev",), "good~30..good"))
    assert found.clean
    assert counting.asked == ["web in dev"] * 30
    counting.asked.clear()
    for name in ("docs/a.md", "docs/b.md"):
        grown.write(name, "A note that no component reads.\n")
        grown.write("environments/dev/environment.yaml", f"namespace: {name[5]}\ncomponents: [web]\n")
        grown.commit(f"Add {name}")
        grown.ok("render", "dev", "--publish")
    (found,) = run(repository, counting, VerifyOptions(("dev",), "good.."))
    assert found.clean
    assert counting.asked == ["web in dev"]


def test_a_gate_may_believe_what_renders_remember(grown: Workspace, counting: Counting) -> None:
    """With a cache only what it does not know is evaluated; without one, everything is."""
    repository = wiring.open_repository(grown.path)
    tip = deploy_tip(repository, "dev")
    assert tip
    cache = FileCache(grown.path / "cache")
    found = [verify_tip(repository, counting, tip, each) for each in (cache, cache, None)]
    assert [each.clean for each in found] == [True, True, True]
    assert counting.asked == ["web in dev", "web in dev"]
