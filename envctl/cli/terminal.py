"""What may reach a terminal: text, line ends, and the colours that envctl itself sets.

Commit subjects, names, and what servers answer are written by others; a terminal obeys what
stands in them. So everything but text is escaped, where it is printed, for text and JSON alike.
"""

import re

# Controls of both blocks, line separators, and what turns the direction of text around.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_STYLE = re.compile("(\x1b\\[(?:[0-9]{1,2}(?:;[0-9]{1,2})*)?m)")


def harmless(text: str) -> str:
    """The text with all that a terminal would obey escaped, colours excepted."""
    if text.isprintable():
        return text
    parts = _STYLE.split(text)
    return "".join(part if index % 2 else _UNSAFE.sub(_escaped, part) for index, part in enumerate(parts))


def harmless_json(text: str) -> str:
    """JSON text with the same escaped; it reads back as the same value."""
    return text if text.isprintable() else _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004
