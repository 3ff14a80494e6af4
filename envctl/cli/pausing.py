"""What ``envctl freeze``, ``suspend`` and ``resume`` have in common: times, results, notes."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from envctl import wiring
from envctl.cli.differences import colorless
from envctl.cli.options import Session, stored_text
from envctl.cli.printers import emit, say, short
from envctl.errors import EXIT_CLEAN, UsageError
from envctl.model.gates import Pause
from envctl.model.times import parse_duration, parse_time, time_text
from envctl.model.values import JsonObject

Command = TypeVar("Command", bound=Callable[..., Any])

STATES = {"freeze": "frozen", "suspend": "suspended"}
_EXAMPLE = "2026-12-24T18:00+01:00"


def pause_options(command: Command) -> Command:
    """The options of ``freeze`` and ``suspend``."""
    for option in reversed(
        (
            click.option("--until", metavar="TIME", help=f"When it lapses by itself, as {_EXAMPLE}."),
            click.option("--for", "length", metavar="LENGTH", help="In place of --until: 30m, 4h, 2d12h."),
            click.option(
                "--reason",
                callback=stored_text,
                default="",
                metavar="TEXT",
                help="Told to whoever is refused; needed.",
            ),
            click.option("--push", is_flag=True, help="Push the source branch too."),
        )
    ):
        command = option(command)
    return command


def expiry(until: str | None, length: str | None, now: int) -> int:
    """The end, in seconds since 1970, from ``--until`` or ``--for``. Raises UsageError."""
    if until is not None and length is not None:
        raise UsageError("--until and --for exclude each other", hint="leave one of them out")
    if until is None and length is None:
        raise UsageError(
            "one of --until and --for is needed: it lapses by itself",
            hint=f"--for 4h, or --until {_EXAMPLE}",
        )
    if length is not None:
        seconds = parse_duration(length)
        if not seconds:
            raise UsageError(f"--for {length} is no length of time", hint="write it as 30m, 4h or 2d12h")
        return now + seconds
    at = parse_time(until or "")
    if at is None:
        raise UsageError(
            f"--until {until} is no time with an offset from UTC", hint=f"write it as {_EXAMPLE}"
        )
    return at


def run_pause(
    session: Session,
    environment: str,
    kind: str,
    until: str | None,
    length: str | None,
    reason: str,
    *,
    push: bool,
) -> int:
    """Freeze or suspend, and print what was done."""
    from envctl.workflows.promotion.pause import PauseOptions, pause

    now = wiring.now()
    options = PauseOptions(environment, kind, expiry(until, length, now), reason, push)
    result = pause(wiring.open_repository(session.directory), options, now)
    (new,) = result.pauses
    still = "still " if result.before else ""
    lines = [f"{environment}: {still}{STATES[kind]} until {time_text(new.until)}: {new.reason}"]
    return show(session, environment, result.pauses, result, lines, push=push)


def show(
    session: Session,
    environment: str,
    pauses: tuple[Pause, ...],
    result: Any,
    lines: list[str],
    *,
    push: bool,
) -> int:
    """Print a `Paused`, and what is still to be done."""
    from envctl.workflows.sources.sourcecommit import left_behind_note

    branch = result.branch.removeprefix("refs/heads/")
    data: JsonObject = {
        "environment": environment,
        "pauses": [{"kind": each.kind, **pause_data(each)} for each in pauses],
        **({"broken": dict(result.broken)} if result.broken else {}),
        "branch": branch,
        "commit": result.commit,
        "pushed": push,
    }
    emit(session, data, [*lines, *_committed(branch, result.commit, push=push)])
    if result.left:
        say(session, left_behind_note(result.left))
    return EXIT_CLEAN


def _committed(branch: str, commit: str, *, push: bool) -> Iterator[str]:
    yield f"committed {short(commit)} on {branch}"
    yield "pushed it" if push else f"others see it once {branch} is pushed"


def pause_data(pause: Pause) -> JsonObject:
    """A freeze or suspend as JSON."""
    return {"until": time_text(pause.until), "reason": pause.reason, "by": pause.by}


def pause_line(pause: Pause) -> str:
    """What a suspend does, as text."""
    until = time_text(pause.until)
    return f"{STATES[pause.kind]} until {until}, so nothing is published: {colorless(pause.why)}"
