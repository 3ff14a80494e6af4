"""``envctl diff``: object by object, field by field, secrets masked."""

import difflib
import json
from collections.abc import Iterator

import click

from envctl import wiring
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import counted, emit, styled_change, telling
from envctl.errors import EXIT_CLEAN, EXIT_DIFFERENT, UsageError
from envctl.model.changes import FieldAction, FieldChange, ObjectAction
from envctl.model.values import JsonObject, JsonValue
from envctl.workflows.diff import diff as run
from envctl.workflows.runs import PublishOptions
from envctl.workflows.sides import Comparison, ObjectChange
from envctl.workflows.source import open_source

_COLORS = {FieldAction.ADDED: "green", FieldAction.REMOVED: "red"}
_CONTEXT = 2


@click.command()
@click.argument("first", metavar="A", shell_complete=environment_names)
@click.argument("second", metavar="[B]", required=False, shell_complete=environment_names)
@click.option("--rev", metavar="REV", help="Render from a commit instead of the work tree.")
@click.option("--index", is_flag=True, help="Render what would be committed now.")
@common
def diff(
    session: Session,
    first: str,
    second: str | None,
    rev: str | None,
    index: bool,  # noqa: FBT001
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
    """
    if rev and index:
        raise UsageError("--rev and --index exclude each other")
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    with telling(session, "comparing …"), wiring.evaluator(repository) as engine:
        source = open_source(repository, PublishOptions(revision=rev, index=index))
        found = run(repository, engine, source, first, second, cache)
    emit(session, {"comparisons": [comparison_data(each) for each in found]}, comparison_lines(found))
    return EXIT_DIFFERENT if any(each.changes for each in found) else EXIT_CLEAN


def comparison_data(comparison: Comparison) -> JsonObject:
    """A comparison as JSON."""
    return {
        "old": comparison.old,
        "new": comparison.new,
        "unchanged": comparison.unchanged,
        "changes": [
            {
                "object": str(each.id),
                "component": each.component,
                "action": str(each.diff.action),
                "fields": [_field_data(field) for field in each.diff.fields],
            }
            for each in comparison.changes
        ],
    }


def _field_data(field: FieldChange) -> JsonObject:
    return {"path": field.path, "action": str(field.action), "old": field.old, "new": field.new}


def comparison_lines(found: tuple[Comparison, ...]) -> Iterator[str]:
    """Comparisons as text: a heading, each object that differs with its fields, and a count."""
    for comparison in found:
        yield click.style(f"{comparison.old} -> {comparison.new}", bold=True)
        for change in comparison.changes:
            yield from _object_lines(change)
        yield _summary(comparison)


def _summary(comparison: Comparison) -> str:
    if not comparison.changes:
        return f"no differences in {counted(comparison.unchanged, 'object')}"
    counts = [
        f"{count} {action}"
        for action in (ObjectAction.CREATED, ObjectAction.CHANGED, ObjectAction.DELETED)
        if (count := sum(1 for each in comparison.changes if each.diff.action is action))
    ]
    return f"{', '.join(counts)}, {comparison.unchanged} unchanged"


def _object_lines(change: ObjectChange) -> Iterator[str]:
    yield styled_change(str(change.diff.action), str(change.id), change.component)
    if change.diff.action is ObjectAction.CHANGED:
        for field in change.diff.fields:
            yield from (f"    {line}" for line in _field_lines(field))


def _field_lines(field: FieldChange) -> Iterator[str]:
    path = field.path.removeprefix("$.")
    if field.is_text:
        yield f"{path}:"
        yield from (f"  {line}" for line in _text_lines(str(field.old), str(field.new)))
    elif field.action is FieldAction.CHANGED:
        old, new = click.style(_shown(field.old), fg="red"), click.style(_shown(field.new), fg="green")
        yield f"{path}: {old} -> {new}"
    elif field.action is FieldAction.REORDERED:
        yield f"{path}: same items, now in the order {_shown(field.new)}"
    else:
        value = field.new if field.action is FieldAction.ADDED else field.old
        sign = "+" if field.action is FieldAction.ADDED else "-"
        yield click.style(f"{sign} {path}: {_shown(value)}", fg=_COLORS[field.action])


def _text_lines(old: str, new: str) -> Iterator[str]:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=_CONTEXT))
    for line in lines[2:]:
        color = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        yield click.style(line, fg=color) if color else line


def _shown(value: JsonValue) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
