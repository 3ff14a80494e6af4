"""What the agent sees, reported to ``refs/envctl/status/<env>`` for people and gates without the cluster.

A thread of its own, because a Git server may be slow: nothing of the agent waits for it. A report is
pushed when it says something new, at most every `PAUSE` seconds, and at the latest every heartbeat, so that
gates can count the time that was really observed. An agent that does not see its cluster reports nothing.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from envctl.agent.options import Log
from envctl.errors import ConflictError, EnvctlError
from envctl.model.git import RefUpdate
from envctl.model.observed import ComponentHealth, Observed
from envctl.model.status import EnvironmentStatus, Level, LogEntry
from envctl.model.times import parse_time
from envctl.ports import Clock, Repository
from envctl.workflows.audit.observed import record_observed, status_ref

PAUSE = 30.0
HEARTBEAT = 600.0
_LONGEST_PAUSE = 600.0
_JOIN = 2.0


@dataclass(frozen=True, slots=True)
class StatusRefOptions:
    """Where to report what. `pause` and `heartbeat`: least and most seconds between two reports."""

    environment: str
    remote: str
    pause: float = PAUSE
    heartbeat: float = HEARTBEAT

    @property
    def ref(self) -> str:
        """The full name of the ref."""
        return status_ref(self.environment)


def observed_from(environment: str, status: EnvironmentStatus, now: int) -> Observed | None:
    """The report of a status; None where there is nothing to tell. A pure function.

    No time in it is later than `now`: the clock of an agent that led before may have been ahead.
    """
    if not status.revision:
        return None
    since = _seconds(status.health_since, now)
    return Observed(
        environment=environment,
        revision=status.revision,
        sequence=status.sequence,
        health=status.health,
        since=since,
        reported=now,
        components={
            each.name: ComponentHealth(each.health, _seconds(each.since, now)) for each in status.components
        },
        drifted=status.drifted + status.fought,
    )


class StatusRef:
    """Reports in a thread of its own, from `start` until `stop`."""

    def __init__(
        self,
        options: StatusRefOptions,
        repository: Repository,
        clock: Clock,
        log: Log,
        sees: Callable[[], bool] = lambda: True,
    ) -> None:
        """`repository` is used by this thread alone. `sees` tells whether the agent sees the cluster now."""
        self._options = options
        self._repository = repository
        self._clock = clock
        self._log = log
        self._sees = sees
        self._changed = threading.Condition()
        self._status: EnvironmentStatus | None = None
        self._stopped = False
        self._told: Observed | None = None
        self._failures = 0
        self._trouble = ""
        self._thread = threading.Thread(target=self._work, name="envctl-statusref", daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def stop(self) -> None:
        """Report no more. A push under way is waited for only a moment: it is one ref or nothing."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(_JOIN)

    def show(self, status: EnvironmentStatus) -> None:
        """How things stand now. Returns at once; callable from any thread."""
        with self._changed:
            self._status = status
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            self._go_on()
        except Exception as error:  # noqa: BLE001  (the agent works on; that the report is old is seen by all)
            self._say(Level.ERROR, f"a bug: nothing is reported to {self._options.ref} any more: {error!r}")

    def _go_on(self) -> None:
        next_at = beat_at = float("-inf")
        while (status := self._next(next_at, beat_at)) is not None:
            self._report(status)
            now = self._clock.monotonic()
            next_at = now + min(self._options.pause * 2.0 ** min(self._failures, 16), self._slowest)
            beat_at = now + self._options.heartbeat if not self._failures else next_at

    @property
    def _slowest(self) -> float:
        return max(_LONGEST_PAUSE, self._options.pause)

    def _next(self, next_at: float, beat_at: float) -> EnvironmentStatus | None:
        """Wait until there is something to report, and it may be; None at the end."""
        with self._changed:
            while not self._stopped:
                now = self._clock.monotonic()
                status = self._status
                due = max(next_at, now) if status and self._says_more(status) else max(beat_at, next_at)
                if status and due <= now and self._sees():
                    return status
                # That the agent sees the cluster again is nobody's message: look from time to time.
                self._changed.wait(due - now if due > now else self._options.pause)
        return None

    def _says_more(self, status: EnvironmentStatus) -> bool:
        told = self._told
        found = observed_from(self._options.environment, status, told.reported if told else 0)
        return found != told if told else found is not None

    def _report(self, status: EnvironmentStatus) -> None:
        observed = observed_from(self._options.environment, status, int(self._clock.now().timestamp()))
        if observed is None:
            return
        try:
            self._push(observed)
        except EnvctlError as error:
            self._failures += 1
            self._note_trouble(error.line)
        else:
            if self._trouble:
                self._say(Level.INFO, f"{self._options.ref} is reported again")
            self._told, self._failures, self._trouble = observed, 0, ""

    def _push(self, observed: Observed) -> None:
        """Record on top of what the remote has, and push it there."""
        remote, ref, repository = self._options.remote, self._options.ref, self._repository
        tip = repository.remote_refs(remote, [ref])[ref]
        known = repository.ref(ref)
        if tip and tip != known:
            repository.fetch(remote, [ref])
            repository.move_ref(RefUpdate(ref, known, tip), "envctl: take over what others reported")
        commit = record_observed(repository, observed)
        if commit != tip:
            try:
                repository.push(remote, [RefUpdate(ref, tip, commit)])
            except EnvctlError:
                self._take_back(tip, commit)
                raise

    def _take_back(self, tip: str | None, commit: str) -> None:
        """A report that did not arrive is no part of the chain."""
        if tip:
            with suppress(ConflictError):
                self._repository.move_ref(RefUpdate(self._options.ref, commit, tip), "envctl: not pushed")

    def _note_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._say(Level.WARNING, f"cannot report to {self._options.ref}: {trouble}")
        self._trouble = trouble

    def _say(self, level: Level, message: str) -> None:
        self._log(LogEntry(level, message, {"environment": self._options.environment}))


def _seconds(text: str, now: int) -> int:
    found = parse_time(text)
    return now if found is None else min(found, now)
