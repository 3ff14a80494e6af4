"""Patterns of schemas: matched as the standard means them, and told harmless or not before they run.

Python's `re` goes back and forth over a text; some patterns make it do so for longer than
anybody waits. Whether one does cannot be told of all patterns, so a small kind of them is known:
what stands in it is repeated, never a group of what is repeated.
"""

import math
import re
from functools import lru_cache
from typing import Final

# An escape or a set of characters, in which `$` is only itself, or the anchor.
_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
_ESCAPE: Final = r"\\[dDwWsS./\\$^*+?()\[\]{}|-]"
_ATOM: Final = rf"(?:[-\w /:,;=@#%&!~<>\"'.]|{_ESCAPE}|\[\^?(?:{_ESCAPE}|[^\\\[\]])+\])"
_COUNT: Final = r"(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})"
_PIECE = re.compile(rf"{_ATOM}(?P<often>{_COUNT})?|(?P<open>\()|\)(?P<maybe>\??)|\||\^|\$", re.ASCII)
_LONGEST: Final = 500
_MOST: Final = 40  # beyond it a float would overflow, and nobody would wait for the end


def holds_match(pattern: str, text: str) -> bool:
    """The keyword `pattern`. Its `$` is the end of the text; Python's own lets a line break follow."""
    exact = _PART.sub(lambda part: r"\Z" if part[0] == "$" else part[0], pattern)
    return re.search(exact, text) is not None


def steps(pattern: str, text: str) -> float:
    """How many steps matching takes at most; infinite where that is not known, or it is no pattern."""
    repeats, choices = _shape(pattern)
    return math.pow(len(text) + 2, min(repeats, _MOST)) * choices


@lru_cache(maxsize=1024)
def _shape(pattern: str) -> tuple[float, float]:
    """How many pieces may be long or short, and how many ways the others leave."""
    if len(pattern) > _LONGEST or not _compiles(pattern):
        return (1, float("inf"))
    at, repeats, choices = 0, 1.0, 1.0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None or pattern.startswith("(?", at):
            return (1, float("inf"))
        often = piece["often"] or ""
        repeats += often[:1] in {"*", "+"} or "," in often
        choices *= 2 if often == "?" or piece["maybe"] or piece[0] == "|" else 1
        at = piece.end()
    return repeats, choices


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True
