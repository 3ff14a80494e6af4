"""The status of an environment, as a function of its situation."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.report import status_from
from envctl.agent.resource import status_object, status_of
from envctl.agent.situation import Situation
from envctl.errors import ClusterError
from envctl.model.health import Assessment
from envctl.model.inventory import Accepted, Inventory, InventoryEntry, inventory_of
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.plan import Action, ObjectResult, Refusal
from envctl.model.status import ComponentStatus, Condition, EnvironmentStatus, Failure

KEY = ObjectId("", "ConfigMap", "ns", "a")
INVENTORY = inventory_of(Accepted("1" * 40, "t", 7, "r"), [InventoryEntry(KEY, "web", "1")])
FAILED = ObjectResult(KEY, Action.FAILED, "the namespace 'ns' does not exist", "render it")
KEPT = Refusal("too-many", str(KEY), "30 of 100 objects left the branch at once", "say so")


def conditions(situation: Situation) -> dict[str, str]:
    status = status_from(situation, EnvironmentStatus(), "now", 3)
    return {
        each.type: f"{each.status} {each.reason}: {each.message}".rstrip(": ")
        for each in status.conditions
        if each.type != "Healthy"
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
            Situation(INVENTORY, ended=True, failures=(FAILED, FAILED)),
            {"Ready": "False ObjectsFailed: 2 failed; ConfigMap ns/a: the namespace 'ns' does not exist"},
            id="objects failed in an apply that nobody follows",
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
            Situation(INVENTORY, source_error="no access", unread="no access"),
            {
                "Ready": "False SourceFailed: no access",
                "Reconciling": "True Retrying: what failed is tried again",
                "SourceReady": "False Failed: no access",
            },
            id="the newest commit cannot be fetched",
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
    """Each situation, with all conditions but that of health."""
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
        Failure("ConfigMap ns/a", "the namespace 'ns' does not exist", "render it"),
        Failure("ConfigMap ns/a", "30 of 100 objects left the branch at once [too-many]", "say so"),
    )
    assert status.observed_generation == 3


def test_a_status_stays_small_whatever_fails() -> None:
    """Twenty failures of at most 300 characters: an object of this kind can always be stored."""
    long = ObjectResult(KEY, Action.FAILED, "x" * 10_000)
    status = status_from(Situation(INVENTORY, failures=(long,) * 5000), EnvironmentStatus(), "now", 1)
    assert (status.failed, len(status.failures)) == (5000, 20)
    assert max(len(each.reason) for each in status.failures) == 300


REVISION = "1" * 40
SICK = Assessment(Health.DEGRADED, "Deployment.apps ns/web: the image cannot be pulled")
FINE = Assessment(Health.HEALTHY)


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        pytest.param(
            Situation(INVENTORY, applied=REVISION, health=Health.HEALTHY, components={"web": FINE}),
            ("Healthy", "True Healthy: "),
            id="all is well",
        ),
        pytest.param(
            Situation(INVENTORY, applied="0" * 40, health=Health.HEALTHY, components={"web": FINE}),
            ("Progressing", "False Progressing: "),
            id="the newest commit is not applied yet",
        ),
        pytest.param(
            Situation(
                INVENTORY,
                applied=REVISION,
                working=True,
                health=Health.HEALTHY,
                components={"web": FINE},
            ),
            ("Healthy", "True Healthy: "),
            id="the same commit is gone through again",
        ),
        pytest.param(
            Situation(
                INVENTORY,
                applied=REVISION,
                health=Health.DEGRADED,
                components={"db": FINE, "web": SICK},
            ),
            ("Degraded", f"False Degraded: {SICK.reason}"),
            id="a component is sick",
        ),
        pytest.param(
            Situation(
                INVENTORY,
                applied=REVISION,
                health=Health.HEALTHY,
                failures=(FAILED,),
                components={"web": FINE},
            ),
            (
                "Degraded",
                "False Degraded: 1 failed; ConfigMap ns/a: the namespace 'ns' does not exist",
            ),
            id="an object of it could not be applied",
        ),
        pytest.param(
            Situation(Inventory(), health=Health.HEALTHY), ("Unknown", "False Unknown: "), id="nothing yet"
        ),
    ],
)
def test_health_is_never_better_than_what_was_applied(
    situation: Situation, expected: tuple[str, str]
) -> None:
    """Gates decide by it: the worst of the components, and of what became of the objects."""
    status = status_from(situation, EnvironmentStatus(), "now", 3)
    found = status.condition("Healthy")
    assert found
    assert (str(status.health), f"{found.status} {found.reason}: {found.message}") == expected


def test_health_is_dated_anew_with_each_revision_and_a_component_only_when_it_turns() -> None:
    """`healthSince` is since when this revision has this health; `since` of a component is its own."""
    second = inventory_of(Accepted("2" * 40, "t", 8, "r"), INVENTORY.entries.values())
    good = Situation(INVENTORY, applied=REVISION, health=Health.HEALTHY, components={"web": FINE})
    steps = [
        good,
        good,
        replace(good, inventory=second, applied="2" * 40),
        replace(good, inventory=second, applied="2" * 40, health=Health.DEGRADED, components={"web": SICK}),
    ]
    status, found = EnvironmentStatus(), []
    for day, situation in enumerate(steps):
        status = status_from(situation, status, f"day {day}", 1)
        found.append((status.health_since, status.components[0].since))
    assert found == [("day 0", "day 0"), ("day 0", "day 0"), ("day 2", "day 0"), ("day 3", "day 3")]


def test_components_that_are_not_healthy_come_first_with_their_size_and_reason() -> None:
    """People read the top; what leaves the branch does not count."""
    entries = [InventoryEntry(ObjectId("", "ConfigMap", "ns", str(n)), "web", "1") for n in range(3)]
    leaving = InventoryEntry(ObjectId("", "ConfigMap", "ns", "x"), "web", "")
    situation = Situation(
        inventory_of(Accepted(REVISION, "t", 7, "r"), [*entries, leaving]),
        components={"api": FINE, "web": Assessment(Health.DEGRADED, "y" * 500)},
    )
    status = status_from(situation, EnvironmentStatus(), "now", 1)
    assert status.components == (
        ComponentStatus("web", Health.DEGRADED, "now", 3, "y" * 159 + "…"),
        ComponentStatus("api", Health.HEALTHY, "now", 0, ""),
    )


def test_five_hundred_sick_components_fit_into_an_object() -> None:
    """Agent's fault row 73: far below the 1.5 MiB that etcd takes, whatever happens."""
    names = [f"component-{number:04}" for number in range(5000)]
    situation = Situation(
        inventory_of(
            Accepted(REVISION, "t", 7, "r"),
            [
                InventoryEntry(ObjectId("", "ConfigMap", "ns", str(n)), names[n % 500], "1")
                for n in range(20_000)
            ],
        ),
        failures=(ObjectResult(KEY, Action.FAILED, "x" * 10_000, "y" * 10_000),) * 20_000,
        components=dict.fromkeys(names, Assessment(Health.DEGRADED, "z" * 10_000)),
    )
    status = status_from(situation, EnvironmentStatus(), "2026-01-31T12:00:00Z", 1)
    assert len(status.components) == 1000
    assert len(json.dumps(status_object("prod", "envctl-system", status))) < 400_000


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
    failures=st.lists(st.builds(Failure, text, text, text), max_size=3).map(tuple),
    committed_at=text,
    health=st.sampled_from(Health),
    health_since=text,
    components=st.lists(
        st.builds(ComponentStatus, text, st.sampled_from(Health), text, counts, text), max_size=3
    ).map(tuple),
    fought=counts,
    drifted=counts,
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
