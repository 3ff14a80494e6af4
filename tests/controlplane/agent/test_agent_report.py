"""What an agent says of its environment, as the real API server keeps and shows it."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from envctl.agent.events import EVENT, Events
from envctl.agent.report import Reporter, read_status
from envctl.agent.resource import ENVIRONMENT
from envctl.agent.situation import Situation
from envctl.errors import ClusterError
from envctl.kube.connect import connect
from envctl.kube.connection import Request
from envctl.model.health import Assessment
from envctl.model.inventory import Accepted, InventoryEntry, inventory_of
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.plan import Action, ObjectResult
from envctl.model.status import Level

KEY = ObjectId("", "ConfigMap", "ns", "a")
HOUR = 1200  # seconds; a third is enough to tell
CANARY = "canary-5d1f0a77"


@dataclass
class Watch:
    """A clock that the test moves."""

    seconds: float = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def table(rig: Any) -> list[Mapping[str, str]]:
    """What ``kubectl get environments`` is told to print, column by column; with -o wide."""
    target = f"/apis/envctl.dev/v1alpha1/namespaces/{rig.options.namespace}/environments"
    headers = (("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"),)
    answer = json.loads(rig.kube._transport.send(Request("GET", target, headers=headers)).body)
    names = [each["name"] for each in answer["columnDefinitions"]]
    return [
        {name: str(cell) for name, cell in zip(names, row["cells"], strict=True)} for row in answer["rows"]
    ]


def events(rig: Any) -> list[Any]:
    """All Events of an environment, the oldest first."""
    items = rig.kube.list(EVENT, namespace=rig.options.namespace).items
    return sorted(items, key=lambda each: (each["eventTime"], each["reason"]))


def reasons(rig: Any) -> set[str]:
    return {each["reason"] for each in events(rig)}


def secret(namespace: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": namespace},
        "stringData": {"token": CANARY, **data},
    }


def test_kubectl_shows_what_matters_and_events_tell_the_story(
    rig: Any, cm: Callable[..., Any], wait_for: Any
) -> None:
    """Columns, conditions with their generation, components, Events about the object; no secret in any."""
    first = rig.branch.publish({"web": [cm("a", rig.namespace, x="1"), secret(rig.namespace)]})
    with rig.running():
        rig.await_applied(first)
        wait_for(lambda: table(rig)[0]["Health"] == "Healthy", "healthy")
        row = table(rig)[0]
        assert {name: text for name, text in row.items() if name not in {"Age", "Name"}} == {
            "Ready": "True",
            "Health": "Healthy",
            "Revision": first[:12],
            "Objects": "2",
            "Failed": "0",
            "Reason": "Applied",
            "Sequence": "1",
            "Healed": "0",
            "Message": f"2 objects at {first[:12]}",
        }
        live = rig.live(rig.options.environment, rig.options.namespace, ENVIRONMENT)
        assert {each["observedGeneration"] for each in live["status"]["conditions"]} == {
            live["metadata"]["generation"]
        }
        assert [(each["name"], each["health"], each["objects"]) for each in live["status"]["components"]] == [
            ("web", "Healthy", 2)
        ]
        assert live["status"]["committedAt"] == "2023-11-14T22:13:20Z"
        change = {**cm("a", rig.namespace, x="2"), "data": {"x": "2"}}
        target = f"/api/v1/namespaces/{rig.namespace}/configmaps/a?fieldManager=somebody&force=true"
        rig.raw("PATCH", target, change)
        wait_for(lambda: "DriftHealed" in reasons(rig), "the heal is told")
        rig.branch.publish(
            {"web": [cm("a", "nowhere-" + rig.namespace, x="1"), secret(rig.namespace, **{"not valid": "x"})]}
        )
        wait_for(lambda: "ObjectFailed" in reasons(rig), "the failures are told")
        rig.branch.publish({}, environment="other")
        wait_for(lambda: "CommitRefused" in reasons(rig), "the refusal is told")
        found = events(rig)
        uid = live["metadata"]["uid"]
        assert {(each["regarding"]["name"], each["regarding"]["uid"]) for each in found} == {
            (rig.options.environment, uid)
        }
        assert {"CommitAccepted", "Applied", "DriftHealed", "ObjectFailed", "CommitRefused"} <= reasons(rig)
        said = json.dumps([found, rig.live(rig.options.environment, rig.options.namespace, ENVIRONMENT)])
        assert CANARY not in said
        assert CANARY not in str(rig.log)


@pytest.fixture
def reporting(rig: Any, cluster: Any) -> Any:
    """A reporter by itself, with a clock that the test moves; the definition stands already."""
    with closing(connect(cluster.kubeconfig)) as kube:
        clock = Watch()
        world = replace(rig.world(kube), clock=clock)
        reporter = Reporter(world, Events(world))
        reporter.begin()
        yield rig, reporter, clock, kube


def test_an_hour_of_storm_is_no_storm_of_writes(reporting: Any) -> None:
    """Agent's fault row 73: everything changes each second; status and Events have bounded rates."""
    rig, reporter, clock, kube = reporting
    inventory = inventory_of(Accepted("1" * 40, "t", 7, "r"), [InventoryEntry(KEY, "web", "1")])
    for second in range(HOUR):
        clock.seconds = second
        sick = Assessment(Health.DEGRADED if second % 2 else Health.HEALTHY, f"pod {second}")
        reporter.report(
            Situation(
                inventory,
                applied="1" * 40,
                health=sick.health,
                components={"web": sick},
                failures=(ObjectResult(KEY, Action.FAILED, "the same each time"),) if second % 2 else (),
                healed=second,
                last_healed=f"ConfigMap ns/a (changed by manager {second % 40})",
            )
        )
    writes = {key: count for key, count in kube.answers().items() if key[0] == "PATCH"}
    assert set(writes) <= {("PATCH", 200), ("PATCH", 201)}
    told = len(events(rig))
    assert sum(writes.values()) <= 1 + 10 + HOUR / 5 + 20 + HOUR / 10 + 2
    assert told <= 20 + HOUR / 10 + 1
    counted = [each for each in events(rig) if each["reason"] == "ObjectFailed"]
    assert max(each.get("series", {}).get("count", 1) for each in counted) > HOUR / 4
    # What was held back comes as soon as it may.
    assert reporter.due is not None
    clock.seconds = reporter.due
    last = reporter.report(Situation(inventory, applied="1" * 40, health=Health.HEALTHY))
    assert reporter.due is None
    assert read_status(kube, rig.options.environment, rig.options.namespace) == last


