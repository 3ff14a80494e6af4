"""What can be asked of a running agent from any thread: whether it lives, and how things stand."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from envctl.model.plan import Action, ReconcileResult
from envctl.model.status import EnvironmentStatus

# Seconds without a turn that nothing explains: slow requests. No restart makes a stalled API server answer.
_STUCK = 900.0
PATIENCE = 2.0
"""Seconds that a question waits for a turn."""
BOUNDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds of the buckets for durations of reconciles, in seconds."""


OUTCOMES = ("succeeded", "failed", "interrupted", "stopped", "unread")
"""How a reconcile ends."""

Answers = Callable[[], Mapping[tuple[str, int], int]]
"""Counts requests by method and status, as a cluster does."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How an agent stands.

    - `status`: what there is to report; None before the first time. `reported`: it was written once.
      `unreported`: why the last report could not be written, "" where it was.
    - `outcomes`: reconciles by how they ended: ``succeeded``, ``failed`` (some objects), ``interrupted`` (by
      something newer), ``stopped`` (the commit was refused, or the cluster did not answer), ``unread`` (the
      commit could not be fetched).
    - `results`: objects by what a reconcile did to them; nothing was sent for those that are not in it.
    - `durations`: how many reconciles took at most each of `BOUNDS`, and longer; `seconds` all together.
    """

    status: EnvironmentStatus | None = None
    reported: bool = False
    unreported: str = ""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    results: Mapping[Action, int] = field(default_factory=dict)
    durations: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    seconds: float = 0


class Board:
    """Written by the thread that decides, read by all others. Empty while another agent leads."""

    def __init__(self, environment: str, monotonic: Callable[[], float]) -> None:
        self.environment = environment
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._turns = 0
        self._asked_at: float | None = None  # since when a question is open
        self._wake: Callable[[], None] | None = None
        self._read_at: Callable[[], float] = float
        self._troubles: dict[str, Callable[[], str]] = {}
        self._answers: list[Answers] = []
        self._listeners: list[Callable[[EnvironmentStatus], None]] = []
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
        if any(trouble() for trouble in tuple(self._troubles.values())):
            return False
        return not self.leads or (self._shown.reported and not self._shown.unreported)

    @property
    def read_at(self) -> float:
        """When the branch was read last without an error, in seconds since 1970; 0 for never."""
        return self._read_at()

    def requests(self) -> Mapping[tuple[str, int], int]:
        """How many requests were sent to the API server, by method and status (0: no answer came)."""
        found: Counter[tuple[str, int]] = Counter()
        for answers in self._answers:
            found.update(answers())
        return found

    def attach(self, answers: Answers, trouble: Callable[[], str] = str) -> None:
        """Count the requests of one more connection; `trouble` says why it is of no use now, if so."""
        self._answers.append(answers)
        self._troubles[f"connection {len(self._answers)}"] = trouble

    @contextmanager
    def listening(self, listener: Callable[[EnvironmentStatus], None]) -> Iterator[None]:
        """Tell `listener` each status that is shown meanwhile. It must return at once."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def begin(
        self, wake: Callable[[], None], read_at: Callable[[], float] = float, trouble: Callable[[], str] = str
    ) -> None:
        """The agent starts: `wake` makes the thread that decides take a turn.

        `read_at` tells when the branch was read last, `trouble` what the agent cannot see now, and why.
        """
        self._read_at, self._troubles["agent"] = read_at, trouble
        self._asked_at = None
        self._wake = wake

    def end(self) -> None:
        """The agent has ended."""
        self._wake, self._shown = None, Shown()
        self._read_at, self._troubles["agent"] = float, str

    def turn(self) -> None:
        """The thread that decides has taken a turn."""
        with self._changed:
            self._turns += 1
            self._asked_at = None
            self._changed.notify_all()

    def show(self, status: EnvironmentStatus) -> None:
        """What there is to report."""
        self._shown = replace(self._shown, status=status)
        for listener in tuple(self._listeners):
            listener(status)

    def told(self, trouble: str = "") -> None:
        """It was reported, or could not be."""
        self._shown = replace(self._shown, reported=self._shown.reported or not trouble, unreported=trouble)

    def unread(self) -> None:
        """The newest commit could not be fetched, so that there was nothing to reconcile."""
        outcomes = Counter(self._shown.outcomes) + Counter(["unread"])
        self._shown = replace(self._shown, outcomes=outcomes)

    def reconciled(self, seconds: float, result: ReconcileResult | None, *, unread: bool = False) -> None:
        """A reconcile has ended; without a result where it was stopped, or nothing could be fetched."""
        shown, slot = self._shown, bisect_left(BOUNDS, seconds)
        durations = (*shown.durations[:slot], shown.durations[slot] + 1, *shown.durations[slot + 1 :])
        self._shown = replace(
            shown,
            outcomes=Counter(shown.outcomes) + Counter([_outcome(result, unread=unread)]),
            results=Counter(shown.results) + Counter(result.counts() if result else {}),
            durations=durations,
            seconds=shown.seconds + seconds,
        )

    def answers(self, seconds: float = PATIENCE, stuck: float = _STUCK) -> bool:
        """Whether the thread that decides takes a turn when it is asked to; True for a stand-by.

        A question may stay open for `stuck` seconds: while a slow API server is waited for, say.
        """
        wake = self._wake
        if wake is None:
            return True
        with self._changed:
            before = self._turns
            if self._asked_at is None:
                self._asked_at = self._monotonic()
            asked_at = self._asked_at
            wake()
            if self._changed.wait_for(lambda: self._turns != before, seconds):
                return True
        return self._monotonic() - asked_at < stuck


def _outcome(result: ReconcileResult | None, *, unread: bool) -> str:
    if result is None:
        return "unread" if unread else "stopped"
    if result.interrupted:
        return "interrupted"
    return "failed" if result.failures else "succeeded"
