"""Report: the status of the `Environment` object. Written only where it changes.

The conditions follow kstatus: Ready says that the cluster is equal to the branch, Reconciling
that it is being brought there, Stalled that somebody must act. SourceReady tells whether the
branch can be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from envctl import __version__
from envctl.agent.options import World
from envctl.agent.resource import ENVIRONMENT, environment, status_object, status_of
from envctl.errors import ClusterError
from envctl.model.health import Assessment
from envctl.model.inventory import Inventory
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.plan import ObjectResult, Refusal
from envctl.model.status import Condition, EnvironmentStatus, Failure
from envctl.model.values import JsonObject
from envctl.planning.ownership import parent_annotations
from envctl.ports import Cluster

_LISTED, _LONGEST = 20, 300
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the status is made from.

    - `working`: a reconcile is under way.
    - `source_error`: why the branch cannot be read. `refusal`: why its newest commit is refused.
      `trouble`: why a reconcile ended early.
    - `failures`, `refused`: of the last reconcile. `fights`: object → manager.
    - `left`: drift that is not healed because nobody wants it to be: object → what was changed.
    - `health`: the worst of the `components`, whose reasons name an object.
    """

    inventory: Inventory
    applied: str = ""
    working: bool = False
    source_error: str = ""
    refusal: str = ""
    trouble: str = ""
    failures: tuple[ObjectResult, ...] = ()
    refused: tuple[Refusal, ...] = ()
    fights: tuple[tuple[ObjectId, str], ...] = ()
    health: Health = Health.UNKNOWN
    components: Mapping[str, Assessment] = field(default_factory=dict)
    left: tuple[tuple[ObjectId, str], ...] = ()
    healed: int = 0
    last_healed: str = ""
    last_healed_at: str = ""


def status_from(
    situation: Situation, previous: EnvironmentStatus, now: str, generation: int
) -> EnvironmentStatus:
    """The status of a situation. `now` (RFC 3339) dates the conditions that turned since `previous`."""
    accepted = situation.inventory.accepted
    listed = _failures(situation)
    conditions = (_ready(situation), _reconciling(situation), _stalled(situation), _source(situation))
    return EnvironmentStatus(
        revision=accepted.revision if accepted else "",
        applied=situation.applied,
        sequence=accepted.sequence if accepted else 0,
        objects=len(situation.inventory.entries),
        failed=len(situation.failures),
        kept=len(situation.refused),
        failures=listed[:_LISTED],
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
    """Writes the `Environment` object and its status."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._written: EnvironmentStatus | None = None
        self._parent: tuple[JsonObject, Mapping[str, str]] | None = None
        self._generation = 0
        self._spec: JsonObject = {}

    def begin(self) -> EnvironmentStatus:
        """Read what was reported last."""
        options = self._world.options
        live = self._world.cluster.get(ENVIRONMENT, options.namespace, options.environment) or {}
        self._written = status_of(live)
        spec = live.get("spec")
        self._spec = spec if isinstance(spec, Mapping) else {}
        return self._written

    def report(self, situation: Situation) -> EnvironmentStatus:
        """Bring the object and its status up to date, and return that. Raises what the cluster raises."""
        self._write_parent(situation.inventory)
        now = self._world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        previous = self._written or EnvironmentStatus()
        status = status_from(situation, previous, now, self._generation)
        if status == self._written:
            return status
        options = self._world.options
        value = status_object(options.environment, options.namespace, status)
        try:
            self._world.cluster.apply_status(ENVIRONMENT, value)
        except ClusterError as error:
            if error.status == _NOT_FOUND:  # somebody deleted the object: the next report makes it again
                self._parent = None
            raise
        self._written = status
        return status

    def _write_parent(self, inventory: Inventory) -> None:
        options = self._world.options
        annotations = parent_annotations(inventory.entries, options.namespace, f"envctl/{__version__}")
        # A reconcile by hand does not know the URL that the agent was given, so it leaves it as it is.
        given = {"repository": options.remote, "branch": options.branch}
        spec: JsonObject = given if options.remote else self._spec
        if self._parent == (spec, annotations):
            return
        value = environment(options.environment, options.namespace, options.set_id, spec, annotations)
        live = self._world.cluster.apply(ENVIRONMENT, value, force=True)
        metadata = live.get("metadata")
        generation = metadata.get("generation") if isinstance(metadata, Mapping) else None
        self._generation = generation if isinstance(generation, int) else 0
        self._parent = (spec, annotations)


def _ready(situation: Situation) -> Condition:
    reason, message = _hindrance(situation)
    if reason:
        return Condition("Ready", status=False, reason=reason, message=message)
    return Condition("Ready", status=True, reason="Applied", message=_applied_text(situation))


def _reconciling(situation: Situation) -> Condition:
    if situation.working:
        return Condition("Reconciling", status=True, reason="Applying", message="objects are being applied")
    if (situation.failures or situation.trouble) and not situation.refusal:
        return Condition("Reconciling", status=True, reason="Retrying", message="what failed is tried again")
    return Condition("Reconciling", status=False, reason="Idle", message="")


def _stalled(situation: Situation) -> Condition:
    if situation.refusal:
        return Condition("Stalled", status=True, reason="CommitRefused", message=_short(situation.refusal))
    if situation.fights:
        return Condition("Stalled", status=True, reason="Fought", message=_fight_text(situation.fights))
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
        ("Applying", "objects are being applied" if situation.working else ""),
        ("ReconcileFailed", situation.trouble),
        ("ObjectsFailed", _failed_text(situation.failures)),
        ("Fought", _fight_text(situation.fights)),
        ("NothingApplied", nothing),
    )
    return next(((reason, _short(text)) for reason, text in reasons if text), ("", ""))


def _failed_text(failures: Sequence[ObjectResult]) -> str:
    return f"{len(failures)} failed; {failures[0].id}: {failures[0].reason}" if failures else ""


def _applied_text(situation: Situation) -> str:
    accepted = situation.inventory.accepted
    text = f"{len(situation.inventory.entries)} objects at {accepted.revision[:12] if accepted else ''}"
    kept = len(situation.refused)
    return f"{text}; {kept} that left the branch are kept by a guard" if kept else text


def _fight_text(fights: Sequence[tuple[ObjectId, str]]) -> str:
    if not fights:
        return ""
    key, manager = fights[0]
    who = manager or "somebody"
    more = f", and {len(fights) - 1} more" if len(fights) > 1 else ""
    return f"{who} keeps changing {key}{more}"


def _failures(situation: Situation) -> tuple[Failure, ...]:
    fought = ((str(key), _fight_text([(key, manager)])) for key, manager in situation.fights)
    failed = ((str(each.id), each.reason) for each in situation.failures)
    left = ((str(key), f"{cause}; it is not healed (drift: warn)") for key, cause in situation.left)
    kept = ((each.subject, f"{each.reason} [{each.guard}] ({each.hint})") for each in situation.refused)
    return tuple(Failure(name, _short(reason)) for name, reason in (*failed, *fought, *left, *kept))


def _dated(condition: Condition, previous: EnvironmentStatus, now: str) -> Condition:
    old = previous.condition(condition.type)
    return replace(
        condition, since=old.since if old and old.status == condition.status and old.since else now
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
