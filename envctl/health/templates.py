"""Reasons with values of the object in them: ``{status.readyReplicas} of {spec.replicas} are ready``."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from envctl.health.paths import BadRuleError, Defaults, Look, operand
from envctl.model.values import JsonValue

_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_EMPTY: Final = re.compile(r"(?:: )+(?=: |$)")
_LONGEST: Final = 300


def template(text: str, defaults: Defaults) -> Callable[[Look], str]:
    """A writer of a reason; what is not there is left out. Raises BadRuleError."""
    pieces = _SLOT.split(text)
    if any("{" in each or "}" in each for each in pieces[::2]):
        raise BadRuleError("a bracket { or } has no partner")
    readers = [operand(each, defaults) for each in pieces[1::2]]
    if not readers:
        return lambda _: text

    def write(look: Look) -> str:
        words = [*pieces]
        words[1::2] = [_shown(read(look)) for read in readers]
        return _EMPTY.sub("", "".join(words) + " ").strip(": ")

    return write


def _shown(value: JsonValue) -> str:
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    text = str(value).lower() if isinstance(value, bool) else " ".join(str(value)[: 4 * _LONGEST].split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
