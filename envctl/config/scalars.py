"""What a plain (unquoted) scalar means: the core schema of YAML 1.2, without its traps.

What readers of YAML 1.1 and 1.2 take for different things, and what would not survive as a
number, is refused, so that nobody's `no` becomes `false` and no id is rounded. See YAML 1.2.2, 10.3.2.
"""

import math
import re
from typing import Final

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_SWITCH = re.compile(r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_GROUPED = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)+(?:\.[0-9_]*)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_EXACT: Final = 2**53
_DIGITS: Final = 20


class AmbiguousError(ValueError):
    """A plain scalar that is refused: `reason` says why, `hint` what to write instead."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def read_plain(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar. Raises AmbiguousError where readers would disagree about it."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] in "0123456789+-.":
        return _numeric(text)
    if _SWITCH.fullmatch(text):
        raise AmbiguousError(
            f"`{text}` is true or false to some readers of YAML and text to others",
            "write true or false, or put it in quotes if it is text",
        )
    return text


def _numeric(text: str) -> int | float | str:
    quote = "put it in quotes if it is text"
    if _NOT_FINITE.fullmatch(text):
        raise AmbiguousError(f"`{text}` is no number that JSON knows", quote)
    if _OCTAL.fullmatch(text) or _GROUPED.fullmatch(text):
        reason = f"`{text}` is a different number, or text, depending on the reader of YAML"
        raise AmbiguousError(reason, f"write plain digits (or 0o… for octal), or {quote}")
    if _INT.fullmatch(text):
        return _integer(text, 10, quote)
    if _BASED.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16, quote)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise AmbiguousError(f"`{text}` is too large a number", quote)
        return number
    return text


def _integer(digits: str, base: int, quote: str) -> int:
    if len(digits) > _DIGITS or abs(int(digits, base)) > _EXACT:
        shown = digits if base == 10 else f"0{'o' if base == 8 else 'x'}{digits}"  # noqa: PLR2004
        raise AmbiguousError(f"`{shown}` is a larger number than jsonnet can hold exactly", quote)
    return int(digits, base)
