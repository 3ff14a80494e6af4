"""Leader election by a Lease: of several agents for one environment in one cluster, one acts.

The rules are those of Kubernetes' own controllers (client-go ``leaderelection``, API
``coordination.k8s.io/v1``): whoever wrote the Lease last holds it, and others wait until it has not
changed for its whole duration. Only this machine's monotonic clock is asked, so clocks that differ, or
jump, decide nothing. The holder counts from before it asked, others from when they were answered; so it
stops writing a third of the duration before anybody else may begin.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from envctl.agent.setup import ensure_namespace
from envctl.agent.tasks import hint_of
from envctl.errors import ClusterError, EnvctlError
from envctl.model.cluster import ResourceType
from envctl.model.status import Level, LogEntry
from envctl.model.values import JsonObject
from envctl.ports import Clock, Cluster

LEASE = ResourceType("coordination.k8s.io", "v1", "Lease", "leases", namespaced=True)
_CONFLICT, _NOT_FOUND = 409, 404

Log = Callable[[LogEntry], None]


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """Who asks for which Lease. Times are seconds; a holder renews three times in `duration`."""

    environment: str
    namespace: str
    identity: str
    duration: int = 15

    @property
    def name(self) -> str:
        """The name of the Lease."""
        return f"envctl-{self.environment}"

    @property
    def pause(self) -> float:
        """Seconds between two tries, of the holder as of those who wait."""
        return self.duration / 3


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says. `holder` is empty where it was given back."""

    holder: str = ""
    duration: int = 0
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0
    version: str = ""


def record_of(live: JsonObject) -> Record:
    """The record in a Lease; what is missing or odd in it reads as nobody's."""
    spec = _mapping(live.get("spec"))
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    return Record(
        holder=str(spec.get("holderIdentity") or ""),
        duration=duration if isinstance(duration, int) else 0,
        acquired=str(spec.get("acquireTime") or ""),
        renewed=str(spec.get("renewTime") or ""),
        transitions=transitions if isinstance(transitions, int) else 0,
        version=str(_mapping(live.get("metadata")).get("resourceVersion") or ""),
    )


def held_by(record: Record, identity: str, duration: int, now: datetime) -> Record:
    """The record after `identity` took or renewed it; a change of holder is counted."""
    time = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if record.holder == identity:
        return replace(record, renewed=time, duration=duration)
    taken = record.transitions + (1 if record.version else 0)
    return Record(identity, duration, time, time, taken, record.version)


def lease_json(options: LeaseOptions, record: Record) -> JsonObject:
    """The Lease that says so; with the version that it replaces, where there is one."""
    metadata: dict[str, Any] = {"name": options.name, "namespace": options.namespace}
    spec: dict[str, Any] = {
        "leaseDurationSeconds": max(record.duration, 1),
        "leaseTransitions": record.transitions,
        "acquireTime": record.acquired,
        "renewTime": record.renewed,
    }
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.kind,
        "metadata": metadata | ({"resourceVersion": record.version} if record.version else {}),
        "spec": spec | ({"holderIdentity": record.holder} if record.holder else {}),
    }


