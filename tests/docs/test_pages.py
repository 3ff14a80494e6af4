"""Pages that cannot go stale: the commands, the links, the exit codes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from envctl import errors
from envctl.cli.main import cli
from tests.functional.conftest import ROOT
from tools.commands import PAGE, page

_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def markdown_files() -> list[Path]:
    """All pages that are in Git or will be."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / each for each in listed if (ROOT / each).exists()]


def anchors(text: str) -> set[str]:
    """The names that a Git host gives to the headings of a page."""
    headings = re.findall(r"^#+ +(.*)$", _CODE.sub(lambda code: code[0].strip("`"), text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def commands(group: click.Group, path: str = "envctl") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_the_page_of_commands_is_up_to_date() -> None:
    """`make docs` writes it; nobody else does."""
    assert PAGE.read_text() == page(), "run: make docs"


def test_every_command_and_every_option_is_documented() -> None:
    """Each command has its heading, and each of its options stands in the page."""
    text = PAGE.read_text()
    for path, command in commands(cli):
        assert re.search(rf"^##+ {path}$", text, re.MULTILINE), path
        names = [name for each in command.params if isinstance(each, click.Option) for name in each.opts]
        assert [name for name in names if not re.search(rf"`[^`]*(?<![\w-]){name}(?![\w-])", text)] == []


@pytest.mark.parametrize("file", markdown_files(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(file: Path) -> None:
    """To a file that is there, and to a heading in it."""
    broken = []
    for link in _LINK.finditer(_CODE.sub("", file.read_text())):
        path, _, anchor = link["target"].partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link["target"])
    assert broken == []


@pytest.mark.parametrize("place", ["README.md", "docs/commands.md", "envctl --help"])
def test_every_exit_code_is_documented(place: str) -> None:
    """The same list wherever it is told."""
    wanted = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    text = cli.get_help(click.Context(cli)) if place.startswith("envctl") else (ROOT / place).read_text()
    listed = re.search(r"Exit codes: (.*?130 interrupted)\.", text, re.DOTALL)
    assert listed
    assert {int(each) for each in re.findall(r"(?<![\w-])\d+(?= )", listed[1])} == wanted
