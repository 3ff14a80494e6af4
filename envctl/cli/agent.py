"""``envctl agent``: the loop, until a signal ends it."""

import os
import re
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import click

from envctl import wiring
from envctl.cli.clusters import cluster_options, environment_names, take_over_option
from envctl.cli.options import Session, common
from envctl.cli.printers import json_text, wants_color
from envctl.cli.terminal import harmless
from envctl.errors import EXIT_CLEAN, EXIT_FAILED, UsageError
from envctl.model.access import Access
from envctl.model.status import Level, LogEntry
from envctl.wiring import running

_FILE = click.Path(dir_okay=False, path_type=Path)
_LOCAL = re.compile(r"[/:\\]|\.\.?$")
# Seconds to end in. Kubernetes kills a pod after 30.
_PATIENCE = 25.0
_COLORS = {Level.INFO: "blue", Level.WARNING: "yellow", Level.ERROR: "red"}


def _repository(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """A bare word would be taken for a remote of the agent's own store, which has none."""
    if not _LOCAL.search(value):
        text = f"{value!r} is no address: write https://…, ssh://…, user@host:path or a path"
        raise click.BadParameter(text, context, parameter)
    return value


@click.command()
@click.option(
    "--env",
    "environments",
    required=True,
    multiple=True,
    metavar="ENV",
    callback=environment_names,
    help="The environment to keep; give it again for several in one process.",
)
@click.option(
    "--repo",
    required=True,
    metavar="URL",
    callback=_repository,
    help="The Git repository that carries deploy/ENV.",
)
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
    "--resync",
    type=click.FloatRange(min=10, max=3600),
    default=600,
    show_default=True,
    help="Seconds within which all objects are looked at again, in case that an event got lost.",
)
@click.option(
    "--listen",
    default="",
    metavar="[HOST]:PORT",
    help="Answer /healthz, /readyz and /metrics (Prometheus) there.",
)
@click.option(
    "--report-status",
    is_flag=True,
    help="Push how things stand to refs/envctl/status/ENV: needs the right to push there.",
)
@click.option(
    "--heartbeat",
    type=click.FloatRange(min=60),
    default=600,
    show_default=True,
    help="Seconds after which it is pushed again though nothing has changed.",
)
@click.option(
    "--credentials",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder with the repository's credentials, read anew at each try: username, password, bearerToken,"
    " identity, known_hosts, ca.crt.",
)
@click.option("--token-file", "token", type=_FILE, metavar="FILE", help="A token for an https repository.")
@click.option("--username-file", "username", type=_FILE, metavar="FILE", help="User name for https.")
@click.option("--password-file", "password", type=_FILE, metavar="FILE", help="Password for https.")
@click.option("--identity-file", "identity", type=_FILE, metavar="FILE", help="Private key for ssh.")
@click.option("--known-hosts-file", "known_hosts", type=_FILE, metavar="FILE", help="Trusted host keys.")
@click.option("--ca-file", "ca", type=_FILE, metavar="FILE", help="Authorities that vouch for the server.")
@click.option(
    "--fetch-timeout",
    type=click.FloatRange(min=1),
    default=300,
    show_default=True,
    help="Seconds that one fetch may take.",
)
@take_over_option
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
    resync: float,
    listen: str,
    report_status: bool,  # noqa: FBT001
    heartbeat: float,
    fetch_timeout: float,
    take_over: tuple[str, ...],
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
    credentials: Path | None,
    **files: Path | None,
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
    if take_over and len(set(environments)) > 1:
        raise UsageError("--take-over goes with one --env", hint="run one agent for the renamed environment")
    stop = stopped_by_signals()
    threading.Thread(target=_end_in_time, args=(session, stop), name="envctl-end", daemon=True).start()
    access = Access(folder=credentials, **files)
    agents = [
        running.AgentSettings(
            name,
            repo,
            interval,
            _folder(store, name, environments),
            namespace,
            namespaced,
            drift,
            report_status,
            heartbeat=heartbeat,
            access=access,
            fetch_timeout=fetch_timeout,
            take_over=take_over,
        )
        for name in dict.fromkeys(environments)
    ]
    running.run_agents(
        agents,
        partial(wiring.reach, kubeconfig, context, resync=resync),
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


def _end_in_time(session: Session, stop: threading.Event) -> None:
    """End the process where requests under way are not answered: it may be killed at any moment anyway."""
    stop.wait()
    time.sleep(_PATIENCE)
    text = f"ended with requests that were not answered within {_PATIENCE:g} seconds"
    _print(session, LogEntry(Level.WARNING, text))
    os._exit(EXIT_FAILED)


def _folder(store: Path | None, name: str, environments: tuple[str, ...]) -> Path | None:
    """Where the objects of one environment are kept: agents share a folder only by its name."""
    return store / name if store and len(environments) > 1 else store


def _print(session: Session, entry: LogEntry) -> None:
    message = " ".join(entry.message.split())  # servers' words may have line breaks
    now = wiring.system_clock().now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if session.json:
        line = {"time": now, "level": str(entry.level), "message": message, **entry.fields}
        click.echo(json_text(line))
    else:
        level = click.style(f"{entry.level:<7}", fg=_COLORS[entry.level])
        click.echo(harmless(f"{now} {level} {message}"), color=wants_color(session, sys.stdout))
    sys.stdout.flush()
