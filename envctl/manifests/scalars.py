"""How one scalar is written, and which plain scalars are read: where YAML 1.1 and 1.2 agree.

The rules and their reasons are in docs/adr/0002-canonical-yaml.md. Nothing here depends on
the Unicode tables of the Python at hand, so every version writes the same bytes.
"""

import math
import re
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final

MAX_KEY: Final = 1000  # YAML readers give up on simple keys longer than 1,024 characters
_INT64: Final = 1 << 63
_BASIC_PLANE: Final = 0x10000

# Control characters, line breaks that only YAML 1.1 knows, invisible and direction marks,
# surrogates and non-characters: never written as they are.
_NON_CHARACTERS = (
    chr(plane + last) for plane in range(0x10000, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
_UNSAFE_CLASS = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[{_UNSAFE_CLASS}{''.join(_NON_CHARACTERS)}]")
_VISIBLE: Final = bytes((*b"\t\n", *range(0x20, 0x7F)))
SURROGATE = re.compile(r"[\ud800-\udfff]")

# Words and numbers that some reader takes for something else, whatever their case.
_RESERVED = r"(?!(?i:-*(?:y|n|yes|no|on|off|true|false|null|none|nan|inf|infinity))\Z)"
# Inside: no quote for `:` in front of a visible character, `#` behind one, single spaces.
_INSIDE = r"(?:[!-9;-~]|:(?=[!-~])| (?=[!\"$-~]))*"
_QUANTITY = r"(?:0|[1-9][0-9]*)(?:m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|ms|s|h|d|%)"
_PLAIN = re.compile(rf"{_RESERVED}(?:[A-Za-z/]|_+[A-Za-z]|--?[A-Za-z]){_INSIDE}|{_QUANTITY}")

_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:e[-+][0-9]+)?")
_TRAILING_SPACE = re.compile(r"[ \t](?:\n|\Z)")
_LINE_START = re.compile(r"\n(?=[^\n])")
_WORDS: Final = {"null": None, "true": True, "false": False}


def find_unsafe(text: str) -> re.Match[str] | None:
    """The first character that may not be written as it is."""
    # Most text is plain ASCII, and deleting what is harmless takes a fiftieth of the search.
    if text.isascii() and not text.encode("ascii").translate(None, _VISIBLE):
        return None
    return _UNSAFE.search(text)


class UnwritableError(ValueError):
    """A scalar that canonical YAML has no form for; the text says why."""


def is_plain(text: str) -> bool:
    """Whether every YAML 1.1 and 1.2 reader surely reads this plain scalar as this string."""
    return _PLAIN.fullmatch(text) is not None


# The same few words stand in every file.
@lru_cache(maxsize=4096)
def read_plain(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar. Raises ValueError where readers disagree about it."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and -_INT64 <= int(text) < _INT64:
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    if is_plain(text):
        return text
    raise ValueError(text)


def quoted(text: str) -> str:
    """A string in JSON's double-quoted form. Raises UnwritableError for a lone surrogate."""
    result: str = encode_basestring(text)
    if find_unsafe(result) is None:
        return result
    if SURROGATE.search(text):
        raise UnwritableError("has half of a surrogate pair, which is no character")
    return _UNSAFE.sub(_escape, result)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    # YAML does not join \u pairs as JSON does, so higher planes need the long form.
    return f"\\u{code:04x}" if code < _BASIC_PLANE else f"\\U{code:08x}"


def is_literal(text: str) -> bool:
    """Whether a string is plainly safe as a literal block: visible lines, nothing to guess."""
    return (
        "\n" in text
        and text[0] not in " \t\n"
        and find_unsafe(text) is None
        and _TRAILING_SPACE.search(text) is None
    )


def literal(text: str, indent: str) -> str:
    """A literal block, from its header to its last newline, with its lines indented."""
    body = indent + _LINE_START.sub("\n" + indent, text)
    if not text.endswith("\n"):
        return f"|-\n{body}\n"
    return f"|+\n{body}" if text.endswith("\n\n") else f"|\n{body}"


def number(value: float) -> str:
    """An int or float as text. Raises UnwritableError for what is not finite or not exact.

    What is integral and fits 64 bits is written in digits, whichever type it came in.
    """
    if isinstance(value, int):
        return str(value) if -_INT64 <= value < _INT64 else _float(_exact(value))
    if value.is_integer() and -_INT64 <= value < _INT64:
        return str(int(value))
    return _float(value)


def _exact(value: int) -> float:
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if result != value:
        raise UnwritableError("is an integer of more than 64 bits, which readers round differently")
    return result


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise UnwritableError("is not a finite number")
    text = repr(value)
    if "." in text:
        return text
    # YAML 1.1 takes 1e+20 for a string: its floats have a dot.
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}"
