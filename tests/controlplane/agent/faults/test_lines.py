"""Requests of the agent that fail on their way, one by one: it converges, and nothing else happens."""

import itertools
import math
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from envctl.errors import UnavailableError
from envctl.kube.connect import connect
from envctl.model.cluster import ResourceType
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty, small
from tests.controlplane.conftest import token_of
from tests.support.apifaults import answered, cut_after, cut_before, cut_body, nonsense, stalled, truncated
from tests.support.apiproxy import WATCH, Turn

SECRET_TYPE = ResourceType("", "v1", "Secret", "secrets", namespaced=True)
CHANGED = "configmaps/change"
INVENTORY = "configmaps/envctl-inventory"
BUSY = {"Retry-After": "1"}

SCRIPTS: dict[str, tuple[tuple[Any, str, str, float], ...]] = {
    "429 of a write": ((answered(429), "PATCH", CHANGED, 2),),
    "500 of a write": ((answered(500), "PATCH", CHANGED, 2),),
    "503 of a write": ((answered(503), "PATCH", CHANGED, 2),),
    "504 of a write that took effect": ((answered(504, after=True), "PATCH", CHANGED, 2),),
    "500 of a prune": ((answered(500), "DELETE", "configmaps/leave", 2),),
    "409 of the inventory": ((answered(409), "PUT", INVENTORY, 2),),
    "409 of an object": ((answered(409), "PATCH", CHANGED, 2),),
    "409 of a prune": ((answered(409), "DELETE", "configmaps/leave", 1),),
    "a write cut before": ((cut_before, "PATCH", CHANGED, 2),),
    "a write cut after": ((cut_after, "PATCH", CHANGED, 2),),
    "the inventory cut after": ((cut_after, "PUT", INVENTORY, 1),),
    "a prune cut after": ((cut_after, "DELETE", "configmaps/leave", 1),),
    "no JSON for a write": ((nonsense, "PATCH", CHANGED, 2),),
    "half a JSON for a write": ((truncated(40), "PATCH", CHANGED, 2),),
    "no JSON for the read before a prune": ((nonsense, "GET", "configmaps/leave", 2),),
    "half a JSON for the inventory": ((truncated(100), "PUT", INVENTORY, 1),),
}


def run(faulty: Faulty, *script: tuple[Any, str, str, float]) -> list[Any]:
    """A commit, faults, another commit that changes, adds and removes; the oracle."""
    faulty.publish(*FIRST)
    with faulty.rig.running():
        faulty.rig.await_applied(faulty.rig.branch.tip)
        faults = [faulty.proxy.fault(act, method, path, times=times) for act, method, path, times in script]
        tip = faulty.publish(*SECOND)
        faulty.rig.await_applied(tip)
        faulty.check()
    assert all(fault.hit for fault in faults)
    return faults


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_request_that_fails_is_made_good(name: str, faulty: Faulty) -> None:
    """Agent's fault rows 6, 7, 8, and 15: refused, torn or garbled answers of single requests."""
    run(faulty, *SCRIPTS[name])


def test_one_write_that_fails_holds_up_no_other(faulty: Faulty) -> None:
    """Agent's fault row 7: the object that fails is named, the others are applied and pruned."""
    faulty.publish(*FIRST)
    with faulty.rig.running():
        faulty.rig.await_applied(faulty.rig.branch.tip)
        fault = faulty.proxy.fault(answered(500), "PATCH", CHANGED, times=math.inf)
        tip = faulty.publish(*SECOND)
        status = faulty.rig.await_condition("Ready", "ObjectsFailed")
        assert len(status.failures) == 1
        assert f"ConfigMap {faulty.rig.namespace}/change" in str(status.failures[0])
        faulty.wait(lambda: faulty.rig.data("new") and faulty.rig.data("leave") is None)
        assert faulty.rig.data("change") == {"x": "1"}
        fault.lift()
        faulty.rig.await_applied(tip)
        faulty.check()


