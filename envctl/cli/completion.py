"""``envctl completion``: the script that teaches a shell to complete envctl's words."""

import click
from click.shell_completion import get_completion_class

from envctl.cli.options import Session, common
from envctl.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common
def completion(session: Session, shell: str) -> None:  # noqa: ARG001
    """Print the completion script for a shell.

    \b
    eval "$(envctl completion bash)"                                 # in ~/.bashrc
    eval "$(envctl completion zsh)"                                  # in ~/.zshrc
    envctl completion fish > ~/.config/fish/completions/envctl.fish
    """
    from envctl.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "envctl", "_ENVCTL_COMPLETE").source())
