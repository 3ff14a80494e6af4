"""``envctl allow-prune``: let what left a deploy branch go, past a guard."""

from collections.abc import Iterator

import click

from envctl import wiring
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common, stored_text
from envctl.cli.printers import counted, emit, say, short, telling
from envctl.errors import EXIT_CLEAN
from envctl.model.values import JsonObject
from envctl.workflows.promotion.allowprune import GUARDS, Allowed, AllowOptions
from envctl.workflows.promotion.allowprune import allow_prune as run
from envctl.workflows.sources.sourcecommit import left_behind_note

_SHOWN = 20


def _stored(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(stored_text(context, parameter, value) for value in values)


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.argument("objects", metavar="[OBJECT]...", nargs=-1, callback=_stored)
@click.option("--guard", "guards", multiple=True, type=click.Choice(GUARDS), help="What this guard is about.")
@click.option(
    "--reason", callback=stored_text, default="", metavar="TEXT", help="Recorded in the commit; needed."
)
@click.option("--push", is_flag=True, help="Push the source branch too.")
@click.option("--dry-run", is_flag=True, help="Say what would be permitted; write nothing.")
@common
def allow_prune(
    session: Session,
    environment: str,
    objects: tuple[str, ...],
    guards: tuple[str, ...],
    reason: str,
    push: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> int:
    """Let what left a deploy branch go, past a guard.

    Writes one commit on the source branch, without a file, that is to be reviewed like any other. It is bound
    to the deploy tree that the source renders to now: in another one it permits nothing. The next publish
    brings it to the agent.

    \b
    envctl allow-prune prod 'StatefulSet.apps ai-prod/vector-store' --reason "moved to the new store"
    envctl allow-prune prod --guard too-many --reason "the old gateway is gone" --push
    """
    options = AllowOptions(environment, objects, guards, reason, push, dry_run)
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    with telling(session, f"rendering {environment} …"), wiring.evaluator(repository) as engine:
        result = run(repository, engine, options, cache)
    emit(session, _data(result, pushed=push and not dry_run), _lines(result, push=push))
    if result.left:
        say(session, left_behind_note(result.left))
    return EXIT_CLEAN


def _data(result: Allowed, *, pushed: bool) -> JsonObject:
    return {
        "environment": result.environment,
        "objects": list(result.objects),
        "permits": list(result.items),
        "tree": result.tree,
        "branch": result.branch.removeprefix("refs/heads/"),
        "commit": result.commit,
        "pushed": pushed,
    }


def _lines(result: Allowed, *, push: bool) -> Iterator[str]:
    branch, count = result.branch.removeprefix("refs/heads/"), len(result.objects)
    verb = "may go" if result.commit else "would be permitted to go"
    yield f"{counted(count, 'object')} of {result.environment} {verb}, at the deploy tree {result.tree[:12]}:"
    yield from (f"  {name}" for name in result.objects[:_SHOWN])
    if count > _SHOWN:
        yield f"  and {count - _SHOWN} more"
    if not result.commit:
        yield "dry run: nothing was written"
        return
    yield f"committed {short(result.commit)} on {branch}"
    yield "pushed it" if push else f"others see it once {branch} is pushed"
    yield f"the agent is told by the next publish: envctl render {result.environment} --publish"
