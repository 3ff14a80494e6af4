"""``envctl verify``: whether the deploy branch is what its source renders to."""

from collections.abc import Iterator

import click

from envctl import wiring
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, short, styled_change, telling
from envctl.errors import EXIT_CLEAN, EXIT_DIFFERENT
from envctl.model.values import JsonObject
from envctl.workflows.verify import Verification
from envctl.workflows.verify import verify as run


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option("--rev", metavar="REV", help="Verify this deploy commit instead of the branch's tip.")
@common
def verify(session: Session, environment: str, rev: str | None) -> int:
    """Render again and compare with the deploy branch.

    Names every file that was edited by hand. Exit code 16 where anything differs.

    \b
    envctl verify prod
    envctl verify prod --rev deploy/prod~3
    """
    repository = wiring.open_repository(session.directory)
    with telling(session, f"rendering {environment} again …"), wiring.evaluator(repository) as engine:
        result = run(repository, engine, environment, rev)
    emit(session, _data(result), _lines(result))
    return EXIT_CLEAN if result.clean else EXIT_DIFFERENT


def _data(result: Verification) -> JsonObject:
    return {
        "environment": result.environment,
        "commit": result.commit,
        "sourceCommit": result.source_commit,
        "clean": result.clean,
        "differences": [{"path": each.path, "action": str(each.action)} for each in result.differences],
        "problems": list(result.problems),
    }


def _lines(result: Verification) -> Iterator[str]:
    place = f"deploy/{result.environment} ({short(result.commit)})"
    if result.clean:
        yield f"{place}: exactly what source {short(result.source_commit)} renders to"
        return
    yield f"{place}: not what source {short(result.source_commit)} renders to"
    for change in result.differences:
        yield f"  {styled_change(str(change.action), change.path)}"
    for problem in result.problems:
        yield f"  {problem}"
    yield f"hint: to put it right, publish again: envctl render {result.environment} --publish"
