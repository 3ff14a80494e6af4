"""``envctl diff``: object by object, field by field, secrets masked."""

from collections.abc import Iterator
from itertools import groupby

import click

from envctl import wiring
from envctl.cli.differences import Shown, colorless, shown_fields
from envctl.cli.markdown import markdown
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, styled_change, telling
from envctl.cli.told import Told, counts, summary, told_once
from envctl.errors import EXIT_CLEAN, EXIT_DIFFERENT, UsageError
from envctl.model.changes import FieldChange
from envctl.model.values import JsonObject
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.runs import PublishOptions
from envctl.workflows.rendering.diff import diff as run
from envctl.workflows.rendering.sides import Comparison

_COLORS = {"+": "green", "-": "red", "@": "cyan", "~": "bright_black"}
_ALIGNED = 40


@click.command()
@click.argument("first", metavar="A", shell_complete=environment_names)
@click.argument("second", metavar="[B]", required=False, shell_complete=environment_names)
@click.option("--rev", metavar="REV", help="Render from a commit instead of the work tree.")
@click.option("--index", is_flag=True, help="Render what would be committed now.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--full", is_flag=True, help="Show long values whole.")
@common
def diff(
    session: Session,
    first: str,
    second: str | None,
    rev: str | None,
    index: bool,  # noqa: FBT001
    as_markdown: bool,  # noqa: FBT001
    full: bool,  # noqa: FBT001
) -> int:
    """Compare environments, revisions, or what would change.

    Object by object and field by field; Secrets are masked. Exit code 16 where they differ.

    A and B are environments (what is published; before the first publish what would be),
    ENV@REVISION, or source revisions. With A alone: what is published with what would be.

    \b
    envctl diff prod                       what a publish would change
    envctl diff staging prod               two environments
    envctl diff prod@deploy/prod~1 prod    the last deploy
    envctl diff main~1 main                all environments of two source commits
    envctl diff main HEAD --markdown       the same for a pull request
    """
    if rev and index:
        raise UsageError("--rev and --index exclude each other")
    if as_markdown and session.json:
        raise UsageError("--markdown and -o json exclude each other", hint="leave one of them out")
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
    for heading, fields in shown_fields(change.diff, full=full):
        if heading:
            yield f"    {heading}:"
        indent = "      " if heading else "    "
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
