"""Write docs/commands.md from the command line itself, so that the page cannot say anything else."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from envctl.cli.main import cli
from envctl.cli.options import Session, common

PAGE = Path(__file__).parents[1] / "docs/commands.md"

HEAD = """\
# Commands

Written by `make docs` from the help texts; `envctl COMMAND --help` says the same.

Exit codes: 0 clean, 1 failed, 2 usage, 3 bug in envctl, 16 differences found (`diff`, `render --check`,
`verify`), 130 interrupted. Results go to standard output, errors and progress to standard error. With
`-o json` the result, or `{"error": …}`, is one JSON document on standard output.

## Options of every command

They may stand before or after the command's name.
"""


@click.command()
@common
def every(session: Session) -> None:
    """A command with the common options only."""


def page() -> str:
    """The whole page."""
    context = click.Context(cli, info_name="envctl", max_content_width=200)
    lines = [HEAD, *_options(every, context, frozenset()), "", *_group(cli, context)]
    return "\n".join(lines).rstrip() + "\n"


def _group(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, parent=context, info_name=name)
        yield from _command(command, inner)
        if isinstance(command, click.Group):
            yield from _group(command, inner)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    depth = context.command_path.count(" ") + 1
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"{'#' * depth} {context.command_path}"
    yield from ["", "```text", usage, "```", ""]
    for paragraph in _paragraphs(command.help or ""):
        yield from [*paragraph, ""]
    options = list(_options(command, context, COMMON))
    if options:
        yield from [*options, ""]


def _paragraphs(text: str) -> Iterator[list[str]]:
    """The paragraphs of a help text; those that click prints as they are become code."""
    for part in inspect.cleandoc(text).split("\n\n"):
        lines = [line.rstrip() for line in part.splitlines()]
        if lines[:1] == ["\b"]:
            yield ["```text", *lines[1:], "```"]
        else:
            yield lines


def _options(command: click.Command, context: click.Context, without: frozenset[str]) -> Iterator[str]:
    records = [
        record
        for each in command.params
        if isinstance(each, click.Option) and each.opts[-1] not in without
        if (record := each.get_help_record(context))
    ]
    if records:
        yield from ["| option | what it does |", "|---|---|"]
        yield from (f"| `{_cell(names)}` | {_cell(text)} |" for names, text in records)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


COMMON = frozenset(each.opts[-1] for each in every.params if isinstance(each, click.Option))


if __name__ == "__main__":
    PAGE.write_text(page())
