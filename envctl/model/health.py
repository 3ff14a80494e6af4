"""The health of one object, and which of two healths is worse."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from envctl.model.observed import Health

SEVERITY: Final = (
    Health.HEALTHY,
    Health.SUSPENDED,
    Health.PROGRESSING,
    Health.MISSING,
    Health.DEGRADED,
    Health.UNKNOWN,
)
"""Every health, the best one first; the order that Argo CD has."""

PASSED: Final = frozenset({Health.HEALTHY, Health.SUSPENDED})
"""What is as it should be, so that nobody has to wait for it or look at it."""

_RANK: Final = {health: rank for rank, health in enumerate(SEVERITY)}


@dataclass(frozen=True, slots=True)
class Assessment:
    """How healthy one object is, and why, in a sentence without a full stop."""

    health: Health
    reason: str = ""


def severity(health: Health) -> int:
    """How bad a health is: 0 for the best one."""
    return _RANK[health]


def worst(healths: Iterable[Health]) -> Health:
    """The worst of them; Healthy where there is none."""
    return max(healths, key=severity, default=Health.HEALTHY)
