"""Somebody has a token that may push, and no more: what they push over a real server does not pass."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import SMALL, Workspace, identified
from tests.support.git_servers import GitServer, git_http_server

MAIN = "components/web/main.jsonnet"
FILE = "web/dev/ConfigMap_web.yaml"


@pytest.fixture
def remote(small: Workspace, tmp_path: Path) -> Workspace:
    """The small repository on a server, with a source branch by name; dev published twice, and prod."""
    small.write("envctl.yaml", "sourceBranch: main\n")
    small.commit("Name the source branch")
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    small.edit(MAIN, "'%d' %", "'now: %d' %")
    small.commit("Change web")
    small.ok("render", "dev", "--publish")
    path = tmp_path / "root" / "platform.git"
    subprocess.run(["git", "clone", "-q", "--mirror", str(small.path), str(path)], check=True)
    return Workspace(path)


@pytest.fixture
def server(remote: Workspace) -> Iterator[GitServer]:
    """Serves it to those who have a token."""
    with git_http_server(remote.path.parent, users={"ann": "hers", "mallory": "stolen"}) as running:
        yield running


def clone(server: GitServer, user: str, path: Path) -> Workspace:
    subprocess.run(["git", "clone", "-q", server.url("platform.git", user=user), str(path)], check=True)
    workspace = identified(Workspace(path))
    workspace.git("config", "user.name", user)
    return workspace


@pytest.fixture
def ann(server: GitServer, tmp_path: Path) -> Workspace:
    """A clone of somebody who works here, from before."""
    made = clone(server, "ann", tmp_path / "ann")
    made.git("branch", "-q", "deploy/dev", "origin/deploy/dev")
    return made


@pytest.fixture
def mallory(ann: Workspace, server: GitServer, tmp_path: Path) -> Workspace:
    """A clone of somebody who has a token, with the deploy branch checked out."""
    assert ann.path.exists()
    made = clone(server, "mallory", tmp_path / "mallory")
    made.git("checkout", "-q", "deploy/dev")
    return made


def message(mallory: Workspace, sequence: int) -> str:
    """The message of the tip, one further."""
    return mallory.git("log", "-1", "--format=%B").replace("Sequence: 2", f"Sequence: {sequence}")


def edits_a_file(mallory: Workspace) -> None:
    mallory.edit(FILE, "now: 1", "mine")
    mallory.git("commit", "-qam", message(mallory, 3))


def writes_what_she_likes(mallory: Workspace) -> None:
    mallory.edit(FILE, "now: 1", "mine")
    mallory.git("commit", "-qam", "Faster than review")


def jumps_ahead(mallory: Workspace) -> None:
    mallory.git("commit", "-q", "--allow-empty", "-m", message(mallory, 1000))


def hides_her_edit_behind_an_honest_commit(mallory: Workspace) -> None:
    edits_a_file(mallory)
    honest = mallory.git("rev-parse", "HEAD~1^{tree}")
    parent = mallory.git("rev-parse", "HEAD")
    made = mallory.git("commit-tree", honest, "-p", parent, "-m", message(mallory, 4).replace("3", "4"))
    mallory.git("reset", "-q", "--hard", made)


def brings_the_commit_of_another_environment(mallory: Workspace) -> None:
    mallory.git("reset", "-q", "--hard", "origin/deploy/prod")


def renders_a_source_that_nobody_reviewed(mallory: Workspace) -> None:
    """By envctl itself, honestly, from her own commit on a branch of her own."""
    mallory.git("checkout", "-q", "-b", "mine", "origin/main")
    mallory.edit(MAIN, "now:", "mine:")
    mallory.write("envctl.yaml", "{}\n")
    mallory.commit("Change web")
    mallory.git("push", "-q", "origin", "mine")
    mallory.ok("render", "dev", "--publish")
    mallory.git("checkout", "-q", "deploy/dev")


PUSHED: dict[str, tuple[Callable[[Workspace], None], str]] = {
    "an edited file": (edits_a_file, FILE),
    "a commit of her own words": (writes_what_she_likes, "no deploy commit of dev"),
    "a sequence of the future": (jumps_ahead, "Envctl-Sequence is 1000"),
    "an edit behind an honest commit": (hides_her_edit_behind_an_honest_commit, ""),
    "another environment's commit": (brings_the_commit_of_another_environment, "environment prod"),
    "a source that nobody reviewed": (renders_a_source_that_nobody_reviewed, "not on the source branch main"),
}


@pytest.mark.parametrize("name", PUSHED)
def test_what_a_stolen_token_pushes_is_found(
    mallory: Workspace, server: GitServer, tmp_path: Path, name: str
) -> None:
    """Writer's fault row 30: the server takes the push, and whoever verifies a fresh clone is told."""
    act, told = PUSHED[name]
    act(mallory)
    mallory.git("push", "-q", "--force", "origin", "HEAD:deploy/dev")
    fresh = clone(server, "ann", tmp_path / "fresh")
    outcome = fresh.envctl("verify", "dev", "--all") if "behind" in name else fresh.envctl("verify", "dev")
    assert outcome.code == 16, outcome.out + outcome.err
    assert told in outcome.out + outcome.err


