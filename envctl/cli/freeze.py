"""``envctl freeze``: let nothing be promoted to an environment for a while."""

import click

from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.pausing import pause_options, run_pause


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@pause_options
@common
def freeze(
    session: Session,
    environment: str,
    until: str | None,
    length: str | None,
    reason: str,
    push: bool,  # noqa: FBT001
) -> int:
    """Let nothing be promoted to an environment for a while.

    Writes environments/ENV/freeze.yaml, as one commit on the source branch. It lapses by itself. The
    environment can be rolled back all the same, and its own settings can change; to hold it as it
    is, suspend it.

    \b
    envctl freeze prod --until 2027-01-04T08:00+01:00 --reason "end of the year" --push
    envctl freeze prod --for 4h --reason "sale"
    """
    return run_pause(session, environment, "freeze", until, length, reason, push=push)
