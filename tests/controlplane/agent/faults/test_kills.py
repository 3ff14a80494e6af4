"""The agent's process ends, at any write: killed, or told to stop."""

import itertools
import random
import signal
from typing import Any

import pytest

from envctl.agent.lease import LEASE, record_of
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty
from tests.support.apifaults import cut_before, then
from tests.support.apiproxy import WRITES

LINES = r"^(?!.*/leases)"


def converge(faulty: Faulty) -> None:
    """A new process brings the cluster to the branch, and the oracle holds."""
    with faulty.process() as agent:
        faulty.rig.await_applied(faulty.rig.branch.tip)
        faulty.check()
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(30) == 0


def killed_at(faulty: Faulty, number: int, *, late: bool) -> bool:
    """Run a process that is killed at its write of this number; whether it had so many writes."""
    with faulty.process() as agent:
        kill = then(agent.kill, cut_before, after=late)
        fault = faulty.proxy.fault(kill, WRITES, LINES, nth=number)
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
    """Agent's fault row 57: kill -9 at write 1, 2, 3 …: no orphan, no lost prune; some writes, or all by option."""
    every = pytestconfig.getoption("every_write")
    for number in itertools.count(1) if every else (2, 4, 6):
        faulty = make_faulty()
        faulty.publish(*FIRST)
        faulty.rig.once()
        faulty.publish(*SECOND)
        if not killed_at(faulty, number, late=late):
            assert number > 6
            return
        converge(faulty)


@pytest.mark.parametrize("seed", range(3))
def test_a_process_that_is_told_to_stop_leaves_in_order(seed: int, make_faulty: Any) -> None:
    """Agent's fault row 58: SIGTERM in the middle of an apply: it ends with 0, and gives its Lease back."""
    faulty = make_faulty()
    values = [{**FIRST[1], "metadata": {"name": f"o{number}"}} for number in range(60)]
    faulty.publish(*values)
    with faulty.process(election=True) as agent:
        fault = faulty.proxy.fault(
            then(lambda: agent.send_signal(signal.SIGTERM), lambda turn: turn.pass_on()),
            "PATCH",
            "configmaps/o",
            nth=random.Random(seed).randint(1, 50),  # noqa: S311  (a seed makes it repeatable)
        )
        assert agent.wait(30) == 0
        assert fault.hit
    options = faulty.rig.options
    lease = faulty.rig.live(f"envctl-{options.environment}", options.namespace, LEASE)
    assert record_of(lease or {}).holder == ""
    converge(faulty)