def test_heals_that_fail_again_and_again_are_one_failure(faulty: Faulty) -> None:
    """While its step waits for another one, an object is edited twice, and cannot be put back: it is told as one."""
    rig = faulty.rig

    def publish(**data: str) -> None:
        value = small("change", **data)
        placed = {**value, "metadata": {**value["metadata"], "namespace": rig.namespace}}
        objects = {"db": [claim(rig.namespace)], "web": [placed]}
        rig.branch.publish(objects, depends_on={"db": [], "web": ["db"]} if data["x"] == "2" else {})

    def edit(**data: str) -> None:
        rig.kube.replace(rig.config_map_type, rig.live("change") | {"data": data})

    publish(x="1")
    with rig.running():
        rig.await_applied(rig.branch.tip)
        publish(x="2")
        rig.await_condition("Ready", "Waiting")
        fault = faulty.proxy.fault(answered(500), "PATCH", CHANGED, times=math.inf)
        for number in (1, 2, 3):
            edit(x=f"drifted {number}")
            faulty.wait(lambda number=number: fault.hit >= number)
        faulty.wait(lambda: rig.status().failed)
        threading.Event().wait(1.5)
        status = rig.status()
        assert (status.failed, len(status.failures)) == (1, 1)
        fault.lift()
        edit(x="drifted 4")
        faulty.wait(lambda: rig.data("change") == {"x": "1"})
        faulty.wait(lambda: not rig.status().failed, "nothing fails any more, and its step still waits")
        assert rig.status().condition("Ready").reason == "Waiting"


def claim(namespace: str) -> dict[str, Any]:
    """A volume claim that nobody binds here, so that it stays Progressing."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "db", "namespace": namespace},
        "spec": spec,
    }


def test_a_server_that_asks_to_wait_is_not_asked_before(faulty: Faulty) -> None:
    """Agent's fault row 6: each of two refusals with Retry-After costs one request of that object."""
    faults = run(faulty, (answered(429, headers=BUSY), "PATCH", CHANGED, 2))
    assert faults[0].seen == 3


def test_an_object_that_could_not_come_back_is_not_forgotten(faulty: Faulty) -> None:
    """It was deleted, and the write that heals it failed; then the inventory is read again, since an answer got lost before."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        torn = faulty.proxy.fault(nonsense, "PUT", INVENTORY)
        rig.kube.delete(rig.config_map_type, rig.namespace, "leave")  # healed, and its new UID is noted
        faulty.wait(lambda: torn.hit)
        # It does not even see, before it heals, that its inventory is another one by now.
        faulty.proxy.fault(answered(503), "GET", f"{INVENTORY}-[^?]*-0")
        refused = faulty.proxy.fault(answered(500), "PATCH", "configmaps/keep")
        rig.kube.delete(rig.config_map_type, rig.namespace, "keep")
        faulty.wait(lambda: refused.hit)
        faulty.wait(lambda: rig.data("keep") == {"x": "1"})
        rig.await_applied(faulty.publish(*SECOND))
        faulty.check()


@pytest.mark.parametrize("size", [0, 1, 200, 700, 1500])
def test_an_initial_state_that_breaks_off_is_no_state(size: int, faulty: Faulty) -> None:
    """Agent's fault row 14: what was not yet told is not missing; nothing is pruned or written anew."""
    faulty.publish(*FIRST)
    faulty.rig.once()
    before = faulty.rig.everything()
    faulty.proxy.fault(cut_body(size), "GET", f"configmaps.*{WATCH}", times=2)
    with faulty.rig.running():
        faulty.wait(lambda: faulty.proxy.count("GET", f"configmaps.*{WATCH}") > 2)
        faulty.rig.await_applied(faulty.rig.branch.tip)
        assert faulty.rig.everything() == before
        faulty.rig.await_applied(faulty.publish(*SECOND))
        faulty.check()


