"""The health of objects as it is known: from answers and watches, never from what is older."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.healthbook import GONE, HEALTHY, UNAPPLIED, UNSEEN, HealthBook, overall
from envctl.model.health import Assessment
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.wiring import health_rules

RULES = health_rules()
DEPLOYMENT = ObjectId("apps", "Deployment", "shop", "web")
CONFIG_MAP = ObjectId("", "ConfigMap", "shop", "settings")


def entry(key: ObjectId, *, component: str = "web", uid: str = "u", wanted: str = "b") -> InventoryEntry:
    return InventoryEntry(key, component, wanted, wanted, settled=bool(uid), uid=uid)


def deployment(version: int, *, ready: int) -> Mapping[str, Any]:
    """A Deployment of one replica that is there, or is not yet."""
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "generation": 1, "resourceVersion": str(version)},
        "spec": {"replicas": 1},
        "status": {**status, "availableReplicas": ready},
    }


def config_map(version: int, **metadata: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"resourceVersion": str(version), **metadata},
    }


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(entry(DEPLOYMENT, uid=""), UNAPPLIED, id="never applied"),
        pytest.param(entry(DEPLOYMENT), UNSEEN, id="applied before this agent started, and not seen yet"),
        pytest.param(entry(CONFIG_MAP), HEALTHY, id="a kind without a status is healthy once it is applied"),
    ],
)
def test_what_nothing_was_heard_of(known: InventoryEntry, expected: Assessment) -> None:
    """The inventory alone tells."""
    assert HealthBook(RULES).of(known) == expected


def test_a_change_is_told_once() -> None:
    """The first look, and each other health after it."""
    book = HealthBook(RULES)
    told = [
        book.note(DEPLOYMENT, deployment(version, ready=ready)) for version, ready in ((1, 0), (2, 0), (3, 1))
    ]
    assert told == [True, False, True]
    assert book.of(entry(DEPLOYMENT)).health is Health.HEALTHY


def test_what_is_older_than_an_apply_does_not_count() -> None:
    """The watch still tells of the healthy object from before, when the new one is not healthy yet."""
    book = HealthBook(RULES)
    book.note(DEPLOYMENT, deployment(7, ready=0))
    assert not book.note(DEPLOYMENT, deployment(6, ready=1))
    assert book.of(entry(DEPLOYMENT)).health is Health.PROGRESSING


def test_a_look_that_began_when_nothing_newer_was_known_counts_whatever_its_version() -> None:
    """The cluster was restored from a backup: lower versions are newer by now, also after the object was gone."""
    book = HealthBook(RULES)
    book.note(DEPLOYMENT, deployment(900, ready=1))
    before = book.version(DEPLOYMENT)
    assert book.note(DEPLOYMENT, deployment(7, ready=0), before)
    assert book.note(DEPLOYMENT, deployment(8, ready=1))
    book.note(DEPLOYMENT, deployment(900, ready=1))
    assert not book.note(DEPLOYMENT, deployment(9, ready=0), before=8)
    assert book.gone(DEPLOYMENT, before=900)
    assert book.note(DEPLOYMENT, deployment(10, ready=1))
    assert book.versions() == {DEPLOYMENT: 10}


def test_a_missing_object_is_missing_until_it_is_seen_again() -> None:
    """Also one without a status."""
    book = HealthBook(RULES)
    assert book.gone(CONFIG_MAP, "5")
    assert book.of(entry(CONFIG_MAP)) == GONE
    assert book.note(CONFIG_MAP, config_map(6))
    assert book.of(entry(CONFIG_MAP)) == HEALTHY


def test_what_is_being_deleted_is_not_healthy() -> None:
    """A kind without a status has a deletion date nevertheless."""
    book = HealthBook(RULES)
    book.note(CONFIG_MAP, config_map(5, deletionTimestamp="2026-01-01T00:00:00Z"))
    assert book.of(entry(CONFIG_MAP)) == Assessment(Health.PROGRESSING, "pending deletion")


def test_a_component_is_as_healthy_as_its_worst_object() -> None:
    """And its reason names the object; what leaves the branch does not count."""
    book = HealthBook(RULES)
    book.note(DEPLOYMENT, deployment(1, ready=0))
    book.gone(ObjectId("", "ConfigMap", "shop", "old"), "2")
    found = book.components(
        [
            entry(CONFIG_MAP),
            entry(DEPLOYMENT),
            entry(ObjectId("", "ConfigMap", "shop", "old"), component="old", wanted=""),
            entry(ObjectId("", "ConfigMap", "shop", "other"), component="db"),
        ]
    )
    assert {name: each.health for name, each in found.items()} == {
        "web": Health.PROGRESSING,
        "db": Health.HEALTHY,
    }
    assert found["web"].reason.startswith(f"{DEPLOYMENT}: ")
    assert overall(found) is Health.PROGRESSING


@given(st.permutations(range(1, 8)), st.lists(st.sampled_from([0, 1]), min_size=7, max_size=7))
def test_the_newest_look_decides_in_whatever_order_looks_arrive(order: list[int], ready: list[int]) -> None:
    """Answers and several watches race each other."""
    book = HealthBook(RULES)
    for version in order:
        book.note(DEPLOYMENT, deployment(version, ready=ready[version - 1]))
    assert book.of(entry(DEPLOYMENT)).health is (Health.HEALTHY if ready[6] else Health.PROGRESSING)
