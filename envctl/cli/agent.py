"""``envctl agent``: the loop, until a signal ends it."""

import os
import signal
import sys
import threading
from functools import partial
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
@click.option(
    "--env",
    "environments",
    required=True,
    multiple=True,
    metavar="ENV",
    help="The environment to keep; give it again for several in one process.",
)
@click.option("--repo", required=True, metavar="URL", help="The Git repository that carries deploy/ENV.")
@click.option(
    "--interval", type=click.FloatRange(min=0.5), default=15, show_default=True, help="Seconds between polls."
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for fetched Git objects; by default one in the cache folder.",
)
@click.option(
    "--leader-election/--no-leader-election",
    "election",
    default=True,
    show_default=True,
    help="Act only while holding the environment's Lease, so that a second agent can stand by.",
)
@click.option(
    "--lease-duration",
    "lease",
    type=click.IntRange(min=3),
    default=15,
    show_default=True,
    help="Seconds after which an agent that stands by may replace one that is gone.",
)
@click.option(
    "--namespaced", is_flag=True, help="Watch each namespace by itself: needs rights in these alone."
)
@click.option(
    "--drift",
    type=click.Choice(["heal", "warn"]),
    default="heal",
    show_default=True,
    help="What is done about changes that others make: put back, or only told.",
)
@click.option(
    "--listen",
    default="",
    metavar="[HOST]:PORT",
    help="Answer /healthz, /readyz and /metrics (Prometheus) there.",
)
@cluster_options
@common
def agent(
    session: Session,
    environments: tuple[str, ...],
    repo: str,
    interval: float,
    store: Path | None,
    election: bool,  # noqa: FBT001
    lease: int,
    namespaced: bool,  # noqa: FBT001
    drift: str,
    listen: str,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
) -> int:
    """Keep a cluster equal to a deploy branch.

    Pulls, applies, heals, prunes and reports. Of several agents for one environment, one acts
    (leader election by a Lease); the others stand by. Runs until SIGTERM or SIGINT, then finishes
    what is under way and ends with 0. Logs one line per event on standard output (-o json:
    one JSON object per line).

    \b
    envctl agent --env prod --repo https://git.example.com/platform.git
    envctl agent --env dev --repo file:///srv/platform.git --interval 2 --context dev
    envctl agent --env eu --env us --repo https://git.example.com/platform.git
    """
    stop = stopped_by_signals()
    agents = [
        wiring.AgentSettings(
            name, repo, interval, _folder(store, name, environments), namespace, namespaced, drift
        )
        for name in dict.fromkeys(environments)
    ]
    wiring.run_agents(
        agents,
        partial(wiring.reach, kubeconfig, context),
        lambda entry: _print(session, entry),
        stop,
        lease=lease if election else None,
        listen=listen,
    )
    return EXIT_CLEAN


def stopped_by_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set.

    Not in the handler itself: Python runs it in the main thread, which may hold the event's lock at that
    moment, in a wait or in an earlier signal's handler, and then nobody would ever get it.
    """
    stop = threading.Event()
    read, write = os.pipe()

    def forward() -> None:
        os.read(read, 1)
        stop.set()

    threading.Thread(target=forward, name="envctl-signals", daemon=True).start()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: os.write(write, b"."))
    return stop


def _folder(store: Path | None, name: str, environments: tuple[str, ...]) -> Path | None:
    """Where the objects of one environment are kept: agents share a folder only by its name."""
    return store / name if store and len(environments) > 1 else store


def _print(session: Session, entry: LogEntry) -> None:
    time = wiring.system_clock().now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if session.json:
        line = {"time": time, "level": str(entry.level), "message": entry.message, **entry.fields}
        click.echo(json_text(line))
    else:
        level = click.style(f"{entry.level:<7}", fg=_COLORS[entry.level])
        click.echo(harmless(f"{time} {level} {entry.message}"), color=wants_color(session, sys.stdout))
    sys.stdout.flush()
