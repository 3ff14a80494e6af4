"""The agent's process ends, at any write: killed, or told to stop."""

import itertools
import random
import signal
import subprocess
import time
from collections.abc import Iterable
from typing import Any

import pytest

from envctl.agent.lease import LEASE, record_of
from envctl.model.cluster import ResourceType
from tests.controlplane.agent.faults.conftest import FIRST, KINDS, SECOND, UNIQUE, Faulty, small
from tests.support.apifaults import cut_before, then
from tests.support.apiproxy import WRITES, Turn

GROUP = f"{UNIQUE}.example.com"
WIDGET = ResourceType(GROUP, "v1", "Widget", "widgets", namespaced=True)
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"widgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}
CUSTOM = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "w"}, "size": 1}
# More is removed in an hour than goes without a permission.
ALLOWED = ("Envctl-Allow-Prune: too-many",)
# Few writes, and both sides of each: before it is forwarded, and after it took effect.
SAMPLE = {False: (1, 5, 8), True: (3, 6, 10)}


def converge(faulty: Faulty) -> None:
    """A new process brings the cluster to the branch, and the oracle holds."""
    with faulty.process() as agent:
        faulty.rig.await_applied(faulty.rig.branch.tip)
        faulty.check()
        agent.send_signal(signal.SIGTERM)
        assert ended(agent)
        faulty.rig.await_applied(faulty.rig.branch.tip)


def ended(agent: "subprocess.Popen[str]") -> bool:
    """Whether an agent that was told to stop did, with exit code 0; where it does not, it writes down what its threads do."""
    try:
        return agent.wait(30) == 0
    except subprocess.TimeoutExpired:
        agent.send_signal(signal.SIGABRT)
        agent.wait()
        return False


def killed_at(faulty: Faulty, number: int, *, late: bool) -> bool:
    """Run a process that is killed at its write of this number; whether it had so many writes."""
    with faulty.process() as agent:
        kill = then(agent.kill, cut_before, after=late)
        fault = faulty.proxy.fault(kill, WRITES, nth=number)
        tip = faulty.rig.branch.tip
        faulty.wait(lambda: agent.poll() is not None or fault.hit or _is_done(faulty, tip))
        fault.lift()
        return bool(fault.hit)


def _is_done(faulty: Faulty, tip: str) -> bool:
    status = faulty.rig.status()
    return status.applied == tip and status.ready


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
def test_a_process_that_is_killed_at_any_write_converges(
    make_faulty: Any, pytestconfig: pytest.Config, *, late: bool
) -> None:
    """Agent's fault row 57: kill -9 at write 1, 2, 3 … of a commit that defines a kind, uses it, changes, adds and removes.

    No orphan, no lost prune; at some of the writes, or at all of them by option.
    """
    every = pytestconfig.getoption("every_write")
    numbers: Iterable[int] = itertools.count(1) if every else SAMPLE[late]
    for number in numbers:
        faulty = make_faulty()
        faulty.kinds = (*KINDS, WIDGET)
        faulty.publish(*FIRST)
        faulty.rig.once()
        faulty.publish(*SECOND, DEFINITION, CUSTOM)
        if not killed_at(faulty, number, late=late):
            assert number >= 10
            return
        converge(faulty)


def test_a_process_that_is_told_to_stop_leaves_in_order(
    make_faulty: Any, pytestconfig: pytest.Config
) -> None:
    """Agent's fault row 58: SIGTERM at any request, of changes, additions and prunes: it ends with 0 in time, the Lease given back.

    At a few requests, or at 200 by option; what the stopped ones left lies before the next.
    """
    faulty, chance = make_faulty(), random.Random(58)  # noqa: S311  (a seed makes it repeatable)
    for number in range(pytestconfig.getoption("stops")):
        values = [FIRST[0], *(small(f"o{each}", x=str(number)) for each in range(24 - 8 * (number % 2)))]
        faulty.publish(*values, trailers=ALLOWED)
        with faulty.process(election=True) as agent:
            stop_at(faulty, agent, chance.randint(1, 60))
    values = [FIRST[0], *(small(f"o{each}", x="last") for each in range(20))]
    faulty.publish(*values, trailers=ALLOWED)
    converge(faulty)


def stop_at(faulty: Faulty, agent: "subprocess.Popen[str]", number: int) -> None:
    """Tell an agent to stop at its request of this number, or when it is done if it has not so many."""

    def stop() -> None:
        agent.send_signal(signal.SIGTERM)

    def go_on(turn: Turn) -> None:
        turn.pass_on()

    fault = faulty.proxy.fault(then(stop, go_on), nth=number)
    tip = faulty.rig.branch.tip
    faulty.wait(lambda: fault.hit or _is_done(faulty, tip))
    fault.lift()
    if not fault.hit:
        stop()
    assert ended(agent), faulty.log()
    options = faulty.rig.options
    lease = faulty.rig.live(f"envctl-{options.environment}", options.namespace, LEASE)
    assert record_of(lease or {}).holder == ""


def test_a_server_that_stands_still_keeps_no_agent_from_ending(faulty: Faulty) -> None:
    """Agent's fault row 58: requests under way are waited for, but not for longer than a pod has; nothing is lost."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process() as agent:
        rig.await_applied(rig.branch.tip)
        faulty.proxy.hold()
        tip = faulty.publish(*SECOND)
        time.sleep(3)
        began = time.monotonic()
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(60) == 1
        assert time.monotonic() - began < 30
        faulty.proxy.release()
    with faulty.process():
        rig.await_applied(tip)
    faulty.check()
