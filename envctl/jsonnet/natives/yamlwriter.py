"""A value → YAML text in the form of Go's yaml.v3 (``yaml.Marshal``): four spaces, keys in natural order.

Texts that hold the separators U+2028 or U+2029 are written in double quotes where Go folds them.
"""

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cmp_to_key
from itertools import chain
from typing import Any

from .yamlscalars import is_plain_text

_STEP = 4
_LONGEST_KEY = 128
_SPECIAL = re.compile("[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|[\u2028\u2029]")
_INDICATOR = re.compile(
    r"(?:---|\.\.\.|[#,\[\]{}&*!|>'\"%@`]|[?:-](?:[ \t]|$))|.*?(?::(?:[ \t\n]|$)|(?<=[ \t\n])#)", re.DOTALL
)
_ESCAPES = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P",
}  # fmt: skip
_ESCAPED = re.compile('[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|["\\\\\u2028\u2029]')
_ANY = re.compile(".", re.DOTALL)
_BREAK = re.compile("[\n\r\x85\u2028\u2029]")
_MOST_DIGITS = 6


def to_yaml(value: Any) -> str:
    """One document of a JSON value."""
    return "".join(_node(value, -1, "")).removeprefix("\n").removeprefix(" ") + "\n"


def _node(value: Any, indent: int, place: str) -> Iterator[str]:
    """The text of a node with what parts it from the dash or key before it.

    `indent` is that of the collection it is in (-1: none). `place` is what stands before it on
    the line: "-" in a sequence, ":" behind a long key, "" behind a key on its line.
    """
    inner = _inner(indent, place)
    if isinstance(value, dict | list) and value:
        start = " " * (inner - indent - 1) if place else "\n" + " " * inner
        items = _items(value, inner) if isinstance(value, list) else _members(value, inner)
        for number, item in enumerate(items):
            yield "\n" + " " * inner if number else start
            yield from item
    else:
        yield " " + _scalar(value, _STEP if indent < 0 else inner)


def _items(values: list[Any], indent: int) -> Iterator[Iterator[str]]:
    for each in values:
        yield chain("-", _node(each, indent, "-"))


def _members(value: Mapping[str, Any], indent: int) -> Iterator[Iterator[str]]:
    for key in sorted(value, key=cmp_to_key(_natural_order)):
        if _BREAK.search(key) or len(key.encode()) > _LONGEST_KEY:
            name = "? " + _text(key, _inner(indent, "")) + "\n" + " " * indent + ":"
            yield chain([name], _node(value[key], indent, ":"))
        else:
            yield chain([_text(key, 0) + ":"], _node(value[key], indent, ""))


def _inner(indent: int, place: str) -> int:
    if indent < 0:
        return 0
    return indent + 2 if place == "-" else _STEP * ((indent + _STEP) // _STEP)


def _scalar(value: Any, indent: int) -> str:
    if isinstance(value, str):
        return _text(value, indent)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int | float):
        return go_float(float(value))
    return "{}" if isinstance(value, dict) else "[]"


def go_float(number: float) -> str:
    """A number as Go's ``strconv.FormatFloat(number, 'g', -1, 64)`` writes it."""
    if not math.isfinite(number):
        return ".nan" if math.isnan(number) else ".inf" if number > 0 else "-.inf"
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(exponent)
    minus = "-" if sign else ""
    text = "".join(map(str, digits))
    power = len(text) + exponent - 1 if number else 0
    if power < -4 or power >= _MOST_DIGITS:  # noqa: PLR2004
        mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
        return f"{minus}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return minus + format(abs(Decimal(repr(number)).normalize()), "f")


def _text(text: str, indent: int) -> str:
    """A string in the style that Go picks for it."""
    special = bool(_SPECIAL.search(text))
    if "\n" in text:
        return _quoted(text) if special or text.endswith(" ") or " \n" in text else _literal(text, indent)
    if not is_plain_text(text) or special or "\t" in text:
        return _quoted(text)
    if text[0] == " " or text[-1] == " " or _INDICATOR.match(text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _quoted(text: str) -> str:
    # Go takes every character for a byte-order mark where the first one is.
    escaped = _ANY if text[0:1] == "\ufeff" else _ESCAPED
    return '"' + escaped.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004


def _literal(text: str, indent: int) -> str:
    width = str(_STEP) if text[0] in " \n" else ""
    keep = "" if text.endswith("\n") else "-"
    if text == "\n" or text.endswith("\n\n"):
        keep = "+"
    # Go forgets that the header needs a line break of its own before one of the text.
    lines = text.removeprefix("\n").removesuffix("\n").split("\n") if text != "\n" else []
    body = "".join("\n" + (" " * indent + line if line else "") for line in lines)
    return f"|{width}{keep}{body}"


def _natural_order(first: str, second: str) -> int:
    """Order of keys: letters behind other characters, numbers inside keys by value."""
    if first == second:
        return 0
    return -1 if _less(first, second) else 1


def _less(a: str, b: str) -> bool:
    digits = False
    for at, (x, y) in enumerate(zip(a, b, strict=False)):
        if x == y:
            digits = x.isdecimal()
            continue
        if x.isalpha() and y.isalpha():
            return x < y
        if x.isalpha() or y.isalpha():
            return x.isalpha() if digits else y.isalpha()
        return _numbers_less(a, b, at)
    return len(a) < len(b)


def _numbers_less(a: str, b: str, at: int) -> bool:
    """Compare the numbers at the first difference; zeros behind another digit count."""
    lead = ""
    if "0" in (a[at], b[at]):
        before = re.search(r"\d*$", a[:at])
        lead = "1" if before and before[0].strip("0") else ""
    runs = [re.match(r"\d*", text[at:]) for text in (a, b)]
    first, second = (run[0] if run else "" for run in runs)
    values = int(lead + first or "0"), int(lead + second or "0")
    if values[0] != values[1]:
        return values[0] < values[1]
    return len(first) < len(second) if len(first) != len(second) else a[at] < b[at]
