"""Apply one object: server-side apply that takes nothing which was never ours.

One request in the good case. An object that was never confirmed as ours is read first, since
server-side apply would merge into whatever stands there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from envctl.errors import ClusterError, EnvctlError, InputError
from envctl.model.cluster import ResourceType, conflicts
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult
from envctl.model.values import JsonObject
from envctl.planning.definitions import unsafe_change
from envctl.planning.fields import all_held, fields_digest
from envctl.planning.guards import is_definition
from envctl.planning.ownership import PART_OF, takeover_refusal
from envctl.ports import Cluster

_UNPROCESSABLE = 422
_LABEL_PATH = f".metadata.labels.{PART_OF}"


@dataclass(frozen=True, slots=True)
class Task:
    """One object to be applied.

    `force` takes fields back from other managers. `look` reads the live object first, to see
    whether it is ours at all.
    """

    entry: InventoryEntry
    value: JsonObject
    force: bool = False
    look: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task. `live` is the stored object after a success, `error` is set after a failure."""

    task: Task
    result: ObjectResult
    live: JsonObject | None = None
    error: EnvctlError | None = None


class Applier:
    """Applies objects, from any thread. Remembers the version of each object that it wrote."""

    def __init__(self, cluster: Cluster, set_id: str) -> None:
        self._cluster = cluster
        self._set_id = set_id
        self.versions: dict[ObjectId, str] = {}

    def apply(self, task: Task, *, dry_run: bool = False) -> Outcome:
        """Apply one object. Whatever goes wrong is in the outcome."""
        try:
            kind = served_type(self._cluster, task.value)
            _require_scope(kind, task.entry.id)
            live = self._look(kind, task) if _must_look(task) or dry_run else None
            if live and (refusal := self._refusal(task, live)):
                return Outcome(task, ObjectResult(task.entry.id, Action.FAILED, *refusal))
            stored = self._cluster.apply(kind, task.value, force=task.force, dry_run=dry_run)
        except EnvctlError as error:
            return Outcome(task, failure(task.entry.id, error), error=error)
        return Outcome(
            task, ObjectResult(task.entry.id, self._action(task, live, stored, dry_run=dry_run)), stored
        )

    def _refusal(self, task: Task, live: JsonObject) -> tuple[str, str] | None:
        change = unsafe_change(live, task.value) if is_definition(task.entry.id) else None
        return change or takeover_refusal(task.value, live, self._set_id, known=bool(task.entry.blob))

    def _look(self, kind: ResourceType, task: Task) -> JsonObject | None:
        return self._cluster.get(kind, task.entry.id.namespace, task.entry.id.name)

    def _action(self, task: Task, live: JsonObject | None, stored: JsonObject, *, dry_run: bool) -> Action:
        if live is None and (_must_look(task) or dry_run):
            return Action.CREATED
        if dry_run:
            return Action.UNCHANGED if _essence(live or {}) == _essence(stored) else Action.CONFIGURED
        before = version_of(live) if live else self.versions.get(task.entry.id)
        self.versions[task.entry.id] = version_of(stored)
        if task.entry.uid and task.entry.uid != uid_of(stored):
            return Action.CREATED
        return Action.UNCHANGED if before == version_of(stored) else Action.CONFIGURED


def _must_look(task: Task) -> bool:
    """Whether the live object decides if it is applied at all; of definitions, since objects may be lost."""
    return task.look or is_definition(task.entry.id)


def served_type(cluster: Cluster, value: JsonObject) -> ResourceType:
    """The type of an object, at its own version. Raises ClusterError where the server does not serve it."""
    group, _, version = str(value.get("apiVersion", "")).rpartition("/")
    kind = cluster.resource_type(group, str(value.get("kind", "")), version)
    if kind is None:
        raise ClusterError(
            f"the API server does not serve {value.get('kind')} of {value.get('apiVersion')}",
            status=404,
            reason="NotServed",
            hint="its CustomResourceDefinition is missing, or serves other versions",
        )
    return kind


def _require_scope(kind: ResourceType, key: ObjectId) -> None:
    if key.namespace and not kind.namespaced:
        raise InputError(
            f"{kind.kind} objects belong to no namespace, and this one names {key.namespace}",
            place=str(key),
            hint="take metadata.namespace out of the rendered object",
        )


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


def failure(key: ObjectId, error: EnvctlError) -> ObjectResult:
    """The result for an object that could not be applied or pruned."""
    hint = error.hint
    if isinstance(error, ClusterError) and error.status == _UNPROCESSABLE and "immutable" in error.summary:
        hint = hint or "this field cannot be changed: delete the object once, or render it under a new name"
    return ObjectResult(key, Action.FAILED, error.summary, hint)


def may_force(error: EnvctlError | None, before: JsonObject) -> bool:
    """Whether a refused apply may be forced: every field in conflict was ours, in the value `before`.

    Never for the label that says whose the object is: it is then another's.
    """
    paths = [path for _, path in conflicts(error)] if isinstance(error, ClusterError) else []
    return bool(paths) and _LABEL_PATH not in paths and all_held(paths, before)


def version_of(live: JsonObject) -> str:
    """The resourceVersion of a live object."""
    return str(_metadata(live).get("resourceVersion") or "")


def uid_of(live: JsonObject) -> str:
    """The UID of a live object."""
    return str(_metadata(live).get("uid") or "")


def _essence(value: JsonObject) -> JsonObject:
    """What a dry run can differ in, without what the server writes about the writing."""
    metadata = {
        name: each
        for name, each in _metadata(value).items()
        if name not in {"managedFields", "resourceVersion", "generation"}
    }
    return {**value, "metadata": metadata}


def _metadata(value: JsonObject) -> Mapping[str, Any]:
    metadata = value.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
