"""``envctl status --cluster`` where no cluster answers: what Git says is shown all the same."""

import socket
from pathlib import Path

import pytest
import yaml

from tests.functional.conftest import Outcome, Workspace
from tests.functional.test_status_watch import terminal, watching


@pytest.fixture
def closed(tmp_path: Path) -> tuple[Path, str]:
    """A kubeconfig for a port where nobody listens, and the error that it leads to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{free.getsockname()[1]}"
    path = tmp_path / "closed.kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "gone", "cluster": {"server": url}}],
        "users": [{"name": "ann", "user": {"token": "t"}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "ann"}}],
        "current-context": "gone",
    }
    path.write_text(yaml.safe_dump(content))
    return path, (
        f"error: no cluster answers at {url}: connection refused\n"
        f"hint: check that the cluster of context 'gone' of {path} is up and can be reached from here\n"
    )


def test_people_still_see_what_git_says(small: Workspace, closed: tuple[Path, str]) -> None:
    """In an incident the half that is known counts; the exit code says that it is a half."""
    small.ok("render", "dev", "--publish")
    path, error = closed
    outcome = small.envctl("status", "--cluster", "--kubeconfig", str(path))
    assert outcome == Outcome(1, small.ok("status").out, error)


def test_programs_get_one_document(small: Workspace, closed: tuple[Path, str]) -> None:
    """The error alone: half a status would be taken for a whole one."""
    small.ok("render", "dev", "--publish")
    path, error = closed
    outcome = small.envctl("status", "--cluster", "--kubeconfig", str(path), "-o", "json")
    assert (outcome.code, [*outcome.data], outcome.err) == (1, ["error"], "")
    assert outcome.data["error"]["summary"] == error.splitlines()[0].removeprefix("error: ")


def test_a_watch_shows_both(small: Workspace, closed: tuple[Path, str]) -> None:
    """The picture, and below it why the cluster's part is not there; the next look may have it."""
    with terminal(*watching(small), "--cluster", "--kubeconfig", str(closed[0])) as seen:
        assert "not published" in seen.wait_for("error: no cluster answers at")
