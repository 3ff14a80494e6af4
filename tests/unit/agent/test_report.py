"""The status of an environment, as a function of its situation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.report import Situation, status_from
from envctl.agent.resource import status_object, status_of
from envctl.errors import ClusterError
from envctl.model.inventory import Accepted, Inventory, InventoryEntry, inventory_of
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, Refusal
from envctl.model.status import Condition, EnvironmentStatus, Failure

KEY = ObjectId("", "ConfigMap", "ns", "a")
INVENTORY = inventory_of(Accepted("1" * 40, "t", 7, "r"), [InventoryEntry(KEY, "web", "1")])
FAILED = ObjectResult(KEY, Action.FAILED, "the namespace 'ns' does not exist", "render it")
KEPT = Refusal("too-many", str(KEY), "30 of 100 objects left the branch at once", "say so")


def conditions(situation: Situation) -> dict[str, str]:
    status = status_from(situation, EnvironmentStatus(), "now", 3)
    return {
        each.type: f"{each.status} {each.reason}: {each.message}".rstrip(": ") for each in status.conditions
    }


CALM = {"Reconciling": "False Idle", "Stalled": "False Free", "SourceReady": "True Read"}


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        pytest.param(
            Situation(INVENTORY), {"Ready": "True Applied: 1 objects at 111111111111"}, id="all is well"
        ),
        pytest.param(
            Situation(INVENTORY, refused=(KEPT,)),
            {"Ready": "True Applied: 1 objects at 111111111111; 1 that left the branch are kept by a guard"},
            id="a guard keeps something",
        ),
        pytest.param(
            Situation(INVENTORY, working=True),
            {
                "Ready": "False Applying: objects are being applied",
                "Reconciling": "True Applying: objects are being applied",
            },
            id="under way",
        ),
        pytest.param(
            Situation(INVENTORY, failures=(FAILED, FAILED)),
            {
                "Ready": "False ObjectsFailed: 2 failed; ConfigMap ns/a: the namespace 'ns' does not exist",
                "Reconciling": "True Retrying: what failed is tried again",
            },
            id="objects failed",
        ),
        pytest.param(
            Situation(INVENTORY, refusal="deploy/prod@1: the deploy tree is empty", failures=(FAILED,)),
            {
                "Ready": "False CommitRefused: deploy/prod@1: the deploy tree is empty",
                "Stalled": "True CommitRefused: deploy/prod@1: the deploy tree is empty",
            },
            id="the commit is refused",
        ),
        pytest.param(
            Situation(INVENTORY, trouble="the API server\ndoes not answer"),
            {
                "Ready": "False ReconcileFailed: the API server does not answer",
                "Reconciling": "True Retrying: what failed is tried again",
            },
            id="no cluster",
        ),
        pytest.param(
            Situation(INVENTORY, fights=((KEY, "kubectl"), (KEY, "x"))),
            {
                "Ready": "False Fought: kubectl keeps changing ConfigMap ns/a, and 1 more",
                "Stalled": "True Fought: kubectl keeps changing ConfigMap ns/a, and 1 more",
            },
            id="a fight",
        ),
        pytest.param(
            Situation(INVENTORY, source_error="no such host"),
            {"Ready": "True Applied: 1 objects at 111111111111", "SourceReady": "False Failed: no such host"},
            id="the branch cannot be read, the cluster is as it was",
        ),
        pytest.param(
            Situation(Inventory(), source_error="the branch does not exist"),
            {
                "Ready": "False NothingApplied: the branch does not exist",
                "SourceReady": "False Failed: the branch does not exist",
            },
            id="nothing was ever applied",
        ),
    ],
)
def test_conditions_tell_the_situation(situation: Situation, expected: dict[str, str]) -> None:
    """Each situation, with all four conditions."""
    assert conditions(situation) == CALM | expected


def test_the_rest_of_the_status_counts_and_names() -> None:
    """Revision, counts, and the first failures and refusals, each in one line."""
    situation = Situation(
        INVENTORY,
        applied="0" * 40,
        failures=(FAILED,),
        refused=(KEPT,),
        healed=2,
        last_healed="x",
        last_healed_at="then",
    )
    status = status_from(situation, EnvironmentStatus(), "now", 3)
    assert (status.revision, status.applied, status.sequence) == ("1" * 40, "0" * 40, 7)
    assert (status.objects, status.failed, status.kept, status.healed) == (1, 1, 1, 2)
    assert status.failures == (
        Failure("ConfigMap ns/a", "the namespace 'ns' does not exist"),
        Failure("ConfigMap ns/a", "30 of 100 objects left the branch at once [too-many] (say so)"),
    )
    assert status.observed_generation == 3


def test_a_status_stays_small_whatever_fails() -> None:
    """Twenty failures of at most 300 characters: an object of this kind can always be stored."""
    long = ObjectResult(KEY, Action.FAILED, "x" * 10_000)
    status = status_from(Situation(INVENTORY, failures=(long,) * 5000), EnvironmentStatus(), "now", 1)
    assert (status.failed, len(status.failures)) == (5000, 20)
    assert max(len(each.reason) for each in status.failures) == 300


def test_a_condition_keeps_its_date_until_it_turns() -> None:
    """A new message is no turn; a new status is."""
    first = status_from(Situation(INVENTORY), EnvironmentStatus(), "monday", 1)
    second = status_from(Situation(INVENTORY, refused=(KEPT,)), first, "tuesday", 1)
    third = status_from(Situation(INVENTORY, failures=(FAILED,)), second, "wednesday", 1)
    dates = [status.condition("Ready").since for status in (first, second, third)]  # type: ignore[union-attr]
    assert dates == ["monday", "monday", "wednesday"]


text = st.text(max_size=10)
counts = st.integers(min_value=0, max_value=2**40)
statuses = st.builds(
    EnvironmentStatus,
    revision=text,
    applied=text,
    sequence=counts,
    objects=counts,
    failed=counts,
    kept=counts,
    failures=st.lists(st.builds(Failure, text, text), max_size=3).map(tuple),
    healed=counts,
    last_healed=text,
    last_healed_at=text,
    observed_generation=counts,
    conditions=st.lists(st.builds(Condition, text, st.booleans(), text, text, text), max_size=3).map(tuple),
)


@given(statuses)
def test_a_status_reads_back_as_it_was_written(status: EnvironmentStatus) -> None:
    """Round trip through the JSON of the Environment object."""
    assert status_of(status_object("prod", "envctl-system", status)) == status


@pytest.mark.parametrize(
    "odd", [{}, {"status": None}, {"status": {"objects": "x", "conditions": 3, "failures": [1]}}]
)
def test_an_odd_status_reads_as_empty(odd: dict[str, object]) -> None:
    """Whatever somebody wrote there, reading it does not fail."""
    assert status_of(odd) == EnvironmentStatus()


def test_errors_of_the_cluster_fit_into_results() -> None:
    """The summary is the reason; nothing of the object's content is in it."""
    error = ClusterError("denied", status=403, hint="grant it")
    assert str(ObjectResult(KEY, Action.FAILED, error.summary, error.hint)) == (
        "ConfigMap ns/a failed: denied (grant it)"
    )
