"""Hide what must not be shown before anything is compared, so that no difference can leak it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from envctl.model.values import JsonObject, JsonValue

MASK: Final = "***"
MASK_OLD: Final = "*** (before)"
MASK_NEW: Final = "*** (after)"
_OPEN_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def masked(old: JsonObject, new: JsonObject, *, is_secret: bool = False) -> tuple[JsonObject, JsonObject]:
    """Both sides without secret values; masks differ exactly where the values do.

    Of a Secret everything but its heading and type is masked, misspelt fields too; of Secrets
    inside another object as well. `is_secret`: it is one whatever it says of itself. The copy
    of an object that kubectl keeps in an annotation is dropped from every kind.
    """
    old, new = _without_last_applied(old), _without_last_applied(new)
    if is_secret or is_core_secret(old) or is_core_secret(new):
        return _masked_secret(old, new)
    before, after = _Inner.of(old), _Inner.of(new)
    return (
        {key: before.hidden(value, after, 0) for key, value in old.items()},
        {key: after.hidden(value, before, 1) for key, value in new.items()},
    )


def is_core_secret(value: JsonObject) -> bool:
    """Whether a mapping says that it is the API's own Secret, and no custom kind of that name."""
    return value.get("kind") == "Secret" and "/" not in str(value.get("apiVersion"))


def _masked_secret(old: JsonObject, new: JsonObject) -> tuple[JsonObject, JsonObject]:
    left, right = dict(old), dict(new)
    for key in {*old, *new} - _OPEN_FIELDS:
        hidden = _mask_field(old.get(key), new.get(key))
        for side, value in zip((left, right), hidden, strict=True):
            if key in side:
                side[key] = value
    return left, right


@dataclass(frozen=True, slots=True)
class _Inner:
    """The Secrets inside the object of one side, by name; those of one name in their order."""

    named: Mapping[str, list[JsonObject]]

    @classmethod
    def of(cls, value: JsonObject) -> "_Inner":
        named: dict[str, list[JsonObject]] = {}
        for each in _secrets_in([*value.values()]):
            named.setdefault(_name(each), []).append(each)
        return cls(named)

    def hidden(self, value: JsonValue, others: "_Inner", side: int) -> JsonValue:
        """The value with each Secret in it masked against the one of the same name on the other side."""
        if not self.named:
            return value
        if isinstance(value, Mapping):
            if is_core_secret(value):
                return self._masked(value, others, side)
            return {key: self.hidden(each, others, side) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.hidden(each, others, side) for each in value]
        return value

    def _masked(self, secret: JsonObject, others: "_Inner", side: int) -> JsonObject:
        name = _name(secret)
        place = next(at for at, each in enumerate(self.named[name]) if each is secret)
        other = others.named.get(name, [])[place : place + 1]
        pair = (secret, *(other or [{}]))
        old, new = (_without_last_applied(each) for each in (pair if side == 0 else pair[::-1]))
        return _masked_secret(old, new)[side]


def _secrets_in(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, Mapping):
        if is_core_secret(value):
            yield value
            return
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for each in value:
            yield from _secrets_in(each)


def _name(secret: JsonObject) -> str:
    metadata = secret.get("metadata")
    names = (metadata.get(key) for key in ("namespace", "name")) if isinstance(metadata, Mapping) else ()
    return json.dumps([*names], default=str)


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
