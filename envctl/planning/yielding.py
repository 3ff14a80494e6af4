"""Fields that are left to others once an object exists: those the branch names, and what autoscalers set.

Server-side apply takes away what its applier owned and no longer sends. So a field that we own alone is sent
with the value that it has, and one that others own is not sent at all: either way it stays as it is.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

from envctl.model.keeping import Pointer, ignored_fields
from envctl.model.values import JsonObject
from envctl.planning.fields import is_ours, managed_fields

AUTOSCALERS: Final = frozenset({"kube-controller-manager", "keda"})
"""The field managers that set ``spec.replicas`` by the scale subresource: HorizontalPodAutoscaler, KEDA."""

_REPLICAS: Final = ("spec", "replicas")
_Held = Mapping[str, Any] | None
"""What we own at some place, as FieldsV1: None for nothing, an empty mapping for all of it."""


def is_yielded(manager: str, path: str) -> bool:
    """Whether a field that a manager holds is left to it: replicas that an autoscaler has set."""
    return manager in AUTOSCALERS and path == "." + ".".join(_REPLICAS)


def is_scaled(live: JsonObject) -> bool:
    """Whether an autoscaler holds the replicas of a live object. Its metadata is enough."""
    return any(
        entry.get("manager") in AUTOSCALERS
        and entry.get("subresource") == "scale"
        and reduce(_below, _REPLICAS, entry.get("fieldsV1")) is not None
        for entry in managed_fields(live)
    )


def sent(value: JsonObject, live: JsonObject) -> JsonObject:
    """What is sent of a value where an object stands already: what is left to others stays as it is there.

    Raises InputError where the annotation that names such fields is none.
    """
    held: _Held = next((each.get("fieldsV1") for each in managed_fields(live) if is_ours(each)), None)
    value = reduce(lambda each, pointer: _left(each, live, held, pointer), ignored_fields(value), value)
    return _left(value, {}, None, _REPLICAS) if is_scaled(live) else value


def _left(value: JsonObject, live: Mapping[str, Any], held: _Held, pointer: Pointer) -> JsonObject:
    """A value whose field at a pointer is the live one where we own it, and else is not there."""
    name, rest = pointer[0], pointer[1:]
    if name not in value:
        return value
    inner, stored, ours = value[name], live.get(name), _below(held, name)
    if isinstance(inner, Mapping) and (rest or isinstance(stored, Mapping)):
        known = stored if isinstance(stored, Mapping) else {}
        pointers = [rest] if rest else [(key,) for key in inner]
        left = reduce(lambda each, below: _left(each, known, ours, below), pointers, inner)
        return {**value, name: left} if left else _without(value, name)
    if rest:
        return value
    kept = _owned(stored, ours) if name in live else None
    return _without(value, name) if kept is None else {**value, name: kept}


def _owned(stored: Any, ours: _Held) -> Any:
    """The part of a live value that we own; None for none of it."""
    if ours is None or not ours or not isinstance(stored, Mapping):
        return None if ours is None else stored
    parts = {name: _owned(each, _below(ours, name)) for name, each in stored.items()}
    return {name: part for name, part in parts.items() if part is not None} or None


def _below(held: _Held, name: str) -> _Held:
    if not held:
        return held
    found = held.get(f"f:{name}")
    return found if isinstance(found, Mapping) else None


def _without(value: JsonObject, name: str) -> JsonObject:
    return {key: each for key, each in value.items() if key != name}
