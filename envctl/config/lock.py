"""``lock.yaml`` → `Lock`, and edits of it that touch nothing else.

An edit works on the lines of the file, because a YAML library that keeps comments hangs each of
them on the value above it: an insertion would come between a comment and its block, a removal
would take the comment of the next block along. Comments directly above a block belong to it.
Blocks are sorted and stand apart by a blank line, so that two promotions of different
components change different places and Git merges them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from envctl.config.reading import content, read_checked
from envctl.config.scalars import AmbiguousError, read_plain
from envctl.config.yamlfile import Document
from envctl.errors import InputError
from envctl.model.lock import Lock, Pin

_HEADER: Final = (
    "# Written by `envctl promote`: the source revision of each component in this environment.",
    "components:",
)
_CONFLICT_HINT: Final = (
    "take one side as it is (git checkout --ours or --theirs, then git add), "
    "and promote again what the other side had"
)
_LAID_OUT: Final = "the file is laid out so that it cannot be edited"
_LAYOUT_HINT: Final = (
    "write `components:` and below it one block for each component, with one key on each line"
)
_FIELD = re.compile(r"(?P<key> *[\"']?\w+[\"']? *: +)[^\s#]\S*(?P<comment> +#.*)? *")
_KEY_ALONE = re.compile(r" *[\"']?[-a-z0-9]+[\"']? *:(?: +#.*)? *")
_EMPTY = re.compile(r"components *:(?: *\{ *\})?(?P<comment> +#.*)? *")


def parse_lock(data: bytes, path: str) -> Lock:
    """The pins in a lock file. Raises InputError with every problem."""
    pins = content(_read(data, path)).get("components") or {}
    return Lock(
        {name: Pin(each["revision"], each.get("from"), each.get("hold")) for name, each in pins.items()}
    )


@lru_cache(maxsize=8)
def _read(data: bytes, path: str) -> Document:
    """The document, which nobody changes. One run reads the same few locks many times."""
    return read_checked(data, path, "lock", conflict_hint=_CONFLICT_HINT)


def edit_lock(data: bytes | None, pins: Mapping[str, Pin | None], path: str) -> bytes:
    """The lock file with some pins set, or removed where they are None; None stands for no file yet.

    Comments, order, unknown keys and line ends stay as they are; what is there already is not
    written again. Raises InputError where the file is invalid, or laid out so that it cannot be edited.
    """
    data = data or b""
    before = parse_lock(data, path).pins
    changes = {name: pin for name, pin in pins.items() if before.get(name) != pin}
    if not changes:
        return data
    newline = "\r\n" if b"\r\n" in data else "\n"
    lines = data.decode("utf-8").splitlines() or list(_HEADER)
    lines = _without_blank_end(_applied(lines, _edits(lines, before, changes, path)))
    added = {name: pin for name, pin in changes.items() if pin and name not in before}
    lines = _applied(lines, _insert(lines, _blocks(lines, path), added, path))
    edited = (newline.join(lines) + newline).encode()
    _require_result(edited, {**before, **changes}, path)
    return edited


def _require_result(edited: bytes, pins: Mapping[str, Pin | None], path: str) -> None:
    """Whatever the layout of the file: an edit that did not come out as meant is never handed on."""
    wanted = {name: pin for name, pin in pins.items() if pin}
    try:
        found = parse_lock(edited, path).pins
    except InputError:
        found = None
    if found != wanted:
        raise InputError(_LAID_OUT, place=path, hint=_LAYOUT_HINT)


@dataclass(frozen=True, slots=True)
class _Block:
    """A component's lines, from the comment directly above it to its last value; `end` is exclusive."""

    name: str
    start: int
    key: int
    end: int
    fields: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Edit:
    """Lines of the file from `start` to `end` (exclusive) become `lines`."""

    start: int
    end: int
    lines: tuple[str, ...] = ()


def _applied(lines: Sequence[str], edits: Iterable[_Edit]) -> list[str]:
    """The lines with edits made, from the last to the first so that line numbers hold."""
    result = list(lines)
    for edit in sorted(edits, key=lambda each: (each.start, each.end), reverse=True):
        result[edit.start : edit.end] = edit.lines
    return result


