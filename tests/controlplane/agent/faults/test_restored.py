"""A cluster that is restored from an older backup: its versions go back, and the agent believes what stands now."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envctl.devcluster.cluster import API_ONLY, ClusterOptions, DevCluster
from envctl.model.cluster import ResourceType
from tests.controlplane.agent.faults.conftest import small
from tests.controlplane.conftest import NAMESPACE
from tests.support.etcd import back_up, restore

DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
NAMES = ("agents", "objects")


@pytest.fixture
def dev(start_cluster: Callable[[ClusterOptions], DevCluster]) -> DevCluster:
    return start_cluster(API_ONLY)


@pytest.fixture
def rig(dev: DevCluster, connected: Any, make_rig: Callable[..., Any]) -> Any:
    """An environment in a cluster of its own, whose agent asks for its branch once an hour."""
    kube = connected(dev.kubeconfig)
    for name in NAMES:
        kube.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return make_rig(agents=NAMES[0], namespace=NAMES[1], kubeconfig=dev.kubeconfig)


def deployment(image: str, name: str = "web") -> dict[str, Any]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMES[1]},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
    }


def settings(**data: str) -> dict[str, Any]:
    value = small("settings", **data)
    return {**value, "metadata": {**value["metadata"], "namespace": NAMES[1]}}


def get_ready(rig: Any, name: str = "web") -> None:
    """Say of a Deployment what its controller would."""
    live = rig.live(name, kind=DEPLOYMENT)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    status = {"observedGeneration": live["metadata"]["generation"], **counts}
    metadata = {name: live["metadata"][name] for name in ("name", "namespace")}
    rig.kube.apply_status(
        DEPLOYMENT, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "status": status}
    )


def grow_old(rig: Any) -> None:
    """Let the cluster write much that is nobody's."""
    for number in range(400):
        rig.kube.apply(
            rig.config_map_type,
            settings(n=str(number)) | {"metadata": {"name": "noise", "namespace": "default"}},
        )


def edit(rig: Any, **data: str) -> None:
    rig.kube.replace(rig.config_map_type, rig.live("settings") | {"data": data})


def is_at(rig: Any, image: str, **data: str) -> bool:
    live = rig.live("web", kind=DEPLOYMENT)
    found = live["spec"]["template"]["spec"]["containers"][0]["image"] if live else ""
    return bool(found == image and rig.data("settings") == data)


def test_health_and_drift_are_right_after_a_restore(
    dev: DevCluster, rig: Any, wait_for: Callable[..., Any], tmp_path: Path
) -> None:
    """What was applied since is applied again; then it is well, and drift is healed, though all versions are lower."""
    rig.branch.publish({"web": [deployment("web:1"), settings(x="1")]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        get_ready(rig)
        back_up(dev, tmp_path / "backup")
        rig.branch.publish({"web": [deployment("web:2"), settings(x="2")]})
        tip = rig.await_applied(rig.branch.tip).applied
        get_ready(rig)
        wait_for(lambda: rig.status().health == "Healthy", "healthy")
        grow_old(rig)
        edit(rig, x="drifted")
        wait_for(lambda: is_at(rig, "web:2", x="2"), "healed")
        high = int(rig.live("settings")["metadata"]["resourceVersion"])
        restore(dev, tmp_path / "backup")
        wait_for(lambda: is_at(rig, "web:2", x="2"), "applied again")
        wait_for(lambda: rig.status().applied == tip and rig.status().health == "Progressing", "told")
        get_ready(rig)
        wait_for(lambda: rig.status().health == "Healthy", "healthy again")
        edit(rig, x="drifted")
        wait_for(lambda: is_at(rig, "web:2", x="2"), "healed again")
        assert int(rig.live("settings")["metadata"]["resourceVersion"]) < high


def test_an_agent_that_has_written_nothing_sees_a_restore_too(
    dev: DevCluster, rig: Any, wait_for: Callable[..., Any], tmp_path: Path
) -> None:
    """It knows no version of any object; its inventory is another one by then."""
    rig.branch.publish({"web": [settings(x="1")]})
    rig.once()
    back_up(dev, tmp_path / "backup")
    rig.branch.publish({"web": [settings(x="2")]})
    rig.once()
    rig.options, watches = replace(rig.options, interval=3600), rig.agent.requests()["WATCH"]
    with rig.running():
        wait_for(lambda: rig.agent.requests()["WATCH"] > watches, "it watches")
        restore(dev, tmp_path / "backup")
        wait_for(lambda: rig.data("settings") == {"x": "2"}, "applied again")
        wait_for(lambda: rig.status().applied == rig.branch.tip, "told")


def test_an_object_that_the_backup_has_not_comes_back_and_is_watched(
    dev: DevCluster, rig: Any, wait_for: Callable[..., Any], tmp_path: Path
) -> None:
    """Its health is known again, however high its version was."""
    other = deployment("other:1", "other")
    rig.branch.publish({"web": [settings(x="1"), other]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        back_up(dev, tmp_path / "backup")
        rig.branch.publish({"web": [settings(x="1"), other, deployment("web:1")]})
        tip = rig.await_applied(rig.branch.tip).applied
        grow_old(rig)
        get_ready(rig)
        get_ready(rig, "other")
        wait_for(lambda: rig.status().health == "Healthy", "healthy")
        restore(dev, tmp_path / "backup")
        wait_for(lambda: is_at(rig, "web:1", x="1"), "it is back")
        wait_for(lambda: rig.status().applied == tip and rig.status().health == "Progressing", "told")
        get_ready(rig)
        get_ready(rig, "other")
        wait_for(lambda: rig.status().health == "Healthy", "healthy again")
