"""What every command takes: where to work, how to print. One decorator, one frozen value."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Session:
    """The common options of one run."""

    directory: Path = Path()
    output: str = "text"
    verbose: bool = False
    color: str = "auto"

    @property
    def json(self) -> bool:
        return self.output == "json"


def stored_text(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """The callback of an option whose text is stored in Git: bytes that are no UTF-8 are refused at once."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("it is not written in UTF-8", context, parameter) from error
    return value


_OPTIONS = (
    click.option(
        "-C",
        "directory",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="Work in DIR instead of the current folder.",
    ),
    click.option("-o", "output", type=click.Choice(["text", "json"]), help="How to print the result."),
    click.option("-v", "--verbose", is_flag=True, default=None, help="Say more; tracebacks of bugs too."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), help="Colour the text."),
)


def session_of(context: click.Context) -> Session:
    """The session that the options given so far make."""
    return context.obj if isinstance(context.obj, Session) else Session()


def common(command: Command) -> Command:
    """Add the common options to a command; it gets a `Session` as its first argument.

    They may stand before or after the command's name; the later one wins.
    """

    @functools.wraps(command)
    @click.pass_context
    def with_session(context: click.Context, /, **values: Any) -> Any:
        given = {name: values.pop(name) for name in Session.__dataclass_fields__ if name in values}
        chosen = {name: value for name, value in given.items() if value is not None}
        context.obj = replace(session_of(context), **chosen)
        return command(context.obj, **values)

    decorated: Any = with_session
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
