"""``envctl install``: print the manifests that run the agent of an environment."""

import re

import click

from envctl import __version__, wiring
from envctl.agent.options import NAMESPACE
from envctl.cli.clusters import namespace_name, take_over_option
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, say, short
from envctl.errors import EXIT_CLEAN
from envctl.installation.manifests import Installation
from envctl.manifests.names import is_subdomain
from envctl.model.addresses import public
from envctl.model.values import JsonObject
from envctl.workflows.install import Installed

_HISTORY = 100
_REMOTE = re.compile(r"(?:https?|ssh|git\+ssh|git)://[^/\s]\S*|[^/:\s]+:[^:/\s]\S*")


def _repository(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """An address that a pod can reach. What stands in a manifest can be read by many, so no password."""
    if not _REMOTE.fullmatch(value):
        text = "a pod cannot reach it: give an address that begins with https:// or ssh://, or user@host:path"
        raise click.BadParameter(text, context, parameter)
    if public(value) != value:
        text = "it holds a password or token: put that into a Secret, and name it with --secret"
        raise click.BadParameter(text, context, parameter)
    return value


def _secret(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not is_subdomain(value):
        raise click.BadParameter(f"{value!r} is no name of a Secret", context, parameter)
    return value


def _image(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"\S+", value):
        raise click.BadParameter(f"{value!r} is no image: write NAME:TAG or NAME@DIGEST", context, parameter)
    return value


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option(
    "--repo",
    required=True,
    metavar="URL",
    callback=_repository,
    help="The Git repository that the agent pulls from.",
)
@click.option(
    "--image",
    metavar="IMAGE",
    default=f"envctl:{__version__}",
    show_default=True,
    callback=_image,
    help="The container image that has envctl (deploy/Containerfile makes it).",
)
@click.option(
    "--secret",
    metavar="NAME",
    default="",
    callback=_secret,
    help="Secret with the repository's credentials.",
)
@click.option(
    "--namespace",
    metavar="NAME",
    default=NAMESPACE,
    show_default=True,
    callback=namespace_name,
    help="The agent's own.",
)
@click.option("--replicas", type=click.IntRange(min=1), default=1, show_default=True, help="More stand by.")
@click.option(
    "--history",
    type=click.IntRange(min=1),
    default=_HISTORY,
    show_default=True,
    help="Deploy commits whose kinds may still have to be pruned.",
)
@click.option(
    "--api-port",
    "api_ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    help="Port of the API server, for the NetworkPolicy; by default 443 and 6443.",
)
@take_over_option
@common
def install(
    session: Session,
    environment: str,
    repo: str,
    image: str,
    secret: str,
    namespace: str,
    replicas: int,
    history: int,
    api_ports: tuple[int, ...],
    take_over: tuple[str, ...],
) -> int:
    """Print the manifests that run the agent in a cluster.

    Namespace, Environment kind, account, rights, network policy and Deployment; they pass the restricted
    pod security standard. The rights are those that the published branch deploy/ENV needs: its kinds in
    its namespaces, without wildcards, escalate or bind. When the branch gets a new kind or namespace,
    run it again; until then the agent reports what it may not do, and does the rest.

    \b
    envctl install prod --repo https://git.example.com/platform.git --image registry/envctl:1 > agent.yaml
    envctl install prod --repo … --secret platform-git | kubectl apply --server-side -f -
    """
    repository = wiring.open_repository(session.directory)
    installation = Installation(
        environment=environment,
        repository=repo,
        image=image,
        namespace=namespace,
        secret=secret,
        api_ports=api_ports or (443, 6443),
        replicas=replicas,
        arguments=tuple(word for name in take_over for word in ("--take-over", name)),
    )
    found = wiring.installed(repository, installation, history)
    for note in found.notes:
        say(session, f"{click.style('note: ', fg='yellow')}{note.place}: {note.reason}")
        say(session, click.style(f"  {note.hint}", dim=True))
    emit(session, _data(environment, found), wiring.manifest_text(found.objects).splitlines())
    say(session, f"{environment} at {short(found.revision)}: {len(found.objects)} objects")
    return EXIT_CLEAN


def _data(environment: str, found: Installed) -> JsonObject:
    return {
        "environment": environment,
        "revision": found.revision,
        "notes": [{"object": each.place, "reason": each.reason, "hint": each.hint} for each in found.notes],
        "manifests": [*found.objects],
    }
