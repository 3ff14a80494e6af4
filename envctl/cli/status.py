"""``envctl status``: what is pinned, published and, where a cluster is asked, applied."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from envctl import wiring
from envctl.agent.resource import status_json
from envctl.cli.clusters import cluster_options
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, short, table, terminal_width
from envctl.errors import EXIT_CLEAN
from envctl.model.status import EnvironmentStatus
from envctl.model.values import JsonObject, JsonValue
from envctl.workflows.status import ComponentState, EnvironmentState
from envctl.workflows.status import status as run


@click.command()
@click.argument("environments", nargs=-1, metavar="[ENV]...", shell_complete=environment_names)
@click.option("--cluster", is_flag=True, help="Also ask the cluster what its agent has applied.")
@cluster_options
@common
def status(
    session: Session,
    environments: tuple[str, ...],
    cluster: bool,  # noqa: FBT001
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
) -> int:
    """Show what is pinned, published and applied.

    Per environment and component. From Git alone; with --cluster also from the cluster.

    \b
    envctl status
    envctl status prod --cluster --context prod
    """
    repository = wiring.open_repository(session.directory)
    found = run(repository, environments)
    live: dict[str, EnvironmentStatus | None] = {}
    if cluster:
        live = wiring.cluster_status([each.name for each in found], kubeconfig, context, namespace)
    emit(session, _data(found, live), _lines(found, live))
    return EXIT_CLEAN


Live = Mapping[str, EnvironmentStatus | None]


def _data(found: Sequence[EnvironmentState], live: Live) -> JsonObject:
    return {"environments": [_environment_data(each, live) for each in found]}


def _environment_data(state: EnvironmentState, live: Live) -> JsonObject:
    data: dict[str, JsonValue] = {
        "environment": state.name,
        "tracksSource": state.tracks,
        "promotesFrom": list(state.promotes_from),
        "deployCommit": state.deploy_commit,
        "sequence": state.sequence,
        "sourceCommit": state.source_commit,
        "publishedAt": _instant(state.time),
        "subject": state.subject,
        "components": [
            {
                "component": each.name,
                "pinned": each.pinned,
                "published": each.published,
                "behind": each.behind,
            }
            for each in state.components
        ],
    }
    if state.name in live:
        data["cluster"] = _live_data(live[state.name])
    return data


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else ""


def _live_data(status: EnvironmentStatus | None) -> JsonValue:
    """As the `Environment` object has it."""
    return {"ready": status.ready, **status_json(status)} if status else None


def _lines(found: Sequence[EnvironmentState], live: Live) -> Iterator[str]:
    yield from table(
        ("ENVIRONMENT", "FOLLOWS", "PUBLISHED", "SEQUENCE", "SOURCE", "SUBJECT"),
        [
            (
                each.name,
                "the source branch" if each.tracks else ", ".join(each.promotes_from) or "its lock",
                short(each.deploy_commit),
                str(each.sequence or "-"),
                short(each.source_commit),
                each.subject.removeprefix(f"{each.name}: "),
            )
            for each in found
        ],
        width=terminal_width(),
    )
    yield ""
    yield from table(("COMPONENT", *(each.name for each in found)), _matrix(found))
    yield from _legend(found)
    if live:
        yield ""
    for name, status in live.items():
        yield from _live_lines(name, status)


def _matrix(found: Sequence[EnvironmentState]) -> list[tuple[str, ...]]:
    names = dict.fromkeys(component.name for each in found for component in each.components)
    return [(name, *(_cell(each, name) for each in found)) for name in names]


def _cell(state: EnvironmentState, name: str) -> str:
    component = next((each for each in state.components if each.name == name), None)
    if component is None:
        return ""
    revision = component.published or component.pinned
    if not revision:
        return "not promoted" if not state.tracks else "not published"
    behind = f" -{component.behind}" if component.behind else ""
    return f"{revision[:8]}{behind}{'*' if _waits(component) else ''}"


def _waits(component: ComponentState) -> bool:
    return bool(component.pinned) and component.pinned != component.published


def _legend(found: Sequence[EnvironmentState]) -> Iterator[str]:
    components = [component for each in found for component in each.components]
    if any(each.behind for each in components):
        yield click.style("-N: N source commits touched it since", dim=True)
    if any(_waits(each) for each in components):
        yield click.style("*: pinned anew, not published yet (envctl render --publish)", dim=True)


def _live_lines(name: str, status: EnvironmentStatus | None) -> Iterator[str]:
    if status is None:
        yield f"{click.style(name, bold=True)}: no agent has reported from this cluster"
        return
    word, color = ("ready", "green") if status.ready else ("not ready", "yellow")
    state = click.style(word, fg=color)
    facts = f"{status.objects} objects, applied {short(status.applied)}, healed {status.healed}"
    yield f"{click.style(name, bold=True)}: {state}, {facts}"
    for condition in status.conditions:
        if condition.message and not status.ready:
            yield f"  {condition.type} is {str(condition.status).lower()}: {condition.message}"
    for failure in status.failures:
        yield f"  {failure.object}: {failure.reason}"
