"""What an event of a watch means for the inventory."""

import time
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from envctl.agent.healthbook import HealthBook
from envctl.agent.observe import (
    Doubt,
    Drift,
    Heard,
    Known,
    Observer,
    Scope,
    Watcher,
    drift_in,
    missing,
    news_of,
    still_drifts,
)
from envctl.errors import UnavailableError
from envctl.health.rules import Rules
from envctl.model.cluster import EventKind, ResourceType, WatchEvent
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.planning.fields import fields_digest

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
KEY = ObjectId("", "ConfigMap", "ns", "a")


def managed(manager: str, *fields: str, operation: str = "Apply") -> dict[str, object]:
    owned = {f"f:{name}": {} for name in fields}
    return {
        "manager": manager,
        "operation": operation,
        "time": "2026-01-01T00:00:00Z",
        "fieldsV1": {"f:data": owned},
    }


def event(kind: EventKind, *entries: dict[str, object], name: str = "a") -> WatchEvent:
    metadata = {"name": name, "namespace": "ns", "resourceVersion": "7", "managedFields": list(entries)}
    return WatchEvent(kind, CONFIG_MAP, {"metadata": metadata})


OURS = managed("envctl", "x", "y")
DIGEST = fields_digest({"metadata": {"managedFields": [OURS]}})
ENTRY = InventoryEntry(KEY, "web", "1", "1", settled=True, uid="u", fields=DIGEST)
LESS = managed("envctl", "x")
LESS_DIGEST = fields_digest({"metadata": {"managedFields": [LESS]}})
EDIT = managed("kubectl-edit", "y", operation="Update")


@pytest.mark.parametrize(
    ("seen", "entry", "drift"),
    [
        pytest.param(event(EventKind.MODIFIED, OURS), ENTRY, None, id="as applied"),
        pytest.param(
            event(EventKind.MODIFIED, OURS, managed("hpa", "z")), ENTRY, None, id="somebody added a field"
        ),
        pytest.param(
            event(EventKind.MODIFIED, LESS, EDIT),
            ENTRY,
            Drift(KEY, "7", LESS_DIGEST, "kubectl-edit", (".data.y",)),
            id="a field was taken",
        ),
        pytest.param(
            event(EventKind.ADDED, EDIT),
            ENTRY,
            Drift(KEY, "7", "", "kubectl-edit", (".data.y",)),
            id="all was taken",
        ),
        pytest.param(event(EventKind.DELETED, OURS), ENTRY, Drift(KEY, "7", vanished=True), id="deleted"),
        pytest.param(event(EventKind.MODIFIED, LESS, name="b"), ENTRY, None, id="not in the inventory"),
        pytest.param(
            event(EventKind.DELETED), InventoryEntry(KEY, "web", "", "1", uid="u"), None, id="leaving anyway"
        ),
        pytest.param(
            event(EventKind.MODIFIED, OURS),
            InventoryEntry(KEY, "web", "2", "1", uid="u", fields=DIGEST),
            Drift(KEY, "7", DIGEST, ""),
            id="being applied: judged when that is over",
        ),
    ],
)
def test_an_event_is_drift_only_where_our_fields_changed(
    seen: WatchEvent, entry: InventoryEntry, drift: Drift | None
) -> None:
    """The truth table of drift."""
    assert drift_in(seen, {entry.id: entry}) == drift


@pytest.mark.parametrize(
    ("drift", "written", "expected"),
    [
        pytest.param(Drift(KEY, "7", "other"), "", True, id="nothing written yet"),
        pytest.param(Drift(KEY, "7", "other"), "6", True, id="after our write"),
        pytest.param(Drift(KEY, "7", "other"), "8", False, id="before our write"),
        pytest.param(Drift(KEY, "10", "other"), "9", True, id="versions are numbers"),
        pytest.param(Drift(KEY, "7", DIGEST), "6", False, id="our fields stand"),
        pytest.param(Drift(KEY, "7", vanished=True), "6", True, id="gone"),
        pytest.param(Drift(KEY, "7", vanished=True), "8", False, id="gone, and made again by us"),
        pytest.param(Drift(KEY, "", vanished=True), "8", True, id="missing from a whole state"),
    ],
)
def test_drift_is_judged_again_when_it_is_healed(drift: Drift, written: str, *, expected: bool) -> None:
    """Events that were on their way while we wrote are no drift."""
    assert still_drifts(drift, ENTRY, written) is expected


