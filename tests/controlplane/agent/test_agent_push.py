"""`envctl apply` from outside the cluster: it waits for health, takes its turn, and can be interrupted."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envctl.agent.lease import LEASE, Elector, LeaseOptions
from envctl.agent.once import Driver, Patience, apply_once
from envctl.model.applied import Applied, Ending
from envctl.wiring import system_clock

LIMIT = 60.0


def deployment(name: str, namespace: str, *, deadline: int = 600, **pod: Any) -> dict[str, Any]:
    """A Deployment whose pod kwok makes ready; with a `nodeSelector` no node takes it."""
    labels = {"app": name}
    spec = {"containers": [{"name": "main", "image": "main:1"}], **pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "progressDeadlineSeconds": deadline,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


NOWHERE = {"nodeSelector": {"no": "where"}}


def pushed(rig: Any, patience: Patience | None, **driver: Any) -> Applied:
    """Fetch the branch and apply it."""
    world = rig.world(driver.pop("cluster", None))
    commit = world.repository.fetch(rig.options.remote, [rig.options.ref])[rig.options.ref]
    return apply_once(world, commit, patience, Driver(driver.pop("stop", threading.Event()), **driver))


def told(applied: Applied) -> dict[str, str]:
    return {each.id.name: f"{each.found.health}: {each.found.reason}" for each in applied.unwell}


def test_it_waits_until_all_is_healthy(rig: Any, cm: Any) -> None:
    """Pods start after the apply is answered; without waiting the Deployment is still on its way."""
    rig.branch.publish({"web": [deployment("web", rig.namespace), cm("a", rig.namespace)]})
    lines: list[str] = []
    applied = pushed(rig, Patience(LIMIT), tell=lines.append)
    assert (applied.ending, applied.health, told(applied), applied.todo) == (Ending.DONE, "Healthy", {}, ())
    assert {each.id.name: str(each.action) for each in applied.result.results} == {
        "a": "created",
        "web": "created",
    }
    assert all(line.startswith(("applying: ", "waiting: ")) for line in lines)
    rig.branch.publish({"web": [deployment("web", rig.namespace, deadline=500), cm("a", rig.namespace)]})
    assert pushed(rig, None).ending is Ending.DONE


def test_what_does_not_become_healthy_in_time_is_named(rig: Any) -> None:
    """Everything is applied; the reasons are those of the objects, and the status says the same."""
    rig.branch.publish({"web": [deployment("web", rig.namespace, **NOWHERE)]})
    applied = pushed(rig, Patience(timeout=3))
    assert (applied.ending, applied.health) == (Ending.TIMED_OUT, "Progressing")
    assert told(applied) == {"web": "Progressing: 0 of 1 updated replicas are available"}
    assert rig.status().applied == rig.branch.tip


def conditions(rig: Any, *names: str) -> dict[str, str]:
    """What the status says of these conditions."""
    status = rig.status()
    return {name: f"{(each := status.condition(name)).reason}: {each.message}" for name in names}


def test_a_component_that_still_waits_at_the_end_is_reported(rig: Any, cm: Any) -> None:
    """The time is over while one waits for another's health: the status says who waits for whom, and nobody goes on."""
    waiting = {"db": [deployment("db", rig.namespace, **NOWHERE)], "web": [cm("a", rig.namespace)]}
    rig.branch.publish(waiting, depends_on={"db": [], "web": ["db"]})
    applied = pushed(rig, Patience(timeout=3))
    assert (applied.ending, [key.name for key in applied.todo]) == (Ending.TIMED_OUT, ["a"])
    assert conditions(rig, "Ready", "Reconciling") == {
        "Ready": f"Waiting: component web waits for component db: Deployment.apps {rig.namespace}/db is "
        "Progressing: 0 of 1 updated replicas are available",
        "Reconciling": "Idle: ",
    }


