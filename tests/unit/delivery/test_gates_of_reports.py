"""What the gates believe of a report: only what was observed, and nothing that contradicts itself or Git."""

from dataclasses import replace
from typing import Any

import pytest

from envctl.delivery.gates import Refusal, refusals
from envctl.model.gates import Gates
from envctl.model.observed import ComponentHealth, Health
from tests.unit.delivery.test_gates import ALL, FORCE, GOOD, HEALTHY, NOON, STATUS, both

CASES: dict[str, tuple[Gates, dict[str, Any], list[Refusal]]] = {
    # gates, what is different, and what they say
    "healthy for long, but not seen so long": (
        Gates(soak=3600),
        {"observed": replace(HEALTHY, reported=NOON - 60)},
        [
            Refusal(
                "soak",
                STATUS,
                "staging at aaaaaaaaaaaa is healthy for 59m, 1h are wanted",
                f"promote again from 2026-01-02T12:00:00Z on, {FORCE}",
            )
        ],
    ),
    "healthy for long, by an old report": (
        Gates(soak=3601),
        {"at": NOON + 7200},
        [
            Refusal(
                "soak",
                STATUS,
                "staging at aaaaaaaaaaaa is healthy for 1h, 1h1s are wanted; "
                "as of 2026-01-02T12:00:00Z, 2h ago, when it was last reported",
                f"see that the agent of staging runs and may push, {FORCE}",
            )
        ],
    ),
    "healthy as a whole and not in its parts": (
        ALL,
        {
            "observed": replace(
                HEALTHY,
                components={
                    "api": ComponentHealth(Health.HEALTHY, 1),
                    "db": ComponentHealth(Health.PROGRESSING, 1),
                    "web": ComponentHealth(Health.DEGRADED, 1),
                },
            )
        },
        both(
            "the status says that staging is Healthy, and that db is Progressing, web is Degraded",
            f"wait for the next report (envctl status staging), {FORCE}",
        ),
    ),
    "healthy before it was made": (
        ALL,
        {"deployed": NOON - 3299},
        both(
            "the status says healthy since 2026-01-02T11:00:00Z, "
            "and aaaaaaaaaaaa was made only 2026-01-02T11:05:01Z",
            f"wait for the next report (envctl status staging), {FORCE}",
        ),
    ),
    "healthy a little before it was made, by another clock": (ALL, {"deployed": NOON - 3300}, []),
}


@pytest.mark.parametrize(("gates", "changes", "expected"), CASES.values(), ids=CASES)
def test_gates_believe_only_what_was_observed(
    gates: Gates, changes: dict[str, Any], expected: list[Refusal]
) -> None:
    """Whole refusals, in order."""
    assert list(refusals(gates, replace(GOOD, **changes))) == expected
