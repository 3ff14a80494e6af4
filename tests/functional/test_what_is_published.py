"""What is published is what was reviewed, what is permitted arrives, and nothing is left out in silence."""

from pathlib import Path

from tests.functional.conftest import Workspace

PERMIT = "Envctl-Allow-Prune: StatefulSet.apps ai-prod/vector-store"


def configured(small: Workspace) -> None:
    small.write("envctl.yaml", "sourceBranch: main\n")
    small.commit("Name the source branch")


def feature(small: Workspace) -> str:
    small.git("checkout", "-qb", "feature")
    small.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 9")
    return small.commit("Not reviewed")


def test_a_commit_that_is_not_on_the_source_branch_is_not_published(small: Workspace) -> None:
    """Deploy branches follow the source branch, whatever is checked out."""
    configured(small)
    commit = feature(small)
    outcome = small.envctl("render", "dev", "--publish")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        f"error: commit {commit[:12]} is not on the source branch main\n"
        "hint: merge it first; deploy branches follow main (sourceBranch in envctl.yaml)\n"
    )
    assert small.git("branch", "--list", "deploy/*") == ""


def test_a_detached_checkout_of_the_source_branch_publishes(small: Workspace, tmp_path: Path) -> None:
    """CI checks out a commit of the branch it knows as a remote-tracking one only."""
    configured(small)
    clone = small.clone(tmp_path / "ci")
    clone.git("checkout", "-q", "--detach")
    clone.git("branch", "-qD", "main")
    states = [each["state"] for each in clone.json("render", "dev", "--publish")["environments"]]
    assert states == ["published"]


def test_a_source_that_only_exists_here_is_not_pushed(small: Workspace, tmp_path: Path) -> None:
    """A deploy branch on the server names a source commit that the server has."""
    server = Workspace(tmp_path / "server.git")
    small.git("clone", "-q", "--bare", str(small.path), str(server.path))
    clone = server.clone(tmp_path / "clone")
    clone.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    commit = clone.commit("Two replicas")
    outcome = clone.envctl("render", "dev", "--publish", "--push")
    assert outcome.code == 1
    assert outcome.err == (
        f"error: main on origin does not have the source commit {commit[:12]} yet\n"
        "hint: git push origin main, then run the command again\n"
    )
    assert server.git("branch", "--list", "deploy/*") == ""


def test_a_permission_to_prune_makes_a_deploy_commit_of_its_own(promoted: Workspace) -> None:
    """Nothing else has to change for it to reach the agent; other environments stay as they are."""
    before = {name: promoted.git("rev-parse", f"deploy/{name}") for name in ("dev", "staging", "prod")}
    promoted.git(
        "commit",
        "--allow-empty",
        "-qm",
        f"The old store may go\n\nEnvctl-Environment: prod\n{PERMIT}",
    )
    promoted.ok("render", "--publish")
    promoted.ok("render", "--publish")
    after = {name: promoted.git("rev-parse", f"deploy/{name}") for name in before}
    assert {name for name in before if before[name] != after[name]} == {"prod"}
    assert promoted.git("rev-parse", "deploy/prod^") == before["prod"]
    assert promoted.git("rev-parse", "deploy/prod^{tree}") == promoted.git(
        "rev-parse", f"{before['prod']}^{{tree}}"
    )
    message = promoted.git("log", "-1", "--format=%B", "deploy/prod")
    assert PERMIT in message
    assert promoted.envctl("verify", "prod").code == 0


def test_a_shallow_clone_that_cannot_tell_publishes_nothing(small: Workspace, tmp_path: Path) -> None:
    """CI often has the last commit only; nothing changed, so nothing is published and nothing fails.

    Writer's fault row 8: where ancestry cannot be told, nothing is guessed.
    """
    small.ok("render", "dev", "--publish")
    for number in range(3):
        small.git("commit", "--allow-empty", "-qm", f"Empty {number}")
    small.git("clone", "-q", "--depth", "1", "--no-single-branch", small.path.as_uri(), str(tmp_path / "ci"))
    clone = Workspace(tmp_path / "ci")
    states = [each["state"] for each in clone.json("render", "dev", "--publish")["environments"]]
    assert states == ["unchanged"]


def test_an_overlay_that_fits_no_component_is_told(small: Workspace) -> None:
    """A misspelt overlay would change nothing, and nobody would know."""
    small.write("environments/dev/wbe.jsonnet", "{}\n")
    outcome = small.envctl("render", "dev")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: environments/dev/wbe.jsonnet: there is no component wbe that this overlay could be for\n"
        "hint: components here: web\n"
    )
