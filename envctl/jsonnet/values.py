"""The engine's JSON text → plain values, within limits."""

import json
import math
import re
from collections.abc import Iterator
from itertools import chain

from envctl.errors import InputError
from envctl.jsonnet.limits import Limits
from envctl.jsonnet.words import quoted
from envctl.model.values import JsonValue

# One engine writes what JSON has no word for; strings are matched so that nothing in them is.
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<bare>-?\b(?:inf|nan|NaN|Infinity)\b)')
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class _NotFiniteError(Exception):
    """The text has a number that JSON cannot carry."""


def parse_value(text: str | bytes, key: str, limits: Limits) -> JsonValue:
    """The value of JSON text. Whole numbers stay int. Raises InputError that names task and JSON path.

    Refused: numbers that are not finite, and nesting beyond `limits.depth`.
    """
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except _NotFiniteError:
        raise _no_number(json.loads(text), key) from None
    except RecursionError:
        raise _too_deep(key, limits, "") from None
    except ValueError as error:
        named = _named(text if isinstance(text, str) else text.decode(errors="replace"))
        if named is not None:
            raise _no_number(named, key) from None
        raise InputError(f"the engine's answer for {key} is not JSON: {error}") from error
    if _may_be_deep(text, limits.depth) and _deeper_than(value, limits.depth):
        raise _too_deep(key, limits, _deep_path(value, limits.depth))
    return value


def _named(text: str) -> JsonValue:
    """The value with infinities as the json module reads them, None where it still is no JSON."""
    try:
        value: JsonValue = json.loads(_WORDS.sub(lambda match: "NaN" if match["bare"] else match[0], text))
    except (ValueError, RecursionError):
        return None
    return value


def _no_number(value: JsonValue, key: str) -> InputError:
    return InputError(
        f"{key} has a number that is infinite or not a number, which JSON cannot carry",
        place=next(_not_finite(value, "$"), ""),
    )


def member_path(path: str, key: str | int) -> str:
    """The JSON path of a member: ``$.spec`` and ``a-b`` → ``$.spec.a-b``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{quoted(key)}]"


def _refuse(word: str) -> float:
    raise _NotFiniteError(word)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NotFiniteError(text)
    return number


def _not_finite(value: JsonValue, path: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    for key, child in _members(value):
        yield from _not_finite(child, member_path(path, key))


def _members(value: JsonValue) -> Iterator[tuple[str | int, JsonValue]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _may_be_deep(text: str | bytes, depth: int) -> bool:
    """False where the text shows that it is flat: engines indent each level, by a space at least."""
    data = text.encode() if isinstance(text, str) else text
    return b"\n" not in data or b"\n" + b" " * depth in data


def _deeper_than(value: JsonValue, depth: int) -> bool:
    """Whether containers nest deeper, without recursion: this runs over every node of every value."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        children = chain.from_iterable(each.values() if type(each) is dict else each for each in level)
        level = [child for child in children if type(child) is dict or type(child) is list]
        if not level:
            return False
    return True


def _deep_path(value: JsonValue, depth: int) -> str:
    """A path that shows where the nesting is, cut after a few levels."""
    path = "$"
    for level in range(depth, 0, -1):
        deep = [(key, child) for key, child in _members(value) if _deeper_than(child, level - 1)]
        if not deep or len(path) > 80:  # noqa: PLR2004
            break
        path, value = member_path(path, deep[0][0]), deep[0][1]
    return path


def _too_deep(key: str, limits: Limits, place: str) -> InputError:
    return InputError(
        f"the value of {key} is nested deeper than {limits.depth} levels",
        place=place,
        hint="no Kubernetes object needs that; look for a recursion that does not end",
    )
