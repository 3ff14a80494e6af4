"""Fields that differ as lines for people, before any colour or markup: what text and Markdown share."""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from envctl.errors import InputError
from envctl.manifests.scalars import is_plain
from envctl.manifests.text import to_yaml
from envctl.model.changes import FieldAction, FieldChange, ObjectAction, ObjectDiff
from envctl.model.values import JsonObject, JsonValue

_INLINE = 60
_BLOCK = 10
_TEXT = 40
_WIDTH = 160
_CONTEXT = 2
_MAX_WORK = 20_000_000  # steps of difflib in the worst case: about a second
_SIGNS = {FieldAction.ADDED: "+", FieldAction.REMOVED: "-"}
_IDENTITY = {"$.apiVersion", "$.kind"}

# Up to the outermost list item: `.a`, `["b c"]`, then `[0]` or `[name="web"]`.
_ITEM = re.compile(
    r'((?:[^\["]|\["(?:[^"\\]|\\.)*"\])*\[(?!")(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])(.*)',
    re.DOTALL,
)

Line = tuple[str, str]
"""A mark (``+``, ``-``, ``@``, ``~`` for a remark, or a blank) and a text."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One field that differs: its path, and either both values, or one value, or lines below it."""

    path: str
    mark: str = " "
    both: tuple[str, str] | None = None
    value: str = ""
    lines: tuple[Line, ...] = ()


def shown_fields(diff: ObjectDiff, *, full: bool) -> tuple[tuple[str, tuple[Shown, ...]], ...]:
    """The fields of an object, those of one outermost list item under one heading ("" for none).

    Long values are cut, unless `full`. Of an object that came or went everything but what its
    heading says is shown.
    """
    fields = diff.fields if diff.action is ObjectAction.CHANGED else tuple(_without_identity(diff.fields))
    groups = []
    for head, members in groupby(fields, _head):
        found = tuple(members)
        heading = head if len(found) > 1 else ""
        groups.append((_trimmed(heading), tuple(_shown(each, heading, full=full) for each in found)))
    return tuple(_joined(groups))


def colorless(text: str) -> str:
    """A text that was compared, without the power to colour or hide what a terminal shows."""
    return text.replace("\x1b", "\\x1b")


def _joined(groups: Sequence[tuple[str, tuple[Shown, ...]]]) -> Iterator[tuple[str, tuple[Shown, ...]]]:
    """Neighbours without a heading are one group."""
    for heading, members in groupby(groups, lambda group: group[0]):
        yield heading, tuple(each for _, shown in members for each in shown)


def _without_identity(fields: Sequence[FieldChange]) -> Iterator[FieldChange]:
    for each in fields:
        value = each.new if each.action is FieldAction.ADDED else each.old
        if each.path == "$.metadata" and isinstance(value, Mapping):
            value = {key: inner for key, inner in value.items() if key not in {"name", "namespace"}}
        if each.path not in _IDENTITY and (value or each.path != "$.metadata"):
            added = each.action is FieldAction.ADDED
            yield FieldChange(each.path, each.action, None if added else value, value if added else None)


def _head(field: FieldChange) -> str:
    found = _ITEM.fullmatch(field.path)
    return found[1] if found and found[2] else ""


def _trimmed(path: str) -> str:
    return path.removeprefix("$").removeprefix(".")


def _shown(field: FieldChange, heading: str, *, full: bool) -> Shown:
    path = _trimmed(field.path.removeprefix(heading))
    if field.is_text:
        return Shown(path, lines=_cut(_text_lines(str(field.old), str(field.new)), _TEXT, full=full))
    if field.action is FieldAction.REORDERED:
        return Shown(path, value=f"same items, now in the order {_order(field.new)}")
    if field.action is FieldAction.CHANGED:
        old, new = _inline(field.old), _inline(field.new)
        if old is not None and new is not None:
            return Shown(path, both=(old, new))
        return Shown(path, lines=(*_block("-", field.old, full=full), *_block("+", field.new, full=full)))
    mark = _SIGNS[field.action]
    value = field.new if field.action is FieldAction.ADDED else field.old
    inline = _inline(value)
    if inline is not None:
        return Shown(path, mark, value=inline)
    return Shown(path, mark, lines=_block(mark, value, full=full))


