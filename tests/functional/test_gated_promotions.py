"""Gates as people meet them: a promotion is refused with the way through, passed, or overridden on the record."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from tests.functional.conftest import Workspace

WEB = "components/web/main.jsonnet"
ENVIRONMENT = "environments/prod/environment.yaml"


@pytest.fixture
def gated(small: Workspace) -> Workspace:
    """Prod asks that dev is healthy; dev has published something that prod has not."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    gate(small, "health: true")
    small.edit(WEB, "%d", "%d!")
    small.commit("Say it loudly")
    small.ok("render", "dev", "--publish")
    return small


def gate(workspace: Workspace, gates: str) -> None:
    workspace.edit(ENVIRONMENT, "namespace: prod", f"gates: {{{gates}}}\nnamespace: prod")
    workspace.commit("Set gates")


def report(workspace: Workspace, revision: str, health: str = "Healthy", **more: object) -> None:
    """What an agent says of dev, written with plain Git as another writer would."""
    document = {
        "environment": "dev",
        "revision": workspace.git("rev-parse", revision),
        "sequence": 1,
        "health": health,
        "since": "2026-01-02T03:04:05Z",
        "reported": "2026-01-02T03:05:00Z",
        "components": {},
        "drifted": 0,
        **more,
    }
    scratch = workspace.path / ".git" / "status.json"
    scratch.write_text(json.dumps(document))
    blob = workspace.git("hash-object", "-w", str(scratch))
    made = _tree_of(workspace, blob)
    workspace.git("update-ref", "refs/envctl/status/dev", workspace.git("commit-tree", "-m", "report", made))


