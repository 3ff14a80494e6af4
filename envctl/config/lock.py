"""Locks: read, and edited so that comments, order and unknown keys stay.

The format is made to merge: one block a component, sorted, blocks set apart by a blank line,
so two promotions of components that are not neighbours touch different regions of the file.
"""

import io
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap

from envctl.config.validation import check_file
from envctl.config.yamlfile import parse_yaml, round_trip
from envctl.errors import InputError
from envctl.model.lock import Lock, Pin

_NEW = b"# Pinned source revisions, one a component. Written by envctl promote.\ncomponents: {}\n"
_BLOCK = re.compile(r"  [^\s#-][^#]*:\s*(#.*)?")


def parse_lock(data: bytes, path: str) -> Lock:
    """One environments/<name>/lock.yaml. Raises InputError with every problem of the file."""
    value = check_file(parse_yaml(data, path), "lock")
    blocks = value.get("components") or {}
    return Lock({name: Pin(each["revision"], each.get("from", "")) for name, each in blocks.items()})


def edit_lock(data: bytes | None, pins: Mapping[str, Pin | None], path: str) -> bytes:
    """The lock with these pins set (None: removed). Everything else stays, comments too.

    Raises InputError for a lock that is not valid. Editing again changes nothing more.
    """
    file = parse_yaml(data or _NEW, path)
    check_file(file, "lock")
    document = file.document
    if not isinstance(document, CommentedMap):
        return edit_lock(None, pins, path)
    if not document.get("components"):
        document["components"] = CommentedMap()
    for name, pin in sorted(pins.items()):
        _set(document["components"], name, pin)
    document["components"].fa.set_block_style()
    stream = io.StringIO()
    round_trip().dump(document, stream)
    result = _spaced(stream.getvalue()).encode()
    if parse_lock(result, path).pins != _expected(data, pins, path):
        raise InputError(
            "the lock cannot be edited in place", place=path, hint="write it anew without comments"
        )
    return result


def _expected(data: bytes | None, pins: Mapping[str, Pin | None], path: str) -> Mapping[str, Pin]:
    before: dict[str, Pin | None] = dict(parse_lock(data, path).pins) if data else {}
    return {name: pin for name, pin in {**before, **pins}.items() if pin}


def _set(blocks: Any, name: str, pin: Pin | None) -> None:
    if pin is None:
        blocks.pop(name, None)
        return
    if name not in blocks:
        position = sum(1 for other in blocks if other < name)
        blocks.insert(position, name, CommentedMap())
    blocks[name]["revision"] = pin.revision
    if pin.from_environment:
        blocks[name]["from"] = pin.from_environment
    else:
        blocks[name].pop("from", None)


def _spaced(text: str) -> str:
    """One blank line before each block but the first, and none elsewhere."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if _BLOCK.fullmatch(line) and lines and not lines[-1].startswith("components:"):
            lines.insert(_comment_start(lines), "")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _comment_start(lines: list[str]) -> int:
    """Where the comment lines right above begin: they belong to the block below them."""
    start = len(lines)
    while start and lines[start - 1].startswith("  #"):
        start -= 1
    return start