def _order(keys: JsonValue) -> str:
    return ", ".join(str(key) for key in keys) if isinstance(keys, list | tuple) else str(keys)


def _inline(value: JsonValue) -> str | None:
    """A value on one line, so that 1 and "1" differ; None where it is too long for that."""
    if isinstance(value, str):
        shown = value if is_plain(value) else json.dumps(value, ensure_ascii=False)
        return shown if len(shown) <= _INLINE and "\n" not in value else None
    if isinstance(value, Mapping | list | tuple) and value:
        return None
    return json.dumps(value)


def _block(mark: str, value: JsonValue, *, full: bool) -> tuple[Line, ...]:
    return _cut([(mark, colorless(line)) for line in _yaml_lines(value)], _BLOCK, full=full)


def _yaml_lines(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return value.split("\n") if "\n" in value else [value]
    try:
        if isinstance(value, Mapping):
            return to_yaml(value).decode().rstrip("\n").split("\n")
        wrapped: JsonObject = {"x": value}
        return to_yaml(wrapped).decode().rstrip("\n").split("\n")[1:]
    except InputError:  # a value that canonical YAML cannot say, from a file that was edited by hand
        return [json.dumps(value, ensure_ascii=False)]


def _cut(lines: Sequence[Line], limit: int, *, full: bool) -> tuple[Line, ...]:
    if full:
        return tuple(lines)
    kept = [(mark, _narrow(text)) for mark, text in lines[:limit]]
    left = len(lines) - limit
    more = f"… {left} more line{'' if left == 1 else 's'} (--full shows all)"
    return (*kept, ("~", more)) if left > 0 else tuple(kept)


def _narrow(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}… ({len(text):,} characters; --full shows all)"


def _text_lines(old: str, new: str) -> list[Line]:
    """Two texts line by line with a little context; only counted where that would take too long."""
    left, right = _split(old), _split(new)
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    if _work(left[start : len(left) - end], right[start : len(right) - end]) > _MAX_WORK:
        return [("~", f"{len(left):,} lines, now {len(right):,}: too many that are alike to compare")]
    first = max(start - _CONTEXT, 0)
    behind = max(end - _CONTEXT, 0)
    return _hunks(left[first : len(left) - behind], right[first : len(right) - behind], first)


def _split(text: str) -> list[str]:
    """Lines with their ends, by line feeds only: a carriage return is a difference."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    shorter = min(len(left), len(right))
    return next((at for at in range(shorter) if left[at] != right[at]), shorter)


def _work(left: Sequence[str], right: Sequence[str]) -> int:
    """What the comparison costs at worst: a look at every pair of equal lines for each block found."""
    before, after = Counter(left), Counter(right)
    pairs = sum(count * after[line] for line, count in before.items())
    blocks = sum(min(count, after[line]) for line, count in before.items())
    return (len(left) + pairs) * blocks


def _hunks(left: list[str], right: list[str], offset: int) -> list[Line]:
    lines: list[Line] = []
    for group in difflib.SequenceMatcher(None, left, right).get_grouped_opcodes(_CONTEXT):
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        lines.append(("@", f"@@ -{i1 + offset + 1},{i2 - i1} +{j1 + offset + 1},{j2 - j1} @@"))
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                lines += _marked(" ", left[a1:a2])
            else:
                lines += [*_marked("-", left[a1:a2]), *_marked("+", right[b1:b2])]
    return lines


def _marked(mark: str, lines: Sequence[str]) -> Iterator[Line]:
    for line in lines:
        yield mark, colorless(line.removesuffix("\n"))
        if not line.endswith("\n"):
            yield "~", "\\ no newline at the end"
