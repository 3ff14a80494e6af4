"""The options of commands that talk to a cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from envctl.agent.options import NAMESPACE

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--kubeconfig",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Kubeconfig file; else KUBECONFIG, ~/.kube/config, or the pod's own account.",
    ),
    click.option("--context", metavar="NAME", help="Kubeconfig context instead of the current one."),
    click.option(
        "--namespace", default=NAMESPACE, show_default=True, help="Where inventory and status are kept."
    ),
)


def cluster_options(command: Command) -> Command:
    """Add --kubeconfig, --context and --namespace."""
    decorated: Any = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
