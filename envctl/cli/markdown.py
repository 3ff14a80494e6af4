"""Comparisons as Markdown for pull requests: counts, a table, each object's fields behind a fold.

Nothing that was compared can act as markup, mention anybody, or leave its fence. Whole blocks are
left out before the text is longer than what Git hosts take.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from envctl.cli.differences import Shown, shown_fields
from envctl.cli.printers import counted
from envctl.cli.terminal import harmless
from envctl.cli.told import Told, summary, told_once
from envctl.workflows.rendering.sides import Comparison

LIMIT = 65_536  # what GitHub takes as the body of a pull request, counted in bytes to be safe
_HEADINGS = 8_000
_ROWS = 16_000
_REMARK = 200  # room for the line that says what was left out
_PLAIN = re.compile(r"[^A-Za-z0-9 /-]")
_FENCE = re.compile(r"`+")


def markdown(found: tuple[Comparison, ...], *, full: bool = False, limit: int = LIMIT) -> str:
    """Comparisons as one Markdown text of at most `limit` bytes."""
    told = tuple(told_once(found))
    several = len(found) > 1
    text = _within((_heading(each) for each in found), min(_HEADINGS, limit // 4), "environment", len(found))
    if told:
        text += "\n| Component | Object | Change |\n|---|---|---|\n"
        rows = (_row(each, several=several) for each in told)
        text += _within(rows, min(_ROWS, limit // 4), "object", len(told)) + "\n"
    folds = (_fold(each, several=several, full=full) for each in told)
    return text + _within(folds, limit - len(text.encode()), "object", len(told))


def _within(blocks: Iterable[str], limit: int, noun: str, total: int) -> str:
    """As many whole blocks as the limit has room for, and how many there are more."""
    kept: list[str] = []
    left = limit - _REMARK
    for block in blocks:
        left -= len(block.encode())
        if left < 0:
            return "".join(kept) + f"\n… {counted(total - len(kept), f'more {noun}')} not shown here\n"
        kept.append(block)
    return "".join(kept)


def _heading(comparison: Comparison) -> str:
    sides = f"{_code(comparison.old)} → {_code(comparison.new)}"
    return f"- {sides}: **{summary(comparison)}**\n"


def _row(told: Told, *, several: bool) -> str:
    where = f" in {_code(', '.join(told.environments))}" if several else ""
    change = told.change
    return f"| {_code(change.component)} | {_code(told.name)} | {change.diff.action}{where} |\n"


def _fold(told: Told, *, several: bool, full: bool) -> str:
    where = f" in {_code(', '.join(told.environments))}" if several else ""
    change = told.change
    head = f"{_code(change.component)}: {_code(told.name)} {change.diff.action}{where}"
    body = "\n".join(harmless(line) for line in _object_lines(told, full=full))
    fence = "`" * max(3, *(len(run) + 1 for run in _FENCE.findall(body)), 3)
    return f"<details><summary>{head}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>\n"


def _code(text: str) -> str:
    """A text that is only text: in a table, in HTML, and for whoever looks for names and links."""
    return f"<code>{_PLAIN.sub(lambda found: f'&#{ord(found[0])};', harmless(text))}</code>"


def _object_lines(told: Told, *, full: bool) -> Iterator[str]:
    for heading, fields in shown_fields(told.change.diff, full=full):
        if heading:
            yield f"  {heading}:"
        for each in fields:
            yield from _field_lines(each, "  " if heading else "")


def _field_lines(shown: Shown, indent: str) -> Iterator[str]:
    lines: Sequence[tuple[str, str]]
    if shown.both:
        lines = [(mark, f"{shown.path}: {text}") for mark, text in zip("-+", shown.both, strict=True)]
        yield from (f"{mark} {indent}{text}" for mark, text in lines)
        return
    value = f" {shown.value}" if shown.value else ""
    yield f"{shown.mark} {indent}{shown.path}:{value}"
    for mark, text in shown.lines:
        yield f"  {text}" if mark in "@~" else f"{mark} {indent}  {text}"
