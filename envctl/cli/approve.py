"""``envctl approve``: put one's name under a plan."""

from pathlib import Path

import click

from envctl import wiring
from envctl.cli.options import Session, common
from envctl.cli.planfiles import read_plan, write_plan
from envctl.cli.printers import emit, short
from envctl.delivery.plan import plan_data
from envctl.errors import EXIT_CLEAN, UsageError
from envctl.workflows.promotion.approve import approve as run


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@common
def approve(session: Session, path: Path) -> int:
    """Put your name under the plan of a promotion.

    The name is the one that Git commits with. The approval counts for this very plan: it is bound to what the
    plan says, and the promotion commit records it.

    \b
    envctl promote staging prod --dry-run -o json > plan.json
    envctl approve plan.json
    envctl promote --plan plan.json --push
    """
    if str(path) == "-":
        raise UsageError(
            "an approval is written into the file of the plan, so it takes no -", hint="name the file"
        )
    repository = wiring.open_repository(session.directory)
    file, approval = run(repository, read_plan(path))
    write_plan(path, file)
    plan = file.plan
    lines = [f"{each.component}: {short(each.old)} -> {short(each.new)}" for each in plan.moves]
    lines.append(
        f"{approval.by} approves promoting {plan.source} to {plan.target} (plan {plan.digest[7:19]})"
    )
    emit(session, {"plan": plan_data(file)}, lines)
    return EXIT_CLEAN
