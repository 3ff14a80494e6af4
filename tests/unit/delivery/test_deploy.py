"""Deploy commits: the record, and what source commits hand on to it."""

from dataclasses import replace

import pytest

from envctl.delivery.deploy import DeployRecord, deploy_draft, deploy_record, handed_on, record_problems
from envctl.model.git import Commit, Signature

ANN = Signature("Ann", "ann@example.com", 1_700_000_000, 3600)
BOB = Signature("Bob", "bob@example.com", 1_700_000_100, 0)
SOURCE = Commit("a" * 40, "b" * 40, (), ANN, BOB, "Double the replicas\n\nWhy: load.\n")
RECORD = DeployRecord("prod", 7, "a" * 40, ("gateway", "web"), "envctl 1.0 gojsonnet 0.22.0")


def source(message: str) -> Commit:
    return replace(SOURCE, message=message)


def test_a_deploy_commit_says_everything_an_auditor_asks() -> None:
    """The whole draft: author and dates of the source commit, one line a fact."""
    draft = deploy_draft(RECORD, "c" * 40, "d" * 40, SOURCE)
    assert (draft.tree, draft.parents, draft.author, draft.committer) == ("c" * 40, ("d" * 40,), ANN, BOB)
    assert draft.message == (
        "prod: Double the replicas\n"
        "\n"
        "Envctl-Environment: prod\n"
        "Envctl-Sequence: 7\n"
        f"Envctl-Source-Commit: {'a' * 40}\n"
        "Envctl-Components: gateway web\n"
        "Envctl-Renderer: envctl 1.0 gojsonnet 0.22.0\n"
    )


def test_a_subject_that_names_the_environment_is_not_prefixed_again() -> None:
    """People write `prod: more replicas` by themselves; only their own environment's name counts."""
    own = deploy_draft(RECORD, "c" * 40, None, source("prod: more replicas\n"))
    other = deploy_draft(RECORD, "c" * 40, None, source("dev: more replicas\n"))
    assert own.message.splitlines()[0] == "prod: more replicas"
    assert other.message.splitlines()[0] == "prod: dev: more replicas"


def test_the_first_deploy_commit_has_no_parent() -> None:
    """So it has none in the source history either."""
    assert deploy_draft(RECORD, "c" * 40, None, SOURCE).parents == ()


def test_a_record_is_read_back_as_it_was_written() -> None:
    """Writing and reading the trailers are inverse."""
    record = replace(RECORD, handed_on=(("Envctl-Promoted-From", "staging@" + "e" * 40),))
    assert deploy_record(deploy_draft(record, "c" * 40, None, SOURCE).message) == record


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("Fix a typo\n", id="no trailers"),
        pytest.param("x\n\nEnvctl-Environment: prod\nEnvctl-Sequence: 1\n", id="no source commit"),
        pytest.param(
            f"x\n\nEnvctl-Environment: prod\nEnvctl-Sequence: -1\nEnvctl-Source-Commit: {'a' * 40}\n",
            id="a sequence that is no number",
        ),
    ],
)
def test_a_commit_without_the_trailers_is_no_deploy_commit(message: str) -> None:
    """Nothing is guessed from a message that lacks a part."""
    assert deploy_record(message) is None


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param(["Edit\n"], (), id="plain commits hand on nothing"),
        pytest.param(
            ["P2\n\nEnvctl-Environment: prod\nEnvctl-Promoted-From: staging@2\n",
             "P1\n\nEnvctl-Environment: prod\nEnvctl-Promoted-From: staging@1\n"],
            (("Envctl-Promoted-From", "staging@2"),),
            id="the newest promotion counts",
        ),
        pytest.param(
            ["P\n\nEnvctl-Environment: staging\nEnvctl-Promoted-From: dev@1\n"], (),
            id="another environment's promotion does not count",
        ),
        pytest.param(
            ["B\n\nEnvctl-Environment: prod\nEnvctl-Allow-Prune: Service a/b\n",
             "A\n\nEnvctl-Environment: prod\nEnvctl-Allow-Prune: all\n"],
            (("Envctl-Allow-Prune", "Service a/b, all"),),
            id="permissions to prune add up",
        ),
        pytest.param(
            ["B\n\nEnvctl-Environment: prod\nEnvctl-Allow-Prune: all\n",
             "A\n\nEnvctl-Environment: prod\nEnvctl-Allow-Prune: all\n"],
            (("Envctl-Allow-Prune", "all"),),
            id="a permission that was given twice is written once",
        ),
        pytest.param(
            ["A\n\nEnvctl-Allow-Prune: all\nEnvctl-Reason: cleaning\n"], (("Envctl-Reason", "cleaning"),),
            id="a permission that names no environment counts nowhere",
        ),
        pytest.param(
            ["A\n\nEnvctl-Environment: staging\nEnvctl-Environment: prod\nEnvctl-Allow-Prune: all\n"],
            (("Envctl-Allow-Prune", "all"),),
            id="a commit may name several environments",
        ),
        pytest.param(
            ["P\n\nEnvctl-Environment: prod\nEnvctl-Promoted-From: staging@1\n",
             "A\n\nEnvctl-Approved-By: Bob <b@x>\nEnvctl-Forced: soak\nEnvctl-Reason: all agree\n"],
            (("Envctl-Promoted-From", "staging@1"),),
            id="nobody's words are put beside a promotion of somebody else",
        ),
        pytest.param(
            ["B\n\nEnvctl-Reason: later\n",
             "P\n\nEnvctl-Environment: prod\nEnvctl-Promoted-From: staging@1\nEnvctl-Approved-By: Bob <b@x>\n"],
            (("Envctl-Promoted-From", "staging@1"), ("Envctl-Reason", "later"),
             ("Envctl-Approved-By", "Bob <b@x>")),
            id="approvals of the promotion itself count",
        ),
    ],
)  # fmt: skip
def test_source_commits_hand_on_their_trailers(
    messages: list[str], expected: tuple[tuple[str, str], ...]
) -> None:
    """Commits since the last deploy commit, newest first."""
    assert handed_on("prod", [source(message) for message in messages]) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(RECORD, "", id="its own tip is fine"),
        pytest.param(
            None,
            "deploy/prod: its tip was not written by envctl: it lacks the Envctl- trailers",
            id="a foreign commit",
        ),
        pytest.param(
            replace(RECORD, environment="staging"),
            "deploy/prod: its tip belongs to environment staging",
            id="another environment's commit",
        ),
    ],
)
def test_nothing_is_built_on_a_foreign_tip(record: DeployRecord | None, expected: str) -> None:
    """The reason is one sentence that names the branch."""
    assert "".join(str(each) for each in record_problems(record, "prod", "deploy/prod")) == expected
