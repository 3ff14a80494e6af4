"""The options of commands that talk to a cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from envctl.agent.options import NAMESPACE
from envctl.manifests.names import is_label

Command = TypeVar("Command", bound=Callable[..., Any])


def environment_names(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """The callback of an option that names environments: what cannot be one is refused at once."""
    for name in value:
        if not is_label(name):
            text = f"{name!r} is no name of an environment: up to 63 small letters, digits and dashes"
            raise click.BadParameter(text, context, parameter)
    return value


take_over_option = click.option(
    "--take-over",
    multiple=True,
    metavar="OLD",
    callback=environment_names,
    help="The name that the environment had before: objects that carry its label are taken over.",
)


def namespace_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """The callback of an option that names a namespace: what cannot be one is refused at once."""
    if not is_label(value):
        raise click.BadParameter(
            f"{value!r} is no name of a namespace: up to 63 small letters, digits and dashes",
            context,
            parameter,
        )
    return value


_OPTIONS = (
    click.option(
        "--kubeconfig",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Kubeconfig file; else KUBECONFIG, ~/.kube/config, or the pod's own account.",
    ),
    click.option("--context", metavar="NAME", help="Kubeconfig context instead of the current one."),
    click.option(
        "--namespace",
        default=NAMESPACE,
        show_default=True,
        callback=namespace_name,
        help="Where inventory and status are kept.",
    ),
)


def cluster_options(command: Command) -> Command:
    """Add --kubeconfig, --context and --namespace."""
    decorated: Any = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
