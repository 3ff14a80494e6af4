"""What came of one apply from outside the cluster: what was done, and how healthy it became."""

from dataclasses import dataclass
from enum import StrEnum

from envctl.model.health import Assessment
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.plan import ReconcileResult


class Ending(StrEnum):
    """How an apply ended. Only DONE is a success.

    DONE: all is applied and, where it was waited for, healthy. FAILED: the server refused objects. DEGRADED:
    an object will not get well by waiting. OVERTAKEN: somebody else may act for the environment now.
    """

    DONE = "done"
    FAILED = "failed"
    DEGRADED = "degraded"
    TIMED_OUT = "timed out"
    INTERRUPTED = "interrupted"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Unwell:
    """An object that is neither Healthy nor Suspended, and why."""

    id: ObjectId
    found: Assessment


@dataclass(frozen=True, slots=True)
class Applied:
    """One apply.

    `unwell` objects are applied and not healthy; `todo` are those not applied, or not pruned, yet.
    `health` is the worst of all objects.
    """

    result: ReconcileResult
    ending: Ending
    health: Health
    unwell: tuple[Unwell, ...] = ()
    todo: tuple[ObjectId, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether everything is as it was meant to be."""
        return self.ending is Ending.DONE
