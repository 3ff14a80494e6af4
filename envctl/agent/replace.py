"""Replace one object: delete it and create it again, where the branch says so and a field cannot be changed.

Nothing is deleted on a suspicion: the object must be ours, no guard may keep it, and the server must
accept the new one by a dry run under another name, so that what is wrong with it is found before.
"""

from collections.abc import Callable
from typing import Any

from envctl.agent.ours import Ours
from envctl.agent.tasks import Task, uid_of, version_of
from envctl.errors import ClusterError
from envctl.model.cluster import ResourceType
from envctl.model.objects import metadata_of
from envctl.model.values import JsonObject
from envctl.planning.guards import judge_replacement
from envctl.planning.immutable import is_only_taken
from envctl.planning.ownership import owner
from envctl.ports import Cluster

_CONFLICT = 409
# How long a deletion is waited for here, in seconds; after that it is looked at again by each retry.
_PATIENCE, _FIRST_STEP, _LONGEST_STEP = 3.0, 0.02, 0.5
_SHORT = 40


class Replacer:
    """Replaces objects, from any thread."""

    def __init__(
        self,
        cluster: Cluster,
        ours: Ours,
        rest: Callable[[float], object],
    ) -> None:
        self._cluster = cluster
        self._ours = ours
        self._rest = rest

    def replace(self, kind: ResourceType, task: Task, error: ClusterError) -> JsonObject:
        """Replace the object whose apply was refused with `error`. Returns the new one.

        Raises ClusterError where it may not be, or has not ended yet: then the next try goes on.
        """
        live = self.require(kind, task, error)
        if live and "deletionTimestamp" not in metadata_of(live):
            self._delete(kind, task, live)
        self._await_end(kind, task, uid_of(live) if live else "")
        return self._cluster.apply(kind, task.value, create=True)

    def require(self, kind: ResourceType, task: Task, error: ClusterError) -> JsonObject | None:
        """The live object, which may be replaced. Raises ClusterError with the reason where it may not."""
        key = task.entry.id
        live = self._cluster.get(kind, key.namespace, key.name)
        if live is None:
            return None
        if owner(live) != self._ours.set_id:
            raise _kept(error, "it does not carry our label", "")
        if refusal := judge_replacement(task.entry, live, self._ours.own, self._ours.environment):
            raise _kept(error, f"{refusal.reason} [{refusal.guard}]", refusal.hint)
        try:
            self._cluster.apply(kind, _renamed(task.value), create=True, dry_run=True)
        except ClusterError as refused:
            if not is_only_taken(refused):
                raise _kept(
                    error, f"the new one would be refused: {refused.summary}", refused.hint
                ) from refused
        return live

    def _delete(self, kind: ResourceType, task: Task, live: JsonObject) -> None:
        key = task.entry.id
        try:
            self._cluster.delete(
                kind, key.namespace, key.name, uid=uid_of(live), resource_version=version_of(live)
            )
        except ClusterError as error:
            if error.status != _CONFLICT:
                raise
            raise ClusterError(
                "it changed while it was being replaced; it is looked at again",
                status=error.status,
                reason=error.reason,
            ) from error

    def _await_end(self, kind: ResourceType, task: Task, uid: str) -> None:
        key, waited, step = task.entry.id, 0.0, _FIRST_STEP
        while (live := self._cluster.get(kind, key.namespace, key.name)) and uid_of(live) == uid:
            if waited >= _PATIENCE:
                finalizers: Any = metadata_of(live).get("finalizers") or ()
                waits = (
                    f", it waits for its finalizers {', '.join(map(str, finalizers))}" if finalizers else ""
                )
                raise ClusterError(
                    f"it is being replaced, and its deletion has not ended yet{waits}",
                    status=_CONFLICT,
                    reason="Deleting",
                    hint="it is created again as soon as it is gone",
                )
            self._rest(step)
            waited, step = waited + step, min(2 * step, _LONGEST_STEP)


def _renamed(value: JsonObject) -> JsonObject:
    """The object under a name that is free: only to ask whether it would be accepted."""
    name = str(metadata_of(value).get("name"))[:_SHORT].rstrip("-.")
    return {**value, "metadata": {**metadata_of(value), "name": f"{name}-envctl-trial"}}


def _kept(error: ClusterError, reason: str, hint: str) -> ClusterError:
    return ClusterError(
        f"{error.summary}; it is not replaced: {reason}",
        status=error.status,
        reason="NotReplaced",
        place=error.place,
        hint=hint or "delete the object once, or render it under a new name",
    )
