"""``envctl status``: what is pinned, published, observed and, where a cluster is asked, applied."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from envctl import wiring
from envctl.agent.resource import status_json
from envctl.cli.clusters import cluster_options
from envctl.cli.csvtext import csv_text
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, error_lines, short, terminal_width, wants_color
from envctl.cli.statustext import Page, fitting, status_lines
from envctl.cli.terminal import harmless
from envctl.errors import EXIT_CLEAN, EXIT_FAILED, EnvctlError, UsageError
from envctl.model.gates import Pause
from envctl.model.status import EnvironmentStatus
from envctl.model.times import time_text
from envctl.model.values import JsonObject, JsonValue
from envctl.workflows.audit.status import ComponentState, EnvironmentState, Sighting, Status
from envctl.workflows.audit.status import status as run

_PAUSE = 2  # seconds between two looks
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"


@click.command()
@click.argument("environments", nargs=-1, metavar="[ENV]...", shell_complete=environment_names)
@click.option("--cluster", is_flag=True, help="Also ask the cluster what its agent has applied.")
@click.option("--watch", is_flag=True, help="Show it again every 2 seconds, until Ctrl-C.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one line a component as CSV (RFC 4180).")
@cluster_options
@common
def status(
    session: Session,
    environments: tuple[str, ...],
    cluster: bool,  # noqa: FBT001
    watch: bool,  # noqa: FBT001
    as_csv: bool,  # noqa: FBT001
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
) -> int:
    """Show what is pinned, published and applied.

    Per environment and component: the revision, how many source commits it lacks and for how
    long, what waits to be published, what is held, and what its agent reported to Git
    (refs/envctl/status/ENV). From Git alone; with --cluster also from the cluster.

    Exits with 1 where something of an environment, or the cluster, could not be read; the rest is shown.

    \b
    envctl status
    envctl status --csv > status.csv
    envctl status prod --cluster --context prod
    """
    _require_one_form(session, watch=watch, as_csv=as_csv, cluster=cluster)

    def look() -> Status:
        return run(wiring.open_repository(session.directory), environments)

    def ask(found: Status) -> Live:
        names = [each.name for each in found.environments]
        return wiring.cluster_status(names, kubeconfig, context, namespace) if cluster else {}

    if watch:
        _watch(session, look, ask)
    found = look()
    try:
        live = ask(found)
    except UsageError:
        raise
    except EnvctlError:
        # A program gets one document, so the error alone; people still want to know what Git says.
        if not session.json:
            emit(session, {}, _lines(found, {}))
        raise
    if as_csv:
        click.echo(csv_text(_HEADER, _rows(found)), nl=False)
    else:
        emit(session, _data(found, live), _lines(found, live))
    return EXIT_FAILED if any(each.problems for each in found.environments) else EXIT_CLEAN


Live = Mapping[str, EnvironmentStatus | None]


def _require_one_form(session: Session, *, watch: bool, as_csv: bool, cluster: bool) -> None:
    if as_csv and session.json:
        raise UsageError("--csv and -o json are two forms of the same; choose one")
    if as_csv and cluster:
        raise UsageError("--csv tells what is in Git, not what is in a cluster", hint="leave out --cluster")
    if watch and (as_csv or session.json or not sys.stdout.isatty()):
        raise UsageError(
            "--watch is for people at a terminal",
            hint="a program runs `envctl status -o json` as it needs it",
        )


def _watch(session: Session, look: Callable[[], Status], ask: Callable[[Status], Live]) -> None:
    """Draw over the last picture until Ctrl-C. What fails now may work at the next look."""
    click.clear()
    while True:
        lines = tuple(_seen(look, ask))
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        seen = fitting([harmless(line) for line in lines], columns, rows)
        text = "".join(f"{line}{_REST_OF_LINE}\n" for line in seen)
        click.echo(f"{_HOME}{text}{_REST}", nl=False, color=wants_color(session, sys.stdout))
        time.sleep(_PAUSE)


def _seen(look: Callable[[], Status], ask: Callable[[Status], Live]) -> Iterator[str]:
    """One picture: what Git says also where the cluster does not answer, and then why it does not."""
    lines: tuple[str, ...] = ()
    try:
        found = look()
        lines = tuple(_lines(found, {}))
        lines = tuple(_lines(found, ask(found)))
    except EnvctlError as error:
        lines = (*lines, *([""] if lines else []), *error_lines(error))
    yield from lines


def _lines(found: Status, live: Live) -> Iterator[str]:
    yield from status_lines(found, Page(_now(), terminal_width()))
    if live:
        yield ""
    for name, each in live.items():
        yield from live_lines(name, each)


def _now() -> int:
    return int(wiring.system_clock().now().timestamp())


def _data(found: Status, live: Live) -> JsonObject:
    return {
        "source": {"branch": found.branch, "commit": found.commit},
        "environments": [_environment_data(each, live) for each in found.environments],
    }


def _environment_data(state: EnvironmentState, live: Live) -> JsonObject:
    tip = state.tip
    data: dict[str, JsonValue] = {
        "environment": state.name,
        "tracksSource": state.tracks,
        "promotesFrom": list(state.promotes_from),
        "deployCommit": tip.commit.id if tip else "",
        "sequence": tip.record.sequence if tip else 0,
        "sourceCommit": tip.record.source_commit if tip else "",
        "publishedAt": _instant(tip.commit.committer.time if tip else 0),
        "subject": tip.commit.subject if tip else "",
        "observed": _sighting_data(state.observed),
        "frozen": _pause_data(state, "freeze"),
        "suspended": _pause_data(state, "suspend"),
        "uncommittedPins": list(state.uncommitted),
        "components": [_component_data(each) for each in state.components],
        "unread": [str(each) for each in state.unread],
        "problems": [
            {"place": each.place, "reason": each.reason, "hint": each.hint} for each in state.problems
        ],
    }
    if state.name in live:
        data["cluster"] = _live_data(live[state.name])
    return data


def _component_data(each: ComponentState) -> JsonObject:
    return {
        "component": each.name,
        "pinned": each.pinned,
        "published": each.published,
        "behind": each.behind,
        "behindSince": _instant(each.lag.since if each.lag else 0),
        "lagUnknown": _lacking(each),
        "waits": each.waits,
        "held": each.hold,
        "health": str(each.health.health) if each.health else None,
        "healthSince": _instant(each.health.since if each.health else 0),
    }


def _lacking(each: ComponentState) -> str:
    return str(each.lag.unknown) if each.lag and each.lag.unknown else ""


def _sighting_data(sighting: Sighting | None) -> JsonValue:
    if sighting is None:
        return None
    report = sighting.report
    return {
        "revision": report.revision,
        "sequence": report.sequence,
        "relation": str(sighting.relation),
        "behind": sighting.behind,
        "health": str(report.health),
        "since": _instant(report.since),
        "reported": _instant(report.reported),
        "drifted": report.drifted,
    }


def _pause_data(state: EnvironmentState, kind: str) -> JsonValue:
    pause = _pause(state, kind)
    return {"until": _instant(pause.until), "reason": pause.reason, "by": pause.by} if pause else None


def _pause(state: EnvironmentState, kind: str) -> Pause | None:
    return next((each for each in state.pauses if each.kind == kind), None)


def _until(state: EnvironmentState, kind: str) -> str:
    pause = _pause(state, kind)
    return _instant(pause.until) if pause else ""


def _instant(seconds: int) -> str:
    return time_text(seconds) if seconds else ""


_OF_ENVIRONMENT = (
    "environment",
    "follows",
    "deploy_commit",
    "sequence",
    "source_commit",
    "published_at",
    "observed_revision",
    "observed_relation",
    "observed_health",
    "observed_since",
    "reported_at",
    "drifted",
    "frozen_until",
    "suspended_until",
    "problem",
)
_OF_COMPONENT = (
    "component",
    "pinned",
    "published",
    "waits",
    "behind",
    "behind_since",
    "lag_unknown",
    "held",
    "health",
    "health_since",
)
_HEADER = (*_OF_ENVIRONMENT, *_OF_COMPONENT)


def _rows(found: Status) -> Iterator[Sequence[str]]:
    """A row for each component of each environment; one row for an environment without any."""
    for state in found.environments:
        facts = _environment_cells(state)
        for each in state.components:
            yield (*facts, *_component_cells(each))
        if not state.components:
            yield (*facts, *("" for _ in _OF_COMPONENT))


def _environment_cells(state: EnvironmentState) -> tuple[str, ...]:
    tip, sighting = state.tip, state.observed
    report = sighting.report if sighting else None
    return (
        state.name,
        "the source branch" if state.tracks else " ".join(state.promotes_from),
        tip.commit.id if tip else "",
        str(tip.record.sequence) if tip else "",
        tip.record.source_commit if tip else "",
        _instant(tip.commit.committer.time if tip else 0),
        report.revision if report else "",
        str(sighting.relation) if sighting else "",
        str(report.health) if report else "",
        _instant(report.since if report else 0),
        _instant(report.reported if report else 0),
        str(report.drifted) if report and report.drifted is not None else "",
        _until(state, "freeze"),
        _until(state, "suspend"),
        "; ".join(map(str, state.problems)),
    )


def _component_cells(each: ComponentState) -> tuple[str, ...]:
    return (
        each.name,
        each.pinned,
        each.published,
        "yes" if each.waits else "no",
        "" if each.behind is None else str(each.behind),
        _instant(each.lag.since if each.lag else 0),
        _lacking(each),
        each.hold or "",
        str(each.health.health) if each.health else "",
        _instant(each.health.since if each.health else 0),
    )


def _live_data(status: EnvironmentStatus | None) -> JsonValue:
    """As the `Environment` object has it."""
    return {"ready": status.ready, **status_json(status)} if status else None


def live_lines(name: str, status: EnvironmentStatus | None) -> Iterator[str]:
    """What the agent of one environment reports, as text; the reasons of what is not well below it."""
    if status is None:
        yield f"{click.style(name, bold=True)}: no agent has reported from this cluster"
        return
    word, color = ("ready", "green") if status.ready else ("not ready", "yellow")
    state = click.style(word, fg=color)
    facts = (
        f"{status.health}, {status.objects} objects, applied {short(status.applied)}, healed {status.healed}"
    )
    yield f"{click.style(name, bold=True)}: {state}, {facts}"
    for condition in status.conditions:
        if condition.message and (not status.ready or (condition.type == "Healthy" and not condition.status)):
            yield f"  {condition.type} is {str(condition.status).lower()}: {condition.message}"
    for failure in status.failures:
        yield f"  {failure.object}: {failure.reason}" + (f" ({failure.hint})" if failure.hint else "")
