"""``envctl rollback``: one commit that restores an environment as it was."""

from collections.abc import Iterator

import click

from envctl import wiring
from envctl.cli.diff import comparison_data, comparison_lines
from envctl.cli.differences import colorless
from envctl.cli.names import component_names, environment_names
from envctl.cli.options import Session, common, stored_text
from envctl.cli.printers import change_lines, counted, emit, say, short, telling
from envctl.errors import EXIT_CLEAN
from envctl.model.values import JsonObject
from envctl.workflows.promotion.rollback import Rollback, RollbackOptions
from envctl.workflows.promotion.rollback import rollback as run
from envctl.workflows.publishing.run import file_change
from envctl.workflows.sources.sourcecommit import left_behind_note

_PROOFS = {
    "ids": "bit for bit, by object ids; nothing was evaluated",
    "render": "bit for bit, by a render",
    "none": "not bit for bit: what others share has changed since (--inexact)",
}


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option("--to", metavar="REV", help="The deploy commit to go back to, or a source revision.")
@click.option(
    "-c",
    "--component",
    "components",
    multiple=True,
    metavar="NAME",
    shell_complete=component_names,
    help="Only this component: its pin and its overlay.",
)
@click.option("--push", is_flag=True, help="Push the source branch and the deploy branch, atomically.")
@click.option("--dry-run", is_flag=True, help="Say what would be restored; write nothing.")
@click.option("--inexact", is_flag=True, help="Accept a deploy tree that is not the old one bit for bit.")
@click.option(
    "--reason",
    callback=stored_text,
    default="",
    metavar="TEXT",
    help="Recorded in the commit, and as the hold.",
)
@common
def rollback(
    session: Session,
    environment: str,
    to: str | None,
    components: tuple[str, ...],
    push: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
    inexact: bool,  # noqa: FBT001
    reason: str,
) -> int:
    """Restore an environment as it was, as one commit.

    And publish it. Without --to: as of the last good deploy commit. What is rolled back is held: only a
    promotion that names the component moves it again. No branch ever moves back.

    \b
    envctl rollback prod --reason "5xx on checkout"
    envctl rollback prod --to 3f2c9a0d -c gateway --push
    """
    options = RollbackOptions(
        environment,
        to,
        components,
        push=push,
        dry_run=dry_run,
        reason=reason,
        inexact=inexact,
        at=wiring.now(),
    )
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    with telling(session, f"rolling back {environment} …"), wiring.evaluator(repository) as engine:
        result = run(repository, engine, options, cache)
    emit(session, _data(result), _lines(result))
    if result.gates_change:
        say(
            session,
            f"note: gates, promotesFrom and refuse of {environment} are those of then: "
            f"see environments/{environment}/",
        )
    if result.not_pushed:
        say(session, result.not_pushed)
    if result.left:
        say(session, left_behind_note(result.left))
    return EXIT_CLEAN


def _data(result: Rollback) -> JsonObject:
    published = result.published
    return {
        "environment": result.options.environment,
        "dryRun": result.options.dry_run,
        "from": result.old.commit.id,
        "to": result.to.commit.id,
        "toSequence": result.to.record.sequence,
        "proof": result.proof,
        "branch": result.branch.removeprefix("refs/heads/"),
        "commit": result.commit,
        "pins": [{"component": each.component, "old": each.old, "new": each.new} for each in result.pins],
        "held": list(result.held),
        "gatesChange": result.gates_change,
        "restored": list(result.files),
        "deployCommit": published.commit if published else "",
        "files": [change.path for change in published.changes] if published else [],
        "pushed": result.options.push and bool(result.commit),
        "comparison": comparison_data(result.comparison) if result.comparison else None,
    }


def _lines(result: Rollback) -> Iterator[str]:
    name, target = result.options.environment, result.to
    if not result.pins and not result.files:
        yield f"nothing to roll back: {name} is as {short(target.commit.id)} had it"
        yield from _published_lines(result)
        return
    yield (
        f"{click.style(name, bold=True)} goes back to {short(target.commit.id)} "
        f"(sequence {target.record.sequence}): {colorless(target.commit.subject)}"
    )
    for each in result.pins:
        yield f"  {each.component}: {short(each.old)} -> {short(each.new)}"
    yield from (f"  restored: {path}" for path in result.files)
    yield (
        f"what is rolled back is as it was, {_PROOFS[result.proof]}"
        if result.proof != "none"
        else _PROOFS["none"]
    )
    branch = result.branch.removeprefix("refs/heads/")
    if result.comparison:
        yield from comparison_lines((result.comparison,))
        yield f"dry run: one commit on {branch}, and one on deploy/{name}; nothing was written"
        return
    yield f"committed {short(result.commit)} on {branch}"
    yield from _published_lines(result)
    if result.options.push:
        yield "pushed both"
    if result.held:
        listed = ", ".join(result.held)
        yield f"held until a promotion names it: {listed}"


def _published_lines(result: Rollback) -> Iterator[str]:
    published = result.published
    if published and published.update:
        files = counted(len(published.changes), "file")
        yield f"published {short(published.commit)} on deploy/{published.environment}, {files} changed"
        yield from change_lines([found for change in published.changes if (found := file_change(change))])
