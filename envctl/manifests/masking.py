"""Hide what must not be shown before anything is compared, so that no difference can leak it."""

from collections.abc import Mapping
from typing import Final

from envctl.model.values import JsonObject, JsonValue

MASK: Final = "***"
MASK_OLD: Final = "*** (before)"
MASK_NEW: Final = "*** (after)"
_OPEN_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def masked(old: JsonObject, new: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Both sides without secret values; masks differ exactly where the values do.

    Of a Secret everything but its heading and type is masked, misspelt fields too. The copy
    of an object that kubectl keeps in an annotation is dropped from every kind.
    """
    old, new = _without_last_applied(old), _without_last_applied(new)
    if not (_is_secret(old) or _is_secret(new)):
        return old, new
    left, right = dict(old), dict(new)
    for key in {*old, *new} - _OPEN_FIELDS:
        hidden = _mask_field(old.get(key), new.get(key))
        for side, value in zip((left, right), hidden, strict=True):
            if key in side:
                side[key] = value
    return left, right


def _is_secret(value: JsonObject) -> bool:
    return value.get("kind") == "Secret" and "/" not in str(value.get("apiVersion"))


def _mask_field(old: JsonValue, new: JsonValue) -> tuple[JsonValue, JsonValue]:
    """A field of a Secret on both sides, entry by entry where it is a mapping."""
    before, after = _entries(old), _entries(new)
    masks = {key: _mask(before[key], after[key]) for key in before.keys() & after.keys()}
    whole = _mask(old, new)
    return (
        _masked_side(old, {key: masks.get(key, (MASK, MASK))[0] for key in before}, whole[0]),
        _masked_side(new, {key: masks.get(key, (MASK, MASK))[1] for key in after}, whole[1]),
    )


def _masked_side(value: JsonValue, entries: JsonObject, whole: str) -> JsonValue:
    if value is None:
        return None
    return entries if isinstance(value, Mapping) else whole


def _entries(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def _mask(old: JsonValue, new: JsonValue) -> tuple[str, str]:
    return (MASK, MASK) if old == new else (MASK_OLD, MASK_NEW)


def _without_last_applied(value: JsonObject) -> JsonObject:
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(annotations, Mapping):
        return value
    if _LAST_APPLIED not in annotations:
        return value
    kept = {key: each for key, each in annotations.items() if key != _LAST_APPLIED}
    return {**value, "metadata": {**metadata, "annotations": kept}}
