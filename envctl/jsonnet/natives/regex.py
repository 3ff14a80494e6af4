"""Go's regular expressions (RE2) on Python's engine: what means the same is translated, the rest refused.

RE2 has no look-around, no backreferences and no possessive or atomic groups; patterns with them are
refused by name. Matches are leftmost-first in both. Unlike RE2, Python's engine may take exponential time;
the limits of the evaluation hold for that.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from .problem import NativeError
from .regexsyntax import translated

_META = re.compile(r"[\\.+*?()|\[\]{}^$]")
_TEMPLATE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<name>\w+))")


def quote(text: str) -> str:
    """A pattern that matches this text and nothing else."""
    return _META.sub(r"\\\g<0>", text)


def matches(pattern: str, text: str) -> bool:
    """Whether the text holds a match anywhere."""
    return _compiled(pattern).search(text) is not None


def substitute(pattern: str, text: str, template: str) -> str:
    """The text with all matches replaced; ``$1``, ``${1}`` and ``$name`` in the template are groups."""
    parts: list[str] = []
    end = 0
    for match in _found(_compiled(pattern), text):
        parts.append(text[end : match.start()])
        # An empty match that touches the one before is none.
        if match.end() > end or match.start() == 0:
            parts.append(_expanded(match, template))
        end = match.end()
    return "".join([*parts, text[end:]])


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Matches from left to right; behind an empty one the search goes on one character further, as in Go."""
    at = 0
    while at <= len(text):
        match = pattern.search(text, at)
        if match is None:
            return
        yield match
        at = max(match.end(), at + 1)


def _expanded(match: re.Match[str], template: str) -> str:
    def value(reference: re.Match[str]) -> str:
        if reference["dollar"]:
            return "$"
        name = reference["braced"] or reference["name"]
        if name.isdecimal():
            return (match[int(name)] or "") if int(name) <= match.re.groups else ""
        return (match[name] or "") if name in match.re.groupindex else ""

    return _TEMPLATE.sub(value, template)


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> re.Pattern[str]:
    text = translated(pattern)
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise NativeError(f"the argument regex is no regular expression: {error}") from None
    except RecursionError:
        raise NativeError("the argument regex is nested too deeply") from None
