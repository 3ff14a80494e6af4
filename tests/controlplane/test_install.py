"""What `envctl install` prints, on a real API server: accepted whole, restricted, and enough for the agent."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from envctl.agent.resource import DEFINITION, definition
from envctl.errors import ClusterError
from envctl.installation.manifests import Installation, manifests
from envctl.installation.rights import plural_of, rights_for
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.kube.connection import Request
from envctl.model.cluster import ResourceType, object_id
from envctl.model.values import JsonObject

POD = ResourceType("", "v1", "Pod", "pods", namespaced=True)


@pytest.fixture
def kube(cluster: Any) -> Iterator[KubeCluster]:
    """The API server as an administrator sees it."""
    with contextlib.closing(connect(cluster.kubeconfig)) as found:
        yield found


def get(kube: KubeCluster, path: str) -> Any:
    return json.loads(
        kube._transport.send(Request("GET", path, headers=(("Accept", "application/json"),))).body
    )


def test_resource_names_are_those_that_the_api_server_serves(kube: KubeCluster) -> None:
    """All built-in kinds keep Kubernetes' own rule."""
    groups = ["/api/v1"]
    groups += [f"/apis/{each['preferredVersion']['groupVersion']}" for each in get(kube, "/apis")["groups"]]
    served = [
        (each["kind"], each["name"])
        for group in groups
        for each in get(kube, group)["resources"]
        if "/" not in each["name"] and "patch" in each["verbs"] and not group.endswith(".example.com/v1")
    ]
    assert len(served) > 40
    assert [(kind, name) for kind, name in served if plural_of(kind) != name] == []


@pytest.fixture
def installed(
    kube: KubeCluster, new_namespace: Any, unique_name: Any
) -> tuple[Installation, tuple[JsonObject, ...]]:
    """An installation for one ConfigMap and one Deployment, in fresh namespaces, and applied."""
    namespace = new_namespace()
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": namespace}},
    ]
    found = Installation(
        unique_name("env"), "https://git.example.com:8443/x.git", "envctl:1", unique_name("agents")
    )
    made = manifests(found, rights_for([object_id(each) for each in objects], [], {}))
    kube.warnings()
    for value in (definition(), *made):
        group, _, version = value["apiVersion"].rpartition("/")
        kind = kube.resource_type(group, value["kind"], version)
        assert kind
        kube.apply(kind, value, force=value["kind"] == DEFINITION.kind)
    return found, made


@pytest.mark.usefixtures("installed")
def test_the_manifests_are_accepted_without_a_warning(kube: KubeCluster) -> None:
    """Strict field validation, and the pod security standard that the namespace itself asks for."""
    assert kube.warnings() == ()


def test_the_pod_passes_the_restricted_standard(kube: KubeCluster, installed: Any) -> None:
    """It is enforced in its own namespace; a pod without these settings is refused there."""
    installation, made = installed
    spec = made[-1]["spec"]["template"]["spec"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": installation.namespace},
        "spec": spec,
    }
    kube.apply(POD, pod, dry_run=True)
    careless = {**pod, "spec": {**spec, "securityContext": {}}}
    with pytest.raises(ClusterError, match="violates PodSecurity"):
        kube.apply(POD, careless, dry_run=True)
