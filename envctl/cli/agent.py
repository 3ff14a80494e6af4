"""``envctl agent``: the loop, until a signal ends it."""

import signal
import sys
import threading
from pathlib import Path

import click

from envctl import wiring
from envctl.cli.clusters import cluster_options
from envctl.cli.options import Session, common
from envctl.cli.printers import json_text, wants_color
from envctl.cli.terminal import harmless
from envctl.errors import EXIT_CLEAN
from envctl.model.status import Level, LogEntry

_COLORS = {Level.INFO: "blue", Level.WARNING: "yellow", Level.ERROR: "red"}


@click.command()
@click.option("--env", "environment", required=True, metavar="ENV", help="The environment to keep.")
@click.option("--repo", required=True, metavar="URL", help="The Git repository that carries deploy/ENV.")
@click.option(
    "--interval", type=click.FloatRange(min=0.5), default=15, show_default=True, help="Seconds between polls."
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for fetched Git objects; by default one in the cache folder.",
)
@cluster_options
@common
def agent(
    session: Session,
    environment: str,
    repo: str,
    interval: float,
    store: Path | None,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
) -> int:
    """Keep a cluster equal to a deploy branch.

    Pulls, applies, heals, prunes and reports. Runs until SIGTERM or SIGINT, then finishes
    what is under way and ends with 0. Logs one line per event on standard output (-o json:
    one JSON object per line).

    \b
    envctl agent --env prod --repo https://git.example.com/platform.git
    envctl agent --env dev --repo file:///srv/platform.git --interval 2 --context dev
    """
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    settings = wiring.AgentSettings(environment, repo, interval, store, namespace)
    with wiring.connect(kubeconfig, context) as cluster:
        wiring.run_agent(settings, cluster, lambda entry: _print(session, entry), stop)
    return EXIT_CLEAN


def _print(session: Session, entry: LogEntry) -> None:
    time = wiring.system_clock().now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if session.json:
        line = {"time": time, "level": str(entry.level), "message": entry.message, **entry.fields}
        click.echo(json_text(line))
    else:
        level = click.style(f"{entry.level:<7}", fg=_COLORS[entry.level])
        click.echo(harmless(f"{time} {level} {entry.message}"), color=wants_color(session, sys.stdout))
    sys.stdout.flush()
