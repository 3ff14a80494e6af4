"""Pushes of publishes and promotions that go wrong on the way: what the user sees, and what has moved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import Workspace, identified
from tests.support.git_servers import GitServer, git_http_server
from tests.support.proxies import breaking_line


@pytest.fixture
def server(small: Workspace, tmp_path: Path) -> Iterator[GitServer]:
    """A server with the small repository, which is the origin of ours."""
    small.git("clone", "-q", "--bare", ".", str(tmp_path / "served/repo.git"))
    with git_http_server(tmp_path / "served") as running:
        small.git("remote", "add", "origin", running.url("repo.git"))
        small.git("fetch", "-q", "origin")
        yield running


@pytest.fixture
def remote(server: GitServer) -> Workspace:
    return identified(Workspace(server.root / "repo.git"))


def through(small: Workspace, server: GitServer, port: int) -> None:
    small.git("config", "remote.origin.url", f"http://127.0.0.1:{port}/repo.git")
    assert server.requests is not None


COMMANDS = [
    pytest.param(("render", "dev", "--publish", "--push"), "deploy/dev", id="publish"),
    pytest.param(("promote", "dev", "prod", "--push"), "deploy/prod", id="promote"),
]


@pytest.mark.parametrize(("command", "branch"), COMMANDS)
def test_a_push_whose_answer_was_lost_is_done(
    small: Workspace, server: GitServer, remote: Workspace, command: tuple[str, ...], branch: str
) -> None:
    """Writer's fault row 3: the refs are looked up, our own commits are there: exit 0, and they are here, too."""
    if command[0] == "promote":
        small.ok("render", "dev", "--publish", "--push")
    port = int(server.address.rpartition(":")[2])
    with breaking_line(port) as line:
        through(small, server, line.port)
        small.ok(*command)
    assert small.git("rev-parse", branch, "main") == remote.git("rev-parse", branch, "main")


@pytest.mark.parametrize(("command", "branch"), COMMANDS)
def test_a_push_that_never_arrived_has_moved_nothing_and_can_be_run_again(
    small: Workspace, server: GitServer, remote: Workspace, command: tuple[str, ...], branch: str
) -> None:
    """Writer's fault row 3, the other way: exit 1, no ref has moved here or there; the next run does it."""
    if command[0] == "promote":
        small.ok("render", "dev", "--publish", "--push")
    here, there = small.git("show-ref"), remote.git("show-ref")
    port = int(server.address.rpartition(":")[2])
    with breaking_line(port, lose="request") as line:
        through(small, server, line.port)
        outcome = small.envctl(*command)
        assert (outcome.code, outcome.out) == (1, "")
        assert "hint: nothing has moved there; run it again" in outcome.err
        assert remote.git("show-ref") == there
        moved = [each for each in small.git("show-ref").splitlines() if each not in here.splitlines()]
        assert not [each for each in moved if "refs/remotes/" not in each]
        small.ok(*command)
    assert small.git("rev-parse", branch, "main") == remote.git("rev-parse", branch, "main")


@pytest.mark.parametrize(("command", "branch"), COMMANDS)
@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_a_push_that_the_server_refuses_changes_nothing_here(
    small: Workspace, server: GitServer, remote: Workspace, command: tuple[str, ...], branch: str, hook: str
) -> None:
    """Writer's fault row 4: exit 1 with the server's words, without control characters; no ref, file or index moves."""
    if command[0] == "promote":
        small.ok("render", "dev", "--publish", "--push")
    path = server.root / "repo.git/hooks" / hook
    path.write_text(
        "#!/bin/sh\nprintf '\\033[1mprotected branch\\033[0m: ask \\007the release team\\n' >&2\nexit 1\n"
    )
    path.chmod(0o755)
    here, there = small.git("show-ref"), remote.git("show-ref")
    outcome = small.envctl(*command)
    assert (outcome.code, outcome.out) == (1, "")
    assert "protected branch" in outcome.err
    assert "the release team" in outcome.err
    assert "\033" not in outcome.err
    assert "\007" not in outcome.err
    assert (small.git("show-ref"), remote.git("show-ref")) == (here, there)
    assert small.git("status", "--porcelain") == ""
    path.unlink()
    small.ok(*command)
    assert small.git("rev-parse", branch) == remote.git("rev-parse", branch)
