"""JSON text as Go's encoding/json reads and indents it."""

import json
import math
import re
from typing import Any

from .problem import NativeError

_DEPTH = 300
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(text: str) -> Any:
    """The value of JSON text, numbers as floats. Raises NativeError for text that is no JSON."""
    try:
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise NativeError(f"the argument json is no JSON: {error}") from None
    _check_depth(text)
    return _mended(value) if "\\u" in text else value


def indented(text: str, indent: int) -> str:
    """JSON text with line breaks and indents of its own; keys, order and numbers stay as written."""
    parse(text)
    parts: list[str] = []
    depth, last = 0, ""
    for mark in _MARK.findall(text):
        if mark in "}]":
            depth -= 1
        if (mark in "}]" and last not in ("{", "[")) or (mark not in "}]" and last in ("{", "[", ",")):
            parts.append("\n" + " " * (indent * depth) if last else "")
        parts.append(": " if mark == ":" else mark)
        if mark in "{[":
            depth += 1
        last = mark
    return "".join(parts)


def _mended(value: Any) -> Any:
    """The value with each half of a surrogate pair that stands alone replaced, as Go does."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    return value


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NativeError(f"the argument json has a number that is too large: {text[:40]}")
    return number


def _refuse_constant(word: str) -> float:
    raise NativeError(f"the argument json is no JSON: it has {word}")


def _check_depth(text: str) -> None:
    depth = 0
    for mark in _MARK.findall(text):
        depth += (mark in "{[") - (mark in "}]")
        if depth > _DEPTH:
            raise _too_deep()


def _too_deep() -> NativeError:
    return NativeError(f"the argument json is nested deeper than {_DEPTH} levels")
