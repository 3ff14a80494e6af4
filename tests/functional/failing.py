"""Commands that must fail, and must leave everything as it was."""

from pathlib import Path
from textwrap import dedent

from tests.functional.conftest import Outcome, Workspace


def state(workspace: Workspace) -> tuple[str, ...]:
    """Everything that a command which fails must leave as it was."""
    git = workspace.git
    folder = Path(git("rev-parse", "--absolute-git-dir"))
    locks = sorted(str(each) for each in folder.rglob("*.lock"))
    head = git("rev-parse", "--symbolic-full-name", "HEAD", check=False)
    status = "" if git("rev-parse", "--is-bare-repository") == "true" else git("status", "--porcelain")
    return (head, git("show-ref", "--head", check=False), status, *locks)


def fails(workspace: Workspace, *arguments: str) -> Outcome:
    """Run what must fail, and see that it changed nothing and that every object is whole."""
    before = state(workspace)
    outcome = workspace.envctl(*arguments)
    assert state(workspace) == before
    workspace.git("fsck", "--no-dangling", "--no-progress")
    assert outcome.code != 0
    return outcome


def told(workspace: Workspace, text: str) -> str:
    """An expected text, with the short commit ids and paths of this run filled in."""
    filled = dedent(text).lstrip("\n").replace("{path}", str(workspace.path))
    for name in ("HEAD", "deploy/dev", "deploy/prod"):
        commit = workspace.git("rev-parse", "--verify", "-q", name, check=False)
        filled = filled.replace(f"{{{name}}}", commit[:12])
    return filled
