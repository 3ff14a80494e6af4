"""Compare two states of one object, field by field, with secrets masked before the comparison.

Items of lists are matched as Kubernetes merges them, by a key (``name``, ``containerPort`` …),
where that key tells all items of both lists apart; otherwise by their place.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from envctl.manifests import jsonpath
from envctl.manifests.masking import masked
from envctl.manifests.text import top_level
from envctl.model.changes import FieldAction, FieldChange, ObjectAction, ObjectDiff
from envctl.model.values import JsonObject, JsonValue

# In the order they are tried. Source: the patchMergeKey and listMapKeys of the built-in types.
_MERGE_KEYS: Final[Sequence[tuple[str, ...]]] = (
    ("name",),
    ("containerPort",),
    ("containerPort", "protocol"),
    ("port",),
    ("port", "protocol"),
    ("mountPath",),
    ("devicePath",),
    ("topologyKey",),
    ("topologyKey", "whenUnsatisfiable"),
    ("key",),
    ("type",),
    ("ip",),
    ("uid",),
)
_Changes = Iterator[FieldChange]


def compare(old: JsonObject | None, new: JsonObject | None, *, is_secret: bool = False) -> ObjectDiff:
    """How `new` differs from `old`; None stands for an object that is not there.

    `is_secret`: its values are to be masked whatever the object says of itself.
    """
    left, right = masked(old or {}, new or {}, is_secret=is_secret)
    fields = tuple(_fields(left, right))
    if old is None and new is None:
        return ObjectDiff(ObjectAction.UNCHANGED)
    if old is None:
        return ObjectDiff(ObjectAction.CREATED, fields)
    if new is None:
        return ObjectDiff(ObjectAction.DELETED, fields)
    return ObjectDiff(ObjectAction.CHANGED if fields else ObjectAction.UNCHANGED, fields)


def _fields(old: JsonObject, new: JsonObject) -> _Changes:
    for key, _ in top_level({**old, **new}):
        yield from _field(old, new, key, jsonpath.field("$", key))


def _mappings(old: JsonObject, new: JsonObject, path: str) -> _Changes:
    for key in sorted({*old, *new}):
        yield from _field(old, new, key, jsonpath.field(path, key))


def _field(old: JsonObject, new: JsonObject, key: str, path: str) -> _Changes:
    if key not in new:
        yield FieldChange(path, FieldAction.REMOVED, old=old[key])
    elif key not in old:
        yield FieldChange(path, FieldAction.ADDED, new=new[key])
    else:
        yield from _values(old[key], new[key], path)


def _values(old: JsonValue, new: JsonValue, path: str) -> _Changes:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old and new:
        yield from _mappings(old, new, path)
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and old and new:
        yield from _lists(old, new, path)
    elif not _same(old, new):
        yield FieldChange(path, FieldAction.CHANGED, old, new)


def _same(old: JsonValue, new: JsonValue) -> bool:
    """Equality of JSON: true is not 1, but 1.0 is."""
    return old == new and isinstance(old, bool) == isinstance(new, bool)


def _lists(old: Sequence[JsonValue], new: Sequence[JsonValue], path: str) -> _Changes:
    for keys in _MERGE_KEYS:
        before, after = _keyed(old, keys), _keyed(new, keys)
        if before is not None and after is not None:
            yield from _keyed_lists(before, after, path)
            return
    yield from _plain_lists(old, new, path)


def item_keys(items: Sequence[JsonValue]) -> tuple[str, ...] | None:
    """The items of one list by their merge key, as a path shows it; None where no key tells them apart."""
    found = (_keyed(items, keys) for keys in _MERGE_KEYS)
    return next((tuple(each) for each in found if each), None)


def _keyed(items: Sequence[JsonValue], keys: tuple[str, ...]) -> dict[str, JsonValue] | None:
    """Items by their merge key as a path shows it; None where the key does not tell them apart."""
    found: dict[str, JsonValue] = {}
    for item in items:
        if not isinstance(item, Mapping) or any(_is_no_key(item.get(key)) for key in keys):
            return None
        found[",".join(f"{key}={json.dumps(item[key])}" for key in keys)] = item
    return found if len(found) == len(items) else None


def _is_no_key(value: JsonValue) -> bool:
    return not isinstance(value, str | int)


def _keyed_lists(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue], path: str) -> _Changes:
    for key in (*old, *(each for each in new if each not in old)):
        yield from _field(old, new, key, f"{path}[{key}]")
    before, after = [key for key in old if key in new], [key for key in new if key in old]
    if before != after:
        yield FieldChange(path, FieldAction.REORDERED, before, after)


def _plain_lists(old: Sequence[JsonValue], new: Sequence[JsonValue], path: str) -> _Changes:
    """Items by their place, after what both ends have in common is set aside."""
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if not _deep_same(old[at], new[at])), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if not _deep_same(old[-1 - at], new[-1 - at])), rest)
    left, right = old[start : len(old) - end], new[start : len(new) - end]
    for at in range(max(len(left), len(right))):
        where = jsonpath.item(path, start + at)
        if at >= len(right):
            yield FieldChange(where, FieldAction.REMOVED, old=left[at])
        elif at >= len(left):
            yield FieldChange(where, FieldAction.ADDED, new=right[at])
        else:
            yield from _values(left[at], right[at], where)


def _deep_same(old: JsonValue, new: JsonValue) -> bool:
    return next(_values(old, new, ""), None) is None
