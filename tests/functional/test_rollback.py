"""Rolling back: one commit, the old deploy tree bit for bit, and a hold that lasts until a promotion says otherwise."""

import json
from pathlib import Path

import pytest

from tests.functional.conftest import SMALL, Outcome, Workspace, new_workspace

WEB = "components/web/main.jsonnet"
API = "components/api/main.jsonnet"
OVERLAY = "environments/prod/web.jsonnet"
ENVIRONMENT = "environments/prod/environment.yaml"


def component(name: str, text: str) -> str:
    """A component of one ConfigMap that says `text`."""
    head = "{ config:: {}, map: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '%s' },"
    return f"{head % name} data: {{ text: '{text}' }} }} }}\n"


@pytest.fixture
def line(tmp_path: Path) -> Workspace:
    """Two components, promoted to prod three times: each time both say another text."""
    workspace = new_workspace(tmp_path / "line")
    for path, text in SMALL.items():
        workspace.write(path, text)
    workspace.write("environments/dev/environment.yaml", "namespace: dev\ncomponents: [web, api]\n")
    workspace.write(ENVIRONMENT, "namespace: prod\npromotesFrom: [dev]\ncomponents: [web, api]\n")
    for number in ("one", "two", "three"):
        workspace.write(WEB, component("web", number))
        workspace.write(API, component("api", number))
        workspace.commit(f"Say {number}")
        workspace.ok("render", "dev", "--publish")
        workspace.ok("promote", "dev", "prod")
    return workspace


def tree(workspace: Workspace, revision: str) -> str:
    return workspace.git("rev-parse", f"{revision}^{{tree}}")


def texts(workspace: Workspace) -> tuple[str, ...]:
    """What each component says on prod's deploy branch: api, web."""
    found = (
        workspace.git("show", f"deploy/prod:{name}/prod/ConfigMap_{name}.yaml") for name in ("api", "web")
    )
    return tuple(text.partition("text: ")[2].split("\n")[0].strip("\"'") for text in found)


def trailers(workspace: Workspace, revision: str) -> list[str]:
    return workspace.git("log", "-1", "--format=%(trailers:only)", revision).splitlines()


def refused(outcome: Outcome) -> str:
    assert (outcome.code, outcome.out) == (1, "")
    return outcome.err


def test_a_rollback_restores_the_last_deploy_tree_bit_for_bit(line: Workspace) -> None:
    """Writer's fault row 32: a new commit with a higher sequence and the old tree; no ref moves back."""
    old, source = line.git("rev-parse", "deploy/prod"), line.git("rev-parse", "main")
    done = line.json("rollback", "prod", "--reason", "5xx on checkout")
    assert tree(line, "deploy/prod") == tree(line, f"{old}~1")
    assert line.git("rev-parse", "deploy/prod~1") == old
    assert line.git("rev-parse", "main~1") == source
    assert texts(line) == ("two", "two")
    assert (done["proof"], done["held"], done["toSequence"]) == ("ids", ["api", "web"], 2)
    back = line.git("rev-parse", f"{old}~1")
    assert [each for each in trailers(line, "deploy/prod") if "Renderer" not in each] == [
        "Envctl-Environment: prod",
        "Envctl-Sequence: 4",
        f"Envctl-Source-Commit: {line.git('rev-parse', 'main')}",
        "Envctl-Components: api web",
        f"Envctl-Rollback-To: prod@{back}",
        "Envctl-Reason: 5xx on checkout",
    ]
    line.ok("verify", "prod")
    assert line.git("status", "--porcelain") == ""
    assert line.ok("render", "--check").code == 0


def test_a_rollback_reads_no_newer_component(line: Workspace) -> None:
    """Components that do not even parse any more are in nobody's way."""
    line.write(WEB, "{ broken")
    line.commit("Break web")
    assert line.json("rollback", "prod", "--to", "deploy/prod~1")["proof"] == "ids"
    assert texts(line) == ("two", "two")


def test_a_second_rollback_goes_further_back(line: Workspace) -> None:
    """What a rollback left behind is never gone back to."""
    line.ok("rollback", "prod")
    line.ok("rollback", "prod")
    assert texts(line) == ("one", "one")
    assert refused(line.envctl("rollback", "prod")) == (
        "error: there is nothing to go back to: every earlier deploy commit of prod has the same files, "
        "was rolled back, or was reported and never Healthy\n"
        "hint: name one: envctl history prod, then envctl rollback prod --to REV\n"
    )