@pytest.mark.parametrize("name", PUSHED)
def test_what_a_stolen_token_pushes_is_promoted_nowhere(
    mallory: Workspace, server: GitServer, tmp_path: Path, name: str
) -> None:
    """Writer's fault row 30: no promotion takes its pins from such a branch."""
    PUSHED[name][0](mallory)
    mallory.git("push", "-q", "--force", "origin", "HEAD:deploy/dev")
    fresh = clone(server, "ann", tmp_path / "fresh")
    outcome = fresh.envctl("promote", "dev", "prod")
    assert outcome.code == 1, outcome.out
    if "reviewed" in name:
        source = fresh.git("rev-parse", "origin/mine")[:12]
        assert f"its source {source} is not on the source branch main" in outcome.err
    assert fresh.git("rev-parse", "main") == fresh.git("rev-parse", "origin/main")


def test_an_old_commit_put_back_is_followed_by_nobody(
    ann: Workspace, mallory: Workspace, remote: Workspace
) -> None:
    """Writer's fault row 30: who has seen the newer tip publishes on it, and the branch is forward again."""
    tip = remote.git("rev-parse", "deploy/dev")
    mallory.git("push", "-q", "--force", "origin", "HEAD~1:deploy/dev")
    ann.git("fetch", "-q", "origin")
    assert tip in ann.ok("verify", "dev", "-o", "json").out
    ann.ok("render", "dev", "--publish", "--push")
    assert remote.git("rev-parse", "deploy/dev") == tip


def test_a_branch_made_anew_is_followed_by_nobody(
    ann: Workspace, mallory: Workspace, remote: Workspace
) -> None:
    """Writer's fault row 30: with another root, however honest it looks; nothing is pushed onto it."""
    made = mallory.git("commit-tree", "HEAD^{tree}", "-m", message(mallory, 1))
    mallory.git("push", "-q", "--force", "origin", f"{made}:deploy/dev")
    outcome = ann.envctl("render", "dev", "--publish", "--push")
    assert (outcome.code, outcome.out) == (1, "")
    assert "went different ways" in outcome.err
    assert remote.git("rev-parse", "deploy/dev") == made


def test_without_a_token_nothing_is_pushed(ann: Workspace, server: GitServer, remote: Workspace) -> None:
    """Writer's fault row 30: the server refuses, envctl says so without the address's password."""
    refs = remote.git("show-ref")
    ann.write(MAIN, SMALL[MAIN])
    ann.commit("Change web back")
    ann.git("push", "-q", "origin", "main")
    refs = remote.git("show-ref")
    ann.git("remote", "set-url", "origin", server.url("platform.git", user="ann").replace("hers", "guessed"))
    outcome = ann.envctl("render", "dev", "--publish", "--push")
    assert outcome.code == 1
    assert "guessed" not in outcome.out + outcome.err
    assert remote.git("show-ref") == refs
