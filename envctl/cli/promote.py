"""``envctl promote``: one commit that copies pins from one environment to the next."""

from collections.abc import Iterator

import click

from envctl import wiring
from envctl.cli.names import component_names, environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import change_lines, counted, emit, say, short, telling
from envctl.errors import EXIT_CLEAN
from envctl.model.values import JsonObject
from envctl.workflows.promote import PromoteOptions, Promotion
from envctl.workflows.promote import promote as run
from envctl.workflows.publishing import file_change


@click.command()
@click.argument("source", metavar="FROM", shell_complete=environment_names)
@click.argument("target", metavar="TO", shell_complete=environment_names)
@click.option(
    "-c",
    "--component",
    "components",
    multiple=True,
    metavar="NAME",
    shell_complete=component_names,
    help="Only this component.",
)
@click.option("--push", is_flag=True, help="Push the source branch and the deploy branch, atomically.")
@click.option("--dry-run", is_flag=True, help="Say what would be promoted; move nothing.")
@click.option("--force", is_flag=True, help="Override the gates; needs --reason.")
@click.option("--reason", default="", metavar="TEXT", help="Recorded in the commit.")
@common
def promote(
    session: Session,
    source: str,
    target: str,
    components: tuple[str, ...],
    push: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    reason: str,
) -> int:
    """Copy pins from one environment to the next, as one commit.

    And publish it. The commit stands on the source branch and touches only environments/TO/lock.yaml. What
    is promoted is what FROM has published, never "latest".

    \b
    envctl promote dev staging
    envctl promote staging prod -c gateway --push
    """
    options = PromoteOptions(
        source, target, components, push=push, dry_run=dry_run, force=force, reason=reason
    )
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    with telling(session, f"promoting {source} to {target} …"), wiring.evaluator(repository) as engine:
        result = run(repository, engine, options, cache)
    emit(session, _data(result), _lines(result))
    if not result.refreshed:
        path = f"environments/{target}/lock.yaml"
        say(
            session,
            f"note: {path} here was left as it is: you changed it, or another process holds the index. "
            "Your next commit must not take the promotion back; "
            f"to have its state: git checkout HEAD -- {path}",
        )
    return EXIT_CLEAN


def _data(result: Promotion) -> JsonObject:
    published = result.published
    return {
        "from": result.options.source,
        "to": result.options.target,
        "dryRun": result.options.dry_run,
        "origin": result.origin,
        "branch": result.branch.removeprefix("refs/heads/"),
        "commit": result.commit,
        "moves": [
            {"component": each.component, "old": each.old, "new": each.new, "commits": list(each.subjects)}
            for each in result.moves
        ],
        "unchanged": list(result.unchanged),
        "overridden": [str(each) for each in result.overridden],
        "deployCommit": published.commit if published else "",
        "files": [change.path for change in published.changes] if published else [],
        "pushed": result.options.push and bool(result.commit),
    }


def _lines(result: Promotion) -> Iterator[str]:
    options = result.options
    if not result.moves:
        yield f"nothing to promote: {options.target} already has what {options.source} has published"
        return
    for move in result.moves:
        old = f"{short(move.old)} -> " if move.old else "new, at "
        yield f"{click.style(move.component, bold=True)}: {old}{short(move.new)}"
        yield from (f"  {subject}" for subject in move.subjects)
    for problem in result.overridden:
        yield click.style("overridden: ", fg="yellow") + str(problem)
    files = counted(len(result.published.changes) if result.published else 0, "file")
    branch = result.branch.removeprefix("refs/heads/")
    if options.dry_run:
        yield f"dry run: one commit on {branch}, {files} would change on deploy/{options.target}"
        yield from _change_lines(result)
        return
    yield f"committed {short(result.commit)} on {branch}"
    if result.published and result.published.update:
        commit = short(result.published.commit)
        yield f"published {commit} on deploy/{options.target}, {files} changed"
        yield from _change_lines(result)
    else:
        yield f"deploy/{options.target} renders to the same tree, so it has no new commit"
    if options.push:
        yield "pushed both"


def _change_lines(result: Promotion) -> Iterator[str]:
    changes = result.published.changes if result.published else ()
    return change_lines([each for change in changes if (each := file_change(change))])
