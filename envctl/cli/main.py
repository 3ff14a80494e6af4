"""The root of the command line: the table of commands and the one error boundary.

Commands are imported when they are called, so that ``envctl --help`` and shell completion
start at once. The table repeats each command's short help; a test keeps both equal.
"""

import contextlib
import errno
import importlib
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from envctl import __version__
from envctl.cli.options import Session, common
from envctl.cli.printers import print_error
from envctl.errors import EXIT_BUG, EXIT_CLEAN, EXIT_FAILED, EXIT_INTERRUPTED, EnvctlError, UsageError

COMMANDS = {
    "render": ("envctl.cli.render:render", "Render environments and say what would change."),
    "diff": ("envctl.cli.diff:diff", "Compare environments, revisions, or what would change."),
    "promote": ("envctl.cli.promote:promote", "Copy pins from one environment to the next, as one commit."),
    "rollback": ("envctl.cli.rollback:rollback", "Restore an environment as it was, as one commit."),
    "approve": ("envctl.cli.approve:approve", "Put your name under the plan of a promotion."),
    "history": ("envctl.cli.history:history", "Show who changed an environment, what, when and why."),
    "blame": ("envctl.cli.blame:blame", "Show who gave each field of an object its value."),
    "freeze": ("envctl.cli.freeze:freeze", "Let nothing be promoted to an environment for a while."),
    "suspend": ("envctl.cli.suspend:suspend", "Let nothing be published to an environment for a while."),
    "resume": ("envctl.cli.resume:resume", "End a freeze and a suspend."),
    "allow-prune": ("envctl.cli.allow_prune:allow_prune", "Let what left a deploy branch go, past a guard."),
    "verify": ("envctl.cli.verify:verify", "Render again and compare with the deploy branch."),
    "status": ("envctl.cli.status:status", "Show what is pinned, published and applied."),
    "apply": ("envctl.cli.apply:apply", "Bring a cluster to a deploy branch, once, from here."),
    "agent": ("envctl.cli.agent:agent", "Keep a cluster equal to a deploy branch."),
    "install": ("envctl.cli.install:install", "Print the manifests that run the agent in a cluster."),
    "health": ("envctl.cli.health:health", "Say how healthy objects in files are."),
    "dev-cluster": ("envctl.cli.dev_cluster:dev_cluster", "Run a local control plane, without containers."),
    "schema": ("envctl.cli.schema:schema", "Print the JSON Schema of a file, for an editor."),
    "completion": ("envctl.cli.completion:completion", "Print the completion script for a shell."),
}


_OUTPUT_LOST = {errno.ENOSPC, errno.EFBIG, errno.EIO}


class LazyGroup(click.Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        near = get_close_matches(args[0], COMMANDS, n=1)
        if near and args[0] not in COMMANDS:
            raise click.UsageError(f"No such command '{args[0]}'. Did you mean '{near[0]}'?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="envctl", message="%(prog)s %(version)s")
@common
def cli(session: Session) -> None:
    """Render once, promote by commits, and keep clusters equal to their branches.

    \b
    envctl render                     render all environments, say what would change
    envctl render --publish           commit what changed to the deploy branches
    envctl promote staging prod       copy staging's pins to prod, as one commit
    envctl agent --env prod --repo URL

    Exit codes: 0 clean, 1 failed, 2 usage, 3 bug in envctl, 16 differences found, 130 interrupted.
    """


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. Nothing else in envctl catches errors for display."""
    session = _session_from(sys.argv[1:] if arguments is None else arguments)
    try:
        outcome: Any = cli.main(args=arguments, prog_name="envctl", standalone_mode=False, obj=session)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        return _show_usage(session, error)
    except EnvctlError as error:
        print_error(session, error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  the boundary: whatever arrives here is a bug
        return _show_bug(session, error)
    return outcome if isinstance(outcome, int) else EXIT_CLEAN


def _session_from(arguments: list[str]) -> Session:
    """How to print errors is needed even where parsing fails, so look for it by hand."""
    as_json = ("-o", "json") in pairwise(arguments) or "-ojson" in arguments
    verbose = "-v" in arguments or "--verbose" in arguments
    return Session(output="json" if as_json else "text", verbose=verbose)


def _show_usage(session: Session, error: click.ClickException) -> int:
    usage = getattr(error, "ctx", None)
    hint = f"see `{usage.command_path} --help`" if usage else ""
    print_error(session, UsageError(error.format_message(), hint=hint))
    return error.exit_code


def _show_bug(session: Session, error: Exception) -> int:
    import traceback

    if isinstance(error, OSError) and error.errno in _OUTPUT_LOST:
        return _show_lost_output(error)
    if session.verbose:
        traceback.print_exception(error, file=sys.stderr)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    hint = "this is a bug in envctl; run again with -v for the traceback and report it"
    print_error(session, EnvctlError(f"{type(error).__name__}: {error}", place=place, hint=hint))
    return EXIT_BUG


def _show_lost_output(error: OSError) -> int:
    """The result was reached and could not be printed; standard error may still work."""
    with contextlib.suppress(OSError):
        click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
    return EXIT_FAILED


def main() -> None:
    """The ``envctl`` command."""
    with Path(os.devnull).open("w") as nothing:
        # Python has no stream at all where it was started with a closed one.
        sys.stdout, sys.stderr = sys.stdout or nothing, sys.stderr or nothing
        sys.exit(run())
