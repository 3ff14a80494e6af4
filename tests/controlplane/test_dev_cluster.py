"""The dev cluster itself, with its real programs."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envctl.devcluster.binaries import Programs
from envctl.devcluster.cluster import API_ONLY, ClusterOptions, DevCluster
from envctl.errors import ClusterError, UnavailableError, UsageError
from envctl.kube.cluster import KubeCluster
from envctl.model.cluster import ResourceType
from envctl.model.values import JsonObject

NAMESPACE = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)
NODE = ResourceType("", "v1", "Node", "nodes", namespaced=False)
POD = ResourceType("", "v1", "Pod", "pods", namespaced=True)
CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SERVICE = ResourceType("", "v1", "Service", "services", namespaced=True)
INGRESS = ResourceType("networking.k8s.io", "v1", "Ingress", "ingresses", namespaced=True)
CLAIM = ResourceType("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True)
VOLUME = ResourceType("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False)
STATEFUL_SET = ResourceType("apps", "v1", "StatefulSet", "statefulsets", namespaced=True)
DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)

Start = Callable[[ClusterOptions], DevCluster]
Processes = Callable[[Path | str], dict[int, str]]
Connect = Callable[[Path], KubeCluster]


def until(done: Callable[[], Any], seconds: float = 60) -> Any:
    """What a condition gives once it is true; a test that waits in vain fails."""
    deadline = time.monotonic() + seconds
    while not (value := done()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return value


def config_map(namespace: str, name: str) -> JsonObject:
    metadata: JsonObject = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}}


def deployment(namespace: str, replicas: int) -> JsonObject:
    labels: JsonObject = {"app": "web"}
    container: JsonObject = {"name": "web", "image": "web:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def stateful_set(namespace: str, replicas: int) -> JsonObject:
    value: Any = deployment(namespace, replicas)
    mount: JsonObject = {"name": "data", "mountPath": "/data"}
    value["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [mount]
    claim: JsonObject = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    value["spec"] |= {"serviceName": "web", "volumeClaimTemplates": [claim]}
    return value | {"kind": "StatefulSet"}


def with_spec(kind: str, api: str, namespace: str, spec: JsonObject) -> JsonObject:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"namespace": namespace, "name": "web"},
        "spec": spec,
    }


def status(kube: KubeCluster, resource: ResourceType, namespace: str) -> Any:
    found: Any = kube.get(resource, namespace, "web")
    return found.get("status", {})


def ready_pods(kube: KubeCluster, namespace: str) -> int:
    found: Any = kube.list(POD, namespace=namespace).items
    return sum(
        each["type"] == "Ready" and each["status"] == "True"
        for pod in found
        for each in pod.get("status", {}).get("conditions", [])
    )


def waiting(kube: KubeCluster, namespace: str) -> list[Any]:
    """Why containers wait, those that do."""
    found: Any = kube.list(POD, namespace=namespace).items
    states = [each["state"] for pod in found for each in pod["status"].get("containerStatuses", [])]
    return [state["waiting"] for state in states if "waiting" in state]


def test_a_user_without_rights_is_refused(start_cluster: Start, connected: Connect) -> None:
    """RBAC is on: who has no role may do nothing, and the administrator everything."""
    dev = start_cluster(API_ONLY)
    with pytest.raises(ClusterError) as refused:
        connected(dev.kubeconfig_for("jane", ["guests"])).list(CONFIG_MAP, namespace="default")
    assert refused.value.status == 403
    assert 'User "jane" cannot list resource "configmaps"' in str(refused.value)
    assert connected(dev.kubeconfig).list(CONFIG_MAP, namespace="default").items == ()


def test_the_pods_of_a_deployment_become_ready_on_the_fake_node(kube: KubeCluster, namespace: str) -> None:
    """Controllers make pods, the scheduler gives them the node, and kwok says that they run."""
    kube.create(DEPLOYMENT, deployment(namespace, 3))
    until(lambda: ready_pods(kube, namespace) == 3)
    live: Any = until(
        lambda: (
            (found := kube.get(DEPLOYMENT, namespace, "web"))
            and found["status"].get("readyReplicas") == 3  # type: ignore[union-attr, call-overload]
            and found
        )
    )
    assert live["status"]["availableReplicas"] == 3


def test_an_image_with_the_tag_missing_is_never_pulled_until_the_fix(
    kube: KubeCluster, new_namespace: Callable[[], str]
) -> None:
    """The pod says why it waits, the old pods go on, and the Deployment names its deadline."""
    namespace = new_namespace()
    value: Any = deployment(namespace, 1)
    value["spec"]["progressDeadlineSeconds"] = 1
    kube.apply(DEPLOYMENT, value, force=True)
    until(lambda: ready_pods(kube, namespace) == 1)
    container = value["spec"]["template"]["spec"]["containers"][0]
    container["image"] = "web:missing"
    kube.apply(DEPLOYMENT, value, force=True)
    assert until(lambda: waiting(kube, namespace)) == [
        {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "web:missing"'}
    ]
    until(lambda: "ProgressDeadlineExceeded" in str(status(kube, DEPLOYMENT, namespace)))
    assert ready_pods(kube, namespace) == 1
    container["image"] = "web:2"
    kube.apply(DEPLOYMENT, value, force=True)
    until(lambda: status(kube, DEPLOYMENT, namespace).get("updatedReplicas") == 1)
    until(lambda: not waiting(kube, namespace) and ready_pods(kube, namespace) == 1)


def test_a_stateful_set_gets_its_volumes_and_becomes_ready(
    kube: KubeCluster, new_namespace: Callable[[], str]
) -> None:
    """Claims are bound to volumes of the default class, and the volumes go with their claims."""
    namespace = new_namespace()
    kube.create(STATEFUL_SET, stateful_set(namespace, 2))
    until(lambda: status(kube, STATEFUL_SET, namespace).get("readyReplicas") == 2)
    claims: Any = kube.list(CLAIM, namespace=namespace).items
    assert {each["metadata"]["name"]: each["status"]["phase"] for each in claims} == {
        "data-web-0": "Bound",
        "data-web-1": "Bound",
    }
    volumes = [each["spec"]["volumeName"] for each in claims]
    assert [each["spec"]["storageClassName"] for each in claims] == ["kwok-volume"] * 2
    assert all(kube.get(VOLUME, "", name) for name in volumes)
    kube.delete(NAMESPACE, "", namespace)
    until(lambda: not any(kube.get(VOLUME, "", name) for name in volumes))


def test_an_ingress_and_a_load_balancer_get_an_address_and_a_plain_service_none(
    kube: KubeCluster, namespace: str
) -> None:
    """The address is one for documentation (RFC 5737), so nobody takes it for a real one."""
    ports: JsonObject = {"ports": [{"port": 80}]}
    backend: JsonObject = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    kube.create(INGRESS, with_spec("Ingress", "networking.k8s.io/v1", namespace, backend))
    kube.create(SERVICE, with_spec("Service", "v1", namespace, ports))
    address: JsonObject = {"ingress": [{"ip": "192.0.2.1"}]}
    until(lambda: status(kube, INGRESS, namespace)["loadBalancer"] == address)
    assert status(kube, SERVICE, namespace) == {"loadBalancer": {}}
    kube.apply(SERVICE, with_spec("Service", "v1", namespace, ports | {"type": "LoadBalancer"}), force=True)
    until(lambda: status(kube, SERVICE, namespace)["loadBalancer"].get("ingress"))
    assert status(kube, SERVICE, namespace)["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"


def test_a_deleted_namespace_ends_with_all_that_is_in_it(
    kube: KubeCluster, new_namespace: Callable[[], str]
) -> None:
    """The namespace controller works: the namespace does not stay in Terminating."""
    name = new_namespace()
    kube.create(CONFIG_MAP, config_map(name, "kept"))
    kube.delete(NAMESPACE, "", name)
    until(lambda: kube.get(NAMESPACE, "", name) is None)
    assert kube.list(CONFIG_MAP, namespace=name).items == ()


def test_as_many_nodes_are_ready_as_asked_for(start_cluster: Start, connected: Connect) -> None:
    """`start` returns when every node takes pods."""
    dev = start_cluster(ClusterOptions(nodes=3))
    found: Any = connected(dev.kubeconfig).list(NODE).items
    assert {node["metadata"]["name"]: node["spec"].get("taints", []) for node in found} == {
        "node-0": [],
        "node-1": [],
        "node-2": [],
    }


def test_two_clusters_run_side_by_side_and_share_nothing(start_cluster: Start, connected: Connect) -> None:
    """Each has its own port, folder, authority and objects."""
    first, second = start_cluster(API_ONLY), start_cluster(API_ONLY)
    connected(first.kubeconfig).create(CONFIG_MAP, config_map("default", "only-here"))
    assert first.url != second.url
    assert connected(second.kubeconfig).get(CONFIG_MAP, "default", "only-here") is None
    assert connected(first.kubeconfig).get(CONFIG_MAP, "default", "only-here") is not None


def test_its_files_are_for_its_user_only(start_cluster: Start) -> None:
    """Keys and data lie in a folder that nobody else may enter."""
    dev = start_cluster(API_ONLY)
    assert dev.directory.stat().st_mode & 0o777 == 0o700
    assert dev.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_stop_leaves_no_process_and_no_file(programs: Programs, processes_of: Processes) -> None:
    """Also the second time."""
    dev = DevCluster.start(programs=programs)
    assert len(processes_of(dev.directory)) == 6
    dev.stop()
    dev.stop()
    assert processes_of(dev.directory) == {}
    assert not dev.directory.exists()


OWNER = """
import sys, time
from envctl.devcluster.cluster import API_ONLY, DevCluster
dev = DevCluster.start(API_ONLY)
print(dev.directory, flush=True)
time.sleep(600)
"""


@pytest.mark.usefixtures("programs")
def test_nothing_is_left_when_its_owner_is_killed(processes_of: Processes) -> None:
    """SIGKILL leaves the owner no time to clean up; the guardian does it."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        directory = Path(owner.stdout.readline().strip())
        assert len(processes_of(directory)) == 3
        owner.kill()
    until(lambda: not processes_of(directory) and not directory.exists())


