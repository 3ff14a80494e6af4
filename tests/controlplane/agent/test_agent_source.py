"""Which deploy commits are refused; the cluster stays at the last good one."""

import pytest

from envctl.agent.resource import ENVIRONMENT
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
    """Agent's fault row 38: a branch that was moved back."""
    settled.branch.move(settled.branch.git("rev-parse", f"{settled.branch.tip}^"))
    assert refusal(settled).startswith("it does not follow the accepted commit")
    assert settled.data("a") == {"x": "2"}


def test_another_history_is_refused(settled, cm) -> None:
    """Agent's fault row 43: a new repository at the same place."""
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
    """Agent's fault row 39: staging's commit on prod's branch."""
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


def annotate(rig, name: str, value: str) -> None:
    """As an administrator does by `kubectl annotate`."""
    options = rig.options
    target = f"/apis/envctl.dev/VERSION/namespaces/{options.namespace}/environments/{options.environment}"
    live = rig.live(options.environment, options.namespace, ENVIRONMENT)
    metadata = {"name": options.environment, "namespace": options.namespace, "annotations": {name: value}}
    value_of = {"apiVersion": live["apiVersion"], "kind": "Environment", "metadata": metadata}
    rig.raw(
        "PATCH", f"{target.replace('VERSION', ENVIRONMENT.version)}?fieldManager=admin&force=true", value_of
    )


def test_a_rewrite_is_accepted_once_where_somebody_allows_it(settled, cm) -> None:
    """Agent's fault row 37: force-pushed: refused with the way past it, which holds for this one step only."""
    old = settled.branch.tip
    first = settled.branch.git("rev-parse", f"{old}^")
    new = settled.branch.publish(
        {"web": [cm("b", settled.namespace, x="3")]}, parent=first, trailers=["Envctl-Allow-Prune: all"]
    )
    with pytest.raises(RefusedError) as caught:
        settled.once()
    assert caught.value.hint == (
        "restore the branch, or allow it: kubectl annotate --overwrite environments.envctl.dev "
        f"{settled.options.environment} -n {settled.options.namespace} "
        f"envctl.dev/accept-rewrite={old[:12]}..{new}"
    )
    annotate(settled, "envctl.dev/accept-rewrite", f"{old[:12]}..{new}")
    settled.once()
    assert (settled.data("a"), settled.data("b")) == (None, {"x": "3"})
    settled.branch.move(old)
    assert refusal(settled).startswith("it does not follow the accepted commit")


def test_the_end_of_a_refusal_is_told(settled, cm, wait_for) -> None:
    """The branch is put back to what stands in the cluster: nothing is sent, and the log has a last word."""
    good = settled.branch.tip
    with settled.running():
        settled.await_condition("Ready", "Applied")
        settled.branch.publish({"web": [cm("a", settled.namespace, x="evil")]}, environment="staging")
        settled.await_condition("Stalled", "CommitRefused")
        settled.branch.move(good)
        settled.await_applied(good)
        wait_for(lambda: settled.log[-1].message == f"{good[:12]}: all stands as it should")


def test_a_refusal_stays_while_the_branch_cannot_be_read(settled, cm, tmp_path) -> None:
    """What was read last is what the branch says; the same refusal is told once."""
    with settled.running():
        settled.await_condition("Ready", "Applied")
        settled.branch.publish({"web": [cm("a", settled.namespace, x="evil")]}, environment="staging")
        settled.await_condition("Stalled", "CommitRefused")
        away = settled.branch.path.rename(tmp_path / "away.git")
        found = settled.await_condition("SourceReady", "Failed")
        assert [found.condition(name).reason for name in ("Ready", "Stalled")] == ["CommitRefused"] * 2
        away.rename(settled.branch.path)
        found = settled.await_condition("SourceReady", "Read")
        assert [found.condition(name).reason for name in ("Ready", "Stalled")] == ["CommitRefused"] * 2
    assert len([each for each in settled.log if each.message.startswith("refused: ")]) == 1


def test_a_repository_that_is_away_at_the_start_is_no_refusal(settled, tmp_path, wait_for) -> None:
    """The accepted commit cannot be fetched again into an empty store: told once, as the branch's trouble."""
    rig, tip = settled, settled.branch.tip
    rig.store = tmp_path / "empty.store"
    away = rig.branch.path.rename(tmp_path / "away.git")
    told = (
        f"cannot read the branch {rig.options.branch}: {rig.options.remote}: "
        "there is no Git repository at this path"
    )
    with rig.running():
        found = rig.await_condition("Ready", "SourceFailed")
        assert [found.condition(name).reason for name in ("SourceReady", "Stalled")] == ["Failed", "Free"]
        wait_for(lambda: "SourceFailed" in reasons(rig), "the event")
        away.rename(rig.branch.path)
        rig.await_applied(tip)
    assert [each.message for each in rig.log if each.level != "info"] == [told]
    assert f"the branch {rig.options.branch} is read again" in [each.message for each in rig.log]
    assert "CommitRefused" not in reasons(rig)


def reasons(rig) -> set[str]:
    """Of the events about the environment."""
    kind = rig.kube.resource_type("events.k8s.io", "Event")
    return {each["reason"] for each in rig.kube.list(kind, namespace=rig.options.namespace).items}
