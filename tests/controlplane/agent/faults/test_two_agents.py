"""Two agents of one environment that know nothing of each other, and have no Lease."""

from dataclasses import replace
from typing import Any

from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty, small


def test_two_agents_without_a_lease_do_no_harm(faulty: Faulty, wait_for: Any) -> None:
    """Agent's fault row 54: the inventory is written by compare-and-swap, and nothing goes back and forth."""
    rig = faulty.rig
    other = replace(rig, store=rig.store.with_suffix(".other"), log=[])
    faulty.publish(*FIRST)
    with rig.running(), other.running():
        for number in range(6):
            faulty.publish(*(SECOND if number % 2 else FIRST), small("counter", x=str(number)))
            wait_for(lambda number=number: rig.data("counter") == {"x": str(number)})
            if number == 3:
                rig.kube.delete(rig.config_map_type, rig.namespace, "keep")
        tip = faulty.publish(*SECOND)
        rig.await_applied(tip)
        faulty.check()
        for each in (rig, other):
            wait_for(lambda each=each: rests(faulty, each))
    assert rig.log
    assert other.log


def rests(faulty: Faulty, rig: Any) -> bool:
    """Whether an agent's objects and reports stay as they are, for several of its polls."""
    before = len(faulty.writes()), rig.everything()
    faulty.proxy.over.wait(6 * rig.options.interval)
    return (len(faulty.writes()), rig.everything()) == before