def test_a_process_that_ends_at_the_start_is_shown_with_its_log(
    programs: Programs, processes_of: Processes
) -> None:
    """The error carries the program's own last words, and nothing is left behind."""
    with pytest.raises(UnavailableError) as failed:
        DevCluster.start(ClusterOptions(apiserver=("--no-such-flag",)), programs)
    assert failed.value.summary == (
        "kube-apiserver ended while the dev cluster started (exit code 1); its last lines:\n"
        "Error: unknown flag: --no-such-flag"
    )
    directory = Path(failed.value.hint.partition("--etcd-servers=unix://")[2].partition("/etcd.sock")[0])
    assert directory.name.startswith("envctl-dev-cluster-")
    assert not directory.exists()
    assert processes_of(directory) == {}


def test_a_port_that_stays_taken_is_an_error_with_the_log(programs: Programs) -> None:
    """Another port is tried a few times; then the API server's own complaint is shown."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match="address already in use"):
            DevCluster.start(ClusterOptions(apiserver=(f"--secure-port={port}",)), programs)


def test_what_is_never_ready_is_given_up_and_blamed(programs: Programs) -> None:
    """The longest wait is an option; the error names the program that keeps everybody waiting."""
    options = ClusterOptions(nodes=0, controllers=False, scheduler=False, seconds=0.1)
    with pytest.raises(
        UnavailableError, match=r"the API server is not ready after 0\.1 s; kube-apiserver said last"
    ):
        DevCluster.start(options, programs)


def test_a_killed_server_comes_back_with_its_data(start_cluster: Start, connected: Connect) -> None:
    """Both etcd and the API server are started again on the same port, with what was stored."""
    dev = start_cluster(API_ONLY)
    connected(dev.kubeconfig).create(CONFIG_MAP, config_map("default", "kept"))
    for name in ("etcd", "kube-apiserver"):
        dev.kill(name)
        assert not dev.process(name).running
        dev.restart(name)
    dev.wait_ready()
    assert connected(dev.kubeconfig).get(CONFIG_MAP, "default", "kept") is not None


def test_a_paused_server_answers_after_it_is_resumed(start_cluster: Start, connected: Connect) -> None:
    """SIGSTOP keeps connections open without answers; the process counts as running."""
    dev = start_cluster(API_ONLY)
    dev.pause("kube-apiserver")
    assert dev.process("kube-apiserver").running
    with pytest.raises(UnavailableError):
        connected(dev.kubeconfig).ping(timeout=0.5)
    dev.resume("kube-apiserver")
    dev.wait_ready()


def test_a_program_that_does_not_run_here_is_named(start_cluster: Start) -> None:
    """Fault tests learn at once that their options leave a program out."""
    with pytest.raises(UsageError) as unknown:
        start_cluster(API_ONLY).process("kwok")
    assert str(unknown.value) == "this dev cluster runs no kwok\nhint: it runs etcd, kube-apiserver"


def test_the_audit_log_records_requests(start_cluster: Start, connected: Connect, tmp_path: Path) -> None:
    """One line of JSON a request, so a test can count what was really sent."""
    log = tmp_path / "audit.log"
    dev = start_cluster(ClusterOptions(nodes=0, controllers=False, scheduler=False, audit_log=log))
    connected(dev.kubeconfig).get(CONFIG_MAP, "default", "seen-in-the-log")
    until(lambda: "seen-in-the-log" in log.read_text())


def test_ctrl_c_at_the_terminal_reaches_only_the_owner(start_cluster: Start) -> None:
    """The programs run in a process group of their own, so the owner decides how they end."""
    dev = start_cluster(API_ONLY)
    groups = {os.getpgid(process.pid) for process in dev.processes}
    assert len(groups) == 1
    assert os.getpgid(os.getpid()) not in groups
    for process in dev.processes:
        process.signal(signal.SIGCONT)
        assert process.running


def test_a_temporary_folder_too_deep_for_a_socket_is_refused(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel would only say: invalid argument."""
    deep = tmp_path / ("x" * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(
        UnavailableError, match=r"the path is too long for a socket \(\d+ bytes, 103 at most\)"
    ):
        DevCluster.start(API_ONLY, programs)
    assert list(deep.iterdir()) == []
