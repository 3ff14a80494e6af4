"""Git trailers: the machine-readable last paragraph of a commit message.

The grammar is the plain part of git-interpret-trailers(1): one ``Key: value`` a line, no
folding. Writing and reading are inverse for values without line breaks.
"""

import re
from collections.abc import Sequence

Trailer = tuple[str, str]

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9-]*): ?(.*)")


def parse_trailers(message: str) -> tuple[Trailer, ...]:
    """The trailers of a message, in order; none where the last paragraph holds any other line."""
    paragraphs = [part for part in re.split(r"\n\s*\n", message.strip()) if part]
    if len(paragraphs) < 2:  # noqa: PLR2004  a message of one paragraph is a subject
        return ()
    # Lines as Git has them: no other separator may hide a trailer in a line that people read as one.
    matches = [_LINE.fullmatch(line) for line in paragraphs[-1].split("\n")]
    return tuple((match[1], match[2].strip()) for match in matches if match) if all(matches) else ()


def trailer(message: str, key: str) -> str | None:
    """The last value of one trailer, or None."""
    values = [value for name, value in parse_trailers(message) if name == key]
    return values[-1] if values else None


def compose(subject: str, body: Sequence[str], trailers: Sequence[Trailer]) -> str:
    """A commit message: subject, paragraphs, trailers. Line breaks inside values become spaces."""
    last = "\n".join(f"{key}: {' '.join(value.split())}" for key, value in trailers)
    parts = [" ".join(subject.split()), *(part.strip("\n") for part in body), last]
    return "\n\n".join(part for part in parts if part) + "\n"
