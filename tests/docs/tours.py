"""The commands of a page, as a reader meets them, and a shell that knows just enough to run them."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.functional.conftest import Outcome, Workspace

_TOUR = re.compile(
    r"<!-- tour(?P<place> of an empty repository)?: .*? -->\n(?P<text>.*?)(?:<!-- end of tour -->|\Z)",
    re.DOTALL,
)
_PART = re.compile(
    r"<!-- edit (?P<file>\S+): (?P<old>.+?) => (?P<new>.+?) -->"
    r"|`(?P<path>[\w./-]+)`:\n\n```(?:yaml|jsonnet)\n(?P<content>.*?)^```$"
    r"|^```(?P<kind>sh|console)\n(?P<block>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_ID = re.compile(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{7,40}\b")
_ANYTHING = "…"


@dataclass(frozen=True)
class Edit:
    """What the page tells the reader to change by hand."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class File:
    """A file that the page tells the reader to write."""

    path: str
    content: str


@dataclass(frozen=True)
class Step:
    """One command and the output that the page prints below it; no line stands for any output."""

    command: str
    shown: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[int, ...]:
        """The exit codes that the page lets a reader expect."""
        if any(line.lstrip().startswith("error: ") for line in self.shown):
            return (1,)
        return (0, 16) if self.command.startswith("envctl diff") else (0,)

    def fits(self, output: str) -> bool:
        """Whether the output is what the page shows; commit ids may differ, and ``…`` stands for any lines."""
        lines = [re.escape(_ID.sub("#", line)) for line in self.shown]
        pattern = "".join(".*" if line == re.escape(_ANYTHING) else f"{line}\n" for line in lines)
        return not self.shown or bool(re.fullmatch(pattern, _ID.sub("#", output), re.DOTALL))


@dataclass(frozen=True)
class Tour:
    """What a page lets a reader do, between the marks ``<!-- tour: … -->`` and ``<!-- end of tour -->``.

    It starts from the sample or, as ``<!-- tour of an empty repository: … -->``, from nothing.
    """

    from_nothing: bool
    parts: tuple[Edit | File | Step, ...]


def tours(page: str) -> tuple[Tour, ...]:
    """All tours of a page, in its order."""
    return tuple(Tour(bool(each["place"]), tuple(_parts(each["text"]))) for each in _TOUR.finditer(page))


def _parts(text: str) -> Iterator[Edit | File | Step]:
    for part in _PART.finditer(text):
        if part["file"]:
            yield Edit(part["file"], part["old"].replace("\\n", "\n"), part["new"].replace("\\n", "\n"))
        elif part["path"]:
            yield File(part["path"], part["content"])
        elif part["kind"] == "sh":
            yield from (Step(line) for line in part["block"].splitlines() if line.strip())
            return
        else:
            yield from _console(part["block"])


def _console(block: str) -> Iterator[Step]:
    for chunk in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *shown = chunk.splitlines()
        *before, last = line.split(" && ")
        yield from map(Step, before)
        yield Step(last, tuple(shown))


def run(workspace: Workspace, step: Step) -> Outcome:
    """Run a command in the workspace; both streams as a terminal would show them, output first."""
    program, *arguments = shlex.split(step.command, comments=True)
    if program == "envctl":
        return workspace.envctl(*arguments)
    done = subprocess.run(
        [program, *arguments], cwd=workspace.path, capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