def test_what_is_not_in_a_complete_state_is_missing() -> None:
    """Only settled objects of that very kind count."""
    keys = {name: ObjectId("", "ConfigMap", "ns", name) for name in ("seen", "lost", "pending")}
    secret = ObjectId("", "Secret", "ns", "lost")
    entries = {
        keys["seen"]: InventoryEntry(keys["seen"], "web", "1", "1", settled=True),
        keys["lost"]: InventoryEntry(keys["lost"], "web", "1", "1", settled=True),
        keys["pending"]: InventoryEntry(keys["pending"], "web", "1"),
        secret: InventoryEntry(secret, "web", "1", "1", settled=True),
    }
    assert list(missing(Scope("", "ConfigMap"), {keys["seen"]}, entries)) == [
        Drift(keys["lost"], "", vanished=True)
    ]


class Undiscovered:
    """A cluster whose extension API server is down."""

    def __init__(self) -> None:
        self.asked = 0

    def resource_type(self, group: str, _: str) -> None:
        self.asked += 1
        raise UnavailableError(f"the extension API server behind {group} does not answer")


def test_a_kind_that_nobody_can_find_is_told_once_and_tried_again() -> None:
    """However often the watches are brought in line meanwhile; until then the agent does not see all."""
    key = ObjectId("metrics.example.com", "Metric", "ns", "a")
    inventory = {"now": {key: replace(ENTRY, id=key)}}
    cluster, log, clock = Undiscovered(), list[str](), SimpleNamespace(seconds=0.0)
    clock.monotonic = lambda: clock.seconds
    world: Any = SimpleNamespace(
        cluster=cluster,
        clock=clock,
        options=SimpleNamespace(namespaced=False),
        say=lambda _, message, **__: log.append(message),
    )
    known = Known(lambda: inventory["now"], HealthBook(Rules()))
    observer = Observer(world, known, lambda _: None, lambda _: None)
    for tenth in range(600):
        clock.seconds = tenth / 10
        observer.follow()
    assert log == ["cannot watch Metric: the extension API server behind metrics.example.com does not answer"]
    assert observer.trouble() == "the extension API server behind metrics.example.com does not answer"
    assert cluster.asked == 7
    assert observer.due == 0.5 + 1 + 2 + 4 + 8 + 16 + 30
    inventory["now"] = {}
    observer.follow()
    assert (observer.trouble(), observer.due) == ("", None)


class CutShort:
    """A cluster behind something that ends each watch at once, as if all had been said."""

    def __init__(self) -> None:
        self.asked = 0

    def watch(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        return nullcontext(iter([event(EventKind.ADDED, OURS)]))


def test_a_watch_that_ends_before_it_told_the_state_is_a_failure() -> None:
    """Nothing is missing by it, it is told once, and it is not asked for again and again."""
    cluster, log, news = CutShort(), list[str](), list[object]()
    world: Any = SimpleNamespace(
        cluster=cluster,
        options=SimpleNamespace(environment="prod", selector=""),
        say=lambda _, message, **__: log.append(message),
    )
    lost = replace(KEY, name="b")
    entries = {KEY: ENTRY, lost: replace(ENTRY, id=lost)}
    known = Known(lambda: entries, HealthBook(Rules(statusless=frozenset({("", "ConfigMap")}))))
    watcher = Watcher(world, Scope("", "ConfigMap"), CONFIG_MAP, known, news.append, news.append)
    watcher.start()
    time.sleep(1)
    watcher.stop()
    watcher.join(5)
    assert not watcher.is_alive()
    assert log == ["cannot watch ConfigMap: the watch ended before it had told the whole state"]
    assert [each for each in news if isinstance(each, Drift)] == []
    assert watcher.trouble == "the watch ended before it had told the whole state"
    assert cluster.asked <= 3


@pytest.mark.parametrize(
    ("wrote", "since", "rewound", "left"),
    [
        pytest.param("6", "6", False, "6", id="written before, and not changed back"),
        pytest.param("9", "9", True, "", id="older than what we wrote: another history"),
        pytest.param("9", "6", False, "9", id="written while the state was on its way"),
    ],
)
def test_an_initial_state_tells_of_a_history_that_went_back(
    wrote: str, since: str, left: str, *, rewound: bool
) -> None:
    """From then on what was written in the other history makes no drift look old."""
    known = Known(lambda: {KEY: ENTRY}, HealthBook(Rules()), written={KEY: wrote})
    heard = Heard({}, {KEY: since})
    found = list(news_of(event(EventKind.ADDED, LESS, EDIT), known, heard))
    assert (Doubt() in found, known.written.get(KEY, "")) == (rewound, left)
    (drift,) = [each for each in found if isinstance(each, Drift)]
    assert still_drifts(drift, ENTRY, left) is (left != "9")