def test_one_component_alone_can_be_rolled_back(line: Workspace) -> None:
    """Its pin and its overlay; the others stay, and are not held."""
    done = line.json("rollback", "prod", "-c", "web")
    assert texts(line) == ("three", "two")
    assert done["held"] == ["web"]
    assert line.git("diff", "--name-only", "main~1", "main") == "environments/prod/lock.yaml"
    line.ok("verify", "prod")


def test_an_overlay_is_rolled_back_with_its_environment(line: Workspace) -> None:
    """What changed last may be the environment's own settings: they are restored, and no pin is held."""
    line.write(OVERLAY, "{ map+: { data+: { text: 'overlaid' } } }\n")
    line.commit("Overlay web")
    line.ok("render", "prod", "--publish")
    assert texts(line) == ("three", "overlaid")
    done = line.json("rollback", "prod")
    assert (done["restored"], done["pins"], done["proof"]) == ([OVERLAY], [], "ids")
    assert texts(line) == ("three", "three")
    assert not (line.path / OVERLAY).exists()


def test_what_is_held_is_promoted_only_by_name(line: Workspace) -> None:
    """A whole-set promotion leaves it out and says so; its name takes the hold away."""
    line.ok("rollback", "prod", "-c", "web", "--reason", "5xx")
    old = line.git("rev-parse", "deploy/prod~1")[:12]
    back = line.git("rev-parse", "deploy/prod~2")[:12]
    assert line.ok("promote", "dev", "prod").out == (
        f"web: held (rolled back from prod@{old} to prod@{back}: 5xx); "
        "to promote it, name it: envctl promote dev prod -c web\n"
        "nothing to promote: prod already has what dev has published but what is held\n"
    )
    line.ok("promote", "dev", "prod", "-c", "web")
    assert texts(line) == ("three", "three")
    assert "hold" not in (line.path / "environments/prod/lock.yaml").read_text()


def test_a_hold_can_be_taken_away_without_moving_the_pin(line: Workspace) -> None:
    """Dev was rolled back by a revert, so it has what prod has; naming the component ends the hold."""
    line.ok("rollback", "prod")
    line.ok("rollback", "prod", "--to", "deploy/prod~1")
    assert texts(line) == ("three", "three")
    assert "hold" in (line.path / "environments/prod/lock.yaml").read_text()
    line.ok("promote", "dev", "prod", "-c", "web", "-c", "api")
    assert "hold" not in (line.path / "environments/prod/lock.yaml").read_text()


def test_rolling_forward_again_is_a_rollback_to_what_was_newer(line: Workspace) -> None:
    """Any deploy commit of the environment can be named, by its id or by a source revision."""
    newest, source = line.git("rev-parse", "deploy/prod"), line.git("rev-parse", "main")
    line.ok("rollback", "prod")
    line.ok("rollback", "prod", "--to", f"prod@{newest[:10]}")
    assert texts(line) == ("three", "three")
    line.ok("rollback", "prod", "--to", source + "~2")
    assert texts(line) == ("two", "two")


def test_what_others_share_is_in_the_way_and_named(line: Workspace) -> None:
    """The tree cannot be had again bit for bit: refused with what has changed, or restored inexactly on request."""
    line.write("environments/base/environment.yaml", "abstract: true\nconfig: {}\n")
    line.edit(ENVIRONMENT, "namespace: prod", "extends: base\nnamespace: prod")
    line.commit("Extend a base")
    line.ok("render", "prod", "--publish")
    for number in ("four", "five"):
        line.write(WEB, component("web", number))
        line.commit(f"Say {number}")
        line.ok("render", "dev", "--publish")
        line.ok("promote", "dev", "prod")
    line.write("environments/base/web.jsonnet", "{ map+: { data+: { base: 'yes' } } }\n")
    line.commit("Overlay in the base")
    line.ok("render", "prod", "--publish")
    before = line.git("show-ref")
    assert refused(line.envctl("rollback", "prod", "--to", "deploy/prod~2")) == (
        f"error: prod cannot be restored bit for bit as {line.git('rev-parse', 'deploy/prod~2')[:12]} had it: "
        "web would differ\n"
        "  environments/base/web.jsonnet: has changed since, and belongs to more than this environment\n"
        "hint: take those changes back first, or accept what differs: --inexact (see it with --dry-run, "
        "then envctl diff)\n"
    )
    assert line.git("show-ref") == before
    done = line.json("rollback", "prod", "--to", "deploy/prod~2", "--inexact")
    assert done["proof"] == "none"
    assert texts(line) == ("three", "four")
    line.ok("verify", "prod")


