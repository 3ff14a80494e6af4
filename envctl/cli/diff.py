"""``envctl diff``: object by object, field by field, secrets masked."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from envctl import wiring
from envctl.cli.clusters import cluster_options
from envctl.cli.differences import colorless
from envctl.cli.fieldlines import field_lines
from envctl.cli.markdown import markdown
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, styled_change, telling
from envctl.cli.told import Told, counts, summary, told_once
from envctl.errors import EXIT_CLEAN, EXIT_DIFFERENT, EXIT_FAILED, UsageError
from envctl.model.changes import FieldChange
from envctl.model.values import JsonObject
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.runs import PublishOptions
from envctl.workflows.rendering.diff import diff as run
from envctl.workflows.rendering.sides import Comparison


@click.command()
@click.argument("first", metavar="A", shell_complete=environment_names)
@click.argument("second", metavar="[B]", required=False, shell_complete=environment_names)
@click.option("--rev", metavar="REV", help="Render from a commit instead of the work tree.")
@click.option("--index", is_flag=True, help="Render what would be committed now.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--full", is_flag=True, help="Show long values whole.")
@click.option("--cluster", "live", is_flag=True, help="Compare what A has published with a cluster.")
@click.option("--all", "everything", is_flag=True, help="With --cluster: ask the server about every object.")
@click.option(
    "--namespaced",
    is_flag=True,
    help="With --cluster: look at each namespace by itself.",
)
@cluster_options
@common
def diff(
    session: Session,
    first: str,
    second: str | None,
    rev: str | None,
    index: bool,  # noqa: FBT001
    as_markdown: bool,  # noqa: FBT001
    full: bool,  # noqa: FBT001
    live: bool,  # noqa: FBT001
    everything: bool,  # noqa: FBT001
    namespaced: bool,  # noqa: FBT001
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
) -> int:
    """Compare environments, revisions, or what would change.

    Object by object and field by field; Secrets are masked. Exit code 16 where they differ.

    A and B are environments (what is published; before the first publish what would be),
    ENV@REVISION, or source revisions. With A alone: what is published with what would be.
    With --cluster: what `envctl apply A` would do to a cluster, judged by its API server; nothing is written.

    \b
    envctl diff prod                       what a publish would change
    envctl diff staging prod               two environments
    envctl diff prod@deploy/prod~1 prod    the last deploy
    envctl diff main~1 main                all environments of two source commits
    envctl diff main HEAD --markdown       the same for a pull request
    envctl diff prod --cluster             the cluster, by the kubeconfig at hand
    """
    if rev and index:
        raise UsageError("--rev and --index exclude each other")
    if as_markdown and session.json:
        raise UsageError("--markdown and -o json exclude each other", hint="leave one of them out")
    if live and (second or rev or index or as_markdown):
        raise UsageError("--cluster takes one environment, and neither --rev, --index nor --markdown")
    if live:
        settings = wiring.PushSettings(first, kubeconfig, context, namespace, namespaced)
        return _with_cluster(session, settings, full=full, everything=everything)
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    with telling(session, "comparing …"), wiring.evaluator(repository) as engine:
        source = open_source(repository, PublishOptions(revision=rev, index=index))
        found = run(repository, engine, source, first, second, cache)
    data: JsonObject = {"comparisons": [comparison_data(each) for each in found]}
    plain = (
        markdown(found, full=full).rstrip("\n").split("\n")
        if as_markdown
        else comparison_lines(found, full=full)
    )
    emit(session, data, plain)
    return EXIT_DIFFERENT if any(each.changes for each in found) else EXIT_CLEAN


def _with_cluster(session: Session, settings: wiring.PushSettings, *, full: bool, everything: bool) -> int:
    from envctl.cli.clusterplan import plan_data, plan_lines

    name = settings.environment
    with telling(session, f"comparing deploy/{name} with the cluster …") as tell:
        url, plan = wiring.dry_run(
            session.directory, settings, lambda entry: tell(entry.message), everything=everything
        )
    emit(session, plan_data(name, url, plan), plan_lines(name, url, plan, full=full))
    if plan.result.failures:
        return EXIT_FAILED
    return EXIT_DIFFERENT if plan.differs else EXIT_CLEAN


def comparison_data(comparison: Comparison) -> JsonObject:
    """A comparison as JSON."""
    return {
        "old": comparison.old,
        "new": comparison.new,
        "environments": list(comparison.environments),
        "counts": {**counts(comparison), "unchanged": comparison.unchanged},
        "unchanged": comparison.unchanged,
        "changes": [
            {
                "object": str(each.id),
                "group": each.id.group,
                "kind": each.id.kind,
                "namespace": each.id.namespace,
                "name": each.id.name,
                "component": each.component,
                "action": str(each.diff.action),
                "fields": [_field_data(field) for field in each.diff.fields],
            }
            for each in comparison.changes
        ],
    }


def _field_data(field: FieldChange) -> JsonObject:
    return {"path": field.path, "action": str(field.action), "old": field.old, "new": field.new}


def comparison_lines(found: tuple[Comparison, ...], *, full: bool = False) -> Iterator[str]:
    """Comparisons as text: headings and counts, then each component with its objects and their fields.

    What differs alike in several environments is told once.
    """
    for comparison in found:
        yield click.style(f"{comparison.old} -> {comparison.new}", bold=True)
        if len(found) > 1:
            yield f"  {summary(comparison)}"
    for component, members in groupby(told_once(found), lambda each: each.change.component):
        yield click.style(colorless(component), bold=True)
        for each in members:
            yield from (f"  {line}" for line in _object_lines(each, len(found), full=full))
    if len(found) == 1:
        yield summary(found[0])


def _object_lines(told: Told, compared: int, *, full: bool) -> Iterator[str]:
    change = told.change
    where = click.style(f"  in {', '.join(told.environments)}", dim=True) if compared > 1 else ""
    yield styled_change(str(change.diff.action), told.name) + where
    yield from (f"  {line}" for line in field_lines(change.diff, full=full))
