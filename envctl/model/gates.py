"""Gates of promotions into an environment, and everything that they judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envctl.model.observed import Observed


@dataclass(frozen=True, slots=True)
class Window:
    """A recurring time when nothing may be promoted.

    - `rule`: a recurrence rule of RFC 5545 (``FREQ=WEEKLY;BYDAY=FR``);
    - `start`: the first possible start, by the wall clock of `timezone`: ``2026-01-02T16:00``;
    - `duration`: how long each one lasts, in seconds that really pass, whatever clocks are set to meanwhile.
    """

    rule: str
    start: str
    duration: int
    timezone: str
    reason: str = ""
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Gates:
    """What a promotion into an environment has to pass, beside what every promotion has to.

    `health`: the source environment's agent reported this very revision healthy. `soak`: for how many
    seconds it must have been so. `approvals`: by how many people other than the promoter. `places` tells
    where each key stands (``<file>:<line>``).
    """

    health: bool = False
    soak: int = 0
    approvals: int = 0
    windows: tuple[Window, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class GatesFile:
    """The gates that one file speaks of; None where it says nothing, so that what it extends counts."""

    health: bool | None = None
    soak: int | None = None
    approvals: int | None = None
    windows: tuple[Window, ...] | None = None
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """An environment that is frozen (no promotions) or suspended (nothing is published at all).

    `kind` is ``freeze`` or ``suspend``. It lapses at `until`, in seconds since 1970.
    """

    kind: str
    until: int
    reason: str
    by: str = ""
    place: str = field(default="", compare=False)

    @property
    def why(self) -> str:
        """The reason on one line: inside of what is told it must not look like lines of envctl."""
        return " ".join(self.reason.split())

    @property
    def who(self) -> str:
        """Who decided it, on one line; "" where that is not known."""
        return " ".join(self.by.split())


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gates judge about one promotion.

    - `at`: the time of this machine's clock; `seen`: the newest time that Git tells (dates of commits, of
      the status), 0 where none was looked at. What depends on the time is refused where both cannot be true.
    - `deployed`: when the source environment's deploy commit was made, 0 where that is not known.
    - `promotes_from`: of the target; `problems`: why the source environment's deploy commit does not verify.
    - `observed`: the status of the source environment; `unreadable`: why one cannot be read.
    - `pauses` of the target; `approvals` and `promoter` as ``Name <email>``.
    """

    at: int
    source: str
    target: str
    promotes_from: tuple[str, ...]
    deploy_commit: str
    problems: tuple[str, ...] = ()
    observed: Observed | None = None
    unreadable: str = ""
    pauses: tuple[Pause, ...] = ()
    approvals: tuple[str, ...] = ()
    promoter: str = ""
    seen: int = 0
    deployed: int = 0
