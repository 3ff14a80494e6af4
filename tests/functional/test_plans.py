"""Plans: a promotion that is made now, read and approved by others, and carried out later or not at all."""

import json
from pathlib import Path

import pytest

from tests.functional.conftest import Workspace

WEB = "components/web/main.jsonnet"


@pytest.fixture
def waiting(small: Workspace) -> Workspace:
    """Prod has one replica more than the last time; dev has published what is to be promoted next."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    small.edit(WEB, "'%d' % $.config.replicas", "'%d!' % $.config.replicas")
    small.commit("Say it loudly")
    small.ok("render", "dev", "--publish")
    return small


def plan(workspace: Workspace, *more: str) -> Path:
    """A plan of promoting dev to prod, in a file beside the repository."""
    path = workspace.path.parent / "plan.json"
    path.write_text(workspace.ok("promote", "dev", "prod", "--dry-run", "-o", "json", *more).out)
    return path


def test_a_plan_is_carried_out_as_it_was_made(waiting: Workspace) -> None:
    """The deploy tree is the one that the plan named."""
    path = plan(waiting, "--reason", "Release 7")
    promised = json.loads(path.read_text())["plan"]
    done = waiting.json("promote", "--plan", str(path))
    assert waiting.git("rev-parse", "deploy/prod^{tree}") == promised["tree"]
    assert [(each["component"], each["new"]) for each in done["moves"]] == [
        (each["component"], each["new"]) for each in promised["moves"]
    ]
    assert "Envctl-Reason: Release 7" in waiting.git("log", "-1", "--format=%B", "deploy/prod")


def test_a_dry_run_shows_the_objects_that_change(waiting: Workspace) -> None:
    """Field by field, and nothing is written: no object, no ref, no file."""
    before = waiting.git("count-objects", "-v"), waiting.git("show-ref"), waiting.git("status", "--porcelain")
    new, old = waiting.git("rev-parse", "main"), waiting.git("rev-parse", "main~2")
    tip = waiting.git("rev-parse", "deploy/prod")[:12]
    assert waiting.ok("promote", "dev", "prod", "--dry-run").out == (
        f"web: {old[:12]} -> {new[:12]}\n"
        f"  {new[:12]} Say it loudly (Ann)\n"
        f"prod@{tip} -> prod as promoted\n"
        "web\n"
        "  ~ ConfigMap prod/web\n"
        '      data.replicas: "3" -> "3!"\n'
        "1 changed, 0 unchanged\n"
        "dry run: one commit on main, and one on deploy/prod; nothing was written\n"
    )
    after = waiting.git("count-objects", "-v"), waiting.git("show-ref"), waiting.git("status", "--porcelain")
    assert after == before


def test_a_plan_of_an_earlier_deploy_commit_is_carried_out_as_well(waiting: Workspace) -> None:
    """Its origin was named, so what the environment publishes meanwhile does not matter."""
    publish_again(waiting)
    origin = waiting.git("rev-parse", "deploy/dev~1")
    path = waiting.path.parent / "plan.json"
    path.write_text(waiting.ok("promote", f"dev@{origin[:10]}", "prod", "--dry-run", "-o", "json").out)
    assert waiting.json("promote", "--plan", str(path))["origin"] == origin
    assert "3!" in waiting.git("show", "deploy/prod:web/prod/ConfigMap_web.yaml")


def test_other_commits_are_not_in_the_way_of_a_plan(waiting: Workspace) -> None:
    """What the plan decides is the same: the tree is."""
    path = plan(waiting)
    waiting.write("README.md", "Hello\n")
    waiting.commit("Say hello")
    waiting.ok("promote", "--plan", str(path))


def overlay(workspace: Workspace) -> None:
    workspace.write("environments/prod/web.jsonnet", "{ settings+: { data+: { more: 'yes' } } }\n")
    workspace.commit("Overlay web")


def publish_again(workspace: Workspace) -> None:
    workspace.edit(WEB, "%d!", "%d!!")
    workspace.commit("Louder")
    workspace.ok("render", "dev", "--publish")


def promote_first(workspace: Workspace) -> None:
    workspace.ok("promote", "dev", "prod")


@pytest.mark.parametrize(
    ("act", "moved"),
    [
        pytest.param(publish_again, "dev's deploy commit was", id="the origin was published again"),
        pytest.param(overlay, "prod would render to", id="an overlay came in between"),
        pytest.param(promote_first, "prod has what the plan would bring", id="it was promoted already"),
    ],
)
def test_a_plan_is_refused_where_anything_moved_since(waiting: Workspace, act, moved: str) -> None:  # type: ignore[no-untyped-def]
    """Writer's fault row 21: what was reviewed is what is promoted, or nothing is."""
    path = plan(waiting)
    act(waiting)
    before = waiting.git("show-ref")
    outcome = waiting.envctl("promote", "--plan", str(path))
    assert (outcome.code, outcome.out) == (1, "")
    head, *rest = outcome.err.splitlines()
    assert head == "error: the plan was made on something else; nothing was promoted"
    assert any(line.strip().startswith(moved) for line in rest)
    assert rest[-1] == (
        "hint: make it anew, with the same -c and --reason: envctl promote dev prod --dry-run -o json"
    )
    assert waiting.git("show-ref") == before