def _without_blank_end(lines: Sequence[str]) -> list[str]:
    """The lines up to the last one that is not blank: what a removed last block leaves behind."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return list(lines[:end])


def _edits(
    lines: Sequence[str], before: Mapping[str, Pin], changes: Mapping[str, Pin | None], path: str
) -> Iterator[_Edit]:
    """The edits of blocks that are there."""
    blocks = _blocks(lines, path)
    for block in blocks:
        if block.name not in changes:
            continue
        if not _KEY_ALONE.fullmatch(lines[block.key]):
            raise InputError(_LAID_OUT, place=f"{path}:{block.key + 1}", hint=_LAYOUT_HINT)
        pin = changes[block.name]
        if pin:
            yield from _replace(lines, block, before[block.name], pin, path)
        else:
            yield _remove(lines, block)


def _replace(lines: Sequence[str], block: _Block, before: Pin, pin: Pin, path: str) -> Iterator[_Edit]:
    number = block.fields["revision"]
    yield _set_value(lines, number, pin.revision, path)
    indent = " " * _depth(lines[number])
    origin, hold = block.fields.get("from"), block.fields.get("hold")
    new = []
    if pin.from_environment is None:
        if origin is not None:
            yield _Edit(origin, origin + 1)
    elif origin is None:
        new.append(f"{indent}from: {_plain(pin.from_environment)}")
    else:
        yield _set_value(lines, origin, pin.from_environment, path)
    if hold is not None and pin.hold != before.hold:
        yield _Edit(hold, hold + 1)
    if pin.hold is not None and pin.hold != before.hold:
        new.append(_hold_line(indent, pin.hold))
    if new:
        yield _Edit(number + 1, number + 1, tuple(new))


def _set_value(lines: Sequence[str], number: int, value: str, path: str) -> _Edit:
    match = _FIELD.fullmatch(lines[number])
    if match is None:
        raise InputError(_LAID_OUT, place=f"{path}:{number + 1}", hint=_LAYOUT_HINT)
    return _Edit(number, number + 1, (f"{match['key']}{_plain(value)}{match['comment'] or ''}",))


def _remove(lines: Sequence[str], block: _Block) -> _Edit:
    """Takes the blank lines along that set the block apart from the one below it."""
    end = block.end
    while end < len(lines) and not lines[end].strip():
        end += 1
    return _Edit(block.start, end)


def _insert(
    lines: Sequence[str], blocks: Sequence[_Block], added: Mapping[str, Pin], path: str
) -> Iterator[_Edit]:
    """One edit for each place where new blocks go: sorted, and apart from their neighbours."""
    if not added:
        return
    if not blocks:
        yield _first_blocks(lines, added, path)
        return
    for block in blocks:
        if block.name not in lines[block.key].partition(":")[0]:
            raise InputError(_LAID_OUT, place=f"{path}:{block.key + 1}", hint=_LAYOUT_HINT)
    depth = _depth(lines[blocks[0].key])
    places: dict[int, list[str]] = {}
    for name in sorted(added):
        below = next((block for block in blocks if block.name > name), None)
        new = _block_lines(name, added[name], " " * depth)
        position = below.start if below else max(block.end for block in blocks)
        places.setdefault(position, []).extend([*new, ""] if below else ["", *new])
    for position, new in places.items():
        yield _Edit(position, position, tuple(new))


def _first_blocks(lines: Sequence[str], added: Mapping[str, Pin], path: str) -> _Edit:
    new = [line for name in sorted(added) for line in ("", *_block_lines(name, added[name], "  "))][1:]
    number = next((index for index, line in enumerate(lines) if line.startswith("components")), None)
    if number is None:
        return _Edit(len(lines), len(lines), ("components:", *new))
    match = _EMPTY.fullmatch(lines[number])
    if match is None:
        raise InputError(_LAID_OUT, place=f"{path}:{number + 1}", hint=_LAYOUT_HINT)
    return _Edit(number, number + 1, (f"components:{match['comment'] or ''}", *new))


def _block_lines(name: str, pin: Pin, indent: str) -> list[str]:
    lines = [f"{indent}{_plain(name)}:", f"{indent}  revision: {_plain(pin.revision)}"]
    if pin.from_environment is not None:
        lines.append(f"{indent}  from: {_plain(pin.from_environment)}")
    if pin.hold is not None:
        lines.append(_hold_line(f"{indent}  ", pin.hold))
    return lines


def _hold_line(indent: str, reason: str) -> str:
    """In quotes, as JSON writes them: a reason may hold anything that people write."""
    return f"{indent}hold: {json.dumps(reason, ensure_ascii=False)}"


def _plain(text: str) -> str:
    """A name or a revision, in quotes where it would not be read as text."""
    try:
        return text if read_plain(text) == text else f'"{text}"'
    except AmbiguousError:
        return f'"{text}"'


def _blocks(lines: Sequence[str], path: str) -> list[_Block]:
    """The blocks in the order of the file."""
    document = _read("\n".join(lines).encode(), path)
    pins: Mapping[str, Any] = content(document).get("components") or {}
    keys = {name: document.lines["components", name] - 1 for name in pins}
    blocks = []
    for name, value in pins.items():
        fields = {key: document.lines["components", name, key] - 1 for key in value}
        key = keys[name]
        after = next((number for number in keys.values() if number > key), len(lines))
        blocks.append(_Block(name, _with_comment(lines, key), key, _block_end(lines, key, after), fields))
    return blocks


def _block_end(lines: Sequence[str], key: int, after: int) -> int:
    """One behind the last line that is indented deeper than the key."""
    depth = _depth(lines[key])
    end = key + 1
    for number in range(key + 1, after):
        text = lines[number].strip()
        if text and _depth(lines[number]) > depth:
            end = number + 1
        elif text and not text.startswith("#"):
            break
    return end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _with_comment(lines: Sequence[str], number: int) -> int:
    """The first of the comment lines directly above a line."""
    depth = _depth(lines[number])
    while number > 0 and lines[number - 1].lstrip().startswith("#") and _depth(lines[number - 1]) <= depth:
        number -= 1
    return number
