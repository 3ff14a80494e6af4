"""The pins of a lock file, and nothing else of it, for those who read thousands of locks."""

import re
from collections.abc import Mapping

from envctl.config.lock import parse_lock

_KNOWN = re.compile(
    r"(?: {2}(?P<name>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?):"
    r"| {4}revision: (?P<revision>[0-9a-f]{40})"
    r"| {4}(?:from|hold): [A-Za-z0-9][^#:\n]*"
    r"| *#.*|)"
)
_HEAD = "components:"


def pinned_revisions(data: bytes, path: str) -> Mapping[str, str]:
    """The revision of each component in a lock file, the same as `parse_lock` finds, and sooner.

    A file that is laid out as envctl writes it is read line by line, and nothing but its revisions is
    looked at; any other one is read with all checks. Raises InputError with every problem of such a file.
    """
    found = _as_written(data)
    if found is None:
        return {name: pin.revision for name, pin in parse_lock(data, path).pins.items()}
    return found


def _as_written(data: bytes) -> dict[str, str] | None:
    """The pins of a file in envctl's own layout, None for any other."""
    try:
        head, _, body = data.decode("ascii").partition(f"{_HEAD}\n")
    except UnicodeDecodeError:
        return None
    if any(line and not line.startswith("#") for line in head.split("\n")) or "\r" in body:
        return None
    pins: dict[str, str] = {}
    name = ""
    for line in body.split("\n"):
        found = _KNOWN.fullmatch(line)
        if found is None:
            return None
        if found["name"]:
            if (name and name not in pins) or found["name"] in pins:
                return None
            name = found["name"]
        elif found["revision"]:
            if not name or name in pins:
                return None
            pins[name] = found["revision"]
    return pins if name in pins else None