def test_what_is_only_on_the_source_branch_is_told(line: Workspace) -> None:
    """A revert by hand that nobody published leaves nothing to restore."""
    line.git("revert", "--no-edit", "HEAD")
    assert refused(line.envctl("rollback", "prod")) == (
        "error: nothing of prod is left to restore on main: its pins and files are as they were\n"
        "hint: publish what is there: envctl render prod --publish\n"
    )


def test_a_change_of_another_environment_is_not_in_the_way(line: Workspace) -> None:
    """It may have been imported, so a render proves what ids do not."""
    line.write("environments/dev/web.jsonnet", "{ map+: { data+: { text: 'dev' } } }\n")
    line.commit("Overlay web in dev")
    assert line.json("rollback", "prod")["proof"] == "render"
    assert texts(line) == ("two", "two")


def test_a_dry_run_writes_nothing(line: Workspace) -> None:
    """It says what would be restored, and how that is known."""
    before = line.git("count-objects", "-v"), line.git("show-ref"), line.git("status", "--porcelain")
    old, pin = line.git("rev-parse", "deploy/prod~1")[:12], line.git("rev-parse", "main~1")[:12]
    then, tip = line.git("rev-parse", "main~3")[:12], line.git("rev-parse", "deploy/prod")[:12]
    assert line.ok("rollback", "prod", "--dry-run").out == (
        f"prod goes back to {old} (sequence 2): prod: Promote dev to prod: api, web\n"
        f"  api: {pin} -> {then}\n"
        f"  web: {pin} -> {then}\n"
        "what is rolled back is as it was, bit for bit, by object ids; nothing was evaluated\n"
        f"prod@{tip} -> prod@{old}\n"
        "api\n"
        "  ~ ConfigMap prod/api\n"
        "      data.text: three -> two\n"
        "web\n"
        "  ~ ConfigMap prod/web\n"
        "      data.text: three -> two\n"
        "2 changed, 0 unchanged\n"
        "dry run: one commit on main, and one on deploy/prod; nothing was written\n"
    )
    assert (
        line.git("count-objects", "-v"),
        line.git("show-ref"),
        line.git("status", "--porcelain"),
    ) == before


def test_a_rollback_to_what_is_there_says_so(line: Workspace) -> None:
    """No change, no commit."""
    before = line.git("show-ref")
    tip = line.git("rev-parse", "deploy/prod")[:12]
    assert line.ok("rollback", "prod", "--to", tip).out == (
        f"nothing to roll back: prod is as {tip} had it\n"
    )
    assert line.git("show-ref") == before


def test_a_dirty_work_tree_stays_as_it_is(line: Workspace) -> None:
    """The commit is made of objects; a lock that somebody edits is left alone, and that is said."""
    line.write("environments/prod/lock.yaml", "# mine\n")
    line.write("components/web/notes.txt", "mine\n")
    outcome = line.ok("rollback", "prod")
    assert (line.path / "environments/prod/lock.yaml").read_text() == "# mine\n"
    assert outcome.err.startswith("note: environments/prod/lock.yaml here was left as it is")
    assert texts(line) == ("two", "two")


def test_a_rollback_can_be_pushed(line: Workspace, tmp_path: Path) -> None:
    """Both refs arrive together, from a fresh clone that has no deploy branch of its own."""
    line.git("clone", "-q", "--bare", str(line.path), str(tmp_path / "server.git"))
    clone = Workspace(tmp_path / "server.git").clone(tmp_path / "clone")
    clone.ok("rollback", "prod", "--push")
    server = Workspace(tmp_path / "server.git")
    assert server.git("rev-parse", "main") == clone.git("rev-parse", "main")
    assert tree(server, "deploy/prod") == tree(server, "deploy/prod~2")
    assert server.git("rev-parse", "deploy/prod") == clone.git("rev-parse", "deploy/prod")


def test_health_tells_the_last_good_one(line: Workspace) -> None:
    """Where clusters report, only what was seen healthy is gone back to."""
    _report(line, line.git("rev-parse", "deploy/prod~2"))
    line.ok("rollback", "prod")
    assert texts(line) == ("one", "one")


