"""Watches that end, stand still or lose an event: the agent looks at everything again, and drift is healed."""

import json
import math
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty
from tests.support.apifaults import answered, dropped, events, silent_after
from tests.support.apiproxy import WATCH, Turn
from tests.support.etcd import compact

RESYNC = 3.0
CONFIG_MAPS = f"configmaps.*{WATCH}"


@pytest.fixture
def short(make_faulty: Any) -> Faulty:
    """An agent whose watches begin anew every few seconds, and that asks for its branch once an hour."""
    found: Faulty = make_faulty(resync=RESYNC, interval=3600)
    return found


def edit(faulty: Faulty, name: str, **data: str) -> None:
    """Somebody else changes an object."""
    live: Any = faulty.rig.live(name)
    faulty.rig.kube.replace(faulty.rig.config_map_type, {**live, "data": data})


def drifts(faulty: Faulty) -> Iterator[str]:
    """An object is edited, and another one is deleted."""
    edit(faulty, "change", x="drifted")
    yield "change"
    faulty.rig.kube.delete(faulty.rig.config_map_type, faulty.rig.namespace, "keep")
    yield "keep"


def is_healed(faulty: Faulty, name: str) -> bool:
    return bool(faulty.rig.data(name) == {"x": "1"})


def test_an_event_that_never_came_is_made_up_for(short: Faulty) -> None:
    """Agent's fault row 18: no change comes through, only bookmarks; the next look at the state shows it."""
    lost = short.proxy.fault(events(dropped(*range(1, 100))), "GET", CONFIG_MAPS, times=math.inf)
    short.publish(*FIRST)
    with short.rig.running():
        short.rig.await_applied(short.rig.branch.tip)
        for name in drifts(short):
            short.wait(lambda name=name: is_healed(short, name), name)
        assert lost.hit > 1
        short.check()


def test_a_watch_that_stands_still_is_given_up(short: Faulty) -> None:
    """Agent's fault row 16: the connection stays open, and nothing comes, not even its end; a new one tells."""
    quiet = []
    still = short.proxy.fault(
        events(silent_after(4, lambda: quiet.append(1))), "GET", CONFIG_MAPS, times=math.inf
    )
    short.publish(*FIRST)
    with short.rig.running():
        short.rig.await_applied(short.rig.branch.tip)
        for name in drifts(short):
            short.wait(lambda name=name: is_healed(short, name), name)
        short.wait(lambda: still.hit > 2)
        assert quiet
        short.check()


def _expired(lines: Iterator[bytes]) -> Iterator[bytes]:
    """A stream that is told to be too old after its initial state."""
    for line in lines:
        yield line
        event = json.loads(line)
        if "k8s.io/initial-events-end" in str(event["object"].get("metadata")):
            break
    status: Mapping[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": "Expired",
        "code": 410,
        "message": "too old resource version: 1 (2)",
    }
    yield json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


def test_a_watch_that_is_too_old_begins_anew(faulty: Faulty) -> None:
    """Agent's fault row 12: 410 in the stream, three times in a row; what drifted meanwhile is healed."""
    gone = faulty.proxy.fault(events(_expired), "GET", CONFIG_MAPS, times=3)
    faulty.publish(*FIRST)
    with faulty.rig.running():
        faulty.rig.await_applied(faulty.rig.branch.tip)
        for name in drifts(faulty):
            faulty.wait(lambda name=name: is_healed(faulty, name), name)
        faulty.wait(lambda: gone.hit == 3)
        faulty.rig.await_applied(faulty.publish(*SECOND))
        faulty.check()


def test_a_version_that_etcd_has_forgotten_begins_anew(faulty: Faulty, cluster: Any) -> None:
    """Agent's fault row 12: etcd is compacted and the server restarted between a list and the watch that goes on from it.

    The list tells the state before the drift; the server's own 410 is what makes the agent look again.
    """
    rig = faulty.rig
    faulty.publish(*FIRST)
    rig.once()
    faulty.proxy.fault(answered(400), "GET", f"{CONFIG_MAPS}.*sendInitialEvents", times=math.inf)

    restarted, said = threading.Event(), bytearray()

    def heard(lines: Iterator[bytes]) -> Iterator[bytes]:
        for line in lines:
            said.extend(line)
            yield line

    def forget(turn: Turn) -> None:
        for _ in drifts(faulty):
            pass
        server = cluster.dev.process("kube-apiserver")
        server.kill()
        compact(cluster.dev)
        server.start()
        cluster.dev.wait_ready()
        restarted.set()
        events(heard)(turn)

    faulty.proxy.fault(forget, "GET", f"{CONFIG_MAPS}.*resourceVersion=[1-9]")
    with rig.running():
        faulty.wait(restarted.is_set)
        for name in ("change", "keep"):
            faulty.wait(lambda name=name: is_healed(faulty, name), name)
        rig.await_applied(rig.branch.tip)
        assert b'"code":410' in said
        faulty.check()
