"""What ``envctl status --cluster`` says of one environment, and why it is not well."""

import click
import pytest

from envctl.cli.status import live_lines
from envctl.model.observed import Health
from envctl.model.status import Condition, EnvironmentStatus

READY = Condition("Ready", status=True, reason="Applied", message="3 objects at 1a2b3c4d5e6f")
WELL = Condition("Healthy", status=True, reason="Healthy", message="")
SICK = Condition("Healthy", status=False, reason="Degraded", message="Deployment.apps shop/web: no image")
FAILED = Condition("Ready", status=False, reason="ObjectsFailed", message="1 object failed")
APPLIED = "1a2b3c4d5e6f" + "0" * 28

CASES = {
    "well": (
        (READY, WELL),
        Health.HEALTHY,
        ["prod: ready, Healthy, 3 objects, applied 1a2b3c4d5e6f, healed 0"],
    ),
    "applied, and sick": (
        (READY, SICK),
        Health.DEGRADED,
        [
            "prod: ready, Degraded, 3 objects, applied 1a2b3c4d5e6f, healed 0",
            "  Healthy is false: Deployment.apps shop/web: no image",
        ],
    ),
    "not applied": (
        (FAILED, WELL),
        Health.HEALTHY,
        [
            "prod: not ready, Healthy, 3 objects, applied 1a2b3c4d5e6f, healed 0",
            "  Ready is false: 1 object failed",
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_well_is_told_with_its_reason(name: str) -> None:
    """Also where all is applied: `Degraded` alone sends people to another command."""
    conditions, health, expected = CASES[name]
    status = EnvironmentStatus(applied=APPLIED, health=health, objects=3, conditions=conditions)
    assert [click.unstyle(line) for line in live_lines("prod", status)] == expected