def _report(workspace: Workspace, revision: str) -> None:
    """Say with plain Git that a deploy commit of prod was seen healthy."""
    report = {
        "environment": "prod",
        "revision": revision,
        "sequence": 1,
        "health": "Healthy",
        "since": "2026-01-02T03:04:05Z",
        "reported": "2026-01-02T03:04:05Z",
        "components": {},
        "drifted": 0,
    }
    workspace.write("status.json", json.dumps(report))
    blob = workspace.git("hash-object", "-w", "status.json")
    (workspace.path / "status.json").unlink()
    tree_id = _mktree(workspace, blob)
    workspace.git(
        "update-ref", "refs/envctl/status/prod", workspace.git("commit-tree", "-m", "report", tree_id)
    )


def _mktree(workspace: Workspace, blob: str) -> str:
    workspace.git("update-index", "--add", "--cacheinfo", f"100644,{blob},status.json")
    tree_id = workspace.git("write-tree")
    workspace.git("update-index", "--force-remove", "status.json")
    return tree_id


def test_the_first_report_does_not_make_all_before_it_bad(line: Workspace) -> None:
    """Nobody reported them; the day on which an agent comes is no day without a way back."""
    _report(line, line.git("rev-parse", "deploy/prod"))
    line.ok("rollback", "prod")
    assert texts(line) == ("two", "two")


def test_gates_that_came_since_stay_whatever_else_is_restored(line: Workspace) -> None:
    """A rollback takes back what an environment is made of, not who may promote to it."""
    line.write(
        ENVIRONMENT,
        "# Careful\ngates:\n  health: true  # since the incident\nnamespace: prod\npromotesFrom: [dev]\n"
        "components: [web, api]\nconfig: {more: 1}\n",
    )
    line.commit("Set gates, and more")
    line.write(OVERLAY, "{ map+: { data+: { text: 'overlaid' } } }\n")
    line.commit("Overlay web")
    line.ok("render", "prod", "--publish")
    done = line.json("rollback", "prod")
    assert (done["restored"], done["gatesChange"]) == ([ENVIRONMENT, OVERLAY], False)
    assert (line.path / ENVIRONMENT).read_text() == (
        "namespace: prod\ncomponents: [web, api]\n"
        "# Careful\ngates:\n  health: true  # since the incident\npromotesFrom: [dev]\n"
    )
    assert texts(line) == ("three", "three")


