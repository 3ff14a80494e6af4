"""``envctl apply``: bring a cluster to a deploy branch from here, by the agent's own engine."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import click

from envctl import wiring
from envctl.cli.clusterplan import (
    counts_data,
    hinted,
    kept_lines,
    plan_data,
    plan_lines,
    refused_data,
    summary_line,
)
from envctl.cli.clusters import cluster_options, take_over_option
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import counted, emit, telling
from envctl.errors import EXIT_CLEAN, EXIT_FAILED, EXIT_INTERRUPTED
from envctl.model.applied import Applied, Ending
from envctl.model.observed import Health
from envctl.model.plan import Action, ObjectResult, ReconcileResult
from envctl.model.status import Level, LogEntry
from envctl.model.times import parse_duration
from envctl.model.values import JsonObject

_COLORS = {
    Action.CREATED: "green",
    Action.CONFIGURED: "yellow",
    Action.REPLACED: "yellow",
    Action.DELETED: "red",
    Action.FAILED: "red",
}
_ENDINGS = {
    Ending.FAILED: "some objects could not be applied",
    Ending.DEGRADED: "an object is degraded, and waiting does not help",
    Ending.TIMED_OUT: "the time was up",
    Ending.INTERRUPTED: "interrupted; what is done is kept, and the next apply goes on",
    Ending.OVERTAKEN: "somebody else acts for this environment now",
}


def _duration(context: click.Context, parameter: click.Parameter, value: str) -> int:
    seconds = parse_duration(value)
    if not seconds:
        raise click.BadParameter("write a duration like 90s, 10m or 1h", context, parameter)
    return seconds


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option("--dry-run", is_flag=True, help="Ask the server what would happen; write nothing.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until all objects are healthy.")
@click.option(
    "--timeout",
    metavar="DURATION",
    default="10m",
    show_default=True,
    callback=_duration,
    help="How long to wait, for everything.",
)
@click.option("--force", is_flag=True, help="Act although an agent acts for the environment.")
@click.option(
    "--namespaced", is_flag=True, help="Watch each namespace by itself: needs rights in these alone."
)
@take_over_option
@cluster_options
@common
def apply(
    session: Session,
    environment: str,
    dry_run: bool,  # noqa: FBT001
    wait: bool,  # noqa: FBT001
    timeout: int,
    force: bool,  # noqa: FBT001
    namespaced: bool,  # noqa: FBT001
    take_over: tuple[str, ...],
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
) -> int:
    """Bring a cluster to a deploy branch, once, from here.

    Takes the published branch deploy/ENV of this repository: plans, applies, prunes, waits until all is
    healthy, and reports object by object. The same engine, inventory and guards as the agent's. Refused
    while an agent acts for ENV; another apply is waited for. Exit code 0 where everything is applied and
    healthy, 1 where not, 130 where it was interrupted: what is done is kept, and the next apply goes on.

    \b
    envctl apply prod --context prod --dry-run
    envctl apply prod --context prod --timeout 5m
    envctl apply prod --kubeconfig ci.kubeconfig --namespaced -o json
    """
    settings = wiring.PushSettings(
        environment, kubeconfig, context, namespace, namespaced, timeout if wait else None, force, take_over
    )
    with telling(session, in_pipes=True) as tell:

        def show(entry: LogEntry) -> None:
            if entry.level is not Level.INFO:
                tell(entry.message)

        if dry_run:
            url, plan = wiring.dry_run(session.directory, settings, show)
        else:
            with _stopping() as stop:
                url, applied = wiring.push(session.directory, settings, show, stop, tell)
    if dry_run:
        emit(session, plan_data(environment, url, plan), plan_lines(environment, url, plan))
        return EXIT_CLEAN if plan.result.succeeded else EXIT_FAILED
    emit(
        session,
        _data(environment, url, applied),
        [*_lines(environment, url, applied.result), *_outcome_lines(applied)],
    )
    return _exit_code(applied)


@contextlib.contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C, or SIGTERM, sets; the second one ends at once."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def ask(number: int, _: FrameType | None) -> None:
        signal.signal(number, before.get(signal.Signals(number), signal.SIG_DFL))
        stop.set()

    if threading.current_thread() is threading.main_thread():
        before = {name: signal.signal(name, ask) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _exit_code(applied: Applied) -> int:
    if applied.ending is Ending.INTERRUPTED:
        return EXIT_INTERRUPTED
    return EXIT_CLEAN if applied.succeeded else EXIT_FAILED


def _data(environment: str, url: str, applied: Applied) -> JsonObject:
    result = applied.result
    return {
        "environment": environment,
        "cluster": url,
        "revision": result.revision,
        "sequence": result.sequence,
        "dryRun": False,
        "succeeded": applied.succeeded,
        "ending": str(applied.ending),
        "health": str(applied.health),
        "counts": counts_data(result),
        "objects": [
            {"object": str(each.id), "action": str(each.action), "reason": each.reason, "hint": each.hint}
            for each in result.results
        ],
        "refused": refused_data(result),
        "unhealthy": [
            {"object": str(each.id), "health": str(each.found.health), "reason": each.found.reason}
            for each in applied.unwell
        ],
        "todo": [str(each) for each in applied.todo],
    }


def _lines(environment: str, url: str, result: ReconcileResult) -> Iterator[str]:
    told = [(_result_line(each), each.hint) for each in result.results if each.action is not Action.UNCHANGED]
    yield from hinted(told, "  ")
    yield from kept_lines(result)
    yield summary_line(environment, url, result)


def _result_line(result: ObjectResult) -> str:
    action = click.style(str(result.action), fg=_COLORS.get(result.action, "white"))
    return f"{action} {result.id}" + (f": {result.reason}" if result.reason else "")


def _outcome_lines(applied: Applied) -> Iterator[str]:
    """What is not well, and how it ended."""
    for each in applied.unwell:
        color = "red" if each.found.health is Health.DEGRADED else "yellow"
        reason = f": {each.found.reason}" if each.found.reason else ""
        yield click.style(str(each.found.health), fg=color) + f" {each.id}{reason}"
    if applied.todo and not applied.succeeded:
        failed = {each.id for each in applied.result.failures}
        for key in applied.todo:
            if key not in failed:
                yield click.style("not done", fg="yellow") + f" {key}"
    if applied.succeeded:
        yield f"health: {applied.health}"
    else:
        yield f"{click.style('failed', fg='red')}: {_ENDINGS[applied.ending]}" + _left(applied)


def _left(applied: Applied) -> str:
    parts = [
        f"{counted(len(applied.unwell), 'object')} not healthy" if applied.unwell else "",
        f"{counted(len(applied.todo), 'object')} not done" if applied.todo else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f" ({told})" if told else ""
