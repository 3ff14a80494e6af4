"""Fields that are left to others: what is applied then, so that server-side apply leaves them as they are.

Server-side apply deletes a field that its only owner no longer sends. So a field that we still own is
sent with the value that it has, and one that is another's is not sent at all
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envctl.model.keeping import Pointer
from envctl.model.values import JsonObject, JsonValue
from envctl.planning.fields import is_ours, managed_fields

REPLICAS: Pointer = ("spec", "replicas")
_AUTOSCALER = "kube-controller-manager"


def autoscaled(live: JsonObject) -> bool:
    """Whether a HorizontalPodAutoscaler has set the replicas: through the scale subresource, as only it does.

    `kubectl scale` writes there, too, but under its own name.
    """
    return any(
        entry.get("manager") == _AUTOSCALER
        and entry.get("subresource") == "scale"
        and _holds(entry.get("fieldsV1"), REPLICAS)
        for entry in managed_fields(live)
    )


def with_ignored(value: JsonObject, live: JsonObject, pointers: Iterable[Pointer]) -> JsonObject:
    """What is applied to a live object instead of `value`, so that these fields stay as they are."""
    for pointer in pointers:
        found, current = _at(live, pointer)
        # Paths through lists cannot be looked up among owners; to send what is there changes nothing either.
        through_list = any(part.isdecimal() for part in pointer)
        keep = found and (through_list or _owned(live, pointer))
        value = _with(value, pointer, current) if keep else _without(value, pointer)
    return value


def _owned(live: JsonObject, pointer: Pointer) -> bool:
    return any(is_ours(entry) and _holds(entry.get("fieldsV1"), pointer) for entry in managed_fields(live))


def _holds(fields: Any, pointer: Pointer) -> bool:
    for part in pointer:
        if not isinstance(fields, Mapping) or f"f:{part}" not in fields:
            return False
        fields = fields[f"f:{part}"]
    return True


def _at(value: JsonValue, pointer: Sequence[str]) -> tuple[bool, JsonValue]:
    """Whether there is something at a pointer, and what."""
    for part in pointer:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, Sequence) and not isinstance(value, str) and _index(part, value) is not None:
            value = value[int(part)]
        else:
            return False, None
    return True, value


def _index(part: str, values: Sequence[Any]) -> int | None:
    return int(part) if part.isascii() and part.isdecimal() and int(part) < len(values) else None


def _with(value: JsonObject, pointer: Sequence[str], new: JsonValue) -> JsonObject:
    found = _changed(value, pointer, lambda rest: _built(rest, new))
    return found if isinstance(found, Mapping) else value


def _without(value: JsonObject, pointer: Sequence[str]) -> JsonObject:
    found = _changed(value, pointer, None)
    return found if isinstance(found, Mapping) else value


def _built(rest: Sequence[str], new: JsonValue) -> JsonValue:
    for part in reversed(rest):
        new = {part: new}
    return new


def _changed(value: JsonValue, pointer: Sequence[str], make: Any) -> JsonValue:
    """A copy with another value at a pointer, or nothing (no `make`); the same where it leads nowhere."""
    part, rest = pointer[0], pointer[1:]
    if isinstance(value, Mapping):
        if part not in value:
            return {**value, part: make(rest)} if make else value
        if rest:
            return {**value, part: _changed(value[part], rest, make)}
        others = {key: each for key, each in value.items() if key != part}
        return {**value, part: make(rest)} if make else others
    if isinstance(value, Sequence) and not isinstance(value, str):
        at = _index(part, value)
        if at is None:
            return value
        new = [_changed(value[at], rest, make)] if rest else [make(rest)] if make else []
        return [*value[:at], *new, *value[at + 1 :]]
    return value
