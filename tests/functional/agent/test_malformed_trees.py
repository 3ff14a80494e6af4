"""What the agent says of deploy trees with files that cannot be read. No cluster is needed: nothing is sent."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envctl.agent.desired import read_target
from envctl.agent.options import AgentOptions, World
from envctl.agent.source import verify
from envctl.errors import InputError
from envctl.model.inventory import Inventory
from envctl.wiring import health_rules, open_store, system_clock
from tests.support.malformed import LINES, PATH, Malformed, corpus

GOOD = b"".join(f"{line}\n".encode() for line in LINES)


def stream(texts: Mapping[str, bytes]) -> bytes:
    """One deploy commit for each text, on a branch of that name, for ``git fast-import``."""
    parts = []
    for branch, text in texts.items():
        message = (
            f"prod: change 1\n\nEnvctl-Environment: prod\nEnvctl-Sequence: 1\nEnvctl-Source-Commit: {'1' * 40}\n"
        ).encode()
        parts += [b"commit refs/heads/%s\ncommitter T <t@example.com> 1700000000 +0000\n" % branch.encode()]
        parts += [b"data %d\n" % len(message), message]
        parts += [b"M 100644 inline %s\ndata %d\n" % (PATH.encode(), len(text)), text, b"\n"]
    return b"".join(parts)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The agent of prod, on a repository that is its store."""
    path = tmp_path / "platform.git"
    subprocess.run(["git", "init", "--quiet", "--bare", path], check=True)
    options = AgentOptions("prod", remote=path.as_uri(), namespace="envctl-system")
    nobody: Any = None  # a cluster that is asked for anything fails the test
    return World(options, open_store(path), nobody, system_clock(), lambda _: None, health_rules())


def commits(world: World, texts: Mapping[str, bytes]) -> Mapping[str, str]:
    """The commit of each text."""
    path = world.options.remote.removeprefix("file://")
    git = ["git", "-C", path]
    subprocess.run([*git, "fast-import", "--quiet"], input=stream(texts), check=True)
    shown = subprocess.run(
        [*git, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)"], capture_output=True, check=True
    )
    return dict(line.split() for line in shown.stdout.decode().splitlines())


def complaint(world: World, commit: str) -> tuple[str, ...]:
    """Where the agent finds fault with a commit; nothing where it would apply it."""
    try:
        read_target(world, Inventory(), verify(world, None, commit))
    except InputError as error:
        return tuple(problem.place for problem in error.problems) or (error.place,)
    return ()


def test_each_of_some_hundred_malformed_files_refuses_the_commit_by_file_and_line(world: World) -> None:
    """Agent's fault row 66: before any write, and never by another error than a refusal."""
    files = list(corpus())
    assert len(files) >= 350
    found = commits(world, {f"c{number}": each.text for number, each in enumerate(files)})
    wrong = {}
    for number, each in enumerate(files):
        places = complaint(world, found[f"c{number}"])
        if not is_named(each, places):
            wrong[each.name] = places
    assert wrong == {}


def is_named(file: Malformed, places: tuple[str, ...]) -> bool:
    """Whether a refusal names the file, and its line where one is at fault."""
    if file.line:
        return f"{PATH}:{file.line}" in places
    return any(place.partition(":")[0] == PATH for place in places)


def test_the_same_file_without_a_fault_is_taken(world: World) -> None:
    """What the corpus is made of."""
    assert complaint(world, commits(world, {"good": GOOD})["good"]) == ()
