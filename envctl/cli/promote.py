"""``envctl promote``: one commit that copies pins from one environment to the next."""

from collections.abc import Iterator
from pathlib import Path

import click

from envctl import wiring
from envctl.cli.diff import comparison_data, comparison_lines
from envctl.cli.names import component_names, environment_names
from envctl.cli.options import Session, common
from envctl.cli.planfiles import read_plan
from envctl.cli.printers import change_lines, counted, emit, say, short, telling
from envctl.cli.told import summary
from envctl.delivery.plan import PlanFile, plan_data
from envctl.errors import EXIT_CLEAN, UsageError
from envctl.model.values import JsonObject
from envctl.workflows.promote import PromoteOptions, Promotion
from envctl.workflows.promote import promote as run
from envctl.workflows.publishing import file_change
from envctl.workflows.sides import Comparison
from envctl.workflows.sourcecommit import left_behind_note


@click.command()
@click.argument("source", metavar="FROM", required=False, default="", shell_complete=environment_names)
@click.argument("target", metavar="TO", required=False, default="", shell_complete=environment_names)
@click.option(
    "-c",
    "--component",
    "components",
    multiple=True,
    metavar="NAME",
    shell_complete=component_names,
    help="Only this component; one that is held moves only if it is named.",
)
@click.option("--push", is_flag=True, help="Push the source branch and the deploy branch, atomically.")
@click.option(
    "--dry-run", is_flag=True, help="Write nothing; show what would change, with -o json as a plan."
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Do what a plan says, or nothing where anything moved since.",
)
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
    plan_file: Path | None,
    force: bool,  # noqa: FBT001
    reason: str,
) -> int:
    """Copy pins from one environment to the next, as one commit.

    And publish it. The commit stands on the source branch and touches only environments/TO/lock.yaml. What
    is promoted is what FROM has published, never "latest"; FROM can be ENV@REVISION, with a deploy commit.

    \b
    envctl promote dev staging
    envctl promote staging prod -c gateway --push
    envctl promote staging prod --dry-run -o json > plan.json
    envctl promote --plan plan.json --push
    """
    options = PromoteOptions(
        source, target, components, push=push, dry_run=dry_run, force=force, reason=reason
    )
    options = _planned(options, plan_file) if plan_file else _named(options)
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    first = f"promoting {options.source} to {options.target} …"
    with telling(session, first), wiring.evaluator(repository) as engine:
        result = run(repository, engine, options, cache)
    emit(session, promotion_data(result), promotion_lines(result))
    if result.left:
        say(session, left_behind_note(result.left))
    return EXIT_CLEAN


def _named(options: PromoteOptions) -> PromoteOptions:
    if not options.source or not options.target:
        raise UsageError(
            "name two environments", hint="envctl promote FROM TO, or a plan: envctl promote --plan FILE"
        )
    return options


def _planned(options: PromoteOptions, path: Path) -> PromoteOptions:
    if options.source or options.components or options.reason:
        raise UsageError(
            "a plan says what is promoted: --plan takes no FROM, TO, --component or --reason",
            hint=f"envctl promote --plan {path}",
        )
    file = read_plan(path)
    plan = file.plan
    return PromoteOptions(
        plan.source,
        plan.target,
        plan.components,
        push=options.push,
        dry_run=options.dry_run,
        force=options.force,
        reason=plan.reason,
        plan=file,
    )


def promotion_data(result: Promotion) -> JsonObject:
    """A promotion as JSON; that of a dry run holds its plan."""
    published, options = result.published, result.options
    data: dict[str, object] = {
        "from": options.source,
        "to": options.target,
        "dryRun": options.dry_run,
        "origin": result.origin,
        "branch": result.branch.removeprefix("refs/heads/"),
        "commit": result.commit,
        "moves": [
            {"component": each.component, "old": each.old, "new": each.new, "commits": list(each.subjects)}
            for each in result.moves
        ],
        "unchanged": list(result.unchanged),
        "held": dict(result.held),
        "overridden": [str(each) for each in result.overridden],
        "deployCommit": published.commit if published else "",
        "files": [change.path for change in published.changes] if published else [],
        "pushed": options.push and bool(result.commit),
    }
    if result.plan:
        data["plan"] = plan_data(options.plan or PlanFile(result.plan))
    if result.comparison:
        data["comparison"] = comparison_data(result.comparison)
    return data  # type: ignore[return-value]


def promotion_lines(result: Promotion) -> Iterator[str]:
    """A promotion as text."""
    options = result.options
    for name, reason in result.held.items():
        yield (
            f"{click.style(name, bold=True)}: held ({reason}); "
            f"to promote it, name it: envctl promote {options.source} {options.target} -c {name}"
        )
    if not result.moves:
        more = " but what is held" if result.held else ""
        yield f"nothing to promote: {options.target} already has what {options.source} has published{more}"
        if result.published and result.published.update:
            commit = short(result.published.commit)
            yield f"published {commit} on deploy/{options.target}: it was promoted before, and not published"
        return
    for move in result.moves:
        old = f"{short(move.old)} -> " if move.old else "new, at "
        yield f"{click.style(move.component, bold=True)}: {old}{short(move.new)}"
        yield from (f"  {subject}" for subject in move.subjects)
    for problem in result.overridden:
        yield click.style("overridden: ", fg="yellow") + str(problem)
    branch = result.branch.removeprefix("refs/heads/")
    if result.comparison:
        yield from _preview(result.comparison, first=not (result.plan and result.plan.deployed))
        yield f"dry run: one commit on {branch}, and one on deploy/{options.target}; nothing was written"
        return
    yield f"committed {short(result.commit)} on {branch}"
    yield from published_lines(result)
    if options.push:
        yield "pushed both"


def _preview(comparison: Comparison, *, first: bool) -> Iterator[str]:
    """What would change; of a first promotion, where everything is new, only how much."""
    if first:
        yield f"{comparison.new}: {summary(comparison)}"
    else:
        yield from comparison_lines((comparison,))


def published_lines(result: Promotion) -> Iterator[str]:
    """What became of the deploy branch."""
    published = result.published
    if not published or not published.update:
        return
    files = counted(len(published.changes), "file")
    yield f"published {short(published.commit)} on deploy/{published.environment}, {files} changed"
    yield from change_lines([each for change in published.changes if (each := file_change(change))])
