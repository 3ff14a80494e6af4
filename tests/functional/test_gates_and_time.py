"""Gates that depend on the time, through whole promotions with a given clock."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl import wiring
from envctl.delivery.observed import parse_observed
from envctl.errors import RefusedError
from envctl.workflows.audit.observed import record_observed
from envctl.workflows.promotion.promote import PromoteOptions, promote
from tests.functional.conftest import Workspace
from tests.functional.pausing import FREEZE, seconds

PROD = "environments/prod/environment.yaml"
# All commits of these tests are of the second of January 2026, a Friday, 03:04:05 in UTC.
NOON = "2026-01-02T12:00:00Z"
WEEKEND = """\
gates:
  windows:
  - rule: FREQ=WEEKLY;BYDAY=FR
    start: 2026-01-02T16:00
    duration: 62h
    timezone: Europe/Zurich
    reason: weekend
"""


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """dev is published and reported healthy; prod has never seen a promotion."""
    small.ok("render", "dev", "--publish")
    status = {
        "environment": "dev",
        "revision": small.git("rev-parse", "deploy/dev"),
        "sequence": 1,
        "health": "Healthy",
        "since": "2026-01-02T03:05:00Z",
        "reported": "2026-01-02T04:04:59Z",
    }
    repository = wiring.open_repository(small.path)
    record_observed(repository, parse_observed(json.dumps(status).encode(), "status"))
    return small


def with_gates(line: Workspace, text: str) -> None:
    line.edit(PROD, "namespace: prod\n", f"namespace: prod\n{text}")
    line.commit("Set gates")


def promote_at(line: Workspace, at: int) -> list[str]:
    """The gates that refuse at a time, none where it is promoted."""
    repository = wiring.open_repository(line.path)
    before = line.git("show-ref")
    with wiring.evaluator(repository) as engine:
        try:
            promote(repository, engine, PromoteOptions("dev", "prod", at=at))
        except RefusedError as error:
            assert line.git("show-ref") == before
            return [f"{each.place}: {each.reason}" for each in error.problems]
    return []


def weekend(line: Workspace) -> None:
    with_gates(line, WEEKEND)


def soak(line: Workspace) -> None:
    with_gates(line, "gates: {soak: 1h}\n")


def frozen(line: Workspace) -> None:
    line.write(FREEZE, f"until: {NOON}\nreason: sale\n")
    line.commit("Freeze prod")


SOAKED = "refs/envctl/status/dev: soak: dev at REVISION is healthy for 59m59s, 1h are wanted"
OPEN = "nothing is promoted to prod until 2026-01-05T06:00:00+01:00 (Europe/Zurich): weekend"
TIMES: dict[str, tuple[Callable[[Workspace], None], str, list[str]]] = {
    # the gate, the time, what refuses
    "before a window": (weekend, "2026-01-02T15:59:59+01:00", []),
    "in a window": (weekend, "2026-01-02T16:00:00+01:00", [f"{PROD}:4: window: {OPEN}"]),
    "after a window": (weekend, "2026-01-05T06:00:00+01:00", []),
    "not long enough healthy": (soak, "2026-01-02T04:04:59Z", [SOAKED]),
    "healthy long enough, but not seen so long": (soak, "2026-01-02T04:05:00Z", [SOAKED]),
    "not seen for a long time": (
        soak,
        "2026-01-02T05:04:59Z",
        [f"{SOAKED}; as of 2026-01-02T04:04:59Z, 1h ago, when it was last reported"],
    ),
    "frozen": (
        frozen,
        "2026-01-02T11:59:59Z",
        [f"{FREEZE}:1: freeze: prod is frozen until {NOON}: sale"],
    ),
    "not frozen any more": (frozen, NOON, []),
}


@pytest.mark.parametrize(("gate", "time", "refused"), TIMES.values(), ids=TIMES)
def test_a_gate_opens_at_its_second(
    line: Workspace, gate: Callable[[Workspace], None], time: str, refused: list[str]
) -> None:
    """By the clock that is given; what is refused moves nothing."""
    gate(line)
    revision = line.git("rev-parse", "deploy/dev")[:12]
    assert promote_at(line, seconds(time)) == [each.replace("REVISION", revision) for each in refused]


CLOCKS = {
    "at the beginning of all time": 0,
    "set back": seconds("2025-12-02T12:00Z"),
    "centuries ahead": seconds("2400-01-06T12:00Z"),
    "beyond the calendar": 10**13,
}
GATES = {"window": weekend, "soak": soak, "freeze": frozen}


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("at", CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_cannot_be_right_opens_no_gate(line: Workspace, at: int, gate: str) -> None:
    """Writer's fault row 17: each gate that depends on the time refuses, and says what the clock says."""
    GATES[gate](line)
    (refused,) = promote_at(line, at)
    still_frozen = gate == "freeze" and at < seconds(NOON)
    assert f": {gate}: " in refused
    assert still_frozen or "this machine's clock says " in refused


@pytest.mark.parametrize("at", CLOCKS.values(), ids=CLOCKS)
def test_a_promotion_without_such_gates_does_not_ask_the_clock(
    line: Workspace, at: int, tmp_path: Path
) -> None:
    """Writer's fault row 17: the same commits, whatever the clock says; their order is that of the source."""
    other = line.clone(tmp_path / "other")
    other.git("fetch", "-q", "origin", "deploy/dev:deploy/dev")
    assert promote_at(line, at) == promote_at(other, seconds(NOON)) == []
    tips = [each.git("rev-parse", "main", "deploy/prod") for each in (line, other)]
    assert tips[0] == tips[1]
