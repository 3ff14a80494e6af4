"""Fields that a client-side `kubectl apply` owns become ours, once: the way of client-go's csaupgrade.

What the client-side applier owned stays owned by it for ever otherwise, so a field that leaves the
branch would stay in the object. Its entries in ``managedFields`` are joined with ours; the next
server-side apply then takes away what the branch does not say. The copy of the object that kubectl
keeps in an annotation goes too: in a Secret's case it is a copy of the secret.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from envctl.model.cluster import FIELD_MANAGER
from envctl.model.values import JsonObject
from envctl.planning.fields import is_ours, managed_fields

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_CLIENT_SIDE: Final = frozenset({"kubectl-client-side-apply", "before-first-apply"})
_FIELD: Final = f"f:{LAST_APPLIED}"


def client_side(live: JsonObject) -> tuple[str, ...]:
    """The managers of a live object that applied it from the client's side."""
    return tuple(str(each.get("manager")) for each in managed_fields(live) if _is_client_side(each))


def handover(live: JsonObject) -> Sequence[JsonObject]:
    """The JSON patch that makes client-side appliers' fields ours; empty where there are none."""
    entries = managed_fields(live)
    given = [each for each in entries if _is_client_side(each)]
    if not given:
        return ()
    ours = [each for each in entries if is_ours(each)]
    fields: JsonObject = {}
    for each in (*ours, *given):
        fields = joined(fields, _mapping(each.get("fieldsV1")))
    newest = max((*ours, *given), key=lambda each: str(each.get("time", "")))
    entry = {**newest, "manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": _without_copy(fields)}
    rest = [each for each in entries if not _is_client_side(each) and not is_ours(each)]
    patch: list[JsonObject] = [{"op": "replace", "path": "/metadata/managedFields", "value": [*rest, entry]}]
    annotations = _mapping(_mapping(live.get("metadata")).get("annotations"))
    if LAST_APPLIED in annotations:
        path = f"/metadata/annotations/{LAST_APPLIED.replace('/', '~1')}"
        patch.append({"op": "remove", "path": path})
    return patch


def joined(left: JsonObject, right: JsonObject) -> JsonObject:
    """The union of two field sets in the form of ``fieldsV1``."""
    both = {key: joined(_mapping(left[key]), _mapping(right[key])) for key in left if key in right}
    return {**left, **right, **both}


def _is_client_side(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is that of a client-side applier: a known name, or who owns kubectl's copy."""
    if entry.get("operation") != "Update" or entry.get("subresource"):
        return False
    annotations = _mapping(_mapping(_mapping(entry.get("fieldsV1")).get("f:metadata")).get("f:annotations"))
    return entry.get("manager") in _CLIENT_SIDE or _FIELD in annotations


def _without_copy(fields: JsonObject) -> JsonObject:
    metadata = _mapping(fields.get("f:metadata"))
    annotations = {
        key: each for key, each in _mapping(metadata.get("f:annotations")).items() if key != _FIELD
    }
    if "f:annotations" not in metadata:
        return fields
    rest = {key: each for key, each in metadata.items() if key != "f:annotations"}
    kept = {**rest, "f:annotations": annotations} if set(annotations) - {"."} else rest
    return {**fields, "f:metadata": kept}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