def test_an_inventory_that_breaks_off_anywhere_is_no_inventory(faulty: Faulty) -> None:
    """Agent's fault row 14: the list of its parts is cut at twenty points; each time nothing is written or pruned."""
    faulty.publish(*FIRST)
    faulty.rig.once()
    parts = "configmaps[?].*inventory"
    (listed, *_) = [each for each in faulty.proxy.exchanges("GET", parts) if each.answer]
    faulty.publish(*SECOND)
    before = faulty.rig.everything()
    faulty.rig.world().repository.fetch(faulty.rig.options.remote, [faulty.rig.options.ref])
    for point in range(20):
        faulty.proxy.fault(cut_body(listed.received * point // 20), "GET", parts)
        with pytest.raises(UnavailableError, match="broke off its answer"):
            faulty.rig.once()
    assert faulty.rig.everything() == before
    faulty.rig.once()
    faulty.check()


@pytest.mark.parametrize(
    "act", [nonsense, truncated(300), cut_body(300)], ids=["garbled", "truncated", "cut"]
)
def test_an_inventory_that_cannot_be_read_starts_nothing(act: Any, faulty: Faulty) -> None:
    """Agent's fault rows 14 and 15: the list of its parts breaks, at the start; then it is read again."""
    faulty.publish(*FIRST)
    faulty.rig.once()
    fault = faulty.proxy.fault(act, "GET", "configmaps[?].*inventory", times=2)
    faulty.publish(*SECOND)
    with faulty.rig.running():
        faulty.rig.await_applied(faulty.rig.branch.tip)
        faulty.check()
    assert fault.hit == 2


def test_an_expired_token_is_read_again(faulty: Faulty) -> None:
    """Agent's fault row 9: 401 until the kubeconfig holds the renewed token; without a restart."""
    path = faulty.proxy.kubeconfig
    content = yaml.safe_load(path.read_text())
    user = content["users"][0]["user"]
    old = user["token"]

    def expired(turn: Turn) -> None:
        if old in turn.exchange.headers.get("Authorization", ""):
            answered(401)(turn)
        else:
            turn.pass_on()

    faulty.publish(*FIRST)
    with faulty.rig.running():
        faulty.rig.await_applied(faulty.rig.branch.tip)
        faulty.proxy.fault(expired, times=math.inf)
        options = faulty.rig.options
        user["token"] = token_of(faulty.rig.kube, options.namespace, f"envctl-agent-{options.environment}")
        assert user["token"] != old
        path.write_text(yaml.safe_dump(content))
        faulty.rig.await_applied(faulty.publish(*SECOND))
        faulty.check()


def test_a_token_that_ends_is_read_again_from_its_file(faulty: Faulty, tmp_path: Path) -> None:
    """Agent's fault row 9: a real token that the server stops accepting, and its file, rotated as a kubelet does it."""
    rig, options = faulty.rig, faulty.rig.options
    file, ends = tmp_path / "token", {"name": "ends", "namespace": options.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": ends}
    rig.kube.create(SECRET_TYPE, secret)
    account = f"envctl-agent-{options.environment}"
    file.write_text(token_of(rig.kube, options.namespace, account, bound=secret))
    content = yaml.safe_load(faulty.proxy.kubeconfig.read_text())
    content["users"][0]["user"] = {"tokenFile": str(file)}
    faulty.proxy.kubeconfig.write_text(yaml.safe_dump(content))
    numbers = itertools.count(1)
    faulty.publish(*FIRST)
    with closing(connect(faulty.proxy.kubeconfig)) as rig.agent, rig.running():
        rig.await_applied(rig.branch.tip)
        file.write_text(token_of(rig.kube, options.namespace, account))
        rig.kube.delete(SECRET_TYPE, options.namespace, "ends")
        # The server remembers for ten seconds whom it believed.
        faulty.wait(
            lambda: (
                rig.await_applied(faulty.publish(*FIRST, small("tick", x=str(next(numbers)))))
                and any(each.status == 401 for each in faulty.proxy.log)
            )
        )
        rig.await_applied(faulty.publish(*SECOND))
        faulty.check()
    assert [str(each) for each in rig.log if "credentials" in each.message] == []


def test_a_token_that_nobody_renews_is_told_once(faulty: Faulty) -> None:
    """Agent's fault row 9: refused each time; one line in the log, and nothing else is lost once it is renewed."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        refused = faulty.proxy.fault(answered(401), times=math.inf)
        tip = faulty.publish(*SECOND)
        faulty.wait(lambda: refused.hit > 8)
        told = [each.message for each in rig.log if "does not accept the credentials" in each.message]
        assert len(told) == len(set(told))
        refused.lift()
        rig.await_applied(tip)
        faulty.check()


@pytest.mark.parametrize(("status", "times"), [(500, 2), (503, 2), (504, 2), (429, 5)])
@pytest.mark.parametrize("path", [r"configmaps\?", "environments/"])
def test_a_server_that_fails_at_the_start_is_waited_for(
    status: int, times: int, path: str, faulty: Faulty
) -> None:
    """Agent's fault rows 6 and 7: what it answers then is no reason to end, and with it all other environments."""
    fault = faulty.proxy.fault(answered(status), "GET", path, times=times)
    tip = faulty.publish(*FIRST)
    with faulty.rig.running():
        faulty.rig.await_applied(tip)
        assert fault.hit == times
        faulty.check()
    assert any(each.message.startswith("cannot start yet: ") for each in faulty.rig.log)


def test_a_stalled_write_holds_up_no_other(faulty: Faulty) -> None:
    """The connection stays open and nothing comes back: the other objects are applied, and it is made good."""
    faulty.publish(*FIRST)
    with faulty.rig.running():
        faulty.rig.await_applied(faulty.rig.branch.tip)
        fault = faulty.proxy.fault(stalled, "PATCH", CHANGED)
        tip = faulty.publish(*SECOND)
        faulty.wait(lambda: fault.hit and faulty.rig.data("new"))
        faulty.proxy.cut()
        faulty.rig.await_applied(tip)
        faulty.check()
