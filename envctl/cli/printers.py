"""Print results for people (text) and for machines (one JSON document)."""

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from envctl.cli.options import Session
from envctl.cli.terminal import harmless, harmless_json
from envctl.errors import EnvctlError
from envctl.model.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from envctl.workflows.publishing.runs import FileChange

_SECONDS_BETWEEN_LINES, _SECONDS_BETWEEN_SAME = 10, 60
_LISTED = 12


def wants_color(session: Session, stream: TextIO) -> bool:
    """Whether to colour: as asked, else on terminals where NO_COLOR is not set."""
    if session.color != "auto":
        return session.color == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR")


def emit(session: Session, data: JsonValue, lines: Iterable[str]) -> None:
    """Print the result: `data` as JSON, or `lines` as text, on standard output."""
    if session.json:
        click.echo(json_text(data, indent=2))
        return
    color = wants_color(session, sys.stdout)
    for line in lines:
        click.echo(harmless(line), color=color)


def json_text(data: JsonValue, *, indent: int | None = None) -> str:
    """JSON that people may look at too: letters as they are, nothing that a terminal would obey."""
    return harmless_json(json.dumps(data, indent=indent, ensure_ascii=False))


def say(session: Session, line: str) -> None:
    """Tell people what happens, on standard error; silent for machines."""
    if not session.json:
        click.echo(harmless(line), err=True, color=wants_color(session, sys.stderr))


@contextlib.contextmanager
def telling(session: Session, first: str = "", *, in_pipes: bool = False) -> Iterator[Callable[[str], None]]:
    """Tell what long work is doing, on standard error; silent for machines.

    On a terminal each line takes the place of the one before, and the last one is wiped at the
    end, so that an error starts on a clean line. With `in_pipes` also elsewhere: a line for
    each new piece of work, then every ten seconds, and once a minute where it says the same again.
    """
    told: dict[str, tuple[str, float]] = {}

    def tell(line: str) -> None:
        if sys.stderr.isatty():
            _passing(session, line)
            return
        what, now = line.partition(":")[0], time.monotonic()
        if in_pipes and is_due(line, now, told.get(what)):
            told[what] = line, now
            say(session, line)

    try:
        if first:
            tell(first)
        yield tell
    finally:
        _passing(session, "")


def is_due(line: str, now: float, last: tuple[str, float] | None) -> bool:
    """Whether a pipe gets a line now, `last` being what was told of the same work, and when (seconds)."""
    if last is None:
        return True
    return now - last[1] >= (_SECONDS_BETWEEN_SAME if line == last[0] else _SECONDS_BETWEEN_LINES)


def _passing(session: Session, line: str) -> None:
    if session.json or not sys.stderr.isatty():
        return
    width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
    click.echo("\r\x1b[2K" + harmless(line)[:width], err=True, nl=False)


def error_data(error: EnvctlError) -> JsonObject:
    """An error as JSON: what, where, next step, and each problem."""
    return {
        "summary": error.summary,
        "place": error.place,
        "hint": error.hint,
        "exitCode": error.exit_code,
        "problems": [
            {"place": each.place, "reason": each.reason, "hint": each.hint} for each in error.problems
        ],
    }


def error_lines(error: EnvctlError) -> Iterable[str]:
    """An error as text: the same parts, one below the other."""
    head = f"{error.place}: {error.summary}" if error.place else error.summary
    yield click.style("error: ", fg="red", bold=True) + head
    for problem in error.problems:
        yield f"  {problem.place}: {problem.reason}" if problem.place else f"  {problem.reason}"
        if problem.hint:
            yield click.style(f"    {problem.hint}", dim=True)
    if error.hint:
        yield click.style("hint: ", fg="cyan") + error.hint


def print_error(session: Session, error: EnvctlError) -> None:
    """Print an error: JSON on standard output, where the result would be; text on standard error."""
    if session.json:
        click.echo(json_text({"error": error_data(error)}, indent=2))
        return
    for line in error_lines(error):
        click.echo(harmless(line), err=True, color=wants_color(session, sys.stderr))


_SIGNS = {"created": ("+", "green"), "changed": ("~", "yellow"), "deleted": ("-", "red")}


def counted(number: int, noun: str) -> str:
    """A number and its noun: ``1 object``, ``2 objects``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short(commit_id: str) -> str:
    """A commit id as people read it; a dash where there is none."""
    return commit_id[:12] if commit_id else "-"


def styled_change(action: str, name: str, component: str = "") -> str:
    """One changed object on one line: a sign, the object, its component."""
    sign, color = _SIGNS.get(action, (" ", "white"))
    tail = click.style(f"  ({component})", dim=True) if component else ""
    return click.style(f"{sign} {name}", fg=color) + tail


def change_lines(changes: "Sequence[FileChange]") -> Iterator[str]:
    """Each changed object; many of them as one line a component."""
    if len(changes) <= _LISTED:
        for each in changes:
            yield f"  {styled_change(each.action, each.object, each.component)}"
        return
    for component in dict.fromkeys(each.component for each in changes):
        actions = Counter(each.action for each in changes if each.component == component)
        counts = ", ".join(f"{count} {action}" for action, count in actions.items())
        yield f"  {component}: {counts}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> Iterable[str]:
    """A table in columns as wide as their widest cell; cells must not be styled.

    Lines longer than `width` end in an ellipsis, so that a table on a terminal stays one.
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    yield click.style(_cut(_row(header, widths), width), bold=True)
    for row in rows:
        yield _cut(_row(row, widths), width)


def terminal_width() -> int | None:
    """The columns of the terminal that the result goes to; None where it goes elsewhere."""
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None


def _cut(line: str, width: int | None) -> str:
    return line if not width or len(line) <= width else line[: width - 1] + "…"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
