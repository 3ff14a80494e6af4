"""What was seen of an environment in its cluster: which revision, how healthy, since when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Health(StrEnum):
    """How healthy an object, a component or an environment is; the words of kstatus and Argo CD."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    MISSING = "Missing"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """The health of one component, and since when it is so, in whole seconds since 1970."""

    health: Health
    since: int


@dataclass(frozen=True, slots=True)
class Observed:
    """One report about an environment. Times are in whole seconds since 1970.

    - `revision`, `sequence`: the deploy commit that the report is about.
    - `since`: since when this revision has this health; never later than `reported`.
    - `drifted`: how many objects differ from the branch; None where the reporter does not know.
    """

    environment: str
    revision: str
    sequence: int
    health: Health
    since: int
    reported: int
    components: Mapping[str, ComponentHealth] = field(default_factory=dict)
    drifted: int | None = None
