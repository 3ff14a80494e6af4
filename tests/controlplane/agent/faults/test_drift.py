"""Drift of every kind, and of the inventory itself, by the hundred: all is as the branch says soon after."""

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from envctl.kube.connection import Request
from tests.controlplane.agent.faults.conftest import FIRST, Faulty, small

SOON = 30.0
NAMES = [f"object-{number:03}" for number in range(100)]
Edit = Callable[[Faulty, str], object]


def put(faulty: Faulty, value: Mapping[str, Any]) -> None:
    """Write an object as `kubectl edit` does; nothing where somebody else wrote it meanwhile."""
    metadata = value["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"))
    body = json.dumps(value).encode()
    answer = faulty.rig.kube._transport.send(
        Request("PUT", f"{path}?fieldManager=kubectl-edit", body, headers)
    )
    assert answer.status in (200, 404, 409), answer.body


def _changed(edit: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Edit:
    """Somebody writes an object anew, with one thing changed; nothing where it is gone just now."""

    def change(faulty: Faulty, name: str) -> None:
        live: Any = faulty.rig.live(name)
        if live:
            put(faulty, {**live, **edit(live)})

    return change


def delete(faulty: Faulty, name: str) -> None:
    faulty.rig.kube.delete(faulty.rig.config_map_type, faulty.rig.namespace, name)


def edit_inventory(faulty: Faulty, _name: str) -> None:
    """Its parts are ConfigMaps too, and somebody edits one."""
    live: Any = faulty.rig.live(faulty.inventory, faulty.rig.options.namespace)
    if live:
        put(faulty, {**live, "binaryData": {"entries.json.gz": "bm9uc2Vuc2U="}})


def delete_inventory(faulty: Faulty, _name: str) -> None:
    options = faulty.rig.options
    faulty.rig.kube.delete(faulty.rig.config_map_type, options.namespace, faulty.inventory)


EDITS: dict[str, Edit] = {
    "a value is changed": _changed(lambda _: {"data": {"x": "theirs"}}),
    "a value is removed": _changed(lambda _: {"data": {}}),
    "a value is added": _changed(lambda live: {"data": {**live.get("data", {}), "more": "theirs"}}),
    "the label is stripped": _changed(lambda live: {"metadata": {**live["metadata"], "labels": {}}}),
    "the label is another's": _changed(
        lambda live: {
            "metadata": {**live["metadata"], "labels": {"applyset.kubernetes.io/part-of": "applyset-x-v1"}}
        }
    ),
    "the object is deleted": delete,
    "the inventory is edited": edit_inventory,
    "the inventory is deleted": delete_inventory,
}


def is_whole(faulty: Faulty, name: str) -> bool:
    live: Any = faulty.rig.live(name)
    labels = (live or {}).get("metadata", {}).get("labels")
    return bool(
        live
        and live.get("data", {}).get("x") == "1"
        and labels == {"applyset.kubernetes.io/part-of": faulty.rig.options.set_id}
    )


@pytest.mark.parametrize("name", [each for each in EDITS if "another's" not in each])
def test_each_kind_of_drift_is_healed(name: str, faulty: Faulty) -> None:
    """Agent's fault row 72: once each, and a prune afterwards is right about what there is."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        EDITS[name](faulty, "change")
        faulty.wait(lambda: is_whole(faulty, "change"))
        faulty.publish(*[each for each in FIRST if each["metadata"]["name"] != "leave"])
        faulty.wait(lambda: rig.data("leave") is None, "what left the branch is pruned")
        rig.await_applied(rig.branch.tip)


def test_drift_by_the_hundred_is_healed_soon(faulty: Faulty, pytestconfig: pytest.Config) -> None:
    """Agent's fault row 72: random edits of objects and of the inventory, as fast as one hand makes them (``--edits 1000``).

    Each object is whole within half a minute after the last one, nothing is deleted, and the agent rests.
    """
    rig, chance = faulty.rig, random.Random(pytestconfig.getoption("seed"))  # noqa: S311  (a repeatable test)
    faulty.publish(*(small(name, x="1") for name in NAMES))
    kinds = [each for each in EDITS if "another's" not in each]
    with rig.running():
        rig.await_applied(rig.branch.tip)
        for _ in range(pytestconfig.getoption("edits")):
            kind = chance.choices(kinds, [8, 8, 8, 8, 8, 1, 1])[0]
            EDITS[kind](faulty, chance.choice(NAMES))
        end = time.monotonic() + SOON
        for name in NAMES:
            while not is_whole(faulty, name):
                assert time.monotonic() < end, f"{name} is not healed"
                time.sleep(0.05)
        rig.await_condition("Ready", "Applied")
    assert [each.object for each in faulty.writes() if each.verb == "delete"] == []


def test_an_object_that_carries_anothers_label_is_not_taken_back(faulty: Faulty) -> None:
    """Agent's fault row 72: somebody made it theirs; it is told, and stays as it is."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        EDITS["the label is another's"](faulty, "change")
        faulty.wait(lambda: any("belongs to another environment" in each.message for each in rig.log))
        live: Any = rig.live("change")
        assert live["metadata"]["labels"] == {"applyset.kubernetes.io/part-of": "applyset-x-v1"}
