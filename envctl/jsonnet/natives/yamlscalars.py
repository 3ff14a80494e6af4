"""What a plain YAML scalar means to Go's yaml.v3."""

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_OLD_BOOLEANS = frozenset(
    "y Y yes Yes YES on On ON n N no No NO off Off OFF".split()  # noqa: SIM905
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_INTEGERS = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[oO][0-7]+"), 8),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[0-7]+"), 8),
    (re.compile(r"[-+]?(?:0|[1-9][0-9]*)"), 10),
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:(?:[Tt](\d\d?):(\d\d?):(\d\d?)(?:\.(\d+))?(Z|[-+]\d\d:\d\d))| (\d\d?):(\d\d?):(\d\d?)(?:\.(\d+))?)?"
)
_BETWEEN = re.compile("(?<=[0-9])_(?=[0-9])")
_LARGEST = 1 << 64
_SMALLEST = -(1 << 63)


def is_plain_text(text: str) -> bool:
    """Whether text, written plain, is read as a string, by older readers too."""
    return (
        resolved(text) is text and text not in _OLD_BOOLEANS and not _BASE_60.fullmatch(text)
    )  # identity: resolved hands back its argument where that is a string


def resolved(text: str) -> Any:
    """The value of a plain scalar: null, a boolean, a number, a time as RFC 3339 text, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        number = _float(_BETWEEN.sub("", text))
        return text if number is None else number
    if text[0] not in "+-0123456789":
        return text
    moment = _moment(text)
    if moment is not None:
        return moment
    found = _number(text.replace("_", ""))
    return text if found is None else found


def _number(plain: str) -> int | float | None:
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(plain):
            number = int(plain, base)
            if _SMALLEST <= number < _LARGEST:
                return number
    return _float(plain)


def _float(text: str) -> float | None:
    """The number, None for what is none or too large for one."""
    number = float(text) if _FLOAT.fullmatch(text) else math.inf
    return None if math.isinf(number) else number


def _moment(text: str) -> str | None:
    match = _TIME.fullmatch(text)
    if not match:
        return None
    year, month, day = (int(match[at]) for at in (1, 2, 3))
    try:
        if match[4] is None and match[9] is None:
            return f"{date(year, month, day).isoformat()}T00:00:00Z"
        start = 4 if match[4] is not None else 9
        hour, minute, second = (int(match[start + at]) for at in range(3))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_zone(match[8]))
    except ValueError:
        return None
    fraction = (match[start + 3] or "")[:9].rstrip("0")
    whole = moment.isoformat()
    return whole[:19] + (f".{fraction}" if fraction else "") + whole[19:].replace("+00:00", "Z")


def _zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