def test_an_approval_is_recorded_in_both_commits(waiting: Workspace) -> None:
    """Bob puts his name under the plan; Ann carries it out."""
    path = plan(waiting)
    waiting.git("config", "user.name", "Bob")
    waiting.git("config", "user.email", "bob@example.com")
    outcome = waiting.ok("approve", str(path))
    assert outcome.out.splitlines()[-1].startswith(
        "Bob <bob@example.com> approves promoting dev to prod (plan "
    )
    again = waiting.envctl("approve", str(path))
    assert (again.code, again.err) == (
        1,
        "error: Bob <bob@example.com> has approved this plan already\nhint: somebody else has to\n",
    )
    waiting.git("config", "user.name", "Ann")
    waiting.git("config", "user.email", "ann@example.com")
    waiting.ok("promote", "--plan", str(path))
    for branch in ("main", "deploy/prod"):
        message = waiting.git("log", "-1", "--format=%B", branch)
        assert "Envctl-Approved-By: Bob <bob@example.com>" in message


def test_a_plan_without_a_reason_cannot_be_forced(waiting: Workspace) -> None:
    """The reason belongs to what is approved."""
    path = plan(waiting)
    outcome = waiting.envctl("promote", "--plan", str(path), "--force")
    assert (outcome.code, outcome.err) == (
        2,
        (
            "error: --force needs a reason, and the plan has none\n"
            "hint: make it with one: envctl promote dev prod --reason TEXT --dry-run -o json\n"
        ),
    )


def hook(workspace: Workspace, text: str) -> None:
    """Install a commit-msg hook."""
    path = workspace.path / ".git/hooks/commit-msg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_commit_msg_hook_may_refuse_a_promotion(waiting: Workspace) -> None:
    """Its words are told, and nothing moves."""
    hook(waiting, "echo 'No ticket in the message' >&2; exit 1")
    before = waiting.git("show-ref")
    outcome = waiting.envctl("promote", "dev", "prod")
    assert outcome.code == 1
    assert "No ticket in the message" in outcome.err
    assert waiting.git("show-ref") == before


def test_a_commit_msg_hook_may_add_to_the_message(waiting: Workspace) -> None:
    """As for a commit that a person makes."""
    hook(waiting, "echo 'Ticket: OPS-7' >> \"$1\"")
    waiting.ok("promote", "dev", "prod")
    assert "Ticket: OPS-7" in waiting.git("log", "-1", "--format=%(trailers)", "main")


def test_a_commit_msg_hook_may_not_take_the_audit_trail_out(waiting: Workspace) -> None:
    """A promotion that nobody could tell from another commit would be one without gates."""
    hook(waiting, "echo 'A change' > \"$1\"")
    before = waiting.git("show-ref")
    outcome = waiting.envctl("promote", "dev", "prod")
    assert (outcome.code, outcome.err) == (
        1,
        (
            "error: hooks/commit-msg: the commit-msg hook took Envctl-Environment, Envctl-Promoted-From out of the message\n"
            "hint: let it keep the last paragraph, which is the audit trail\n"
        ),
    )
    assert waiting.git("show-ref") == before


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        pytest.param(
            ("promote", "--plan", "no.json"), 1, "error: no.json: there is no such file\n", id="no file"
        ),
        pytest.param(
            ("promote", "dev", "prod", "--plan", "no.json"), 2,
            "error: a plan says what is promoted: --plan takes no FROM, TO, --component or --reason\n"
            "hint: envctl promote --plan no.json\n",
            id="both a plan and names",
        ),
        pytest.param(
            ("promote",), 2,
            "error: name two environments\n"
            "hint: envctl promote FROM TO, or a plan: envctl promote --plan FILE\n",
            id="neither",
        ),
        pytest.param(
            ("promote", "dev"), 2,
            "error: name two environments\n"
            "hint: envctl promote FROM TO, or a plan: envctl promote --plan FILE\n",
            id="one name",
        ),
        pytest.param(
            ("approve", "no.json"), 1, "error: no.json: there is no such file\n", id="nothing to approve"
        ),
        pytest.param(
            ("approve", "-"), 2,
            "error: an approval is written into the file of the plan, so it takes no -\nhint: name the file\n",
            id="a plan that has no file",
        ),
    ],
)  # fmt: skip
def test_a_wrong_use_of_plans_is_told_whole(
    small: Workspace, arguments: tuple[str, ...], code: int, error: str
) -> None:
    """The reason and the next step."""
    outcome = small.envctl(*arguments)
    assert (outcome.code, outcome.out, outcome.err) == (code, "", error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("promote", "dev", "prod"),
        ("promote", "dev", "prod", "--dry-run"),
        ("rollback", "prod"),
        ("freeze", "prod", "--for", "1h"),
        ("resume", "prod"),
    ],
    ids=" ".join,
)
def test_a_reason_that_is_no_text_is_a_wrong_argument(waiting: Workspace, arguments: tuple[str, ...]) -> None:
    """Told before anything is read or written."""
    before = waiting.git("show-ref")
    outcome = waiting.envctl(*arguments, "--reason", "caf\udce9")
    assert (outcome.code, outcome.out) == (2, "")
    assert "it is not written in UTF-8" in outcome.err
    assert waiting.git("show-ref") == before
