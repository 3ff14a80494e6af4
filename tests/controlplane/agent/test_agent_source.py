"""Which deploy commits are refused; the cluster stays at the last good one."""

import pytest

from envctl.errors import RefusedError


def refusal(rig):
    with pytest.raises(RefusedError) as caught:
        rig.once()
    return caught.value.summary


@pytest.fixture
def settled(rig, cm):
    """An environment with two commits applied."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]})
    rig.once()
    return rig


def test_a_rewritten_branch_is_refused(settled, cm) -> None:
    """A commit beside the accepted one, with a higher sequence."""
    settled.branch.publish(
        {"web": [cm("a", settled.namespace, x="evil")]},
        parent=settled.branch.git("rev-parse", f"{settled.branch.tip}^"),
    )
    assert refusal(settled).startswith("it does not follow the accepted commit")
    assert settled.data("a") == {"x": "2"}


def test_an_older_commit_is_refused(settled) -> None:
    """A branch that was moved back."""
    settled.branch.move(settled.branch.git("rev-parse", f"{settled.branch.tip}^"))
    assert refusal(settled).startswith("it does not follow the accepted commit")
    assert settled.data("a") == {"x": "2"}


def test_another_history_is_refused(settled, cm) -> None:
    """A new repository at the same place."""
    settled.branch.publish({"web": [cm("a", settled.namespace, x="evil")]}, parent="")
    assert refusal(settled).startswith("it belongs to another history than the accepted commit")
    assert settled.data("a") == {"x": "2"}


def test_a_sequence_that_does_not_rise_is_refused(settled, cm) -> None:
    """A replay that was put on top."""
    settled.branch.publish({"web": [cm("a", settled.namespace, x="evil")]}, sequence=2)
    assert refusal(settled) == (
        "its sequence 2 is not above the accepted 2; the cluster stays at the last good commit"
    )


def test_another_environments_commit_is_refused(settled, cm) -> None:
    """Staging's commit on prod's branch."""
    settled.branch.publish({"web": [cm("a", settled.namespace, x="evil")]}, environment="staging")
    assert refusal(settled) == (
        f"it was made for the environment staging, not {settled.options.environment}; "
        "the cluster stays at the last good commit"
    )


def test_a_commit_without_trailers_is_refused(settled) -> None:
    """Somebody's hand on the branch."""
    tree = settled.branch.git("rev-parse", f"{settled.branch.tip}^{{tree}}")
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    commit = settled.branch.git(*identity, "commit-tree", tree, "-p", settled.branch.tip, "-m", "fix by hand")
    settled.branch.move(commit)
    assert refusal(settled) == (
        "it is no deploy commit: the Envctl- trailers are missing; the cluster stays at the last good commit"
    )


def test_after_a_refusal_a_good_commit_is_taken(settled, cm) -> None:
    """The way out: the branch is put back and goes on."""
    good = settled.branch.tip
    settled.branch.publish({"web": [cm("a", settled.namespace, x="evil")]}, environment="staging")
    refusal(settled)
    settled.branch.publish({"web": [cm("a", settled.namespace, x="3")]}, parent=good)
    settled.once()
    assert settled.data("a") == {"x": "3"}
