"""The whole API server goes away, or stands still: the agent waits, and goes on where it was."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envctl.devcluster.cluster import API_ONLY, ClusterOptions, DevCluster
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty, small
from tests.controlplane.conftest import NAMESPACE


@pytest.mark.parametrize("how", ["killed", "told to end"])
def test_a_restarted_api_server_is_picked_up(how: str, faulty: Faulty, cluster: Any) -> None:
    """Agent's fault row 1: a commit comes while it is away, and is applied once it is back; each object once."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        process = cluster.dev.process("kube-apiserver")
        try:
            # Told to end, it waits for its watches; then it is killed.
            process.kill() if how == "killed" else process.terminate(2)
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


def memory(pid: int) -> int:
    """The resident memory of a process, in KiB."""
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in each]
    return int(line.split()[1])


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_an_outage_costs_neither_memory_nor_threads_nor_log_lines(
    faulty: Faulty, cluster: Any, pytestconfig: pytest.Config
) -> None:
    """Agent's fault row 2: the API server is killed and stays away; the process waits, and tells each change of state once."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process() as agent:
        rig.await_applied(rig.branch.tip)
        before, running, said = memory(agent.pid), threads(agent.pid), len(faulty.log())
        server = cluster.dev.process("kube-apiserver")
        try:
            server.kill()
            rig.branch.published = faulty.twin.branch.published = lambda: None  # nobody can grant anything
            tip = faulty.publish(*SECOND)
            threading.Event().wait(pytestconfig.getoption("outage"))
            lines = [json.loads(line)["message"] for line in faulty.log()[said:].splitlines()]
            grown, more = memory(agent.pid) - before, threads(agent.pid) - running
        finally:
            server.start()
            cluster.dev.wait_ready()
        assert lines
        assert [line for line, count in Counter(lines).items() if count > 1] == []
        assert (grown < 8 * 1024, more <= 8) == (True, True)
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


def test_a_server_that_takes_one_write_at_a_time_gets_all_of_them(
    start_cluster: Callable[[ClusterOptions], DevCluster], connected: Any, make_rig: Callable[..., Any]
) -> None:
    """Agent's fault row 6: the server's own limit refuses whoever comes second; nothing is lost, and nobody storms."""
    flags = ("--enable-priority-and-fairness=false", "--max-mutating-requests-inflight=1")
    dev = start_cluster(replace(API_ONLY, apiserver=flags))
    kube, names = connected(dev.kubeconfig), ("agents", "objects")
    for name in names:
        kube.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    rig = make_rig(agents=names[0], namespace=names[1], kubeconfig=dev.kubeconfig)
    objects = [
        {**value, "metadata": {**value["metadata"], "namespace": names[1]}}
        for value in (small(f"o{number}") for number in range(40))
    ]
    rig.branch.publish({"web": objects})
    with rig.running():
        rig.await_applied(rig.branch.tip)
    found = {each["metadata"]["name"] for each in kube.list(rig.config_map_type, namespace=names[1]).items}
    assert found >= {f"o{number}" for number in range(40)}
    assert 40 < rig.writes() < 4 * 40
