"""An object as its leaf fields, each with a name that stays the same from version to version.

Items of lists are named as Kubernetes merges them, by a key (``[name="web"]``), where a key tells
them apart; scalars in lists by what they are; others by their place.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from envctl.manifests import jsonpath
from envctl.manifests.compare import item_keys
from envctl.manifests.masking import masked
from envctl.manifests.text import top_level
from envctl.model.values import JsonObject, JsonValue

NAMESPACE: Final = ".metadata.namespace"
"""The key of the field that holds an object's namespace."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field that holds a scalar, or an empty object or list.

    - `key` names the same field in another version of the object.
    - `path` is its JSON path with keys of list items, `place` the same with their positions.
    - `value` must not be shown; `shown` is it, masked in Secrets.
    """

    key: str
    path: str
    place: str
    value: JsonValue
    shown: JsonValue


def leaves(value: JsonObject, *, is_secret: bool = False) -> tuple[Leaf, ...]:
    """All leaf fields of an object, in the order of its canonical text.

    A masked value is one leaf, whatever it holds. `is_secret`: it is one whatever it says of itself.
    """
    shown = masked(value, value, is_secret=is_secret)[1]
    top = dict(top_level(value))
    return tuple(_members(top, shown, list(top), Leaf("", "$", "$", top, shown)))


def same_value(one: JsonValue, other: JsonValue) -> bool:
    """Whether two leaf values are equal as JSON has it: true is not 1, but 1.0 is."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def leaf_path(text: str) -> str:
    """A path as people write it in the form that leaves have it: ``spec.replicas`` → ``$.spec.replicas``."""
    if text.startswith("$"):
        return text
    return f"${text}" if text.startswith((".", "[")) else f"$.{text}"


def is_at(leaf: Leaf, path: str) -> bool:
    """Whether a leaf is at a path, or below it."""
    return any(
        each == path or (each.startswith(path) and (path == "$" or each[len(path)] in ".["))
        for each in (leaf.path, leaf.place)
    )


def _walk(raw: JsonValue, shown: JsonValue, at: Leaf) -> Iterator[Leaf]:
    if isinstance(raw, Mapping) and isinstance(shown, Mapping) and raw:
        yield from _members(raw, shown, sorted(raw), at)
    elif isinstance(raw, list | tuple) and isinstance(shown, list | tuple) and raw:
        yield from _items(raw, shown, at)
    else:
        yield Leaf(at.key, at.path, at.place, raw, shown)


def _members(raw: JsonObject, shown: JsonObject, names: Sequence[str], at: Leaf) -> Iterator[Leaf]:
    for name in names:
        if name in shown:
            inner = Leaf(
                jsonpath.field(at.key, name),
                jsonpath.field(at.path, name),
                jsonpath.field(at.place, name),
                None,
                None,
            )
            yield from _walk(raw[name], shown[name], inner)


def _items(raw: Sequence[JsonValue], shown: Sequence[JsonValue], at: Leaf) -> Iterator[Leaf]:
    keys = item_keys(raw) or tuple(_nameless(raw))
    names = item_keys(shown)
    for index, (value, each) in enumerate(zip(raw, shown, strict=True)):
        place = jsonpath.item(at.place, index)
        path = f"{at.path}[{names[index]}]" if names else jsonpath.item(at.path, index)
        yield from _walk(value, each, Leaf(f"{at.key}[{keys[index]}]", path, place, None, None))


def _nameless(items: Sequence[JsonValue]) -> Iterator[str]:
    """Names for items without a key: a scalar's value and how many of it came before, else the place."""
    seen: Counter[str] = Counter()
    for index, each in enumerate(items):
        if isinstance(each, Mapping | list | tuple):
            yield str(index)
            continue
        text = json.dumps(each)
        yield f"={text} {seen[text]}"
        seen[text] += 1
