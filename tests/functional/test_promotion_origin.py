"""Where pins come from, which of them move, and what the change log says."""

import pytest

from tests.functional.conftest import Workspace

WEB = "components/web/main.jsonnet"
LOCK = "environments/prod/lock.yaml"


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """Dev is published and promoted to prod."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    return small


def published(workspace: Workspace) -> str:
    return workspace.git("show", "deploy/prod:web/prod/ConfigMap_web.yaml")


def test_a_change_that_does_not_show_in_dev_can_be_promoted(line: Workspace) -> None:
    """Dev renders to what it has published, so the newest commit is what it has published."""
    line.edit(WEB, "'%d' % $.config.replicas", "if $.config.replicas == 1 then '1' else 'many'")
    new = line.commit("Say many")
    assert line.json("render", "dev", "--publish")["environments"][0]["state"] == "unchanged"
    done = line.json("promote", "dev", "prod")
    assert [each["new"] for each in done["moves"]] == [new]
    assert "many" in published(line)


def test_a_promotion_that_renders_to_the_same_tree_is_on_the_record(line: Workspace) -> None:
    """It is an event of the audit trail: a deploy commit with the tree that was there, and the next hop follows."""
    line.edit(WEB, "config:: {", "config:: { unused: 1,")
    line.commit("Add what nobody uses")
    tree, tip = line.git("rev-parse", "deploy/prod^{tree}"), line.git("rev-parse", "deploy/prod")
    line.ok("promote", "dev", "prod")
    assert line.git("rev-parse", "deploy/prod^{tree}") == tree
    assert line.git("rev-parse", "deploy/prod~1") == tip
    line.ok("verify", "prod")
    assert "nothing to promote" in line.ok("promote", "dev", "prod").out


def test_what_is_not_published_is_never_promoted(line: Workspace) -> None:
    """Writer's fault row 20: the source is what dev published, not what is newest on the source branch."""
    line.edit(WEB, "%d", "%d!")
    line.commit("Say it loudly")
    assert "nothing to promote" in line.ok("promote", "dev", "prod").out


def test_an_earlier_deploy_commit_can_be_named(line: Workspace) -> None:
    """Exactly what was observed, while dev is ahead already."""
    for number in ("one", "two"):
        line.edit(WEB, "'%d' % $.config.replicas" if number == "one" else "'one'", f"'{number}'")
        line.commit(f"Say {number}")
        line.ok("render", "dev", "--publish")
    observed = line.git("rev-parse", "deploy/dev~1")
    done = line.json("promote", f"dev@{observed[:10]}", "prod")
    assert done["origin"] == observed
    assert "text: one" in published(line) or "one" in published(line)


@pytest.mark.parametrize(
    ("source", "code", "error"),
    [
        pytest.param(
            "dev@", 2,
            "error: 'dev@' names no deploy commit behind the @\nhint: see what dev had: envctl history dev\n",
            id="nothing behind it",
        ),
        pytest.param(
            "dev@HEAD", 2,
            "error: {head} is no deploy commit of dev\nhint: see what dev had: envctl history dev\n",
            id="a source commit",
        ),
        pytest.param(
            "dve", 2,
            "error: there is no environment dve in commit {head}\nhint: environments here: dev, prod\n",
            id="a misspelt environment",
        ),
    ],
)  # fmt: skip
def test_a_wrong_origin_is_told_whole(line: Workspace, source: str, code: int, error: str) -> None:
    """The reason and the next step; nothing moves."""
    before = line.git("show-ref")
    outcome = line.envctl("promote", source, "prod")
    head = line.git("rev-parse", "--short=12", "HEAD")
    assert (outcome.code, outcome.out, outcome.err) == (code, "", error.format(head=head))
    assert line.git("show-ref") == before


def test_pins_behind_which_nothing_changed_stay(line: Workspace) -> None:
    """A new README is no new revision of a component, whatever is published with it."""
    line.write("components/api/main.jsonnet", (line.path / WEB).read_text().replace("'web'", "'api'"))
    line.edit("environments/dev/environment.yaml", "[web]", "[web, api]")
    line.edit("environments/prod/environment.yaml", "components: [{", "components: [api, {")
    line.write("README.md", "Hello\n")
    line.commit("Add api")
    line.ok("render", "dev", "--publish")
    before = (line.path / LOCK).read_text()
    done = line.json("promote", "dev", "prod")
    assert ([each["component"] for each in done["moves"]], done["unchanged"]) == (["api"], ["web"])
    assert before.splitlines()[-2:] == (line.path / LOCK).read_text().splitlines()[-2:]


def test_the_change_log_follows_what_a_component_reads(line: Workspace) -> None:
    """Imports lead anywhere: a file outside the component's folder counts, and one beside it that is not read does not."""
    line.write("shared/greeting.libsonnet", "'hello'\n")
    line.edit(WEB, "data: {", "data: { greeting: import '../../shared/greeting.libsonnet',")
    line.commit("Greet")
    line.write("components/web/notes.txt", "nothing\n")
    line.commit("Take notes")
    line.write("shared/greeting.libsonnet", "'good day'\n")
    line.commit("Greet politely")
    line.ok("render", "dev", "--publish")
    done = line.json("promote", "dev", "prod")
    subjects = [each.partition(" ")[2] for each in done["moves"][0]["commits"]]
    assert subjects == ["Greet politely (Ann)", "Greet (Ann)"]


def test_the_next_run_finishes_what_was_not_published(line: Workspace) -> None:
    """Writer's fault row 2: the pins stand on the source branch, and their deploy commit is still to come."""
    line.edit(WEB, "%d", "%d!")
    line.commit("Say it loudly")
    line.ok("render", "dev", "--publish")
    old = line.git("rev-parse", "deploy/prod")
    line.ok("promote", "dev", "prod")
    made = line.git("rev-parse", "deploy/prod")
    line.git("update-ref", "refs/heads/deploy/prod", old)
    line.ok("promote", "dev", "prod")
    assert line.git("rev-parse", "deploy/prod") == made


def test_a_pin_that_came_in_by_a_merge_ends_the_change_log(small: Workspace) -> None:
    """Whoever pulls makes what others published the second parent: what was before it is no news."""
    small.edit(WEB, "replicas: 1", "replicas: 2")
    small.commit("Long before")
    mine = small.git("rev-parse", "main")
    small.edit(WEB, "replicas: 2", "replicas: 3")
    small.commit("Published by others")
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    theirs = small.git("rev-parse", "main")
    small.git("reset", "-q", "--hard", mine)
    small.write("README.md", "Mine\n")
    small.commit("Mine")
    small.git("merge", "-q", "--no-edit", theirs)
    small.edit(WEB, "replicas: 3", "replicas: 4")
    small.commit("News")
    small.ok("render", "dev", "--publish")
    found = small.json("promote", "dev", "prod", "--dry-run")["moves"]
    assert [each.split(" ", 1)[1] for each in found[0]["commits"]] == [
        "News (Ann)", f"Merge commit '{theirs}' (Ann)"
    ]  # fmt: skip