def test_the_server_keeps_a_status_of_many_components_and_refuses_a_wrong_one(reporting: Any) -> None:
    """Agent's fault row 73: 20,000 objects in 500 components, all sick; and the schema is one."""
    rig, reporter, _, kube = reporting
    names = [f"component-{number}" for number in range(500)]
    entries = [
        InventoryEntry(ObjectId("", "ConfigMap", f"ns-{n % 99}", f"a-{n}"), names[n % 500], "1")
        for n in range(20_000)
    ]
    sick = Assessment(Health.DEGRADED, "Deployment.apps ns/web: " + "the image cannot be pulled " * 20)
    status = reporter.report(
        Situation(
            inventory_of(Accepted("1" * 40, "t", 7, "r"), entries),
            health=Health.DEGRADED,
            components=dict.fromkeys(names, sick),
        )
    )
    assert read_status(kube, rig.options.environment, rig.options.namespace) == status
    live = kube.get(ENVIRONMENT, rig.options.namespace, rig.options.environment)
    assert len(json.dumps(live)) < 300_000
    assert {each["objects"] for each in live["status"]["components"]} == {40}
    place = {"name": rig.options.environment, "namespace": rig.options.namespace}
    wrong = {
        "apiVersion": ENVIRONMENT.api_version,
        "kind": "Environment",
        "metadata": place,
        "status": {"health": "Splendid"},
    }
    with pytest.raises(ClusterError, match="Unsupported value"):
        kube.apply_status(ENVIRONMENT, wrong)


def test_the_server_keeps_a_note_in_any_script(reporting: Any) -> None:
    """It counts bytes; and one Event that it refused would hold up all that come later."""
    rig, reporter, _, _ = reporting
    reporter.report(Situation(inventory_of(Accepted("1" * 40, "t", 7, "r"), []), trouble="\u65e5" * 2000))
    assert {"ReconcileFailed", "CommitAccepted"} <= reasons(rig)
    assert rig.log == []


@pytest.fixture
def no_events(rig: Any, wait_for: Any) -> Any:
    """The rig, with an agent that has all its rights but that to write Events."""
    name, namespace = f"envctl-agent-{rig.options.environment}", rig.options.namespace
    roles = rig.kube.resource_type("rbac.authorization.k8s.io", "Role")
    live = rig.kube.get(roles, namespace, name)
    rules = [each for each in live["rules"] if "events" not in each["resources"]]
    rig.kube.replace(roles, {**live, "rules": rules})

    def refused() -> bool:
        try:
            rig.agent.apply(EVENT, {"metadata": {"name": "x", "namespace": namespace}})
        except ClusterError as error:
            return error.status == 403
        return False

    wait_for(refused, "the right is gone")
    return rig


def test_an_environment_without_rights_to_events_is_reported_all_the_same(no_events: Any) -> None:
    """Events are a courtesy: that they cannot be written is said once."""
    world = no_events.world()
    reporter = Reporter(world, Events(world))
    reporter.begin()
    for number in range(3):
        reporter.report(Situation(inventory_of(Accepted(str(number) * 40, "t", 7, "r"), [])))
    (said,) = [each.message for each in no_events.log]
    assert said.startswith("cannot write events: ")
    assert no_events.status().revision == "2" * 40


def test_health_that_turns_is_told_in_the_log_and_flapping_once(reporting: Any) -> None:
    """Nothing else says in the log that what was applied does not work."""
    rig, reporter, clock, _ = reporting
    inventory = inventory_of(Accepted("1" * 40, "t", 7, "r"), [InventoryEntry(KEY, "web", "1")])
    sick, well = Assessment(Health.DEGRADED, "ConfigMap ns/a: it is bad"), Assessment(Health.HEALTHY)
    for second, found in enumerate((well, sick, well, sick, well)):
        clock.seconds = second
        reporter.report(Situation(inventory, applied="1" * 40, components={"web": found}))
    assert [(each.level, each.message) for each in rig.log] == [
        (Level.WARNING, "degraded: component web: ConfigMap ns/a: it is bad"),
        (Level.INFO, "component web is healthy again"),
    ]
