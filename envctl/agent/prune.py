"""Prune one object: the last step, with a live read, preconditions and a confirmed end.

What is deleted is exactly what was read and judged: the request names its UID and its version, so an object
that was replaced or changed in between is looked at again. No finalizer is ever taken off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from envctl.agent.ours import Ours
from envctl.agent.tasks import failure, uid_of, version_of
from envctl.errors import ClusterError, EnvctlError
from envctl.manifests.names import bad_name, is_label
from envctl.model.cluster import ResourceType
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.plan import Action, ObjectResult, Refusal
from envctl.model.values import JsonObject
from envctl.planning.guards import deletion_policy, is_definition, judge_definition, judge_live
from envctl.planning.ownership import owner
from envctl.ports import Cluster

_CONFLICT = 409
# Somebody may write between the read and the deletion: a controller, most likely.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of pruning. `gone` says that the entry may leave the inventory."""

    entry: InventoryEntry
    result: ObjectResult
    gone: bool = False
    waiting: bool = False
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An entry to be pruned. `wanted` are the UIDs of what the branch holds, whatever it is called there."""

    entry: InventoryEntry
    wanted: Mapping[str, ObjectId] = field(default_factory=dict)


class Pruner:
    """Deletes objects that left the branch, from any thread."""

    def __init__(self, cluster: Cluster, ours: Ours) -> None:
        self._cluster = cluster
        self._ours = ours

    def prune(self, order: Order, *, dry_run: bool = False) -> Pruned:
        """Delete one object, or see that it is gone. Whatever goes wrong is in the answer."""
        try:
            return self._prune(order, dry_run=dry_run)
        except EnvctlError as error:
            return Pruned(order.entry, failure(order.entry.id, error, self._ours.environment))

    def confirm(self, entry: InventoryEntry) -> Pruned:
        """See whether an object whose deletion was asked for is gone."""
        try:
            kind = self._kind(entry)
            live = self._read(kind, entry) if kind else None
        except EnvctlError as error:
            return Pruned(entry, failure(entry.id, error, self._ours.environment))
        return _deleting(entry, live) if live and self._is_ours(entry, live) else _gone(entry)

    def _prune(self, order: Order, *, dry_run: bool) -> Pruned:
        entry = order.entry
        for left in reversed(range(_TRIES)):
            kind = self._kind(entry)
            live = self._read(kind, entry) if kind else None
            if kind is None or live is None:
                return _gone(entry)
            if kept := self._kept(order, live):
                return kept
            if dry_run:
                return _gone(entry)
            if "deletionTimestamp" in metadata_of(live) or self._delete(kind, entry, live, left=left):
                return self.confirm(replace(entry, uid=uid_of(live)))
        raise AssertionError("the last try returned or raised")

    def _kept(self, order: Order, live: JsonObject) -> Pruned | None:
        """Why the live object stays: it is not ours, or not what left the branch, or a guard refuses."""
        entry = order.entry
        if not self._is_ours(entry, live):
            reason = "somebody else's object has its name now; it is left alone and forgotten"
            return Pruned(entry, ObjectResult(entry.id, Action.SKIPPED, reason), gone=True)
        if same := order.wanted.get(uid_of(live)):
            reason = f"it is the same object as {same}, which the branch holds; it stays"
            return Pruned(entry, ObjectResult(entry.id, Action.SKIPPED, reason), gone=True)
        refusal = judge_live(entry, live, self._ours.environment) or self._definition_refusal(entry, live)
        if refusal is None or "deletionTimestamp" in metadata_of(live):
            return None
        result = ObjectResult(entry.id, Action.SKIPPED, refusal.reason, refusal.hint)
        return Pruned(entry, result, refusal=refusal)

    def _definition_refusal(self, entry: InventoryEntry, live: JsonObject) -> Refusal | None:
        if not is_definition(entry.id):
            return None
        try:
            return judge_definition(entry, self._count(live), "", self._ours.environment)
        except EnvctlError as error:
            return judge_definition(entry, None, error.summary, self._ours.environment)

    def _count(self, definition: JsonObject) -> int:
        """How many objects of a defined kind there are. Raises ClusterError where that cannot be told."""
        spec, status = _mapping(definition.get("spec")), _mapping(definition.get("status"))
        name = str(_mapping(spec.get("names")).get("kind"))
        kind = self._cluster.resource_type(str(spec.get("group")), name)
        if kind:
            return len(self._cluster.list(kind).items)
        if status.get("storedVersions"):
            raise ClusterError(f"{name} is not served", status=404, reason="NotServed")
        return 0

    def _delete(self, kind: ResourceType, entry: InventoryEntry, live: JsonObject, *, left: int) -> bool:
        """Ask for the deletion of what was read; False where it changed since, and may be read again."""
        try:
            self._cluster.delete(
                kind,
                entry.id.namespace,
                entry.id.name,
                uid=uid_of(live),
                resource_version=version_of(live),
                policy=deletion_policy(live),
            )
        except ClusterError as error:
            if error.status == _CONFLICT and left:
                return False
            if error.status != _CONFLICT:
                raise
            raise ClusterError(
                "it was changed again and again while it was being deleted; it is looked at again later",
                status=error.status,
                reason=error.reason,
            ) from error
        return True

    def _read(self, kind: ResourceType, entry: InventoryEntry) -> JsonObject | None:
        if not _can_be(kind, entry.id):
            return None
        return self._cluster.get(kind, entry.id.namespace, entry.id.name)

    def _kind(self, entry: InventoryEntry) -> ResourceType | None:
        """The served type; None where the server says that there is none, so that no object can exist."""
        version = entry.api_version.rpartition("/")[2]
        found = self._cluster.resource_type(entry.id.group, entry.id.kind, version) if version else None
        return found or self._cluster.resource_type(entry.id.group, entry.id.kind)

    def _is_ours(self, entry: InventoryEntry, live: JsonObject) -> bool:
        holder = owner(live)
        return holder == self._ours.set_id or (not holder and bool(entry.uid) and entry.uid == uid_of(live))


def _can_be(kind: ResourceType, key: ObjectId) -> bool:
    """Whether an API server can have an object of this name at all: else it was only ever on the branch."""
    if kind.namespaced and not is_label(key.namespace):
        return False
    return not bad_name(key.group, key.kind, key.name, known=False)


def _gone(entry: InventoryEntry) -> Pruned:
    return Pruned(entry, ObjectResult(entry.id, Action.DELETED), gone=True)


def _deleting(entry: InventoryEntry, live: JsonObject) -> Pruned:
    """What an object says that was asked to go and is still there."""
    waits = [
        *_texts(metadata_of(live).get("finalizers")),
        *_texts(_mapping(live.get("spec")).get("finalizers")),
    ]
    told = f"it waits for its finalizers {', '.join(waits)}" if waits else "it has not ended yet"
    told = "; ".join([told, *_obstacles(live)])
    return Pruned(entry, ObjectResult(entry.id, Action.DELETING, told), waiting=True)


def _obstacles(live: JsonObject) -> list[str]:
    """What a namespace or definition that is terminating says that it waits for."""
    conditions = _mapping(live.get("status")).get("conditions")
    found = [each for each in conditions if isinstance(each, Mapping)] if isinstance(conditions, list) else []
    return [
        str(each.get("message"))
        for each in found
        if each.get("status") == "True" and str(each.get("type")).startswith(("Namespace", "Terminating"))
    ]


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