class Elector:
    """Holds a Lease, or waits for it. `may_write` may be asked from any thread."""

    def __init__(self, options: LeaseOptions, cluster: Cluster, clock: Clock, log: Log) -> None:
        self._options = options
        self._cluster = cluster
        self._clock = clock
        self._log = log
        self._seen = Record()
        self._seen_at = float("-inf")
        self._safe_until = float("-inf")
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the Lease cannot be asked for now, "" where it can."""
        return self._trouble

    def may_write(self) -> bool:
        """Whether this is the leader, and nobody else can be one yet."""
        return self._clock.monotonic() < self._safe_until

    def acquire(self, stop: threading.Event) -> bool:
        """Wait until the Lease is ours: True. False where `stop` was set first."""
        waiting = ""
        while not stop.is_set():
            if self._try():
                self._say(Level.INFO, f"leading as {self._options.identity}")
                return True
            if self._seen.holder != waiting and not self._trouble:
                waiting = self._seen.holder
                self._say(Level.INFO, f"waiting: {waiting} leads")
            stop.wait(self._options.pause)
        return False

    def ask(self) -> Record | None:
        """Ask once: None where the Lease is ours now, else what it says. Raises what the cluster raises."""
        asked = self._clock.monotonic()
        try:
            ours = self._renew(asked) or self._take(asked)
        except ClusterError as error:
            if error.status != _CONFLICT:
                raise
            self._seen, ours = Record(), False  # somebody was quicker
        if ours:
            self._safe_until = asked + self._options.duration * 2 / 3
        return None if ours else self._seen

    def keep(self, stop: threading.Event) -> None:
        """Renew until `stop` is set; returns before where the Lease was lost."""
        while not stop.wait(self._options.pause):
            if not self._try() and not self.may_write():
                self._say(Level.WARNING, "not the leader any more: the lease was not renewed in time")
                return

    def release(self) -> None:
        """Give the Lease back, so that another need not wait. Nothing of ours may write after this."""
        held = self._seen.holder == self._options.identity and self.may_write()
        self._safe_until = float("-inf")
        if held:
            try:
                self._store(replace(self._seen, holder="", duration=1), self._clock.monotonic())
            except EnvctlError as error:  # it ends by itself
                self._say(Level.WARNING, f"the lease could not be given back: {error.summary}")

    def _try(self) -> bool:
        """Ask once; whether the Lease is ours now."""
        try:
            waiting = self.ask()
        except EnvctlError as error:
            if isinstance(error, ClusterError):
                self._seen = Record()
            self._note_trouble(error)
            return False
        self._trouble = ""
        return waiting is None

    def _renew(self, now: float) -> bool:
        """Write the Lease again where it was ours; False where it is not, or was changed or deleted since."""
        if self._seen.holder != self._options.identity:
            return False
        try:
            self._write(now)
        except ClusterError as error:
            if error.status not in {_CONFLICT, _NOT_FOUND}:
                raise
            self._seen = Record()
            return False
        return True

    def _take(self, now: float) -> bool:
        self._look()
        if self._is_held(now):
            return False
        self._write(now)
        return True

    def _look(self) -> None:
        options = self._options
        live = self._cluster.get(LEASE, options.namespace, options.name)
        if live is None:
            ensure_namespace(self._cluster, options.namespace)
        record = record_of(live) if live else Record()
        if record != self._seen:
            # From the answer on: a slow one may tell of a renewal that came after the question.
            self._seen, self._seen_at = record, self._clock.monotonic()

    def _is_held(self, now: float) -> bool:
        other = self._seen.holder not in {"", self._options.identity}
        return other and now < self._seen_at + max(self._seen.duration, 1)

    def _write(self, now: float) -> None:
        options = self._options
        self._store(held_by(self._seen, options.identity, options.duration, self._clock.now()), now)

    def _store(self, record: Record, now: float) -> None:
        value = lease_json(self._options, record)
        known = self._cluster.replace if record.version else self._cluster.create
        self._seen, self._seen_at = record_of(known(LEASE, value)), now

    def _note_trouble(self, error: EnvctlError) -> None:
        line = error.line_with(hint_of(error, self._options.environment))
        if line != self._trouble:
            self._say(Level.WARNING, f"cannot ask for the lease {self._options.name}: {line}")
        self._trouble = line

    def _say(self, level: Level, message: str) -> None:
        fields = {"environment": self._options.environment, "identity": self._options.identity}
        self._log(LogEntry(level, message, fields))


def lead(elector: Elector, work: Callable[[threading.Event], None], stop: threading.Event) -> None:
    """Do the work whenever this is the leader, until `stop` is set; the work ends when its event is set.

    What the work raises ends all of it, and the Lease is given back.
    """
    while elector.acquire(stop):
        over = threading.Event()
        threads = [
            threading.Thread(target=_forward, args=(stop, over), name="envctl-stop", daemon=True),
            threading.Thread(target=_keep, args=(elector, over), name="envctl-lease", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            work(over)
        finally:
            over.set()
            threads[1].join()
            elector.release()


def _forward(stop: threading.Event, over: threading.Event) -> None:
    while not over.is_set():
        if stop.wait(1):
            over.set()


def _keep(elector: Elector, over: threading.Event) -> None:
    try:
        elector.keep(over)
    finally:
        over.set()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
