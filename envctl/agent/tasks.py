"""One object to be applied, and what applying, replacing and pruning have in common."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from envctl.errors import ClusterError, EnvctlError, InputError, RefusedError
from envctl.model.annotations import FORCE_FIELDS
from envctl.model.cluster import ResourceType, conflicts
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.plan import Action, ObjectResult
from envctl.model.values import JsonObject
from envctl.planning.guards import is_record
from envctl.planning.immutable import is_immutable
from envctl.planning.ownership import PART_OF
from envctl.ports import Cluster

_FORBIDDEN = 403
_PLAIN = re.compile(r"(\.[A-Za-z0-9_-]+)+")


@dataclass(frozen=True, slots=True)
class Task:
    """One object to be applied.

    `force` takes fields back from other managers. `look` reads the live object first, to see
    whether it is ours at all; `heed`, to leave to others what is theirs (`planning.yielding`).
    """

    entry: InventoryEntry
    value: JsonObject
    force: bool = False
    look: bool = False
    heed: bool = False


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


def require_scope(kind: ResourceType, key: ObjectId) -> None:
    """Raise InputError for an object with a namespace whose kind has none."""
    if key.namespace and not kind.namespaced:
        raise InputError(
            f"{kind.kind} objects belong to no namespace, and this one names {key.namespace}",
            place=str(key),
            hint="take metadata.namespace out of the rendered object",
        )


def refuse_record(key: ObjectId) -> None:
    """Raise RefusedError for an object that agents keep their own records in."""
    if is_record(key):
        raise RefusedError(
            "agents keep their own records in it, and no branch writes these",
            place=str(key),
            hint="take it out of the source",
        )


def failure(key: ObjectId, error: EnvctlError, environment: str) -> ObjectResult:
    """The result for an object that could not be applied or pruned."""
    reason, hint = error.summary, hint_of(error, environment)
    if isinstance(error, ClusterError) and is_immutable(error):
        hint = hint or (
            "this field cannot be changed: delete the object once, render it under a new name, or let it be "
            "replaced by the annotation envctl.dev/replace: immutable"
        )
    if isinstance(error, ClusterError) and (held := conflicts(error)):
        hint += _taking([path for _, path in held])
    if isinstance(error, ClusterError) and _is_ending(error):
        reason = f"the namespace {key.namespace} is being deleted"
        hint = "nothing can be created in it until it is gone; it is tried again"
    return ObjectResult(key, Action.FAILED, reason, hint)


def _taking(paths: Sequence[str]) -> str:
    """How to take these fields from their managers; "" where the label of the owner is among them."""
    if any(PART_OF in path for path in paths):
        return ""
    plain = all(_PLAIN.fullmatch(path) for path in paths)
    pointers = f"'{', '.join(map(_pointer, paths))}'" if plain else "JSON pointers"
    return f", or take them by the annotation {FORCE_FIELDS}: {pointers}"


def _pointer(path: str) -> str:
    """The JSON pointer of a plain path of managedFields. Keys of data and labels may have dots."""
    steps = path.removeprefix(".").split(".")
    fixed = {"data": 1, "binaryData": 1, "metadata": 2}.get(steps[0], len(steps))
    return "/" + "/".join([*steps[:fixed], ".".join(steps[fixed:])]).rstrip("/")


def hint_of(error: EnvctlError, environment: str) -> str:
    """The hint of an error; for a missing right, which the summary names, what gives all that are needed."""
    if isinstance(error, ClusterError) and error.lacks_right:
        way = f"`envctl install {environment}` prints all rights that the branch needs: apply it again"
        narrow = "at the cluster scope" in error.hint and " watch " in error.hint
        return way + ("; or watch each namespace by itself: --namespaced" if narrow else "")
    return error.hint


@contextmanager
def naming_rights(environment: str) -> Iterator[None]:
    """Whatever is raised for a missing right names what gives all that are needed."""
    try:
        yield
    except ClusterError as error:
        error.hint = hint_of(error, environment)
        raise


def reason_of(error: EnvctlError, environment: str) -> str:
    """The summary of an error; where a right is missing, with what gives it."""
    lacks = isinstance(error, ClusterError) and error.lacks_right
    return f"{error.summary} ({hint_of(error, environment)})" if lacks else error.summary


def _is_ending(error: ClusterError) -> bool:
    """Whether nothing may be created because the namespace is being deleted (cause NamespaceTerminating)."""
    return error.status == _FORBIDDEN and any(
        field == "metadata.namespace" and "being terminated" in message for field, message in error.causes
    )


def version_of(live: JsonObject) -> str:
    """The resourceVersion of a live object."""
    return str(metadata_of(live).get("resourceVersion") or "")


def uid_of(live: JsonObject) -> str:
    """The UID of a live object."""
    return str(metadata_of(live).get("uid") or "")
