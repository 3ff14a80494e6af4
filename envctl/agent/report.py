"""Report: the status of the `Environment` object. Written only where it changes.

The conditions follow kstatus: Ready says that the cluster is equal to the branch, Reconciling
that it is being brought there, Stalled that somebody must act. SourceReady tells whether the
branch can be read, Healthy whether what was applied works.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from envctl import __version__
from envctl.agent.events import Events
from envctl.agent.options import World
from envctl.agent.pace import Pace
from envctl.agent.resource import ENVIRONMENT, environment, status_object, status_of
from envctl.agent.situation import REFUSAL, Situation, fight_text, in_one_line
from envctl.errors import ClusterError, InputError
from envctl.model.addresses import public
from envctl.model.health import Assessment, severity, worst
from envctl.model.keeping import annotations_of
from envctl.model.objects import metadata_of
from envctl.model.observed import Health
from envctl.model.plan import ObjectResult
from envctl.model.status import ComponentStatus, Condition, EnvironmentStatus, Failure
from envctl.model.times import time_text
from envctl.model.values import JsonObject
from envctl.planning.ownership import MEMBERS, parent_annotations
from envctl.ports import Cluster

_LISTED, _LONGEST = 20, 300
# Components that are listed, and the characters of each reason: the status stays below 400 KB.
_COMPONENTS, _WHY = 1000, 160
# Writes of the status: so many at once, then one in so many seconds, however much happens.
_BURST, _SECONDS = 10, 5.0
_NOT_FOUND = 404


def status_from(
    situation: Situation, previous: EnvironmentStatus, now: str, generation: int, committed_at: str = ""
) -> EnvironmentStatus:
    """The status of a situation. `now` (RFC 3339) dates what turned since `previous`."""
    accepted = situation.inventory.accepted
    revision = accepted.revision if accepted else ""
    health = _health(situation)
    same = (previous.revision, previous.health) == (revision, health) and previous.health_since
    conditions = (
        *(_ready(situation), _reconciling(situation), _stalled(situation), _source(situation)),
        _healthy(situation, health),
    )
    return EnvironmentStatus(
        revision=revision,
        committed_at=committed_at,
        health=health,
        health_since=previous.health_since if same else now,
        components=_components(situation, previous, now),
        applied=situation.applied,
        sequence=accepted.sequence if accepted else 0,
        objects=len(situation.inventory.entries),
        failed=len(situation.failures),
        kept=len(situation.refused),
        fought=len(situation.fights),
        drifted=len(situation.left),
        failures=_failures(situation)[:_LISTED],
        healed=situation.healed,
        last_healed=situation.last_healed,
        last_healed_at=situation.last_healed_at,
        observed_generation=generation,
        conditions=tuple(_dated(each, previous, now) for each in conditions),
    )


def read_status(cluster: Cluster, name: str, namespace: str) -> EnvironmentStatus | None:
    """The status that the agent of an environment reported; None where there is none in this cluster."""
    kind = cluster.resource_type(ENVIRONMENT.group, ENVIRONMENT.kind, ENVIRONMENT.version)
    live = cluster.get(kind, namespace, name) if kind else None
    return status_of(live) if live and "status" in live else None


class Reporter:
    """Writes the `Environment` object, its status and its Events."""

    def __init__(self, world: World, events: Events | None = None) -> None:
        """Without `events`, none are written."""
        self._world = world
        self._events = events
        self._last = EnvironmentStatus()
        self._written: EnvironmentStatus | None = None
        self._parent: tuple[JsonObject, Mapping[str, str]] | None = None
        self._generation = 0
        self._uid = ""
        self._stands = False
        self._absent = False
        self._spec: JsonObject = {}
        self._members: Mapping[str, str] = {}
        self._committed = ("", "")
        self._pace = Pace(_BURST, _SECONDS)

    def begin(self) -> EnvironmentStatus:
        """Read what was reported last."""
        options = self._world.options
        live = self._world.cluster.get(ENVIRONMENT, options.namespace, options.environment) or {}
        self._stands = bool(live)
        self._last = self._written = status_of(live)
        self._parent = None
        if self._events:
            self._events.begin(self._last)
        spec = live.get("spec")
        self._spec = spec if isinstance(spec, Mapping) else {}
        annotations = annotations_of(live)
        self._members = {name: str(annotations[name]) for name in MEMBERS if name in annotations}
        return self._last

    def assess(self, situation: Situation) -> EnvironmentStatus:
        """What there is to report. Asks nobody."""
        now = self._world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        self._last = status_from(situation, self._last, now, self._generation, self._committed_at(situation))
        return self._last

    def report(self, situation: Situation) -> EnvironmentStatus:
        """Bring the object and its status up to date. Raises what the cluster raises.

        Written only where it changed, and only so often: see `due`. For a branch that never existed no object
        is made: its name may be a typing error.
        """
        if not self._stands and not situation.inventory.accepted:
            # Where the repository cannot be read meanwhile, that says nothing else of the name.
            self._absent = situation.absent or (self._absent and bool(situation.source_error))
            if self._absent:
                self._written = self.assess(situation)  # nothing is due
                return self._written
        self._write_parent(situation)
        status = self.assess(situation)
        if self._events:
            self._events.tell(situation, self._uid)
        if status != self._written and self._pace.take(self._world.clock.monotonic()):
            self._write(status)
        return status

    @property
    def due(self) -> float | None:
        """When what was held back may be written, in monotonic seconds; None where nothing was."""
        return None if self._last == self._written else self._pace.next_at(self._world.clock.monotonic())

    def _write(self, status: EnvironmentStatus) -> None:
        options = self._world.options
        value = status_object(options.environment, options.namespace, status)
        try:
            self._world.cluster.apply_status(ENVIRONMENT, value)
        except ClusterError as error:
            if error.status == _NOT_FOUND:  # somebody deleted the object: the next report makes it again
                self._parent = None
            raise
        self._written = status

    def _committed_at(self, situation: Situation) -> str:
        """When the accepted commit was made; empty where its object is not here any more."""
        accepted = situation.inventory.accepted
        revision = accepted.revision if accepted else ""
        if revision != self._committed[0]:
            self._committed = (revision, "")
            with suppress(InputError, ValueError):
                time = self._world.repository.commit(revision).committer.time
                self._committed = (revision, time_text(time))
        return self._committed[1]

    def _write_parent(self, situation: Situation) -> None:
        options, entries = self._world.options, situation.inventory.entries
        annotations = parent_annotations(entries, options.namespace, f"envctl/{__version__}")
        if situation.lost and self._members:
            # They say where to look for what the inventory does not know any more.
            annotations = self._members
        # A reconcile by hand does not know the URL that the agent was given, so it leaves it as it is.
        # Everybody who may list environments reads it.
        given = {"repository": public(options.remote), "branch": options.branch}
        spec: JsonObject = given if options.remote else self._spec
        if self._parent == (spec, annotations):
            return
        value = environment(options.environment, options.namespace, options.set_id, spec, annotations)
        live = self._world.cluster.apply(ENVIRONMENT, value, force=True)
        metadata = metadata_of(live)
        generation = metadata.get("generation")
        self._generation = generation if isinstance(generation, int) else 0
        self._uid = str(metadata.get("uid") or "")
        self._parent, self._members, self._stands = (spec, annotations), annotations, True


def _ready(situation: Situation) -> Condition:
    reason, message = _hindrance(situation)
    if reason:
        return Condition("Ready", status=False, reason=reason, message=message)
    return Condition("Ready", status=True, reason="Applied", message=_applied_text(situation))


def _reconciling(situation: Situation) -> Condition:
    if situation.working:
        reason, message = _progress(situation)
        return Condition("Reconciling", status=True, reason=reason, message=_short(message))
    failed = situation.failures or situation.trouble or situation.unread
    if failed and not situation.refusal and not situation.ended:
        return Condition("Reconciling", status=True, reason="Retrying", message="what failed is tried again")
    return Condition("Reconciling", status=False, reason="Idle", message="")


def _stalled(situation: Situation) -> Condition:
    if situation.refusal:
        return Condition(
            "Stalled", status=True, reason="CommitRefused", message=_short(situation.refusal, REFUSAL)
        )
    if situation.fights:
        return Condition("Stalled", status=True, reason="Fought", message=fight_text(situation.fights))
    stalled = [wait for wait in situation.waits if wait.stalled]
    if stalled:
        return Condition("Stalled", status=True, reason="Waiting", message=_short(str(stalled[0])))
    return Condition("Stalled", status=False, reason="Free", message="")


def _source(situation: Situation) -> Condition:
    if situation.source_error:
        return Condition("SourceReady", status=False, reason="Failed", message=_short(situation.source_error))
    return Condition("SourceReady", status=True, reason="Read", message="")


def _hindrance(situation: Situation) -> tuple[str, str]:
    """Why the cluster may not be equal to the newest commit: reason and message; empty where it is."""
    nothing = (
        "" if situation.inventory.accepted else situation.source_error or "no deploy commit was seen yet"
    )
    reasons = (
        ("CommitRefused", situation.refusal),
        _progress(situation),
        ("SourceFailed", situation.unread),
        ("ReconcileFailed", situation.trouble),
        ("ObjectsFailed", _failed_text(situation.failures)),
        ("Fought", fight_text(situation.fights)),
        ("NothingApplied", nothing),
    )
    return next(((reason, _short(text, REFUSAL)) for reason, text in reasons if text), ("", ""))


def _progress(situation: Situation) -> tuple[str, str]:
    """What a reconcile that is under way does: its reason and message; empty where there is none."""
    if situation.waits and (situation.working or not situation.failures):
        more = f", and {len(situation.waits) - 1} more wait" if len(situation.waits) > 1 else ""
        return "Waiting", f"{situation.waits[0]}{more}"
    return "Applying", "objects are being applied" if situation.working else ""


def _failed_text(failures: Sequence[ObjectResult]) -> str:
    return f"{len(failures)} failed; {failures[0].id}: {failures[0].reason}" if failures else ""


def _applied_text(situation: Situation) -> str:
    accepted = situation.inventory.accepted
    text = f"{len(situation.inventory.entries)} objects at {accepted.revision[:12] if accepted else ''}"
    kept = len(situation.refused)
    return f"{text}; {kept} that left the branch are kept by a guard" if kept else text


def _failures(situation: Situation) -> tuple[Failure, ...]:
    fought = ((str(key), fight_text([(key, manager)]), "") for key, manager in situation.fights)
    failed = ((str(each.id), each.reason, each.hint) for each in situation.failures)
    left = ((str(key), f"{cause}; it is not healed (drift: warn)", "") for key, cause in situation.left)
    kept = ((each.subject, f"{each.reason} [{each.guard}]", each.hint) for each in situation.refused)
    found = (*failed, *fought, *left, *kept)
    return tuple(Failure(name, _short(why), _short(hint)) for name, why, hint in found)


def _health(situation: Situation) -> Health:
    """That of the accepted revision: no better than what became of its objects."""
    accepted = situation.inventory.accepted
    if not accepted:
        return Health.UNKNOWN
    found = [situation.health]
    if situation.failures:
        found.append(Health.DEGRADED)
    if situation.applied != accepted.revision:
        found.append(Health.PROGRESSING)
    return worst(found)


def _healthy(situation: Situation, health: Health) -> Condition:
    reason = next((each.reason for each in _by_severity(situation) if each.reason), "")
    if not reason and health is Health.DEGRADED:
        reason = _failed_text(situation.failures)
    message = "" if health is Health.HEALTHY else reason
    return Condition("Healthy", health is Health.HEALTHY, str(health), _short(message))


def _by_severity(situation: Situation) -> list[Assessment]:
    return sorted(situation.components.values(), key=lambda each: -severity(each.health))


def _components(situation: Situation, previous: EnvironmentStatus, now: str) -> tuple[ComponentStatus, ...]:
    """Each component, those that are not healthy first; the last ones are left out beyond a bound."""
    before = {each.name: each for each in previous.components}
    counts = Counter(each.component for each in situation.inventory.entries.values() if not each.leaving)
    ordered = sorted(
        situation.components.items(), key=lambda each: (each[1].health is Health.HEALTHY, each[0])
    )
    return tuple(
        ComponentStatus(name, found.health, _since(before.get(name), found, now), counts[name], _why(found))
        for name, found in ordered[:_COMPONENTS]
    )


def _since(before: ComponentStatus | None, found: Assessment, now: str) -> str:
    return before.since if before and before.health is found.health and before.since else now


def _why(found: Assessment) -> str:
    return in_one_line(found.reason, _WHY)


def _dated(condition: Condition, previous: EnvironmentStatus, now: str) -> Condition:
    old = previous.condition(condition.type)
    return replace(
        condition, since=old.since if old and old.status == condition.status and old.since else now
    )


def _short(text: str, longest: int = _LONGEST) -> str:
    return in_one_line(text, longest)
