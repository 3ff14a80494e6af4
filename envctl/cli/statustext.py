"""The status as people read it: environments, a matrix of components, and what stands out below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from envctl.cli.differences import colorless
from envctl.cli.printers import counted, short, table
from envctl.errors import Problem
from envctl.model.gates import Pause
from envctl.model.observed import Health
from envctl.model.times import time_text
from envctl.workflows.audit.lag import Unknown
from envctl.workflows.audit.status import (
    ComponentState,
    EnvironmentState,
    Part,
    Relation,
    Sighting,
    Status,
)

_SHORT = 8
_UNREAD = "not read"
_ENDLESS = 1 << 30
_FEWEST = 12  # columns: a subject with less room says nothing
_STALE = 3600  # seconds: then the text says how old a report is
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"))
_COUNTED = 3
_PAUSED = {"freeze": "frozen", "suspend": "suspended"}
_LACKING = {
    Unknown.NOT_HERE: "its history is not in this clone (git fetch --unshallow)",
    Unknown.ELSEWHERE: "its revision is not on the source branch",
}
_RELATIONS = {
    Relation.NEWER: ("newer", "a newer deploy commit than the branch here has (git fetch)"),
    Relation.OTHER: ("other", "no deploy commit that this branch had"),
    Relation.NOT_HERE: ("not here", "a commit that is not in this clone (git fetch)"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """How to lay the text out: `width` columns (None: any), ages as of `now` (seconds since 1970)."""

    now: int
    width: int | None = None


def status_lines(status: Status, page: Page) -> Iterator[str]:
    """The whole text, line by line."""
    yield from _environments(status, page)
    yield from _matrices(status, page)
    yield from _legend(status)
    for state in status.environments:
        yield from _notes(state, page)


def age(seconds: int) -> str:
    """A time span in its largest unit: ``3d``, ``5h``, ``12m``, ``<1m``; times to come count as now."""
    found = next((each for each in _UNITS if seconds >= each[0]), None)
    return f"{seconds // found[0]}{found[1]}" if found else "<1m"


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns: whole words and an ellipsis, where at least one word fits."""
    if len(text) <= width:
        return text
    head = text[:width]
    words = head[: width - 1] if text[width - 1] == " " else head[: width - 1].rpartition(" ")[0]
    return f"{(words or head[: width - 1]).rstrip()}…"