def test_an_apply_that_is_interrupted_in_the_middle_is_not_ready(rig: Any, cm: Any) -> None:
    """Nothing was sent yet: the status does not say that all is applied."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    stop = threading.Event()
    stop.set()
    applied = pushed(rig, Patience(LIMIT), stop=stop)
    assert applied.ending is Ending.INTERRUPTED
    assert conditions(rig, "Ready", "Reconciling") == {
        "Ready": "ReconcileFailed: the apply ended before all was applied: it was interrupted",
        "Reconciling": "Idle: ",
    }


def test_drift_that_nobody_wants_healed_is_reported(rig: Any, cm: Any) -> None:
    """As an agent reports it, with what was changed by whom."""
    warned = cm("a", rig.namespace, x="1")
    warned["metadata"]["annotations"] = {"envctl.dev/drift": "warn"}
    rig.branch.publish({"web": [warned]})
    pushed(rig, None)
    rig.kube.replace(rig.config_map_type, rig.live("a") | {"data": {"x": "2"}})
    for _ in range(2):
        pushed(rig, None)
        status = rig.status()
        assert (status.drifted, rig.data("a")) == (1, {"x": "2"})
        (line,) = map(str, status.failures)
        assert f"ConfigMap {rig.namespace}/a" in line
        assert "(.data.x); it is not healed (drift: warn)" in line
    rig.kube.replace(rig.config_map_type, rig.live("a") | {"data": {"x": "1"}})
    pushed(rig, None)
    assert rig.status().drifted == 0


def test_what_is_degraded_for_good_ends_the_wait(rig: Any) -> None:
    """A rollout past its own deadline: not the whole timeout is waited for."""
    rig.branch.publish({"web": [deployment("web", rig.namespace, deadline=1, **NOWHERE)]})
    applied = pushed(rig, Patience(LIMIT, grace=0.5))
    assert (applied.ending, applied.health) == (Ending.DEGRADED, "Degraded")
    (reason,) = told(applied).values()
    assert reason.startswith("Degraded: 1 of 1 replicas are updated, 0 are available")


def test_what_the_server_refuses_is_told_object_by_object(rig: Any, cm: Any) -> None:
    """It is tried again, and then a failure; the others are applied."""
    rig.options = replace(rig.options, retry_first=0.1)
    bad = cm("bad", rig.namespace) | {"data": {"not/a/key": "x"}}
    rig.branch.publish({"web": [bad, cm("a", rig.namespace)]})
    lines: list[str] = []
    applied = pushed(rig, Patience(LIMIT), tell=lines.append)
    assert (applied.ending, [key.name for key in applied.todo]) == (Ending.FAILED, ["bad"])
    again = "applying: 1 of 2 objects stand as they should; tried again: "
    assert any(line.startswith(f"{again}ConfigMap {rig.namespace}/bad failed: ") for line in lines)
    assert {each.id.name: str(each.action) for each in applied.result.results} == {
        "a": "created",
        "bad": "failed",
    }


def test_what_drifts_while_it_waits_is_put_back(rig: Any, cm: Any, wait_for: Callable[..., Any]) -> None:
    """By the same watches that health comes from."""
    rig.branch.publish({"web": [deployment("web", rig.namespace, **NOWHERE), cm("a", rig.namespace, x="1")]})
    stop = threading.Event()
    thread = threading.Thread(target=pushed, args=(rig, Patience(LIMIT)), kwargs={"stop": stop})
    thread.start()
    try:
        live = wait_for(lambda: rig.live("a"))
        rig.kube.replace(rig.config_map_type, live | {"data": {"x": "2"}})
        wait_for(lambda: rig.data("a") == {"x": "1"}, "healed")
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def command(rig: Any, cluster: Any) -> Callable[..., subprocess.Popen[str]]:
    """Starts `envctl apply` of the rig's branch as a process of its own."""

    def start(*options: str) -> subprocess.Popen[str]:
        words = ["-C", str(rig.branch.path), "apply", rig.options.environment]
        words += ["--kubeconfig", str(cluster.kubeconfig), "--namespace", rig.options.namespace, *options]
        return subprocess.Popen(
            [sys.executable, "-m", "envctl", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )

    return start


def finished(process: subprocess.Popen[str]) -> tuple[int, Any, str]:
    out, err = process.communicate(timeout=LIMIT)
    return process.returncode, json.loads(out), err


def test_an_interrupt_says_what_is_done_and_what_is_not(
    rig: Any, cm: Any, command: Any, wait_for: Callable[..., Any]
) -> None:
    """Ctrl-C while a Deployment is waited for: 130, the Lease is free again, and the next one goes on."""
    rig.branch.publish({"web": [deployment("web", rig.namespace, **NOWHERE), cm("a", rig.namespace)]})
    process = command("-o", "json")
    wait_for(lambda: rig.live("web", kind=rig.kube.resource_type("apps", "Deployment")))
    process.send_signal(signal.SIGINT)
    code, data, _ = finished(process)
    assert (code, data["ending"], data["succeeded"]) == (130, "interrupted", False)
    lease = rig.kube.get(LEASE, rig.options.namespace, f"envctl-{rig.options.environment}")
    assert "holderIdentity" not in lease["spec"]
    rig.branch.publish({"web": [deployment("web", rig.namespace), cm("a", rig.namespace)]})
    code, data, _ = finished(command("-o", "json"))
    assert (code, data["ending"], data["health"], data["unhealthy"]) == (0, "done", "Healthy", [])


def test_it_is_refused_while_an_agent_acts(rig: Any, cm: Any, command: Any) -> None:
    """The agent is named. With --force it acts beside it, and the inventory stays whole."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    options = LeaseOptions(rig.options.environment, rig.options.namespace, "pod-1_ab12", 3)
    elector, over = Elector(options, rig.kube, system_clock(), rig.log.append), threading.Event()
    assert elector.acquire(over)
    keeper = threading.Thread(target=elector.keep, args=(over,))
    keeper.start()
    try:
        code, data, _ = finished(command("-o", "json"))
        assert (code, data["error"]["summary"]) == (1, "the agent pod-1_ab12 acts for this environment")
        assert rig.live("a") is None
        code, data, _ = finished(command("-o", "json", "--force"))
        assert (code, data["ending"]) == (0, "done")
    finally:
        over.set()
        keeper.join()


def test_two_at_once_take_turns(rig: Any, cm: Any, command: Any) -> None:
    """Both succeed, and one of them finds nothing to do."""
    rig.branch.publish({"web": [cm(f"c{number}", rig.namespace) for number in range(20)]})
    both = [finished(each) for each in (command("-o", "json"), command("-o", "json"))]
    assert [(code, data["ending"]) for code, data, _ in both] == [(0, "done")] * 2
    assert sorted(data["counts"]["created"] for _, data, _ in both) == [0, 20]


def test_the_text_says_how_it_ended(rig: Any, command: Any) -> None:
    """Progress on standard error, a line for each new piece of work; the result on standard output."""
    rig.branch.publish({"web": [deployment("web", rig.namespace, **NOWHERE)]})
    process = command("--timeout", "2s", "--namespaced")
    out, err = process.communicate(timeout=LIMIT)
    lines = out.splitlines()
    assert process.returncode == 1
    assert lines[0] == f"created Deployment.apps {rig.namespace}/web"
    assert lines[1].startswith(f"{rig.options.environment} at {rig.branch.tip[:12]} (#1) on https://")
    assert lines[2:] == [
        f"Progressing Deployment.apps {rig.namespace}/web: 0 of 1 updated replicas are available",
        "failed: the time was up (1 object not healthy)",
    ]
    assert err.splitlines()[0].startswith(f"applying deploy/{rig.options.environment} to https://")
    assert f"waiting: 0 of 1 objects are healthy; Deployment.apps {rig.namespace}/web is Progressing" in err
