"""``envctl resume``: end a freeze and a suspend."""

import click

from envctl import wiring
from envctl.cli.differences import colorless
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common, stored_text
from envctl.cli.pausing import STATES, show
from envctl.model.times import time_text
from envctl.workflows.promotion.pause import resume as run


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option("--reason", callback=stored_text, default="", metavar="TEXT", help="Recorded in the commit.")
@click.option("--push", is_flag=True, help="Push the source branch too.")
@common
def resume(
    session: Session,
    environment: str,
    reason: str,
    push: bool,  # noqa: FBT001
) -> int:
    """End a freeze and a suspend.

    Removes environments/ENV/freeze.yaml and suspend.yaml, as one commit on the source branch, also where
    they cannot be read. What waited for the end of a suspend is published by the next
    envctl render --publish.

    \b
    envctl resume prod --reason "the sale is over" --push
    """
    result = run(
        wiring.open_repository(session.directory), environment, wiring.now(), reason=reason, push=push
    )
    lines = [
        f"{environment}: no longer {STATES[each.kind]} "
        f"(it was until {time_text(each.until)}: {colorless(each.why)})"
        for each in result.pauses
    ]
    lines += [
        f"removed {path}, which could not be read: {colorless(why)}" for path, why in result.broken.items()
    ]
    return show(session, environment, result.pauses, result, lines, push=push)
