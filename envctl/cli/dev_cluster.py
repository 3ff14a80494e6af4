"""``envctl dev-cluster``: a real control plane on this machine, without containers."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envctl.cli.options import Session, common
from envctl.cli.printers import emit, table, telling
from envctl.errors import EXIT_CLEAN
from envctl.model.values import JsonObject

if TYPE_CHECKING:
    from envctl.devcluster.detached import State

_SECONDS_BETWEEN_LINES = 10

_name = click.option("--name", metavar="NAME", default="envctl", show_default=True, help="Which dev cluster.")


@click.group(name="dev-cluster")
def dev_cluster() -> None:
    """Run a local control plane, without containers.

    A real etcd, kube-apiserver, kube-controller-manager and kube-scheduler run as plain
    processes; kwok plays the nodes, so pods become Ready without running anything.

    \b
    envctl dev-cluster up
    export KUBECONFIG=$(envctl dev-cluster kubeconfig)
    envctl dev-cluster down

    The programs come from KUBEBUILDER_ASSETS where it is set, else they are built once from
    pinned Go modules, which takes some minutes, and kept in the cache folder (ENVCTL_CACHE_DIR).
    """


@dev_cluster.command()
@_name
@click.option(
    "--nodes", metavar="N", type=click.IntRange(0, 1000), default=1, show_default=True, help="Fake nodes."
)
@click.option(
    "--audit-log",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Record every request in FILE.",
)
@click.option("--foreground", is_flag=True, help="Stay until Ctrl-C instead of running in the background.")
@common
def up(session: Session, name: str, nodes: int, audit_log: Path | None, foreground: bool) -> int:  # noqa: FBT001
    """Start a dev cluster and wait until it is ready.

    \b
    envctl dev-cluster up
    envctl dev-cluster up --name second --nodes 3
    envctl dev-cluster up --foreground
    """
    from envctl.devcluster import detached, owner
    from envctl.devcluster.cluster import ClusterOptions

    options = ClusterOptions(nodes=nodes, audit_log=audit_log, context=f"dev-cluster-{name}")
    with telling(session, in_pipes=True) as tell:
        if foreground:
            owner.hold(name, options, tell, lambda state: _show_up(session, state, "Ctrl-C stops it"))
            return EXIT_CLEAN
        state = detached.up(name, options, tell)
    _show_up(session, state, f"stop it: envctl dev-cluster down{_name_option(state)}")
    return EXIT_CLEAN


@dev_cluster.command()
@_name
@click.option("--all", "everything", is_flag=True, help="Stop all dev clusters of this user.")
@common
def down(session: Session, name: str, everything: bool) -> int:  # noqa: FBT001
    """Stop a dev cluster and remove all of it.

    There is nothing to do where there is none; what a dead one left is removed.
    """
    from envctl.devcluster import detached

    names = [state.name for state in detached.running()] if everything else [name]
    stopped: list[str] = [each for each in names if detached.down(each)]
    lines = [f"the dev cluster {each} is gone" for each in stopped]
    none = "no dev cluster is running" if everything else f"there is no dev cluster {name}"
    emit(session, {"stopped": list(stopped)}, lines or [none])
    return EXIT_CLEAN


@dev_cluster.command()
@_name
@click.option("--contents", is_flag=True, help="Print the file itself instead of its path.")
@common
def kubeconfig(session: Session, name: str, contents: bool) -> int:  # noqa: FBT001
    """Print the path of a dev cluster's kubeconfig.

    \b
    export KUBECONFIG=$(envctl dev-cluster kubeconfig)
    envctl dev-cluster kubeconfig --contents > kubeconfig
    """
    from envctl.devcluster import detached

    state = detached.find_alive(name)
    text = Path(state.kubeconfig).read_text() if contents else state.kubeconfig
    emit(session, {"kubeconfig": text}, [text.rstrip("\n")])
    return EXIT_CLEAN


@dev_cluster.command("list")
@common
def list_clusters(session: Session) -> int:
    """List the dev clusters of this user."""
    from envctl.devcluster import detached

    states = detached.running()
    rows = [(state.name, _life(state), state.url or "-", state.kubeconfig or "-") for state in states]
    lines = table(["NAME", "STATE", "URL", "KUBECONFIG"], rows) if rows else ["no dev cluster is running"]
    emit(session, {"devClusters": [_data(state) for state in states]}, lines)
    return EXIT_CLEAN


@dev_cluster.command()
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...")
@common
def build(session: Session, programs: tuple[str, ...]) -> int:
    """Prepare the programs of a dev cluster.

    Says where they are. kubectl is only made where it is named.

    \b
    envctl dev-cluster build
    envctl dev-cluster build kubectl
    """
    from envctl.devcluster.binaries import ensure_programs
    from envctl.devcluster.catalog import CONTROL_PLANE

    with telling(session, in_pipes=True) as tell:
        found = ensure_programs(programs or CONTROL_PLANE, tell)
    paths: JsonObject = {name: str(path) for name, path in found.paths.items()}
    width = max(len(name) for name in paths)
    emit(session, {"programs": paths}, [f"{name.ljust(width)}  {path}" for name, path in paths.items()])
    return EXIT_CLEAN


def _show_up(session: Session, state: "State", end: str) -> None:
    lines = [
        f"the dev cluster {state.name} is ready at {state.url}",
        f"use it:  export KUBECONFIG=$(envctl dev-cluster kubeconfig{_name_option(state)})",
        end,
    ]
    emit(session, _data(state), lines)
    sys.stdout.flush()


def _data(state: "State") -> JsonObject:
    return {
        "name": state.name,
        "state": _life(state),
        "url": state.url,
        "kubeconfig": state.kubeconfig,
        "directory": state.directory,
        "pid": state.pid,
    }


def _life(state: "State") -> str:
    if not state.alive:
        return "dead"
    return "ready" if state.url else "starting"


def _name_option(state: "State") -> str:
    return "" if state.name == "envctl" else f" --name {state.name}"
