"""Fields of an object as rules name them: ``status.readyReplicas``, ``spec.replicas - spec.partition``.

A path is names with dots between them. A name with other letters stands in brackets and double quotes
(``metadata.annotations["example.com/odd key"]``), ``[*]`` means every item of a list, ``$.`` at the
front means the whole object where a path would else start at an item, and `` as json`` at the end
reads a text that holds JSON.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from envctl.model.values import JsonObject, JsonValue

_STEP: Final = re.compile(r'\.?(?:([A-Za-z_$][\w-]*)|\["([^"\]]+)"\]|\[(\*)\])')
_AS_JSON: Final = " as json"
_EVERY: Final = "*"
_STARTS: Final = frozenset({"$", "item", "condition"})


class BadRuleError(ValueError):
    """A rule that means nothing; the text says why."""


class OddValueError(ValueError):
    """An object whose field has a type that it never has."""


@dataclass(slots=True)
class Look:
    """One look at an object: the whole, where paths start, and the item that a test found last."""

    root: JsonObject
    here: JsonValue
    item: JsonValue = None


Reader = Callable[[Look], JsonValue]
Defaults = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class _Path:
    """A parsed path. `start` is "" for where paths start, else ``$`` or the word for the item."""

    text: str
    start: str
    steps: tuple[str, ...]
    every: tuple[bool, ...]
    as_json: bool


def operand(text: str, defaults: Defaults) -> Reader:
    """A reader of a path, or of the sum or difference of two. It gives None for what is not there.

    Raises BadRuleError for a text that is neither. The reader raises OddValueError.
    """
    for sign, factor in ((" - ", -1), (" + ", 1)):
        left, found, right = text.partition(sign)
        if found:
            return _sum(left, right, factor, defaults)
    return field(text, defaults)


def _sum(left: str, right: str, factor: int, defaults: Defaults) -> Reader:
    one, two = number(left, defaults), number(right, defaults)

    def read(look: Look) -> JsonValue:
        first, second = one(look), two(look)
        return None if first is None or second is None else first + factor * second

    return read


def number(text: str, defaults: Defaults) -> Callable[[Look], int | float | None]:
    """As `operand`, for what must be a number."""
    read = operand(text, defaults)

    def checked(look: Look) -> int | float | None:
        value = read(look)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise OddValueError(f"{_shown(text)} is {named(value)}, where a number should be")

    return checked


def field(text: str, defaults: Defaults) -> Reader:
    """A reader of the value at a path. Raises BadRuleError."""
    path, default = _parse(text), defaults.get(text)
    if any(path.every):
        raise BadRuleError(f"{text} means many values; name them in `some`, `every` or `none`")
    if path.as_json:
        raise BadRuleError(f"{text} is read as JSON only where a list is meant")
    steps, start, shown = path.steps, path.start, _shown(path.text)

    def read(look: Look) -> JsonValue:
        value: JsonValue = look.here if not start else look.root if start == "$" else look.item
        for step in steps:
            if value is None:
                return default
            if not isinstance(value, Mapping):
                raise OddValueError(f"{shown} leads through {named(value)}")
            value = value.get(step)
        return default if value is None else value

    return read


def items(text: str) -> Callable[[Look], Iterator[JsonValue]]:
    """A reader of all items of a list, or of lists in lists (``status.parents[*].conditions``)."""
    path = _parse(text)
    steps = (*zip(path.steps, path.every, strict=True),)

    def read(look: Look) -> Iterator[JsonValue]:
        value: JsonValue = look.root if path.start == "$" else look.here
        values: list[JsonValue] = [value]
        for name, every in steps:
            values = [each for value in values for each in _below(value, name, every=every, path=path)]
        for each in values:
            yield from _list(_from_json(each, path) if path.as_json else each, path)

    return read


def _below(value: JsonValue, name: str, *, every: bool, path: _Path) -> Iterator[JsonValue]:
    if every:
        yield from _list(value, path)
    elif value is not None:
        if not isinstance(value, Mapping):
            raise OddValueError(f"{_shown(path.text)} leads through {named(value)}")
        yield value.get(name)


def _list(value: JsonValue, path: _Path) -> Iterator[JsonValue]:
    if value is None:
        return
    if not isinstance(value, list | tuple):
        raise OddValueError(f"{_shown(path.text)} is {named(value)}, where a list should be")
    yield from value


def _from_json(value: JsonValue, path: _Path) -> JsonValue:
    if value is None:
        return None
    try:
        parsed: JsonValue = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        parsed = None
    if parsed is None:
        raise OddValueError(f"{_shown(path.text)} holds no JSON")
    return parsed


def _shown(text: str) -> str:
    """A path as people write it who know the object, and not the rules."""
    return " ".join(each.removeprefix("$.") for each in text.removesuffix(_AS_JSON).split(" "))


def _parse(text: str) -> _Path:
    rest = text.removesuffix(_AS_JSON)
    found = [*_STEP.finditer(rest)]
    if not found or "".join(each[0] for each in found) != rest or rest.startswith("."):
        raise BadRuleError(f"{text} is no path of a field")
    steps = tuple(each[1] or each[2] or _EVERY for each in found)
    every = tuple(bool(each[3]) for each in found)
    skipped = int(steps[0] in _STARTS)
    start = steps[0] if skipped else ""
    return _Path(text, start, steps[skipped:], every[skipped:], rest != text)


def named(value: JsonValue) -> str:
    """The type of a value, in words."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else "a number"
