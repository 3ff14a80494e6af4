"""``envctl apply``: one reconcile from here, by the agent's own engine."""

from collections.abc import Iterator
from pathlib import Path

import click

from envctl import wiring
from envctl.cli.clusters import cluster_options
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, short, telling
from envctl.errors import EXIT_CLEAN, EXIT_FAILED
from envctl.model.plan import Action, ObjectResult, ReconcileResult
from envctl.model.status import LogEntry
from envctl.model.values import JsonObject

_COLORS = {Action.CREATED: "green", Action.CONFIGURED: "yellow", Action.DELETED: "red", Action.FAILED: "red"}


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option("--dry-run", is_flag=True, help="Ask the server what would happen; write nothing.")
@cluster_options
@common
def apply(
    session: Session,
    environment: str,
    dry_run: bool,  # noqa: FBT001
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
) -> int:
    """Bring a cluster to a deploy branch, once, from here.

    Takes the published branch deploy/ENV of this repository: plans, applies, prunes, and
    reports object by object. The same inventory and guards as the agent's.

    \b
    envctl apply prod --context prod --dry-run
    envctl apply prod --context prod
    """
    with (
        wiring.connect(kubeconfig, context) as cluster,
        telling(session, f"applying deploy/{environment} to {cluster.url} …") as tell,
    ):

        def show(entry: LogEntry) -> None:
            tell(entry.message)

        result = wiring.reconcile(session.directory, environment, cluster, namespace, show, dry_run=dry_run)
    emit(session, _data(environment, cluster.url, result), _lines(environment, cluster.url, result))
    return EXIT_CLEAN if result.succeeded else EXIT_FAILED


def _data(environment: str, url: str, result: ReconcileResult) -> JsonObject:
    return {
        "environment": environment,
        "cluster": url,
        "revision": result.revision,
        "sequence": result.sequence,
        "dryRun": result.dry_run,
        "succeeded": result.succeeded,
        "counts": {str(action): count for action, count in result.counts().items()},
        "objects": [
            {"object": str(each.id), "action": str(each.action), "reason": each.reason, "hint": each.hint}
            for each in result.results
        ],
        "refused": [
            {"guard": each.guard, "subject": each.subject, "reason": each.reason, "hint": each.hint}
            for each in result.refused
        ],
    }


def _lines(environment: str, url: str, result: ReconcileResult) -> Iterator[str]:
    for each in result.results:
        if each.action is not Action.UNCHANGED:
            yield from _result_lines(each, dry_run=result.dry_run)
    for refusal in result.refused:
        yield click.style("kept ", fg="yellow") + f"{refusal.subject}: {refusal.reason}"
        yield click.style(f"  {refusal.hint}", dim=True)
    counts = ", ".join(f"{count} {action}" for action, count in result.counts().items()) or "nothing to do"
    head = "dry run: " if result.dry_run else ""
    yield f"{head}{environment} at {short(result.revision)} (#{result.sequence}) on {url}: {counts}"


def _result_lines(result: ObjectResult, *, dry_run: bool) -> Iterator[str]:
    done = result.action not in {Action.FAILED, Action.SKIPPED}
    word = f"would be {result.action}" if dry_run and done else str(result.action)
    action = click.style(word, fg=_COLORS.get(result.action, "white"))
    yield f"{action} {result.id}" + (f": {result.reason}" if result.reason else "")
    if result.hint:
        yield click.style(f"  {result.hint}", dim=True)
