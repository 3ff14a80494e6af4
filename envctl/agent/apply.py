"""Apply one object: server-side apply that takes nothing which was never ours.

One request in the good case, also for an object that was never confirmed as ours: it is applied so
that it only ever creates, since server-side apply would merge into whatever stands there. Only where
something does, that is read.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from envctl.agent.ours import Ours
from envctl.agent.replace import Replacer
from envctl.agent.tasks import (
    Task,
    failure,
    refuse_record,
    require_scope,
    served_type,
    uid_of,
    version_of,
)
from envctl.errors import ClusterError, EnvctlError
from envctl.model.annotations import replaces
from envctl.model.cluster import ResourceType, conflicts
from envctl.model.inventory import InventoryEntry
from envctl.model.keeping import ignored_fields
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.plan import Action, ObjectResult
from envctl.model.values import JsonObject
from envctl.planning.definitions import unsafe_change
from envctl.planning.fields import all_held, covers, fields_digest
from envctl.planning.guards import is_definition
from envctl.planning.handover import handover
from envctl.planning.immutable import is_immutable
from envctl.planning.ownership import PART_OF, takeover_refusal
from envctl.planning.yielding import is_yielded, sent
from envctl.ports import Cluster

_CONFLICT = 409
_LABEL_PATH = f".metadata.labels.{PART_OF}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task.

    After a success, `live` is the stored object, or `entry` what the inventory says of it from now on;
    `error` is set after a failure.
    """

    task: Task
    result: ObjectResult
    live: JsonObject | None = None
    error: EnvctlError | None = None
    entry: InventoryEntry | None = None


class Applier:
    """Applies objects, from any thread. Remembers the version of each object that it wrote.

    `rest` lets so many seconds pass, while deletions come to an end.
    """

    def __init__(
        self,
        cluster: Cluster,
        ours: Ours,
        rest: Callable[[float], object] = time.sleep,
    ) -> None:
        self._cluster = cluster
        self._ours = ours
        self._replacer = Replacer(cluster, ours, rest)
        self.versions: dict[ObjectId, str] = {}

    def apply(self, task: Task, *, dry_run: bool = False) -> Outcome:
        """Apply one object. Whatever goes wrong is in the outcome."""
        try:
            refuse_record(task.entry.id)
            kind = served_type(self._cluster, task.value)
            require_scope(kind, task.entry.id)
            return self._judged(kind, task) if dry_run else self._applied(kind, task)
        except EnvctlError as error:
            return Outcome(task, failure(task.entry.id, error, self._ours.environment), error=error)

    def _applied(self, kind: ResourceType, task: Task) -> Outcome:
        live = None
        if task.look:
            # One request where nothing stands there, and what does is never touched by it.
            if (stored := self._create(kind, task)) is not None:
                return self._done(task, Action.CREATED, stored)
            live = self._look(kind, task)
            if live is None:  # gone again meanwhile, or it was something else that was in the way
                return self._done(task, Action.CREATED, self._cluster.apply(kind, task.value, create=True))
            if refusal := self._refusal(task, live):
                return Outcome(task, ObjectResult(task.entry.id, Action.FAILED, *refusal))
            live = self._taken_over(kind, live)
        elif is_definition(task.entry.id) or task.heed or ignored_fields(task.value):
            # A definition is never changed unseen, since objects of its kind may be lost.
            live = self._look(kind, task)
            if live and (refusal := self._refusal(task, live)):
                return Outcome(task, ObjectResult(task.entry.id, Action.FAILED, *refusal))
        return self._changed(kind, task, live)

    def _changed(self, kind: ResourceType, task: Task, live: JsonObject | None) -> Outcome:
        """Apply what is ours, with what was read of it, if anything."""
        try:
            value = sent(task.value, live) if live else task.value
            stored = self._cluster.apply(kind, value, force=task.force)
        except ClusterError as error:
            if not (replaces(task.value) and is_immutable(error)):
                raise
            return self._done(task, Action.REPLACED, self._replacer.replace(kind, task, error))
        same = live is not None and _essence(live, "status") == _essence(stored, "status")
        action = Action.UNCHANGED if same else _action(task, self.versions.get(task.entry.id), stored)
        return self._done(task, action, stored)

    def _judged(self, kind: ResourceType, task: Task) -> Outcome:
        """What applying would do, by the server's own dry run."""
        live = self._look(kind, task)
        if live and (refusal := self._refusal(task, live)):
            return Outcome(task, ObjectResult(task.entry.id, Action.FAILED, *refusal))
        try:
            value = sent(task.value, live) if live else task.value
            stored = self._cluster.apply(kind, value, force=task.force, dry_run=True)
        except ClusterError as error:
            if not (replaces(task.value) and is_immutable(error)):
                raise
            self._replacer.require(kind, task, error)
            return Outcome(task, ObjectResult(task.entry.id, Action.REPLACED))
        action = Action.CREATED
        if live:
            action = Action.UNCHANGED if _essence(live) == _essence(stored) else Action.CONFIGURED
        return Outcome(task, ObjectResult(task.entry.id, action), stored)

    def _done(self, task: Task, action: Action, stored: JsonObject) -> Outcome:
        self.versions[task.entry.id] = version_of(stored)
        return Outcome(task, ObjectResult(task.entry.id, action), stored)

    def _create(self, kind: ResourceType, task: Task) -> JsonObject | None:
        try:
            return self._cluster.apply(kind, task.value, create=True)
        except ClusterError as error:
            if error.status != _CONFLICT:
                raise
            return None

    def _taken_over(self, kind: ResourceType, live: JsonObject) -> JsonObject:
        """A live object that is to be ours, after the fields of client-side appliers became ours."""
        patch = handover(live)
        return self._cluster.hand_over(kind, live, patch) if patch else live

    def _refusal(self, task: Task, live: JsonObject) -> tuple[str, str] | None:
        change = unsafe_change(live, task.value) if is_definition(task.entry.id) else None
        known, ours = bool(task.entry.blob), self._ours
        return change or takeover_refusal(
            task.value, live, ours.set_id, ours.former, known=known, name_of=ours.name_of
        )

    def _look(self, kind: ResourceType, task: Task) -> JsonObject | None:
        return self._cluster.get(kind, task.entry.id.namespace, task.entry.id.name)