def test_what_moved_only_here_is_said(line: Workspace, tmp_path: Path) -> None:
    """A cluster pulls from the server: with one, a rollback that is not pushed is not there yet."""
    line.git("clone", "-q", "--bare", str(line.path), str(tmp_path / "server.git"))
    clone = Workspace(tmp_path / "server.git").clone(tmp_path / "clone")
    told = "not pushed yet: git push --atomic origin main deploy/prod\n"
    assert clone.ok("rollback", "prod").err == told
    clone.git("push", "-q", "--atomic", "origin", "main", "deploy/prod")
    assert clone.ok("promote", "dev", "prod", "-c", "web").err == told


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        pytest.param(
            ("dev",), 1,
            "error: environment dev tracks the source branch, so it is as old as that\n"
            "hint: take the source commit back: git revert COMMIT, then publish\n",
            id="tracking",
        ),
        pytest.param(
            ("prd",), 2,
            "error: there is no environment prd in commit {main}\nhint: did you mean `prod`?\n",
            id="unknown environment",
        ),
        pytest.param(
            ("prod", "--to", "dev@HEAD"), 2,
            "error: dev@HEAD is no revision of prod\nhint: see its revisions: envctl history prod\n",
            id="revision of another environment",
        ),
        pytest.param(
            ("prod", "--to", "deploy/dev"), 2,
            "error: commit {dev} is no deploy commit of prod: it belongs to environment dev\n"
            "hint: see its revisions: envctl history prod\n",
            id="deploy commit of another environment",
        ),
        pytest.param(
            ("prod", "--to", "prod@"), 2,
            "error: prod@ is no revision of prod\nhint: see its revisions: envctl history prod\n",
            id="nothing behind the @",
        ),
        pytest.param(
            ("prod", "--to", "nowhere"), 1,
            "error: there is no branch, tag or commit 'nowhere'\nhint: git branch -a lists the branches\n",
            id="unknown revision",
        ),
        pytest.param(
            ("prod", "--to", "main~5"), 2,
            "error: prod had published nothing yet at {first}\nhint: see its revisions: envctl history prod\n",
            id="before the first publish",
        ),
        pytest.param(
            ("prod", "-c", "wbe"), 2,
            "error: prod has no component wbe\nhint: components there: api, web\n",
            id="unknown component",
        ),
    ],
)  # fmt: skip
def test_a_wrong_rollback_is_told_whole(
    line: Workspace, arguments: tuple[str, ...], code: int, error: str
) -> None:
    """Nothing moves."""
    before = line.git("show-ref")
    outcome = line.envctl("rollback", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err == error.format(
        main=line.git("rev-parse", "main")[:12],
        first=line.git("rev-parse", "main~5")[:12],
        dev=line.git("rev-parse", "deploy/dev")[:12],
        old=line.git("rev-parse", "deploy/prod~1")[:12],
    )
    assert line.git("show-ref") == before


def forged(workspace: Workspace, tree: str, parent: str, like: str, sequence: int) -> str:
    """A deploy commit with the message of another one, as anybody can make it."""
    message = workspace.git("log", "-1", "--format=%B", like)
    lines = [
        f"Envctl-Sequence: {sequence}" if each.startswith("Envctl-Sequence") else each
        for each in message.split("\n")
    ]
    return workspace.git("commit-tree", tree, "-p", parent, "-m", "\n".join(lines))


def test_a_deploy_commit_that_was_never_rendered_is_not_restored(line: Workspace) -> None:
    """Somebody who may only push put a tree of their own on the branch, and an honest one upon it."""
    line.git("checkout", "-q", "deploy/prod")
    line.edit("web/prod/ConfigMap_web.yaml", "three", "mine")
    line.git("add", "-A")
    mine = line.git("write-tree")
    line.git("reset", "-q", "--hard")
    line.git("checkout", "-q", "main")
    middle = forged(line, mine, "deploy/prod", "deploy/prod~1", 4)
    top = forged(line, tree(line, "deploy/prod"), middle, "deploy/prod", 5)
    line.git("update-ref", "refs/heads/deploy/prod", top)
    before = line.git("show-ref")
    message = refused(line.envctl("rollback", "prod"))
    assert (
        f"prod@{middle[:12]} is not what its source renders to: api, web; nothing was rolled back" in message
    )
    assert line.git("show-ref") == before


def test_a_source_that_nobody_reviewed_is_not_restored(line: Workspace) -> None:
    """Rendered honestly from a branch of somebody's own, and covered by what is on the source branch."""
    line.write("envctl.yaml", "sourceBranch: main\n")
    line.commit("Name the source branch")
    line.git("checkout", "-q", "-b", "mine")
    line.write("envctl.yaml", "{}\n")
    line.write(OVERLAY, "{ map+: { data+: { text: 'mine' } } }\n")
    line.commit("Overlay web")
    line.ok("render", "prod", "--publish")
    middle = line.git("rev-parse", "deploy/prod")
    line.git("checkout", "-q", "main")
    top = forged(line, tree(line, "deploy/prod~1"), middle, "deploy/prod~1", 5)
    line.git("update-ref", "refs/heads/deploy/prod", top)
    for way in ((), ("--to", middle)):
        message = refused(line.envctl("rollback", "prod", *way))
        assert f"commit {line.git('rev-parse', 'mine')[:12]} is not on the source branch main" in message


def test_refusals_that_came_since_stay(line: Workspace) -> None:
    """The file of then is restored, with the refusals of now."""
    line.edit(ENVIRONMENT, "namespace: prod", "refuse: [secrets]\nconfig: {much: 1}\nnamespace: prod")
    line.commit("Refuse secrets")
    line.ok("render", "prod", "--publish")
    done = line.json("rollback", "prod", "--to", "deploy/prod~1")
    assert (done["restored"], done["gatesChange"]) == ([ENVIRONMENT], False)
    assert "refuse: [secrets]" in (line.path / ENVIRONMENT).read_text()


def test_gates_that_moved_between_files_stay_where_they_are(line: Workspace) -> None:
    """Then `base` had them, now prod has, and keeps them."""
    base = "environments/base/environment.yaml"
    line.write(base, "abstract: true\ngates: {approvals: 1}\n")
    line.edit(ENVIRONMENT, "namespace: prod", "extends: base\nnamespace: prod")
    line.commit("Gate in base")
    line.ok("render", "prod", "--publish")
    line.write(base, "abstract: true\n")
    line.edit(ENVIRONMENT, "namespace: prod", "gates: {approvals: 1}\nnamespace: other")
    line.commit("Gate in prod")
    line.ok("render", "prod", "--publish")
    assert line.ok("rollback", "prod").err == ""
    assert "approvals: 1" in (line.path / ENVIRONMENT).read_text()