def fitting(lines: Sequence[str], columns: int, rows: int) -> list[str]:
    """The first lines that a screen has room for, wrapped ones too; the last row counts the others."""
    room = max(rows - 2, 1)
    for count, line in enumerate(lines):
        room -= max(-(-len(click.unstyle(line)) // max(columns, 1)), 1)
        if room < 0:
            return [*lines[:count], _dim(f"… and {counted(len(lines) - count, 'line')} more")]
    return list(lines)


def _environments(status: Status, page: Page) -> Iterator[str]:
    states = status.environments
    header = ["ENVIRONMENT", "FOLLOWS", "PUBLISHED", "SEQUENCE"]
    rows = [_facts(each, status) for each in states]
    if any(each.observed or Part.REPORT in each.unread for each in states):
        rows = _with(header, rows, "OBSERVED", [_sighting(each, page) for each in states], page)
    if _room(header, rows, page) >= _FEWEST:
        rows = _with(header, rows, "SUBJECT", [_subject(each) for each in states], page)
    yield from table(header, rows, width=page.width)


def _with(
    header: list[str], rows: Sequence[list[str]], title: str, cells: Sequence[str], page: Page
) -> list[list[str]]:
    """The rows with a column more, cut to the room that there is for it."""
    room = max(_room(header, rows, page), _FEWEST)
    header.append(title)
    return [[*row, cut(cell, room)] for row, cell in zip(rows, cells, strict=True)]


def _room(header: Sequence[str], rows: Sequence[list[str]], page: Page) -> int:
    """The columns that are left beside a table."""
    taken = sum(max(len(row[column]) for row in [header, *rows]) + 2 for column in range(len(header)))
    return page.width - taken if page.width else _ENDLESS


def _facts(state: EnvironmentState, status: Status) -> list[str]:
    follows = (status.branch or "HEAD") if state.tracks else ", ".join(state.promotes_from) or "its lock"
    if Part.FILES in state.unread:
        follows = _UNREAD
    return [
        state.name,
        follows,
        _UNREAD if Part.BRANCH in state.unread else short(state.tip.commit.id if state.tip else ""),
        str(state.tip.record.sequence) if state.tip else "-",
    ]


def _subject(state: EnvironmentState) -> str:
    return colorless(state.tip.commit.subject).removeprefix(f"{state.name}: ") if state.tip else ""


def _sighting(state: EnvironmentState, page: Page) -> str:
    sighting = state.observed
    if sighting is None:
        return _UNREAD if Part.REPORT in state.unread else "-"
    report = sighting.report
    words = [f"{report.health} {age(page.now - report.since)}"]
    if sighting.behind:
        words.append(f"{sighting.behind} behind")
    elif sighting.relation in _RELATIONS:
        words.append(_RELATIONS[sighting.relation][0])
    if report.drifted:
        words.append(f"{report.drifted} drifted")
    return ", ".join(words)


def _matrices(status: Status, page: Page) -> Iterator[str]:
    """Components by environments; as many environments side by side as there is room for."""
    names = dict.fromkeys(each.name for state in status.environments for each in state.components)
    if not names:
        return
    columns = [_column(state, tuple(names), page) for state in status.environments]
    first = ["COMPONENT", *names]
    for block in _blocks(columns, _wide(first), page.width):
        yield ""
        header, *rows = zip(first, *block, strict=True)
        yield from table(header, rows, width=page.width)


def _column(state: EnvironmentState, names: Sequence[str], page: Page) -> list[str]:
    components = {each.name: each for each in state.components}
    cells = (_cell(state, components[name], page) if name in components else "" for name in names)
    return [state.name, *cells]


def _blocks(columns: Sequence[list[str]], first: int, width: int | None) -> Iterator[list[list[str]]]:
    block: list[list[str]] = []
    room = (width or 0) - first
    for column in columns:
        wide = _wide(column) + 2
        if block and width and wide > room:
            yield block
            block, room = [], width - first
        block.append(column)
        room -= wide
    if block:
        yield block


def _wide(cells: Sequence[str]) -> int:
    return max(map(len, cells))


def _cell(state: EnvironmentState, component: ComponentState, page: Page) -> str:
    if not component.revision:
        return "not published" if state.tracks else "not promoted"
    words = [component.revision[:_SHORT], _lag(component, page)]
    if component.hold is not None:
        words.append("held")
    if component.health and component.health.health is not Health.HEALTHY:
        words.append(str(component.health.health))
    return " ".join(words) + ("*" if component.waits else "")


def _lag(component: ComponentState, page: Page) -> str:
    lag = component.lag
    if lag is None or lag.unknown:
        return "lag unknown"
    return f"-{len(lag.commits)} ({age(page.now - lag.since)})" if lag.commits else "up to date"


def _legend(status: Status) -> Iterator[str]:
    components = [component for each in status.environments for component in each.components]
    if any(each.behind for each in components):
        yield _dim("-N (age): N source commits touched it or the libraries since; the age of the oldest")
    if any(each.waits for each in components):
        yield _dim("*: pinned anew, not published yet (envctl render --publish)")


def _notes(state: EnvironmentState, page: Page) -> Iterator[str]:
    """What stands out of one environment, a line each."""
    name = click.style(state.name, bold=True)
    for pause in state.pauses:
        if pause.until > page.now:
            yield f"{name}: {click.style(_pause(pause), fg='yellow')}"
    yield from (f"{name}: {each}" for each in _doubts(state.observed, page))
    for each in state.components:
        if each.hold is not None:
            yield f"{name}: {each.name} is held: {each.hold}"
    for lacking, text in _LACKING.items():
        found = [each.name for each in state.components if each.lag and each.lag.unknown is lacking]
        if found:
            yield f"{name}: lag of {_listed(found)} unknown: {text}"
    if state.uncommitted:
        yield f"{name}: lock.yaml in the work tree has other pins: {_listed(state.uncommitted)}"
    for problem in state.problems:
        yield from _problem(name, problem)


def _doubts(sighting: Sighting | None, page: Page) -> Iterator[str]:
    """Why a report may not tell how the environment is now."""
    if sighting and sighting.relation in _RELATIONS:
        commit, what = short(sighting.report.revision), _RELATIONS[sighting.relation][1]
        yield f"the report is about {commit}, {what}"
    if sighting and page.now - sighting.report.reported >= _STALE:
        yield f"the last report is {age(page.now - sighting.report.reported)} old"


def _pause(pause: Pause) -> str:
    by = f" by {pause.who}" if pause.who else ""
    return f"{_PAUSED[pause.kind]} until {time_text(pause.until)}{colorless(by)}: {colorless(pause.why)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _COUNTED else counted(len(names), "component")


def _problem(name: str, problem: Problem) -> Iterator[str]:
    place = f"{problem.place}: " if problem.place else ""
    yield f"{name}: {click.style(_UNREAD, fg='red')}: {colorless(place + problem.reason)}"
    if problem.hint:
        yield _dim(f"  {colorless(problem.hint)}")


def _dim(text: str) -> str:
    return click.style(text, dim=True)
