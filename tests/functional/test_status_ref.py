"""Reports about environments in Git: one commit each, by compare-and-swap, on a chain that stays short."""

import json
import re
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from envctl.delivery.observed import observed_text
from envctl.errors import InputError
from envctl.model.observed import Health, Observed
from envctl.wiring import open_repository
from envctl.workflows.audit.observed import observed_history, read_observed, record_observed
from tests.functional.conftest import ROOT, Workspace

NOON = 1_767_355_200  # 2026-01-02T12:00:00Z
REF = "refs/envctl/status/dev"
OBSERVED = Observed("dev", "ab" * 20, 3, Health.HEALTHY, NOON, NOON, {}, 0)


def later(seconds: int, health: Health = Health.HEALTHY) -> Observed:
    return replace(OBSERVED, health=health, reported=NOON + seconds)


def test_a_repository_without_a_report_has_none(small: Workspace) -> None:
    """None, not an error: nobody reports yet."""
    assert read_observed(open_repository(small.path), "dev") is None


def test_a_report_is_a_commit_that_git_shows(small: Workspace) -> None:
    """Author, date, subject and file are for people too; the work tree stays as it is."""
    commit = record_observed(open_repository(small.path), OBSERVED)
    assert small.git("rev-parse", REF) == commit
    shown = small.git("show", "--no-patch", "--format=%an <%ae>|%cn|%aI|%s|%P", REF)
    assert (
        shown
        == "envctl agent <envctl@localhost>|envctl agent|2026-01-02T12:00:00+00:00|dev: Healthy at abababababab|"
    )
    assert json.loads(small.git("show", f"{REF}:status.json"))["health"] == "Healthy"
    assert small.git("ls-tree", "-r", "--name-only", REF) == "status.json"
    assert small.git("status", "--porcelain") == ""
    assert read_observed(open_repository(small.path), "dev") == OBSERVED


@pytest.mark.parametrize(
    ("reports", "commits", "health"),
    [
        pytest.param([later(59)], 1, "Healthy", id="the same within a minute makes no commit"),
        pytest.param([later(60)], 2, "Healthy", id="the same after a minute makes one"),
        pytest.param([later(1, Health.DEGRADED)], 2, "Degraded", id="news make one at once"),
        pytest.param([later(-1, Health.DEGRADED)], 1, "Healthy", id="one that was overtaken is dropped"),
        pytest.param(
            [later(-3601, Health.DEGRADED)], 2, "Degraded", id="a clock that was wrong blocks nobody"
        ),
    ],
)
def test_reports_make_commits_by_the_table(
    small: Workspace, reports: list[Observed], commits: int, health: str
) -> None:
    """After a first report, each next one."""
    repository = open_repository(small.path)
    for each in [
        replace(OBSERVED, since=NOON - 7200),
        *(replace(each, since=NOON - 7200) for each in reports),
    ]:
        record_observed(repository, each)
    assert int(small.git("rev-list", "--count", REF)) == commits
    assert json.loads(small.git("show", f"{REF}:status.json"))["health"] == health


def test_the_chain_starts_anew_before_it_is_long(small: Workspace) -> None:
    """With the last healthy report of each revision, newest last; readers see no gap."""
    repository = open_repository(small.path)
    good, other = replace(later(60), revision="cd" * 20), later(180, Health.DEGRADED)
    for each in (OBSERVED, good, replace(good, reported=NOON + 120), other):
        record_observed(repository, each, longest=4)
    assert small.git("rev-list", "--count", REF) == "4"
    record_observed(repository, later(240, Health.MISSING), longest=4)
    assert small.git("log", "--format=%s %ct", REF).splitlines() == [
        f"dev: Missing at abababababab {NOON + 240}",
        f"dev: Healthy at cdcdcdcdcdcd {NOON + 120}",
        f"dev: Healthy at abababababab {NOON}",
    ]
    assert read_observed(repository, "dev") == later(240, Health.MISSING)