def _tree_of(workspace: Workspace, blob: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(workspace.path), "mktree"],
        input=f"100644 blob {blob}\tstatus.json\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def refusal(workspace: Workspace, *arguments: str) -> list[str]:
    """The lines of a refusal, in which nothing moved."""
    before = workspace.git("show-ref")
    outcome = workspace.envctl(*arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert workspace.git("show-ref") == before
    return outcome.err.splitlines()


def test_an_origin_that_nobody_observed_is_refused(gated: Workspace) -> None:
    """Writer's fault row 19: not verified and healthy means no promotion, and the way through is told."""
    lines = refusal(gated, "promote", "dev", "prod")
    assert lines[0] == "error: promotion from dev to prod is refused"
    assert (
        lines[1] == "  refs/envctl/status/dev: health: no status of dev is here, so its health is not known"
    )
    assert lines[-1] == "hint: pass the gate, or override it on the record with --force --reason TEXT"


def test_a_forced_promotion_is_on_the_record(gated: Workspace) -> None:
    """Writer's fault row 19: --force needs a reason, and both commits tell which gates were overridden and why."""
    outcome = gated.envctl("promote", "dev", "prod", "--force")
    assert (outcome.code, outcome.out) == (2, "")
    done = gated.ok("promote", "dev", "prod", "--force", "--reason", "The agent is down")
    assert "overridden: refs/envctl/status/dev: health: no status of dev is here" in done.out
    for branch in ("main", "deploy/prod"):
        message = gated.git("log", "-1", "--format=%B", branch)
        assert "Envctl-Forced: health\nEnvctl-Reason: The agent is down" in message


def test_a_tampered_origin_is_refused(gated: Workspace) -> None:
    """Writer's fault row 19: the origin's branch must be what its source renders to."""
    report(gated, "deploy/dev")
    gated.git("checkout", "-q", "deploy/dev")
    gated.edit("web/dev/ConfigMap_web.yaml", "1!", "2!")
    gated.git("commit", "-qa", "--amend", "-C", "HEAD")
    gated.git("checkout", "-q", "main")
    lines = refusal(gated, "promote", "dev", "prod")
    assert (
        "  deploy/dev: verified: the branch is not what its source renders to: web/dev/ConfigMap_web.yaml"
        in lines
    )


def test_the_exact_observed_revision_passes(gated: Workspace) -> None:
    """Writer's fault row 20: this very deploy commit was seen healthy."""
    report(gated, "deploy/dev")
    gated.ok("promote", "dev", "prod")
    assert gated.git("log", "-1", "--format=%s", "main") == "Promote dev to prod: web"


def test_an_origin_in_the_middle_of_a_rollout_is_refused(gated: Workspace) -> None:
    """Writer's fault row 20: the agent is still at the commit before; exactly that one can be promoted."""
    report(gated, "deploy/dev~1")
    observed, tip = (gated.git("rev-parse", "--short=12", each) for each in ("deploy/dev~1", "deploy/dev"))
    lines = refusal(gated, "promote", "dev", "prod")
    assert lines[1] == (
        "  refs/envctl/status/dev: health: observed in dev is "
        f"{observed} (Healthy), and not the published {tip}"
    )
    assert f"envctl promote dev@{observed} prod" in lines[2]
    assert "nothing to promote" in gated.ok("promote", f"dev@{observed}", "prod").out


@pytest.mark.parametrize("health", ["Progressing", "Degraded", "Suspended", "Missing", "Unknown"])
def test_only_healthy_is_healthy(gated: Workspace, health: str) -> None:
    """Writer's fault row 20: every other health is a refusal."""
    report(gated, "deploy/dev", health)
    lines = refusal(gated, "promote", "dev", "prod")
    assert f"is {health}" in lines[1]


def test_a_plan_tells_the_gates_that_are_still_to_pass(gated: Workspace) -> None:
    """It is made to be approved, so it is no error that it cannot be applied yet."""
    done = gated.json("promote", "dev", "prod", "--dry-run")
    assert [each["gate"] for each in done["refusals"]] == ["health"]


def test_approvals_count_people_other_than_the_promoter(gated: Workspace) -> None:
    """Ann makes the plan, Bob approves it, and Ann may carry it out; her own name would not count."""
    gated.edit(ENVIRONMENT, "health: true", "approvals: 1")
    gated.commit("Ask for approval")
    path = gated.path.parent / "plan.json"
    path.write_text(gated.ok("promote", "dev", "prod", "--dry-run", "-o", "json").out)
    gated.ok("approve", str(path))
    lines = refusal(gated, "promote", "--plan", str(path))
    assert "approvals: 0 of 1 people other than the promoter have approved" in lines[1]
    gated.git("config", "user.email", "bob@example.com")
    gated.git("config", "user.name", "Bob")
    gated.ok("approve", str(path))
    gated.git("config", "user.email", "ann@example.com")
    gated.git("config", "user.name", "Ann")
    gated.ok("promote", "--plan", str(path))


def test_a_frozen_environment_takes_no_promotion_and_can_be_rolled_back(gated: Workspace) -> None:
    """An incident does not wait for the end of a freeze."""
    report(gated, "deploy/dev")
    gated.ok("promote", "dev", "prod")
    gated.edit(WEB, "%d!", "%d!!")
    gated.commit("Louder")
    gated.ok("render", "dev", "--publish")
    report(gated, "deploy/dev")
    gated.ok("freeze", "prod", "--for", "4h", "--reason", "Quarter end")
    assert any("freeze: prod is frozen until" in line for line in refusal(gated, "promote", "dev", "prod"))
    gated.ok("rollback", "prod")
    assert (gated.path / "environments/prod/freeze.yaml").exists()


def test_a_suspended_environment_is_left_as_it_is(gated: Workspace) -> None:
    """Nothing is published to it: no promotion, forced or not, and no rollback."""
    gated.ok("suspend", "prod", "--for", "4h", "--reason", "Migration")
    forced = refusal(gated, "promote", "dev", "prod", "--force", "--reason", "now")
    assert any("suspend: prod is suspended until" in line for line in forced)
    assert refusal(gated, "rollback", "prod", "--to", "deploy/prod")[0].startswith(
        "error: environments/prod/suspend.yaml:"
    )


def test_auto_promotes_what_gates_allow_and_leaves_the_rest(gated: Workspace) -> None:
    """Waiting for a gate is no failure."""
    outcome = gated.json("promote", "--auto")
    assert [(each["from"], each["to"], each["state"]) for each in outcome["promotions"]] == [
        ("dev", "prod", "waiting")
    ]
    report(gated, "deploy/dev")
    assert gated.json("promote", "--auto")["promotions"][0]["state"] == "promoted"
    assert gated.json("promote", "--auto")["promotions"][0]["state"] == "unchanged"


def test_auto_never_takes_a_rollback_back(gated: Workspace) -> None:
    """What is held stays held."""
    report(gated, "deploy/dev")
    gated.ok("promote", "--auto")
    gated.ok("rollback", "prod")
    before = gated.git("rev-parse", "deploy/prod")
    assert "health: true" in (gated.path / ENVIRONMENT).read_text()  # gates are not rolled back
    assert gated.json("promote", "--auto")["promotions"][0]["promotion"]["held"]
    assert gated.git("rev-parse", "deploy/prod") == before


def test_auto_leaves_an_environment_without_gates_to_people(small: Workspace) -> None:
    """Nobody said no is not the same as yes."""
    small.ok("render", "dev", "--publish")
    assert small.ok("promote", "--auto").out == (
        "dev -> prod: waiting\n"
        "  error: environments/prod/environment.yaml: prod has none of the gates health, soak and approvals, so people promote to it\n"
        "  hint: promote by hand: envctl promote dev prod; or add one, for example gates: {health: true}\n"
    )


def test_soak_asks_for_time(gated: Workspace) -> None:
    """Healthy since a moment ago is not enough; since long ago is."""
    gated.edit(ENVIRONMENT, "health: true", "soak: 1d")
    gated.commit("Ask for a day")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    report(gated, "deploy/dev", since=now, reported=now)
    lines = refusal(gated, "promote", "dev", "prod")
    assert "soak: dev at" in lines[1]
    report(gated, "deploy/dev", reported="2026-01-03T03:04:05Z")
    gated.ok("promote", "dev", "prod")
