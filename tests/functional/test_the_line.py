"""The whole line on a real repository, without a cluster: render, publish, promote, verify."""

from pathlib import Path

from tests.functional.conftest import Workspace


def tree(workspace: Workspace, branch: str) -> str:
    return workspace.git("rev-parse", f"{branch}^{{tree}}")


def test_rendering_writes_nothing(sample: Workspace) -> None:
    """A render without --publish leaves objects, refs and files as they were."""
    before = sample.git("count-objects", "-v"), sample.git("show-ref"), sample.git("status", "--porcelain")
    outcome = sample.ok("render", "dev")
    after = sample.git("count-objects", "-v"), sample.git("show-ref"), sample.git("status", "--porcelain")
    assert after == before
    assert outcome.out.splitlines()[0].startswith("dev: ")
    assert outcome.out.splitlines()[0].endswith(" objects, not published yet")


def test_rendering_twice_makes_no_second_commit(sample: Workspace) -> None:
    """Nothing changed: same tree id, no commit."""
    sample.ok("render", "dev", "--publish")
    first = sample.git("rev-parse", "deploy/dev")
    outcome = sample.json("render", "dev", "--publish")
    assert sample.git("rev-parse", "deploy/dev") == first
    assert [each["state"] for each in outcome["environments"]] == ["unchanged"]


def test_two_clones_make_the_same_commit_id(sample: Workspace, tmp_path: Path) -> None:
    """The same source onto the same parent is the same deploy commit, whoever publishes."""
    other = sample.clone(tmp_path / "other")
    other.git("config", "user.name", "Bob")
    for workspace in (sample, other):
        workspace.ok("render", "dev", "--publish")
    assert sample.git("rev-parse", "deploy/dev") == other.git("rev-parse", "deploy/dev")


def test_the_deploy_branch_is_linear_and_has_no_parent_in_the_source(promoted: Workspace) -> None:
    """One root of its own, one parent each, complete trailers."""
    promoted.edit("environments/prod/environment.yaml", "replicas: 3", "replicas: 4")
    promoted.commit("prod: four replicas")
    promoted.ok("render", "--publish")
    assert promoted.git("merge-base", "main", "deploy/prod", check=False) == ""
    lines = promoted.git("rev-list", "--parents", "deploy/prod").splitlines()
    assert [len(line.split()) - 1 for line in lines] == [1, 0]
    keys = promoted.git("log", "-1", "--format=%(trailers:keyonly)", "deploy/prod").split()
    assert keys == [
        "Envctl-Environment",
        "Envctl-Sequence",
        "Envctl-Source-Commit",
        "Envctl-Components",
        "Envctl-Renderer",
    ]


def test_a_promotion_touches_only_the_lock(promoted: Workspace) -> None:
    """One commit on the source branch, one file."""
    assert promoted.git("show", "--name-only", "--format=", "HEAD") == "environments/prod/lock.yaml"
    assert promoted.git("status", "--porcelain") == ""


def test_a_component_changed_after_promotion_does_not_change_prod(promoted: Workspace) -> None:
    """Pins hold component code; only dev, which tracks the branch, follows."""
    before = {name: tree(promoted, f"deploy/{name}") for name in ("dev", "staging", "prod")}
    promoted.edit("components/gateway/main.jsonnet", "gateway:2.4.1", "gateway:9.9.9")
    promoted.commit("Gateway 9.9.9")
    promoted.ok("render", "--publish")
    after = {name: tree(promoted, f"deploy/{name}") for name in ("dev", "staging", "prod")}
    assert {name for name in before if before[name] != after[name]} == {"dev"}


def test_an_overlay_changed_on_main_changes_prod_at_once(promoted: Workspace) -> None:
    """An environment's own settings are read at the commit being rendered."""
    before = tree(promoted, "deploy/prod")
    promoted.edit("environments/prod/environment.yaml", "requestsPerMinute: 600", "requestsPerMinute: 700")
    promoted.commit("prod: more requests")
    outcome = promoted.json("render", "prod", "--publish")
    assert tree(promoted, "deploy/prod") != before
    assert {change["component"] for change in outcome["environments"][0]["changes"]} == {"gateway"}


def test_one_component_alone_can_be_promoted(promoted: Workspace) -> None:
    """-c moves one pin; the others stay."""
    promoted.edit("components/gateway/main.jsonnet", "gateway:2.4.1", "gateway:9.9.9")
    promoted.edit("components/vector-store/main.jsonnet", "config::", "// newer\n  config::")
    change = promoted.commit("Two components")
    promoted.ok("render", "dev", "--publish")
    outcome = promoted.json("promote", "dev", "staging", "-c", "gateway")
    assert [(move["component"], move["new"]) for move in outcome["moves"]] == [("gateway", change)]
    lock = (promoted.path / "environments/staging/lock.yaml").read_text()
    assert lock.count(change) == 1


def test_a_promotion_lists_the_commits_in_between(promoted: Workspace) -> None:
    """The message is a change log of the component, not of the repository."""
    promoted.edit("components/gateway/main.jsonnet", "gateway:2.4.1", "gateway:9.9.9")
    promoted.commit("Gateway 9.9.9")
    promoted.write("unrelated.md", "x")
    promoted.commit("Something else")
    promoted.ok("render", "dev", "--publish", "--rev", "HEAD")
    promoted.ok("promote", "dev", "staging", "-c", "gateway")
    message = promoted.git("log", "-1", "--format=%B")
    assert "Gateway 9.9.9" in message
    assert "Something else" not in message


