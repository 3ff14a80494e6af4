"""Kubernetes Events about an environment (events.k8s.io/v1), on its `Environment` object.

What happened follows from two situations, so nothing is told twice. The same event again within
a few minutes is counted in one object (its ``series``), and all of them have one bounded rate: a storm in
the cluster is none in the API server. Events are a courtesy: where they cannot be written, it is
said once, and nothing waits for them.
"""

import hashlib
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from envctl.agent.options import World
from envctl.agent.pace import Pace
from envctl.agent.resource import ENVIRONMENT
from envctl.agent.situation import REFUSAL, Situation, fight_text, in_one_line
from envctl.agent.tasks import hint_of
from envctl.errors import ClusterError, EnvctlError
from envctl.model.cluster import ResourceType
from envctl.model.inventory import Accepted, inventory_of
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.status import EnvironmentStatus, Level
from envctl.model.values import JsonObject

EVENT = ResourceType("events.k8s.io", "v1", "Event", "events", namespaced=True)
CONTROLLER = "envctl.dev/agent"
NORMAL, WARNING = "Normal", "Warning"
# At most so many objects of one kind of event are named at once.
_NAMED = 5
# The API server takes 1,024 bytes.
_NOTE = 1000
_REFUSED = frozenset({400, 422})
# So many events at once, then one every so many seconds: at most 370 in an hour.
_BURST, _SECONDS = 20, 10.0
_HEALTH = ("Degraded", "Recovered")
_SERIES = timedelta(minutes=6)
_REMEMBERED = 100

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened. `related` is the object that it is about.

    What has the same type, reason and `subject` is the same again, though its note differs a little.
    """

    type: str
    reason: str
    note: str
    related: ObjectId | None = None
    subject: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells one series from another."""
        return self.type, self.reason, self.subject or self.note


@dataclass(frozen=True, slots=True)
class _Series:
    """The same thing, `count` times since `first`; `told` of them are in the cluster, since `told_at`."""

    what: Occurrence
    first: datetime
    last: datetime
    count: int = 1
    told: int = 0
    told_at: float = float("-inf")


def occurrences(before: Situation, now: Situation) -> tuple[Occurrence, ...]:
    """What has happened between two situations, in a fixed order. A pure function."""
    return (*_commits(before, now), *_objects(before, now), *_states(before, now))


def told_by(status: EnvironmentStatus) -> Situation:
    """As much of a situation as its status tells, so that a new start does not tell it again."""
    accepted = Accepted(status.revision, "", status.sequence, "") if status.revision else None
    stalled = status.condition("Stalled")
    refused = stalled and stalled.status and stalled.reason == "CommitRefused"
    return Situation(
        inventory_of(accepted, []),
        applied=status.applied,
        health=status.health,
        healed=status.healed,
        refusal=stalled.message if stalled and refused else "",
    )


