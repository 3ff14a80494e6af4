"""Seeded runs of commits, faults, restarts and foreign hands: in the end the cluster is the branch, each time."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from envctl.agent.loop import Agent
from envctl.errors import EnvctlError
from tests.controlplane.agent.faults.conftest import Faulty, small
from tests.support.apifaults import (
    answered,
    cut_after,
    cut_before,
    cut_body,
    delayed,
    doubled,
    dropped,
    events,
    nonsense,
    truncated,
)
from tests.support.apiproxy import WATCH, WRITES

STEPS = 8
NAMES = [f"o{number}" for number in range(12)]
ANCHORS = [small(f"anchor{number}", x="1") for number in range(4)]
REQUESTS = (cut_before, cut_after, cut_body(30), truncated(30), nonsense, delayed(0.2))
REFUSALS = tuple(answered(status) for status in (401, 403, 409, 410, 429, 500, 503, 504))
STREAMS = (events(doubled(1)), events(dropped(1)), cut_body(500), cut_before, answered(410))


class Run:
    """One seeded run. `counts` says what was done; `ends`: how often the agent ended with an error."""

    def __init__(self, faulty: Faulty, seed: int) -> None:
        self.faulty = faulty
        self.chance = random.Random(seed)  # noqa: S311  (a seed makes it repeatable)
        self.tree = dict.fromkeys(NAMES[:6], "1")
        self.counts = {"commits": 0, "faults": 0, "foreign": 0, "restarts": 0, "ends": 0}

    def commit(self) -> None:
        """Add, change or remove one object, or rename one."""
        name = self.chance.choice(NAMES)
        kind = self.chance.choice(["put", "put", "remove", "rename"])
        if kind != "put":
            self.tree.pop(name, None)
        if kind != "remove":
            target = self.chance.choice(NAMES) if kind == "rename" else name
            self.tree[target] = str(self.chance.randint(1, 1000))
        self.publish()

    def publish(self) -> str:
        self.counts["commits"] += 1
        values = [small(name, x=value) for name, value in sorted(self.tree.items())]
        return self.faulty.publish(*ANCHORS, *values, trailers=["Envctl-Allow-Prune: all"])

    def fault(self) -> None:
        """Something goes wrong with one of the next requests."""
        self.counts["faults"] += 1
        proxy, chance = self.faulty.proxy, self.chance
        nth, times = chance.randint(1, 4), chance.randint(1, 3)
        match chance.randint(0, 3):
            case 0:
                proxy.fault(chance.choice(STREAMS), "GET", WATCH, nth=1, times=times)
                proxy.cut()
            case 1:
                proxy.fault(chance.choice(REQUESTS), WRITES, nth=nth, times=times)
            case 2:
                proxy.fault(chance.choice(REFUSALS), WRITES, nth=nth, times=times)
            case _:
                proxy.fault(chance.choice((*REQUESTS, *REFUSALS)), "GET", "^(?!.*watch=true)", times=times)

    def foreign(self) -> None:
        """Somebody edits or deletes an object of ours."""
        rig, name = self.faulty.rig, self.chance.choice([*NAMES, "anchor0"])
        live = rig.live(name)
        if live is None:
            return
        self.counts["foreign"] += 1
        if self.chance.random() < 0.5:
            rig.kube.delete(rig.config_map_type, rig.namespace, name)
        else:
            self._edit(name)

    def _edit(self, name: str) -> None:
        rig = self.faulty.rig
        target = f"/api/v1/namespaces/{rig.namespace}/configmaps/{name}?fieldManager=somebody&force=true"
        value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"x": "theirs"}}
        rig.raw("PATCH", target, value)

    @contextlib.contextmanager
    def supervised(self) -> Iterator[None]:
        """An agent that is started again where it ends with an error that it explains, as a kubelet does."""
        rig, over, bugs = self.faulty.rig, threading.Event(), list[BaseException]()

        def run() -> None:
            while not over.is_set():
                world = rig.world()
                try:
                    Agent(
                        world.options, world.repository, world.cluster, world.clock, world.log, world.rules
                    ).run(over)
                except EnvctlError:
                    self.counts["ends"] += 1
                    over.wait(0.2)
                except BaseException as error:  # noqa: BLE001  (a bug, told by the test)
                    bugs.append(error)
                    return

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(60)
            assert not thread.is_alive()
            assert bugs == []

    def go(self) -> None:
        """All steps, under an agent that is started anew now and then; then no more faults."""
        faulty, left = self.faulty, STEPS
        self.publish()
        while left:
            with self.supervised():
                for _ in range(min(left, self.chance.randint(2, 5))):
                    left -= 1
                    self.chance.choice([self.commit, self.commit, self.fault, self.fault, self.foreign])()
                    threading.Event().wait(self.chance.uniform(0, 0.4))
            self.counts["restarts"] += 1
        faulty.proxy.clear()
        with self.supervised():
            faulty.rig.await_applied(self.publish())
            faulty.check()


def test_random_faults_leave_the_cluster_as_the_branch_says(
    make_faulty: Callable[..., Faulty], pytestconfig: pytest.Config, record_property: Any, capsys: Any
) -> None:
    """No wrong delete, no lost prune, no foreign write, in any of the runs; the seeds are the examples."""
    runs, total = pytestconfig.getoption("fault_seeds"), dict.fromkeys(("runs", "writes", "deletes"), 0)
    for seed in range(runs):
        run = Run(make_faulty(retry_first=0.2, retry_most=1), seed)
        try:
            run.go()
        except BaseException:
            with capsys.disabled():
                print(f"seed {seed} failed: {run.counts}")  # noqa: T201
            raise
        written = run.faulty.writes()
        total["runs"] += 1
        total["writes"] += len(written)
        total["deletes"] += sum(each.verb == "delete" for each in written)
        for name, count in run.counts.items():
            total[name] = total.get(name, 0) + count
    record_property("random faults", str(total))
    with capsys.disabled():
        print(f"\nrandom faults: {total}, 0 wrong deletes")  # noqa: T201
