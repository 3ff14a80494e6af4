"""What source commits say to deploy commits is said once: a permission to prune must never come back by itself."""

import subprocess
from pathlib import Path

from tests.functional.conftest import Workspace, identified
from tests.functional.failing import fails

MAIN = "components/web/main.jsonnet"
ALLOW = "Allow\n\nEnvctl-Environment: dev\nEnvctl-Allow-Prune: all\nEnvctl-Reason: once"
SAID = ["Envctl-Reason: once", "Envctl-Allow-Prune: all"]


def handed_on(workspace: Workspace) -> list[list[str]]:
    """The trailers of each deploy commit of dev, newest first, that came from source commits."""
    messages = workspace.git("log", "-z", "--format=%(trailers)", "deploy/dev").split("\0")[:-1]
    return [[line for line in message.splitlines() if line in SAID] for message in messages]


def publish(workspace: Workspace, replicas: int, message: str) -> None:
    """One source commit that changes what dev renders to, and its deploy commit."""
    text = (workspace.path / MAIN).read_text()
    workspace.write(MAIN, text.replace(f"replicas: {replicas - 1} ", f"replicas: {replicas} "))
    workspace.commit(message)
    workspace.ok("render", "dev", "--publish")


def merge_side(workspace: Workspace) -> None:
    """Go back to main, which has moved on, and merge the branch that was left."""
    workspace.git("checkout", "-q", "main")
    workspace.git("commit", "-q", "--allow-empty", "-m", "Meanwhile")
    workspace.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")


def test_a_permission_does_not_come_back_behind_a_merge(small: Workspace) -> None:
    """The last source is on a merged branch, so the first parents of the new one never meet it."""
    small.git("commit", "-q", "--allow-empty", "-m", ALLOW)
    small.ok("render", "dev", "--publish")
    small.git("checkout", "-q", "-b", "side")
    publish(small, 2, "Two")
    merge_side(small)
    publish(small, 3, "Three")
    assert handed_on(small) == [[], [], SAID]


def test_a_permission_on_a_merged_branch_counts(small: Workspace) -> None:
    """It stands in a commit of the branch, not in the merge that brings it to the source branch."""
    small.ok("render", "dev", "--publish")
    small.git("checkout", "-q", "-b", "side")
    small.edit(MAIN, "replicas: 1", "replicas: 2")
    small.commit(ALLOW)
    merge_side(small)
    small.ok("render", "dev", "--publish")
    assert handed_on(small) == [SAID, []]


def test_a_permission_does_not_come_back_when_history_is_rewritten(small: Workspace) -> None:
    """The last source is gone, so nothing tells what is new: only the source itself hands on."""
    small.git("commit", "-q", "--allow-empty", "-m", ALLOW)
    publish(small, 2, "Two")
    small.edit(MAIN, "replicas: 2", "replicas: 3")
    small.git("commit", "-qa", "--amend", "-m", "Three")
    small.git("reflog", "expire", "--expire=now", "--all")
    small.git("gc", "-q", "--prune=now")
    small.ok("render", "dev", "--publish")
    assert handed_on(small) == [[], []]


def test_a_clone_too_shallow_to_tell_what_is_new_publishes_nothing(small: Workspace, tmp_path: Path) -> None:
    """Fetching more is the way out."""
    publish(small, 2, "Two")
    small.edit(MAIN, "replicas: 2", "replicas: 3")
    older = small.commit("Three")
    small.git("commit", "-q", "--allow-empty", "-m", "Four")
    shallow = Workspace(tmp_path / "shallow")
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", "--no-single-branch", f"file://{small.path}", str(shallow.path)],
        check=True,
    )
    assert fails(identified(shallow), "render", "dev", "--publish").err == (
        "dev: failed\n"
        f"  error: there is no commit {older} in this repository\n"
        "  hint: a shallow clone lacks old commits (git fetch --unshallow), "
        "a partial clone (--filter) lacks files\n"
    )
    shallow.git("fetch", "-q", "--unshallow")
    assert shallow.ok("render", "dev", "--publish").out.startswith("dev: 1 object, published ")


def test_a_permission_for_no_environment_waits_for_nothing(small: Workspace) -> None:
    """It allows nothing: else it would count for whatever leaves some environment, months later."""
    small.ok("render", "dev", "--publish")
    small.git("commit", "-q", "--allow-empty", "-m", "Tidy up\n\nEnvctl-Allow-Prune: all")
    small.ok("render", "dev", "--publish")
    publish(small, 2, "Two")
    assert handed_on(small) == [[], []]
