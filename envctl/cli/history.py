"""``envctl history``: who changed what, when and why, from the deploy branch."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from envctl import wiring
from envctl.cli.csvtext import csv_text
from envctl.cli.differences import colorless
from envctl.cli.names import component_names, environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import counted, emit, short
from envctl.delivery.history import ComponentMove, DeployKind, Deployment
from envctl.errors import EXIT_CLEAN, UsageError
from envctl.model.git import Signature
from envctl.model.values import JsonObject
from envctl.workflows.audit.history import History, HistoryOptions, HistoryRow
from envctl.workflows.audit.history import history as run

_DEFAULT = 20
_LISTED = 12
_COLORS = {DeployKind.PROMOTED: "green", DeployKind.ROLLED_BACK: "yellow", DeployKind.FOREIGN: "red"}
_COLUMNS = (
    *("environment", "sequence", "deployCommit", "sourceCommit", "time", "kind", "component", "old", "new"),
    *("changed", "author", "authorEmail", "committer", "committerEmail", "subject", "reason"),
    *("promotedFrom", "rollbackTo", "forced", "allowPrune", "approvedBy", "renderer", "problem"),
)


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option(
    "-c", "component", metavar="NAME", default="", shell_complete=component_names, help="Of one component."
)
@click.option(
    "-n", "limit", metavar="N", type=click.IntRange(min=1), help=f"How many; {_DEFAULT} where not said."
)
@click.option("--all", "everything", is_flag=True, help="Everything since the first deploy commit.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line for each deploy and component.")
@common
def history(
    session: Session,
    environment: str,
    component: str,
    limit: int | None,
    everything: bool,  # noqa: FBT001
    as_csv: bool,  # noqa: FBT001
) -> int:
    """Show who changed an environment, what, when and why.

    Newest first, from Git alone: every deploy commit with its author, its reason and approvals, and
    each changed component from which source revision to which. Commits that envctl did not
    write are marked.

    \b
    envctl history prod                    the last 20 deploys
    envctl history prod -c gateway --all   all that ever happened to one component
    envctl history prod --all --csv        for auditors
    """
    if limit and everything:
        raise UsageError("-n and --all exclude each other", hint="leave one of them out")
    if as_csv and session.json:
        raise UsageError("--csv and -o json exclude each other", hint="leave one of them out")
    repository = wiring.open_repository(session.directory)
    options = HistoryOptions(environment, component, None if everything else limit or _DEFAULT)
    found = run(repository, options)
    if as_csv:
        click.echo(csv_text(_COLUMNS, _records(found)), nl=False)
    else:
        emit(session, _data(found), _lines(found))
    return EXIT_CLEAN


def _data(found: History) -> JsonObject:
    return {
        "environment": found.environment,
        "deployCommit": found.tip,
        "deploys": [_row_data(row) for row in found.rows],
        "more": found.more,
        "cut": found.cut,
    }


def _row_data(row: HistoryRow) -> JsonObject:
    each = row.deployment
    return {
        "sequence": each.sequence,
        "deployCommit": each.commit,
        "sourceCommit": each.source_commit,
        "sourceHere": row.source_here,
        "time": instant(each.committer.time),
        "kind": each.kind.value,
        "author": _person(each.author),
        "committer": _person(each.committer),
        "subject": each.subject,
        "reason": each.reason,
        "promotedFrom": each.promoted_from,
        "rollbackTo": each.rollback_to,
        "forced": list(each.forced),
        "allowPrune": list(each.allow_prune),
        "approvedBy": list(each.approvals),
        "renderer": each.renderer,
        "problem": each.problem,
        "components": [
            {"component": move.component, "old": move.old, "new": move.new, "changed": move.changed}
            for move in row.moves
        ],
    }


def _person(signature: Signature) -> JsonObject:
    return {"name": signature.name, "email": signature.email, "time": instant(signature.time)}


def instant(seconds: int) -> str:
    """A time as RFC 3339, in UTC; what no calendar has as the number it is."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}"


def _records(found: History) -> Iterator[tuple[str, ...]]:
    for row in found.rows:
        for move in row.moves or (ComponentMove("", "", "", changed=False),):
            yield _record(found.environment, row.deployment, move)


def _record(environment: str, each: Deployment, move: ComponentMove) -> tuple[str, ...]:
    return (
        environment,
        str(each.sequence or ""),
        each.commit,
        each.source_commit,
        instant(each.committer.time),
        each.kind.value,
        move.component,
        move.old or "",
        move.new or "",
        "true" if move.changed else "false",
        each.author.name,
        each.author.email,
        each.committer.name,
        each.committer.email,
        each.subject,
        each.reason,
        each.promoted_from,
        each.rollback_to,
        ", ".join(each.forced),
        ", ".join(each.allow_prune),
        ", ".join(each.approvals),
        each.renderer,
        each.problem,
    )


def _lines(found: History) -> Iterator[str]:
    for row in found.rows:
        yield from _row_lines(row)
    if not found.rows:
        yield "no deploy commits"
    if found.more is None:
        yield "and older ones (--all shows them)"
    elif found.more:
        yield f"and {counted(found.more, 'older deploy commit')} (--all shows them)"
    if found.cut:
        yield f"the history here ends early: {found.cut} (a shallow clone: git fetch --unshallow)"


def _row_lines(row: HistoryRow) -> Iterator[str]:
    each = row.deployment
    number = f"#{each.sequence}" if each.sequence else "#-"
    head = click.style(f"{number} {short(each.commit)}", bold=True)
    what = click.style(_told(each), fg=_COLORS.get(each.kind))
    yield f"{head}  {instant(each.committer.time)}  {what}"
    yield f"  {_who(each)}: {colorless(each.subject)}"
    if each.reason:
        yield f"  reason: {colorless(each.reason)}"
    if each.approvals:
        yield f"  approved by {colorless(', '.join(each.approvals))}"
    for move in row.moves[:_LISTED]:
        yield f"  {_move_line(move)}"
    if len(row.moves) > _LISTED:
        yield f"  and {counted(len(row.moves) - _LISTED, 'more component')}"
    if each.source_commit and not row.source_here:
        yield click.style(f"  its source commit {short(each.source_commit)} is not here", dim=True)
    yield ""


def _told(each: Deployment) -> str:
    """What brought a deploy commit about, in words."""
    words = [f"rolled back to {_place(each.rollback_to)}"] if each.rollback_to else []
    words += [f"promoted from {_place(each.promoted_from)}"] if each.promoted_from else []
    words = words or [each.kind.value if not each.problem else f"foreign commit: {each.problem}"]
    words += [f"forced past {', '.join(each.forced)}"] if each.forced else []
    words += [f"allowed to prune {', '.join(each.allow_prune)}"] if each.allow_prune else []
    return colorless("; ".join(words))


def _place(text: str) -> str:
    """``<environment>@<commit>`` with a short commit."""
    name, at, commit = text.partition("@")
    return f"{name}{at}{commit[:12]}"


def _who(each: Deployment) -> str:
    author, committer = colorless(str(each.author)), colorless(str(each.committer))
    return author if author == committer else f"{author} (committed by {committer})"


def _move_line(move: ComponentMove) -> str:
    old, new = ("?" if each is None else short(each) for each in (move.old, move.new))
    if move.old is None and move.new is None:
        return f"{colorless(move.component)}"
    revisions = f"{old} -> {new}" if move.old != move.new else f"{new}, its settings changed"
    return f"{colorless(move.component)}: {revisions}{'' if move.changed else ' (no object changed)'}"
