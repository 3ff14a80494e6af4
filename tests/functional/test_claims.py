"""What a commit on the source branch says of itself counts only where it does what it says."""

from collections.abc import Mapping

import pytest

from envctl import wiring
from envctl.workflows.promotion.rollback import RollbackOptions, rollback
from tests.functional.conftest import Workspace
from tests.functional.races import raced

LOCK = "environments/prod/lock.yaml"
WEB = "components/web/main.jsonnet"


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """Web in dev and prod, promoted twice."""
    for text in ("'%d!' %", "'%d?' %"):
        small.ok("render", "dev", "--publish")
        small.ok("promote", "dev", "prod")
        small.edit(WEB, "'%d' %" if text == "'%d!' %" else "'%d!' %", text)
        small.commit("Say it otherwise")
    small.ok("render", "dev", "--publish")
    return small


def claim(line: Workspace, files: Mapping[str, str]) -> str:
    """A commit by hand that says it is an approved promotion; what prod's next deploy commit says of it."""
    for path, text in files.items():
        line.write(path, text)
    line.git("add", "-A")
    said = "Envctl-Environment: prod\nEnvctl-Promoted-From: dev@1234567\nEnvctl-Approved-By: Grace"
    line.git("commit", "-q", "--allow-empty", "-m", f"Promote web\n\n{said}")
    line.ok("render", "prod", "--publish")
    line.ok("verify", "prod")
    return line.git("log", "-1", "--format=%(trailers:only)", "deploy/prod")


@pytest.mark.parametrize(
    ("files", "believed"),
    [
        pytest.param({}, False, id="nothing at all"),
        pytest.param({"environments/prod/environment.yaml": "more"}, False, id="settings"),
        pytest.param({LOCK: "newer", "notes.md": "x"}, False, id="the lock, and something else"),
        pytest.param({LOCK: "newer"}, True, id="the lock alone, as a promotion does"),
    ],
)
def test_only_what_touches_the_lock_alone_is_a_promotion(
    line: Workspace, files: Mapping[str, str], *, believed: bool
) -> None:
    """Approvals in a message by hand would make an audit trail of whatever stands beside them."""
    text = {
        "newer": (line.path / LOCK)
        .read_text()
        .replace(line.git("rev-parse", "main~2"), line.git("rev-parse", "main")),
        "more": (line.path / "environments/prod/environment.yaml").read_text() + "config: {replicas: 9}\n",
    }
    said = claim(line, {path: text.get(kind, kind) for path, kind in files.items()})
    assert ("Envctl-Promoted-From: dev@1234567" in said, "Envctl-Approved-By: Grace" in said) == (
        believed,
        believed,
    )


def test_a_rollback_that_lost_a_race_here_is_made_again(line: Workspace) -> None:
    """The branch moves between reading and writing; the rollback stands on the new commit."""
    repository = raced(line)
    with wiring.evaluator(repository) as engine:
        rollback(repository, engine, RollbackOptions("prod"))
    assert line.git("log", "-2", "--format=%s").splitlines()[1] == "Faster"
    line.ok("verify", "prod")


def test_a_commit_msg_hook_may_refuse_a_freeze(line: Workspace) -> None:
    """As it may refuse a promotion: its words are told, and nothing moves."""
    path = line.path / ".git/hooks/commit-msg"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho 'No ticket in the message' >&2; exit 1\n")
    path.chmod(0o755)
    before = line.git("show-ref")
    outcome = line.envctl("freeze", "prod", "--for", "4h", "--reason", "x")
    assert outcome.code == 1
    assert "No ticket in the message" in outcome.err
    assert line.git("show-ref") == before
