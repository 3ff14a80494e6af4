"""Promotions and rollbacks where there is no checkout to stand on, or another one."""

from pathlib import Path

import pytest

from tests.functional.conftest import Workspace, identified

WEB = "components/web/main.jsonnet"


@pytest.fixture
def waiting(small: Workspace) -> Workspace:
    """Prod has one version, dev has published the next."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    small.edit(WEB, "%d", "%d!")
    small.commit("Say it loudly")
    small.ok("render", "dev", "--publish")
    return small


def bare(workspace: Workspace, folder: Path) -> Workspace:
    workspace.git("clone", "-q", "--bare", str(workspace.path), str(folder / "bare.git"))
    return identified(Workspace(folder / "bare.git"))


def linked(workspace: Workspace, folder: Path) -> Workspace:
    workspace.git("worktree", "add", "-q", "-b", "aside", str(folder / "linked"))
    workspace.write("envctl.yaml", "sourceBranch: main\n")
    workspace.commit("Name the source branch")
    linked = Workspace(folder / "linked")
    linked.git("merge", "-q", "main")
    return linked


def detached(workspace: Workspace, folder: Path) -> Workspace:  # noqa: ARG001
    workspace.write("envctl.yaml", "sourceBranch: main\n")
    workspace.commit("Name the source branch")
    workspace.git("checkout", "-q", "--detach")
    return workspace


def dirty(workspace: Workspace, folder: Path) -> Workspace:  # noqa: ARG001
    workspace.edit(WEB, "%d!", "%d, mine")
    workspace.write("notes.txt", "mine\n")
    workspace.git("add", "notes.txt")
    return workspace


@pytest.mark.parametrize("place", [bare, linked, detached, dirty])
def test_a_promotion_and_a_rollback_need_no_checkout(waiting: Workspace, tmp_path: Path, place) -> None:  # type: ignore[no-untyped-def]
    """Writer's fault rows 7 and 8: they work on objects, and leave what lies about as it is."""
    there = place(waiting, tmp_path)
    before = "" if place is bare else there.git("status", "--porcelain")
    old = there.git("rev-parse", "deploy/prod^{tree}")
    there.ok("promote", "dev", "prod")
    assert '!"' in there.git("show", "deploy/prod:web/prod/ConfigMap_web.yaml")
    there.ok("rollback", "prod")
    assert there.git("rev-parse", "deploy/prod^{tree}") == old
    assert place is bare or there.git("status", "--porcelain") == before


def test_a_shallow_clone_says_what_it_lacks_and_promotes_when_it_has_it(
    waiting: Workspace, tmp_path: Path
) -> None:
    """Writer's fault row 8: CI clones with --depth 1; the error says how to go on, and that works."""
    server = bare(waiting, tmp_path)
    waiting.write("README.md", "Hello\n")
    waiting.commit("Say hello")
    waiting.git("push", "-q", str(server.path), "main")
    waiting.git("clone", "-q", "--depth", "1", f"file://{server.path}", str(tmp_path / "shallow"))
    shallow = identified(Workspace(tmp_path / "shallow"))
    outcome = shallow.envctl("promote", "dev", "prod", "--push")
    assert outcome.code == 1
    assert outcome.err.endswith(
        "hint: fetch it (git fetch, in a shallow clone with --unshallow), or publish again\n"
    )
    shallow.git("fetch", "-q", "--unshallow")
    shallow.ok("promote", "dev", "prod", "--push")
    assert '!"' in server.git("show", "deploy/prod:web/prod/ConfigMap_web.yaml")
