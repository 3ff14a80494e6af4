"""What the agent says of itself: the status of the `Environment` object, and log entries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from envctl.model.observed import Health


class Level(StrEnum):
    """How much a log entry matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One thing that happened. `fields` are details for machines; the message says it all for people."""

    level: Level
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as Kubernetes and kstatus know it. `since` is RFC 3339, when `status` last turned."""

    type: str
    status: bool
    reason: str
    message: str
    since: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not work, or was refused, for one object; `hint` is the way past it."""

    object: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component in one cluster: how healthy, since when (RFC 3339), why, and how many objects it has."""

    name: str
    health: Health
    since: str = ""
    objects: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """The status of one environment in one cluster.

    - `revision`, `sequence`: the deploy commit that the agent accepted last, made at `committed_at`;
      `applied` is the last one that was brought to the cluster completely.
    - `health`: that of the accepted revision, since `health_since`: the worst of its components, and no
      better than what became of its objects. `components`: those that are not healthy first, up to a bound.
    - `objects`: the size of the inventory; `failed` and `kept` count the objects that could not
      be applied or pruned, and those that a guard keeps. `failures` names the first of both.
    - `fought`: objects that are healed less often because somebody keeps changing them; `drifted`: those that
      differ from the branch and are not healed, because nobody wants it.
    - `healed`: how many times drift was put back since the agent started; `last_healed` and
      `last_healed_at` the last time.
    """

    revision: str = ""
    applied: str = ""
    sequence: int = 0
    committed_at: str = ""
    health: Health = Health.UNKNOWN
    health_since: str = ""
    components: tuple[ComponentStatus, ...] = ()
    objects: int = 0
    failed: int = 0
    kept: int = 0
    fought: int = 0
    drifted: int = 0
    failures: tuple[Failure, ...] = ()
    healed: int = 0
    last_healed: str = ""
    last_healed_at: str = ""
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()

    def condition(self, name: str) -> Condition | None:
        """One condition by its type."""
        return next((each for each in self.conditions if each.type == name), None)

    @property
    def ready(self) -> bool:
        """Whether the cluster is equal to the newest deploy commit."""
        found = self.condition("Ready")
        return found is not None and found.status
