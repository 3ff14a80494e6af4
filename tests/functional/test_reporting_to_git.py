"""The agent's reports to Git, with real repositories: when one is pushed, on top of what, and when none is."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from envctl.agent.statusref import StatusRef, StatusRefOptions, observed_from
from envctl.delivery.observed import observed_text, parse_observed
from envctl.model.observed import ComponentHealth, Health, Observed
from envctl.model.status import ComponentStatus, EnvironmentStatus, LogEntry
from envctl.wiring import open_store, system_clock
from envctl.workflows.audit.observed import observed_history, record_observed
from tests.functional.conftest import Workspace

SINCE = "2026-01-02T03:04:05Z"
STATUS = EnvironmentStatus(
    revision="1" * 40,
    applied="1" * 40,
    sequence=7,
    health=Health.HEALTHY,
    health_since=SINCE,
    components=(ComponentStatus("web", Health.HEALTHY, "2026-01-01T00:00:00Z", 3),),
    fought=1,
    drifted=2,
)
SICK = replace(STATUS, health=Health.DEGRADED, health_since="2026-01-02T03:04:06Z")
HOOK = "#!/bin/sh\necho 'reports are not welcome' >&2\nexit 1\n"


def eventually(probe: Callable[[], Any]) -> Any:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if answer := probe():
            return answer
        time.sleep(0.01)
    pytest.fail("never happened")


@dataclass
class Scene:
    """A bare repository, and an agent that reports to it."""

    path: Path
    remote: Path
    log: list[LogEntry] = field(default_factory=list)
    sees: bool = True

    @contextlib.contextmanager
    def reporting(self, pause: float = 0.05, heartbeat: float = 1000) -> Iterator[StatusRef]:
        options = StatusRefOptions("prod", self.remote.as_uri(), pause, heartbeat)
        reporter = StatusRef(
            options, open_store(self.path / "store"), system_clock(), self.log.append, lambda: self.sees
        )
        reporter.start()
        try:
            yield reporter
        finally:
            reporter.stop()

    def reports(self) -> tuple[Observed, ...]:
        return observed_history(open_store(self.remote), "prod")

    def healths(self) -> list[str]:
        """Of all reports, the oldest first."""
        return [str(each.health) for each in reversed(self.reports())]

    def refuse(self) -> Path:
        hook = self.remote / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK)
        hook.chmod(0o755)
        return hook


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A remote without any report."""
    remote = tmp_path / "remote.git"
    open_store(remote)
    return Scene(tmp_path, remote)


def test_a_report_says_what_the_status_says() -> None:
    """Whole: since when this revision has this health, each component, and what differs from the branch."""
    now = 1_767_400_000
    assert observed_from("prod", STATUS, now) == Observed(
        environment="prod",
        revision="1" * 40,
        sequence=7,
        health=Health.HEALTHY,
        since=1_767_323_045,
        reported=now,
        components={"web": ComponentHealth(Health.HEALTHY, 1_767_225_600)},
        drifted=3,
    )
    assert observed_from("prod", EnvironmentStatus(), now) is None


@pytest.mark.parametrize("odd", ["", "yesterday", "2999-01-01T00:00:00Z"])
def test_a_report_is_readable_whatever_the_dates_are(odd: str) -> None:
    """No time in it is later than the report: an earlier leader's clock may have been ahead."""
    status = replace(STATUS, health_since=odd, components=(ComponentStatus("web", Health.HEALTHY, odd),))
    found = observed_from("prod", status, 1_767_400_000)
    assert found
    assert found.since == 1_767_400_000
    assert parse_observed(observed_text(found), "status", "prod") == found


def test_what_changes_is_reported_and_what_stays_is_not(scene: Scene) -> None:
    """A status that says the same to Git makes no commit, whatever else it says."""
    with scene.reporting() as reporter:
        reporter.show(STATUS)
        eventually(lambda: scene.healths() == ["Healthy"])
        for healed in range(50):
            reporter.show(replace(STATUS, healed=healed))
        reporter.show(SICK)
        eventually(lambda: scene.healths() == ["Healthy", "Degraded"])
    assert scene.log == []


def test_a_storm_of_changes_makes_one_report_in_a_while(scene: Scene) -> None:
    """Agent's fault row 73: the first at once, and then none before the pause is over."""
    with scene.reporting(pause=1000) as reporter:
        reporter.show(STATUS)
        eventually(scene.healths)
        for number in range(200):
            reporter.show(replace(SICK, sequence=number))
    assert scene.healths() == ["Healthy"]


def test_a_heartbeat_tells_that_it_is_still_so(scene: Scene) -> None:
    """Without a change: so that gates count only the time that was observed. One a minute at most is kept."""
    with scene.reporting(heartbeat=0.05) as reporter:
        reporter.show(STATUS)
        first = eventually(scene.reports)[0]
        old = replace(first, reported=first.reported - 120)
        other = open_store(scene.path / "other")
        commit = record_observed(other, old)
        git = Workspace(scene.path / "other").git
        git("push", "-q", "--force", scene.remote.as_uri(), f"{commit}:refs/envctl/status/prod")
        eventually(lambda: len(scene.reports()) == 2 and scene.reports()[0].reported >= first.reported)
    assert scene.log == []


def test_reports_of_another_agent_are_gone_on_from(scene: Scene) -> None:
    """The chain that stands there is the parent of the next report, also where this store never saw it."""
    other = open_store(scene.path / "other")
    found = observed_from("prod", STATUS, 1_767_400_000)
    assert found
    commit = record_observed(other, found)
    Workspace(scene.path / "other").git(
        "push", "-q", scene.remote.as_uri(), f"{commit}:refs/envctl/status/prod"
    )
    with scene.reporting() as reporter:
        reporter.show(SICK)
        eventually(lambda: scene.healths() == ["Healthy", "Degraded"])


def test_while_the_agent_is_blind_it_reports_nothing(scene: Scene) -> None:
    """An old report is honest; a new one about what nobody sees is not."""
    scene.sees = False
    with scene.reporting() as reporter:
        reporter.show(STATUS)
        reporter.show(SICK)
        time.sleep(0.3)
        assert scene.healths() == []
        scene.sees = True
        eventually(lambda: scene.healths() == ["Degraded"])


def test_a_push_that_is_refused_is_said_once_and_tried_again(scene: Scene) -> None:
    """Nothing of the agent stops; once it may push, the newest report arrives."""
    hook = scene.refuse()
    with scene.reporting() as reporter:
        reporter.show(STATUS)
        eventually(lambda: scene.log)
        reporter.show(SICK)
        time.sleep(0.3)
        hook.unlink()
        eventually(lambda: scene.healths()[-1:] == ["Degraded"])
        eventually(lambda: len(scene.log) == 2)
    first, second = [each.message for each in scene.log]
    assert first.startswith("cannot report to refs/envctl/status/prod: ")
    assert "reports are not welcome" in first
    assert second == "refs/envctl/status/prod is reported again"
