"""The whole API server goes away, or stands still: the agent waits, and goes on where it was."""

import threading
from collections import Counter
from typing import Any

import pytest

from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty


@pytest.mark.parametrize("how", ["killed", "told to end"])
def test_a_restarted_api_server_is_picked_up(how: str, faulty: Faulty, cluster: Any) -> None:
    """Agent's fault row 1: a commit comes while it is away, and is applied once it is back; each object once."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        process = cluster.dev.process("kube-apiserver")
        try:
            process.kill() if how == "killed" else process.terminate()
            rig.branch.published = faulty.twin.branch.published = lambda: None  # nobody can grant anything
            tip = faulty.publish(*SECOND)
            faulty.wait(lambda: any("answer" in each.message for each in rig.log), "it is noticed")
        finally:
            process.start()
            cluster.dev.wait_ready()
        rig.await_applied(tip)
        faulty.check()
    done = [each.object for each in faulty.writes() if each.verb == "patch" and each.status < 300]
    assert (done.count("configmaps/keep"), done.count("configmaps/change")) == (1, 2)


def test_an_outage_costs_neither_threads_nor_log_lines(faulty: Faulty, pytestconfig: pytest.Config) -> None:
    """Agent's fault row 2: refused for as long as it takes; one line for each change of state, no new threads."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        rig.log.clear()
        threads = threading.active_count()
        faulty.proxy.down()
        tip = faulty.publish(*SECOND)
        threading.Event().wait(pytestconfig.getoption("outage"))
        assert {
            line: count for line, count in Counter(each.message for each in rig.log).items() if count > 1
        } == {}
        assert threading.active_count() <= threads
        faulty.proxy.up()
        rig.await_applied(tip)
        faulty.check()


def test_a_store_that_stands_still_is_waited_for(faulty: Faulty, cluster: Any) -> None:
    """Agent's fault row 3: etcd is frozen; each object has one request under way at most, and none is lost."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        before = len(faulty.proxy.log)
        tip = faulty.publish(*SECOND)
        cluster.dev.pause("etcd")
        try:
            threading.Event().wait(3)
            waiting = [
                each.target for each in faulty.proxy.log[before:] if each.method != "GET" and not each.status
            ]
            assert len(waiting) == len(set(waiting))
        finally:
            cluster.dev.resume("etcd")
        rig.await_applied(tip)
        faulty.check()


def test_a_line_that_lets_nothing_pass_is_survived(faulty: Faulty) -> None:
    """Agent's fault row 2: no refusal and no end, only silence; then all that was sent arrives."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        faulty.proxy.hold()
        tip = faulty.publish(*SECOND)
        threading.Event().wait(1)
        faulty.proxy.release()
        rig.await_applied(tip)
        faulty.check()
