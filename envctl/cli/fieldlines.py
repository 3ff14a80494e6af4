"""The fields of one object that differ, as coloured lines."""

from collections.abc import Iterator

import click

from envctl.cli.differences import Shown, shown_fields
from envctl.model.changes import ObjectDiff

_COLORS = {"+": "green", "-": "red", "@": "cyan", "~": "bright_black"}
_ALIGNED = 40


def field_lines(diff: ObjectDiff, *, full: bool) -> Iterator[str]:
    """The fields of one object that differ, those of one list item under its heading."""
    for heading, fields in shown_fields(diff, full=full):
        if heading:
            yield f"  {heading}:"
        indent = "    " if heading else "  "
        width = max(
            (len(each.path) for each in fields if each.both and len(each.path) <= _ALIGNED), default=0
        )
        for each in fields:
            yield from (f"{indent}{line}" for line in _field_lines(each, width))


def _field_lines(shown: Shown, width: int) -> Iterator[str]:
    if shown.both:
        old, new = (_colored(mark, text) for mark, text in zip("-+", shown.both, strict=True))
        yield f"{f'{shown.path}:'.ljust(width + 1)} {old} -> {new}"
        return
    sign = f"{shown.mark} " if shown.mark != " " else ""
    yield _colored(shown.mark, f"{sign}{shown.path}:" + (f" {shown.value}" if shown.value else ""))
    for mark, text in shown.lines:
        lead = "  " if sign else "" if mark in "@~" else mark
        yield _colored(mark, f"  {lead}{text}")


def _colored(mark: str, text: str) -> str:
    return click.style(text, fg=_COLORS[mark]) if mark in _COLORS else text