def test_the_history_of_reports_leaves_out_what_cannot_be_read(small: Workspace) -> None:
    """Newest first, across a commit of somebody else."""
    repository = open_repository(small.path)
    assert observed_history(repository, "dev") == ()
    record_observed(repository, OBSERVED)
    strange = small.git("commit-tree", "-p", REF, "-m", "Strange", "HEAD^{tree}")
    small.git("update-ref", REF, small.git("commit-tree", "-p", strange, "-m", "Again", f"{REF}^{{tree}}"))
    assert observed_history(repository, "dev") == (OBSERVED, OBSERVED)


def test_writers_at_once_lose_nothing(small: Workspace) -> None:
    """Each report is a commit of its own, or one that is newer stands on the chain."""

    def write(worker: int) -> None:
        repository = open_repository(small.path)
        for number in range(5):
            record_observed(repository, later(worker + 10 * number, list(Health)[(worker + number) % 6]))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = [int(each) for each in small.git("log", "--format=%ct", REF).splitlines()]
    assert times == sorted(times, reverse=True)
    assert times[0] == NOON + 42


def test_a_report_of_nobody_is_replaced(small: Workspace) -> None:
    """What cannot be read is an error to readers; the next report puts it right."""
    repository = open_repository(small.path)
    small.git("update-ref", REF, "HEAD")
    with pytest.raises(InputError) as caught:
        read_observed(repository, "dev")
    assert caught.value.summary == "the status cannot be read: there is no such file"
    assert caught.value.place.startswith(f"{REF} (")
    record_observed(repository, OBSERVED)
    assert read_observed(repository, "dev") == OBSERVED


def test_a_ref_that_leads_to_no_commit_is_replaced(small: Workspace) -> None:
    """Somebody's tree, say."""
    repository = open_repository(small.path)
    small.git("update-ref", REF, small.git("rev-parse", "HEAD^{tree}"))
    with pytest.raises(InputError):
        read_observed(repository, "dev")
    record_observed(repository, OBSERVED)
    assert read_observed(repository, "dev") == OBSERVED


def test_a_report_with_a_wrong_value_is_not_recorded(small: Workspace) -> None:
    """What readers would refuse is never written."""
    with pytest.raises(InputError, match="the report to be recorded: the status is wrong: revision"):
        record_observed(open_repository(small.path), replace(OBSERVED, revision="main"))
    assert small.git("for-each-ref", "refs/envctl") == ""


def test_a_clone_fetches_reports_as_the_page_says(small: Workspace, tmp_path: Path) -> None:
    """Also across a chain that started anew."""
    repository = open_repository(small.path)
    record_observed(repository, OBSERVED)
    clone = small.clone(tmp_path / "clone")
    fetch = ("fetch", "-q", "origin", "+refs/envctl/*:refs/envctl/*")
    clone.git(*fetch)
    assert read_observed(open_repository(clone.path), "dev") == OBSERVED
    small.git("update-ref", "-d", REF)
    record_observed(repository, later(600))
    clone.git(*fetch)
    assert read_observed(open_repository(clone.path), "dev") == later(600)


def test_a_job_without_envctl_reports_as_the_page_says(small: Workspace, tmp_path: Path) -> None:
    """The recipe of docs/status-ref.md, word for word: a first report, and one on top of it."""
    recipe = re.findall(r"```sh\n(ref=.*?)```", (ROOT / "docs/status-ref.md").read_text(), re.DOTALL)[0]
    server = Workspace(tmp_path / "server.git")
    small.git("clone", "-q", "--bare", str(small.path), str(server.path))
    clone = server.clone(tmp_path / "clone")
    for observed in (replace(OBSERVED, environment="prod"), replace(later(60), environment="prod")):
        clone.write("status.json", observed_text(observed).decode())
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", recipe], cwd=clone.path, check=True, capture_output=True
        )
        assert read_observed(open_repository(server.path), "prod") == observed
    assert server.git("rev-list", "--count", "refs/envctl/status/prod") == "2"
