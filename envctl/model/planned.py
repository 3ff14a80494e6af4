"""What an apply would do to a cluster, object by object and field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envctl.model.changes import FieldChange
from envctl.model.keeping import DriftPolicy
from envctl.model.plan import Action, ObjectResult, ReconcileResult


@dataclass(frozen=True, slots=True)
class Planned:
    """What would happen to one object.

    - `fields`: how the stored object would differ from the live one, secrets masked; empty for
      objects that are created or deleted as a whole.
    - `managers`: path of a field → who other than envctl gave it its live value.
    - `drifted`: the branch has not changed it; it would be put back. `adopted`: it exists, and is taken over.
    """

    result: ObjectResult
    component: str
    fields: tuple[FieldChange, ...] = ()
    managers: Mapping[str, str] = field(default_factory=dict)
    drifted: bool = False
    adopted: bool = False

    @property
    def shown(self) -> bool:
        """Whether there is anything to tell: not where all is right, or its drift is to be ignored."""
        ignored = self.drifted and self.result.reason == DriftPolicy.IGNORE
        return self.result.action is not Action.UNCHANGED and not ignored


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """The whole of it; `result` is what the apply would report."""

    result: ReconcileResult
    objects: tuple[Planned, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the cluster is not as the branch says, what a guard keeps included."""
        return bool(self.result.refused) or any(each.shown for each in self.objects)
