"""``envctl suspend``: let nothing be published to an environment for a while."""

import click

from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.pausing import pause_options, run_pause


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@pause_options
@common
def suspend(
    session: Session,
    environment: str,
    until: str | None,
    length: str | None,
    reason: str,
    push: bool,  # noqa: FBT001
) -> int:
    """Let nothing be published to an environment for a while.

    Writes environments/ENV/suspend.yaml, as one commit on the source branch. It lapses by itself. Until then
    no change at all reaches the deploy branch, so the cluster stays as it is.

    \b
    envctl suspend prod --for 4h --reason "incident 42: looking at it" --push
    """
    return run_pause(session, environment, "suspend", until, length, reason, push=push)