def _action(task: Task, before: str | None, stored: JsonObject) -> Action:
    if task.entry.uid and task.entry.uid != uid_of(stored):
        return Action.CREATED
    return Action.UNCHANGED if before == version_of(stored) else Action.CONFIGURED


def settled(entry: InventoryEntry, value: JsonObject, live: JsonObject) -> InventoryEntry:
    """The entry after its object was applied."""
    return replace(
        entry,
        blob=entry.wanted,
        settled=True,
        uid=uid_of(live),
        api_version=str(value.get("apiVersion", "")),
        fields=fields_digest(live),
        prunable="",
        verdict="",
    )


def healed(entry: InventoryEntry, value: JsonObject, live: JsonObject) -> InventoryEntry:
    """The entry after its object was put back to what was applied before; what is wanted may be newer."""
    done = settled(entry, value, live)
    return replace(done, blob=entry.blob, settled=entry.settled, prunable=entry.prunable)


def may_force(error: EnvctlError | None, before: JsonObject, pointers: Sequence[str] = ()) -> bool:
    """Whether a refused apply may be forced: every field in conflict was ours, in the value `before`.

    Or is among those fields that `pointers` name, which the branch takes from whoever has them, or is left to
    its manager, so that it is not sent again. Never for the label that says whose the object is: it is then
    another's.
    """
    found = conflicts(error) if isinstance(error, ClusterError) else ()
    paths = [path for _, path in found]
    rest = [
        path
        for manager, path in found
        if not is_yielded(manager, path) and not any(covers(pointer, path) for pointer in pointers)
    ]
    return bool(paths) and _LABEL_PATH not in paths and all_held(rest, before)


def _essence(value: JsonObject, *besides: str) -> JsonObject:
    """What an apply can change, so not what the server writes about the writing; nor the parts `besides`."""
    metadata = {
        name: each
        for name, each in metadata_of(value).items()
        if name not in {"managedFields", "resourceVersion", "generation"}
    }
    return {key: each for key, each in value.items() if key not in besides} | {"metadata": metadata}
