"""What a deploy commit says of itself, and what it did to each component."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.delivery.deploy import DeployRecord, deploy_draft
from envctl.delivery.history import (
    ComponentMove,
    DeployKind,
    Deployment,
    Revisions,
    component_moves,
    deployment_of,
)
from envctl.model.git import Commit, Signature

ANN = Signature("Ann", "ann@example.com", 1, 0)
A, B, C = "a" * 40, "b" * 40, "c" * 40
OURS = f"prod: Change\n\nEnvctl-Environment: prod\nEnvctl-Sequence: 3\nEnvctl-Source-Commit: {A}\nEnvctl-Components: web\n"


def commit(message: str, parents: tuple[str, ...] = (B,)) -> Commit:
    return Commit(C, A, parents, ANN, ANN, message)


@pytest.mark.parametrize(
    ("more", "kind"),
    {
        "published": ("", DeployKind.PUBLISHED),
        "promoted": (f"Envctl-Promoted-From: dev@{B}", DeployKind.PROMOTED),
        "rolled back": (f"Envctl-Rollback-To: prod@{B}", DeployKind.ROLLED_BACK),
        "both": (f"Envctl-Promoted-From: dev@{B}\nEnvctl-Rollback-To: prod@{B}", DeployKind.ROLLED_BACK),
        "another environment's": ("Envctl-Environment: dev", DeployKind.FOREIGN),
        "no number": ("Envctl-Sequence: x", DeployKind.FOREIGN),
        "endless number": (f"Envctl-Sequence: {'1' * 5000}", DeployKind.FOREIGN),
        "a line that is no trailer": ("and so on", DeployKind.FOREIGN),
    }.values(),
    ids=["published", "promoted", "back", "both", "other", "no number", "endless", "no trailer"],
)
def test_the_kind_follows_from_the_trailers(more: str, kind: DeployKind) -> None:
    """A commit that is not envctl's for this environment is foreign."""
    assert deployment_of(commit(OURS + more), "prod").kind is kind


@given(st.text())
def test_no_message_makes_it_fail(message: str) -> None:
    """Anybody can push a commit."""
    assert deployment_of(commit(message), "prod").commit == C
    assert deployment_of(commit(OURS + message), "prod").commit == C


def test_everything_that_the_trailers_say_is_taken() -> None:
    """Lists as lists, approvals each once, the subject without the environment."""
    more = (
        f"Envctl-Renderer: envctl 1\nEnvctl-Promoted-From: dev@{B}\nEnvctl-Forced: health, soak\n"
        "Envctl-Reason: why\nEnvctl-Allow-Prune: a, b\n"
        "Envctl-Approved-By: Eve <e@x>\nEnvctl-Approved-By: Max <m@x>\nEnvctl-Approved-By: Eve <e@x>\n"
    )
    assert deployment_of(commit(OURS + more), "prod") == Deployment(
        commit=C,
        author=ANN,
        committer=ANN,
        subject="Change",
        sequence=3,
        source_commit=A,
        components=("web",),
        promoted_from=f"dev@{B}",
        forced=("health", "soak"),
        allow_prune=("a", "b"),
        reason="why",
        approvals=("Eve <e@x>", "Max <m@x>"),
        renderer="envctl 1",
    )


def test_what_envctl_writes_is_read_back() -> None:
    """The draft of a deploy commit and its deployment agree."""
    record = DeployRecord("prod", 7, A, ("api", "web"), "envctl 1", (("Envctl-Reason", "why"),))
    draft = deploy_draft(record, B, C, commit("Change web"))
    found = deployment_of(commit(draft.message), "prod")
    assert (found.sequence, found.components, found.subject, found.reason, found.problem) == (
        7,
        ("api", "web"),
        "Change web",
        "why",
        "",
    )


PROMOTED = deployment_of(commit(f"{OURS}Envctl-Promoted-From: dev@{B}"), "prod")
PUBLISHED = deployment_of(commit(OURS), "prod")


_MOVES = {
    "pins": (
        PROMOTED,
        Revisions(A, {"web": A, "api": A}),
        Revisions(B, {"web": B, "api": A}),
        [ComponentMove("web", A, B, changed=True)],
    ),
    "a pin without a change": (
        PROMOTED,
        Revisions(A, {"web": A, "api": A}),
        Revisions(B, {"web": A, "api": B}),
        [ComponentMove("api", A, B, changed=False), ComponentMove("web", A, A, changed=True)],
    ),
    "first": (
        PUBLISHED,
        Revisions("", {}),
        Revisions(A, {"web": A}),
        [ComponentMove("web", "", A, changed=True)],
    ),
    "tracks": (PUBLISHED, Revisions(A), Revisions(B), [ComponentMove("web", A, B, changed=True)]),
    "first, tracks": (
        PUBLISHED,
        Revisions("", {}),
        Revisions(B),
        [ComponentMove("web", "", B, changed=True)],
    ),
    "begins to be pinned": (
        PROMOTED,
        Revisions(A),
        Revisions(B, {"web": B}),
        [ComponentMove("web", A, B, changed=True)],
    ),
    "old is not here": (
        PROMOTED,
        Revisions(None),
        Revisions(B, {"web": B, "api": B}),
        [ComponentMove("web", None, B, changed=True)],
    ),
    "new is not here": (
        PROMOTED,
        Revisions(A, {"web": A}),
        Revisions(None),
        [ComponentMove("web", A, None, changed=True)],
    ),
}


@pytest.mark.parametrize(
    ("deployment", "old", "new", "moves"),
    _MOVES.values(),
    ids=list(_MOVES),
)
def test_each_component_is_told_from_where_to_where(
    deployment: Deployment, old: Revisions, new: Revisions, moves: list[ComponentMove]
) -> None:
    """Those that changed, and those whose pins moved."""
    assert list(component_moves(deployment, old, new)) == moves
