"""Text that somebody else wrote, made safe to show: a terminal must not obey what a component says."""

import json
import re

_SHOWN = 200
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with control and direction characters escaped; lines and tabs stay."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    """A path on one line: all controls escaped, cut where it is very long."""
    line = visible(text).replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def quoted(text: str) -> str:
    """A path as a program wrote it, in quotes, on one line, cut where it is very long."""
    line = visible(json.dumps(text, ensure_ascii=False))
    return line if len(line) <= _SHOWN else f'{line[:_SHOWN]}…"'