def test_promoting_again_says_that_there_is_nothing_to_promote(promoted: Workspace) -> None:
    """No change, no commit."""
    head = promoted.git("rev-parse", "HEAD")
    outcome = promoted.ok("promote", "staging", "prod")
    assert outcome.out == "nothing to promote: prod already has what staging has published\n"
    assert promoted.git("rev-parse", "HEAD") == head


def test_a_dry_run_moves_nothing(sample: Workspace) -> None:
    """--dry-run says what would be, and leaves refs and files alone."""
    sample.ok("render", "dev", "--publish")
    before = sample.git("show-ref"), sample.git("status", "--porcelain")
    outcome = sample.ok("promote", "dev", "staging", "--dry-run")
    assert "dry run: one commit on main, and one on deploy/staging; nothing was written" in outcome.out
    assert (sample.git("show-ref"), sample.git("status", "--porcelain")) == before


def test_verify_finds_a_hand_edit_file_by_file(promoted: Workspace) -> None:
    """A commit by hand on a deploy branch is named, with exit code 16."""
    assert promoted.envctl("verify", "prod").code == 0
    promoted.git("checkout", "-q", "deploy/prod")
    file = next((promoted.path / "gateway").rglob("Deployment*.yaml"))
    file.write_text(file.read_text() + "# edited by hand\n")
    message = promoted.git("log", "-1", "--format=%B").replace("Envctl-Sequence: 1", "Envctl-Sequence: 2")
    promoted.git("commit", "-qam", message)
    promoted.git("checkout", "-q", "main")
    outcome = promoted.envctl("verify", "prod")
    assert outcome.code == 16
    assert f"~ {file.relative_to(promoted.path)}" in outcome.out


def test_verify_finds_a_changed_mode(small: Workspace) -> None:
    """No file's content differs, and the tree is another one all the same."""
    small.ok("render", "dev", "--publish")
    small.git("checkout", "-q", "deploy/dev")
    next((small.path / "web").rglob("*.yaml")).chmod(0o755)
    message = small.git("log", "-1", "--format=%B").replace("Envctl-Sequence: 1", "Envctl-Sequence: 2")
    small.git("commit", "-qam", message)
    small.git("checkout", "-q", "main")
    outcome = small.envctl("verify", "dev", "-o", "json")
    assert (outcome.code, outcome.data["clean"]) == (16, False)
    commit = outcome.data["environments"][0]["commits"][0]
    assert commit["problems"] == ["a file's mode or kind was changed, or an empty folder added in web"]
    assert small.json("render", "dev", "--publish")["environments"][0]["state"] == "published"
    assert small.envctl("verify", "dev").code == 0


def test_a_check_sees_a_change_that_is_none_of_an_object(small: Workspace) -> None:
    """The order of components is on the deploy branch too."""
    small.write("components/db/main.jsonnet", "{}")
    small.edit("environments/dev/environment.yaml", "[web]", "[web, db]")
    small.commit("Add db")
    small.ok("render", "dev", "--publish")
    assert small.envctl("render", "dev", "--check").code == 0
    small.write("components/web/component.yaml", "dependsOn: [db]\n")
    outcome = small.envctl("render", "dev", "--check")
    assert (outcome.code, outcome.out) == (16, "dev: 1 object, would change\n")


def test_an_older_source_never_replaces_a_newer_one(small: Workspace) -> None:
    """A slow CI job that publishes late changes nothing."""
    old = small.git("rev-parse", "HEAD")
    small.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    small.commit("Two replicas")
    small.ok("render", "dev", "--publish")
    outcome = small.json("render", "dev", "--publish", "--rev", old)
    assert [each["state"] for each in outcome["environments"]] == ["superseded"]


def test_a_fresh_clone_publishes_on_top_of_the_remote(small: Workspace, tmp_path: Path) -> None:
    """CI clones anew each time: the remote's deploy branch is the parent, and the push is a fast-forward."""
    server = Workspace(tmp_path / "server.git")
    small.git("clone", "-q", "--bare", str(small.path), str(server.path))
    first, second = server.clone(tmp_path / "first"), server.clone(tmp_path / "second")
    first.ok("render", "dev", "--publish", "--push")
    second.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    second.commit("Two replicas")
    second.git("push", "-q", "origin", "main")
    outcome = second.json("render", "dev", "--publish", "--push")
    assert [each["state"] for each in outcome["environments"]] == ["pushed"]
    assert server.git("log", "--format=%s", "deploy/dev").splitlines() == [
        "dev: Two replicas",
        "dev: Add web",
    ]


def test_a_promotion_with_push_moves_both_refs_of_the_remote(small: Workspace, tmp_path: Path) -> None:
    """main and the deploy branch arrive together."""
    server = Workspace(tmp_path / "server.git")
    small.git("clone", "-q", "--bare", str(small.path), str(server.path))
    clone = server.clone(tmp_path / "clone")
    clone.ok("render", "dev", "--publish", "--push")
    clone.ok("promote", "dev", "prod", "--push")
    for ref in ("main", "deploy/prod"):
        assert server.git("rev-parse", ref) == clone.git("rev-parse", ref)
