"""What the agent says of itself: the status of the `Environment` object, and log entries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
    """Something that did not work, or was refused, for one object."""

    object: str
    reason: str


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """The status of one environment in one cluster.

    - `revision`, `sequence`: the deploy commit that the agent accepted last; `applied` is the
      last one that was brought to the cluster completely.
    - `objects`: the size of the inventory; `failed` and `kept` count the objects that could not
      be applied or pruned, and those that a guard keeps. `failures` names the first of both.
    - `healed`: how many times drift was put back since the agent started; `last_healed` and
      `last_healed_at` the last time.
    """

    revision: str = ""
    applied: str = ""
    sequence: int = 0
    objects: int = 0
    failed: int = 0
    kept: int = 0
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
