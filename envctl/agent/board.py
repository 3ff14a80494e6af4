"""What can be asked of a running agent from any thread: whether it lives, and how things stand."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from envctl.model.health import Assessment
from envctl.model.status import EnvironmentStatus

_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Shown:
    """How an agent stands.

    - `status`: what was reported last; None before the first report.
    - `components`: the health of each.
    - `looked_up`: when the branch was read last without an error, in seconds since 1970; 0 for never.
    - `reconciles`, `reconcile_seconds`: how many, and how long all together.
    - `unreported`: why the last report could not be written, "" where it was.
    """

    status: EnvironmentStatus | None = None
    components: Mapping[str, Assessment] = field(default_factory=dict)
    looked_up: float = 0
    reconciles: int = 0
    reconcile_seconds: float = 0
    unreported: str = ""


class Board:
    """Written by the thread that decides, read by all others. Empty while another agent leads."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self._changed = threading.Condition()
        self._turns = 0
        self._wake: Callable[[], None] | None = None
        self._requests: Callable[[], Mapping[str, int]] = dict
        self._trouble: Callable[[], str] = str
        self._shown = Shown()

    @property
    def leads(self) -> bool:
        """Whether this process's agent acts for the environment."""
        return self._wake is not None

    @property
    def shown(self) -> Shown:
        """How the agent stands; nothing while another one leads."""
        return self._shown

    @property
    def ready(self) -> bool:
        """Whether the agent sees the cluster and reports how things stand, or stands by for one that does."""
        shown = self._shown
        return not self.leads or (shown.status is not None and not shown.unreported and not self._trouble())

    def requests(self) -> Mapping[str, int]:
        """How many requests the agent sent to the API server, by method."""
        return self._requests()

    def begin(
        self,
        wake: Callable[[], None],
        requests: Callable[[], Mapping[str, int]],
        trouble: Callable[[], str] = str,
    ) -> None:
        """The agent starts: `wake` makes the thread that decides take a turn.

        `trouble` says what the agent cannot see now, and why.
        """
        self._requests, self._trouble = requests, trouble
        self._wake = wake

    def end(self) -> None:
        """The agent has ended."""
        self._wake, self._shown = None, Shown()

    def turn(self) -> None:
        """The thread that decides has taken a turn."""
        with self._changed:
            self._turns += 1
            self._changed.notify_all()

    def show(self, status: EnvironmentStatus, components: Mapping[str, Assessment]) -> None:
        """What was reported."""
        self._shown = replace(self._shown, status=status, components=components, unreported="")

    def fail(self, reason: str) -> None:
        """Why a report could not be written."""
        self._shown = replace(self._shown, unreported=reason)

    def look_up(self, time: float) -> None:
        """The branch was read."""
        self._shown = replace(self._shown, looked_up=time)

    def reconciled(self, seconds: float) -> None:
        """A reconcile has ended, well or not."""
        shown = self._shown
        self._shown = replace(
            shown, reconciles=shown.reconciles + 1, reconcile_seconds=shown.reconcile_seconds + seconds
        )

    def answers(self, seconds: float = _PATIENCE) -> bool:
        """Whether the thread that decides takes a turn when it is asked to; True for a stand-by."""
        wake = self._wake
        if wake is None:
            return True
        with self._changed:
            before = self._turns
            wake()
            return self._changed.wait_for(lambda: self._turns != before, seconds)
