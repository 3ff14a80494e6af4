"""Prune one object: the last step, with a live read, a UID precondition and a confirmed end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envctl.agent.apply import failure
from envctl.errors import ClusterError, EnvctlError
from envctl.model.cluster import ResourceType
from envctl.model.inventory import InventoryEntry
from envctl.model.plan import Action, ObjectResult, Refusal
from envctl.model.values import JsonObject
from envctl.planning.guards import judge_live
from envctl.planning.ownership import owner
from envctl.ports import Cluster

_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of pruning. `gone` says that the entry may leave the inventory."""

    entry: InventoryEntry
    result: ObjectResult
    gone: bool = False
    waiting: bool = False
    refusal: Refusal | None = None


class Pruner:
    """Deletes objects that left the branch, from any thread."""

    def __init__(self, cluster: Cluster, set_id: str) -> None:
        self._cluster = cluster
        self._set_id = set_id

    def prune(self, entry: InventoryEntry, *, dry_run: bool = False) -> Pruned:
        """Delete one object, or see that it is gone. Whatever goes wrong is in the answer."""
        try:
            return self._prune(entry, dry_run=dry_run)
        except EnvctlError as error:
            return Pruned(entry, failure(entry.id, error))

    def confirm(self, entry: InventoryEntry) -> Pruned:
        """See whether an object whose deletion was asked for is gone."""
        try:
            kind = self._kind(entry)
            live = self._cluster.get(kind, entry.id.namespace, entry.id.name) if kind else None
        except EnvctlError as error:
            return Pruned(entry, failure(entry.id, error))
        return self._end(entry, live) if live and self._is_ours(entry, live) else _gone(entry)

    def _prune(self, entry: InventoryEntry, *, dry_run: bool) -> Pruned:
        kind = self._kind(entry)
        live = self._cluster.get(kind, entry.id.namespace, entry.id.name) if kind else None
        if kind is None or live is None:
            return _gone(entry)
        if not self._is_ours(entry, live):
            reason = "somebody else's object has its name now; it is left alone and forgotten"
            return Pruned(entry, ObjectResult(entry.id, Action.SKIPPED, reason), gone=True)
        if refusal := judge_live(entry, live):
            result = ObjectResult(entry.id, Action.SKIPPED, refusal.reason, refusal.hint)
            return Pruned(entry, result, refusal=refusal)
        if dry_run:
            return _gone(entry)
        if "deletionTimestamp" not in _metadata(live):
            self._delete(kind, entry, str(_metadata(live).get("uid") or ""))
        return self.confirm(entry)

    def _delete(self, kind: ResourceType, entry: InventoryEntry, uid: str) -> None:
        try:
            self._cluster.delete(kind, entry.id.namespace, entry.id.name, uid=uid)
        except ClusterError as error:
            if error.status != _CONFLICT:
                raise
            raise ClusterError(
                "it was replaced by another object while it was being deleted; it is looked at again",
                status=error.status,
                reason=error.reason,
            ) from error

    def _kind(self, entry: InventoryEntry) -> ResourceType | None:
        """The served type; None where the server says that there is none, so that no object can exist."""
        version = entry.api_version.rpartition("/")[2]
        found = self._cluster.resource_type(entry.id.group, entry.id.kind, version) if version else None
        return found or self._cluster.resource_type(entry.id.group, entry.id.kind)

    def _is_ours(self, entry: InventoryEntry, live: JsonObject) -> bool:
        holder = owner(live)
        return holder == self._set_id or (
            not holder and bool(entry.uid) and entry.uid == _metadata(live).get("uid")
        )

    def _end(self, entry: InventoryEntry, live: JsonObject) -> Pruned:
        """What an object says that was asked to go and is still there."""
        finalizers = _metadata(live).get("finalizers") or ()
        waits = f", it waits for its finalizers {', '.join(map(str, finalizers))}" if finalizers else ""
        return Pruned(
            entry,
            ObjectResult(entry.id, Action.FAILED, f"its deletion has not ended yet{waits}"),
            waiting=True,
        )


def _gone(entry: InventoryEntry) -> Pruned:
    return Pruned(entry, ObjectResult(entry.id, Action.DELETED), gone=True)


def _metadata(value: JsonObject) -> Mapping[str, Any]:
    metadata = value.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