class Events:
    """Tells what happened. Belongs to the thread that decides."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before: Situation | None = None
        self._known: dict[tuple[str, str, str], _Series] = {}
        self._pace = Pace(_BURST, _SECONDS)
        self._trouble = ""

    def begin(self, status: EnvironmentStatus) -> None:
        """What was told before this start."""
        self._before = told_by(status)

    def tell(self, situation: Situation, uid: str) -> None:
        """Write what has happened since the last call; raises nothing. `uid`: of the `Environment` object."""
        now = self._world.clock.now()
        for each in occurrences(self._before or Situation(inventory_of(None, [])), situation):
            self._log(each, now)
            self._count(each, now)
        self._before = situation
        try:
            self._write(uid)
        except EnvctlError as error:
            line = error.line_with(hint_of(error, self._world.options.environment))
            if line != self._trouble:
                self._world.say(Level.WARNING, f"cannot write events: {line}")
            self._trouble = line

    def _log(self, what: Occurrence, now: datetime) -> None:
        """Say in the log, once in a while, what nothing else says there: health that turned."""
        known = self._known.get(what.key)
        if what.reason in _HEALTH and not (known and now - known.last <= _SERIES):
            sick = what.type == WARNING
            self._world.say(Level.WARNING if sick else Level.INFO, f"{'degraded: ' * sick}{what.note}")

    def _count(self, what: Occurrence, now: datetime) -> None:
        known = self._known.pop(what.key, None)
        if known and now - known.last <= _SERIES:
            self._known[what.key] = replace(known, last=now, count=known.count + 1)
        else:
            self._known[what.key] = _Series(what, now, now)
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _write(self, uid: str) -> None:
        options, now = self._world.options, self._world.clock.monotonic()
        waiting = [series for series in self._known.values() if series.told < series.count]
        # What was never told comes first, then what was told longest ago: nothing starves.
        for series in sorted(waiting, key=lambda each: each.told_at):
            if not self._pace.take(now):
                return
            value = _event(series, options.environment, options.namespace, uid)
            told = replace(series, told=series.count, told_at=now)
            try:
                self._world.cluster.apply(EVENT, value, force=True)
            except ClusterError as error:
                if error.status in _REFUSED:  # the next try would be refused too, and hold up all others
                    self._known[series.what.key] = told
                raise
            self._known[series.what.key] = told


def _event(series: _Series, environment: str, namespace: str, uid: str) -> JsonObject:
    """The Event object. Its name follows from what happened and when that began."""
    what = series.what
    digest = hashlib.sha256(f"{what}{series.first}".encode()).hexdigest()[:16]
    regarding = {
        "apiVersion": ENVIRONMENT.api_version,
        "kind": ENVIRONMENT.kind,
        "name": environment,
        "namespace": namespace,
    }
    value: dict[str, Any] = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": f"{environment[:200]}.{digest}", "namespace": namespace},
        "eventTime": _micro(series.first),
        "type": what.type,
        "reason": what.reason,
        "action": "Reconcile",
        "note": what.note,
        "regarding": {**regarding, "uid": uid} if uid else regarding,
        "reportingController": CONTROLLER,
        "reportingInstance": f"envctl-agent-{environment}"[:128],
    }
    if what.related:
        key = what.related
        fields = {"kind": key.kind, "namespace": key.namespace, "name": key.name}
        value["related"] = {name: text for name, text in fields.items() if text}
    if series.count > 1:
        value["series"] = {"count": series.count, "lastObservedTime": _micro(series.last)}
    return value


def _micro(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _commits(before: Situation, now: Situation) -> Iterator[Occurrence]:
    was, accepted = before.inventory.accepted, now.inventory.accepted
    if accepted and (was is None or was.revision != accepted.revision):
        shown = f"{accepted.revision[:12]} (sequence {accepted.sequence})"
        yield Occurrence(NORMAL, "CommitAccepted", f"{shown} is the newest deploy commit")
    if now.applied and now.applied != before.applied:
        count = len(now.inventory.entries)
        yield Occurrence(NORMAL, "Applied", f"{now.applied[:12]} is applied: {count} objects")
    # As much of it as the status keeps: after a new start `before` is no longer.
    if now.refusal and in_one_line(now.refusal, REFUSAL) != in_one_line(before.refusal, REFUSAL):
        yield Occurrence(WARNING, "CommitRefused", _line(now.refusal))


def _objects(before: Situation, now: Situation) -> Iterator[Occurrence]:
    failed = _new(now.failures, before.failures)
    for result in failed[:_NAMED]:
        hint = f" ({result.hint})" if result.hint else ""
        yield Occurrence(WARNING, "ObjectFailed", _line(f"{result.id}: {result.reason}{hint}"), result.id)
    if len(failed) > _NAMED:
        yield Occurrence(
            WARNING, "ObjectsFailed", f"{len(failed)} objects failed; the status names the first"
        )
    refused = _new(now.refused, before.refused)
    for refusal in refused[:_NAMED]:
        yield Occurrence(WARNING, "PruneRefused", _line(str(refusal)))
    if len(refused) > _NAMED:
        yield Occurrence(WARNING, "PrunesRefused", f"{len(refused)} objects are kept by a guard")
    healed = now.healed - before.healed
    if healed > 0:
        more = f", and {healed - 1} more" if healed > 1 else ""
        yield Occurrence(NORMAL, "DriftHealed", _line(f"{now.last_healed}{more}"), subject=now.last_healed)
    for key, cause in _new(now.left, before.left)[:_NAMED]:
        yield Occurrence(WARNING, "Drifted", _line(f"{key} {cause}; it is not healed"), key, str(key))
    known = {key for key, _ in before.fights}
    for key, manager in [each for each in now.fights if each[0] not in known][:_NAMED]:
        yield Occurrence(WARNING, "Fought", _line(fight_text([(key, manager)])), key)


def _states(before: Situation, now: Situation) -> Iterator[Occurrence]:
    if now.trouble and now.trouble != before.trouble:
        yield Occurrence(WARNING, "ReconcileFailed", _line(now.trouble))
    if now.source_error and now.source_error != before.source_error:
        yield Occurrence(WARNING, "SourceFailed", _line(now.source_error))
    for name, found in sorted(now.components.items()):
        old = before.components.get(name)
        sick = found.health is Health.DEGRADED
        if sick and (old is None or old.health is not found.health):
            yield Occurrence(WARNING, "Degraded", _line(f"component {name}: {found.reason}"), subject=name)
        if old and old.health is Health.DEGRADED and found.health is Health.HEALTHY:
            yield Occurrence(NORMAL, "Recovered", f"component {name} is healthy again")


def _new(now: Iterable[Item], before: Iterable[Item]) -> list[Item]:
    known = set(before)
    return [each for each in now if each not in known]


def _line(text: str) -> str:
    """A text in one line that is not longer than a note may be, in whatever script."""
    line = in_one_line(text, _NOTE)
    data = line.encode("utf-8", "surrogatepass")
    return line if len(data) <= _NOTE else f"{data[: _NOTE - 3].decode('utf-8', 'ignore')}…"
