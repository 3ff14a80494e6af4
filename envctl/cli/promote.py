"""``envctl promote``: one commit that copies pins from one environment to the next."""

from pathlib import Path

import click

from envctl import wiring
from envctl.cli.auto import run_auto
from envctl.cli.names import component_names, environment_names
from envctl.cli.options import Session, common, stored_text
from envctl.cli.planfiles import read_plan
from envctl.cli.printers import emit, say, telling
from envctl.cli.promotions import promotion_data, promotion_lines
from envctl.errors import EXIT_CLEAN, UsageError
from envctl.workflows.promotion.promote import PromoteOptions
from envctl.workflows.promotion.promote import promote as run
from envctl.workflows.sources.sourcecommit import left_behind_note


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
@click.option("--auto", is_flag=True, help="Promote whatever gates allow: all environments, or FROM TO.")
@click.option("--force", is_flag=True, help="Override the gates; needs --reason.")
@click.option("--reason", callback=stored_text, default="", metavar="TEXT", help="Recorded in the commit.")
@common
def promote(
    session: Session,
    source: str,
    target: str,
    components: tuple[str, ...],
    push: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
    plan_file: Path | None,
    auto: bool,  # noqa: FBT001
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
    envctl promote --auto --push           in CI: what the gates allow, environment by environment
    """
    options = PromoteOptions(
        source,
        target,
        components,
        push=push,
        dry_run=dry_run,
        force=force,
        reason=reason,
        at=wiring.now(),
    )
    if auto:
        return run_auto(session, options, planned=plan_file is not None)
    options = _planned(options, plan_file) if plan_file else _named(options)
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    first = f"promoting {options.source} to {options.target} …"
    with telling(session, first), wiring.evaluator(repository) as engine:
        result = run(repository, engine, options, cache)
    emit(session, promotion_data(result), promotion_lines(result))
    if result.not_pushed:
        say(session, result.not_pushed)
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
    if options.force and not plan.reason:
        raise UsageError(
            "--force needs a reason, and the plan has none",
            hint="make it with one: "
            f"envctl promote {plan.source} {plan.target} --reason TEXT --dry-run -o json",
        )
    return PromoteOptions(
        f"{plan.source}@{plan.named}" if plan.named else plan.source,
        plan.target,
        plan.components,
        push=options.push,
        dry_run=options.dry_run,
        force=options.force,
        reason=plan.reason,
        plan=file,
        at=options.at,
    )
