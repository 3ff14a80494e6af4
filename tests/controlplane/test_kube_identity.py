"""Who we are to a real API server: tokens, pods, missing rights and missing clusters."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from envctl.errors import ClusterError, UnavailableError
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.kube.incluster import pod_endpoint
from envctl.model.cluster import ResourceType
from tests.controlplane.conftest import kubeconfig_with_token

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SECRET = ResourceType("", "v1", "Secret", "secrets", namespaced=True)


@pytest.fixture
def powerless(cluster: Any, token: str, tmp_path: Path) -> Iterator[KubeCluster]:
    """The API server as a service account without rights sees it."""
    connection = connect(kubeconfig_with_token(cluster.kubeconfig, token, tmp_path))
    yield connection
    connection.close()


@pytest.mark.parametrize(
    "kind", [pytest.param(CONFIG_MAP, id="ConfigMap"), pytest.param(SECRET, id="Secret")]
)
def test_a_missing_right_is_told(powerless: KubeCluster, namespace: str, kind: ResourceType) -> None:
    """Who, what and where, with the grant that would help; nothing is said to be absent."""
    user = f"system:serviceaccount:{namespace}:nobody"
    with pytest.raises(ClusterError) as caught:
        powerless.get(kind, namespace, "a")
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")
    assert str(caught.value) == (
        f'{kind} {namespace}/a: {kind.plural} "a" is forbidden: User "{user}" cannot get resource '
        f'"{kind.plural}" in API group "" in the namespace "{namespace}"\n'
        f'hint: grant {user} the right to get {kind.plural} in the namespace "{namespace}"'
    )
    with pytest.raises(ClusterError, match="cannot list resource"):
        powerless.list(kind, namespace=namespace)
    powerless.ping()


def test_wrong_credentials_are_told(cluster: Any, tmp_path: Path) -> None:
    """A token that the server does not know is not the same as a missing right."""
    path = kubeconfig_with_token(cluster.kubeconfig, "wrong", tmp_path)
    kube = connect(path)
    for ask in (
        kube.ping,
        lambda: kube.get(CONFIG_MAP, "default", "a"),
        lambda: kube.resource_type("", "Pod"),
    ):
        with pytest.raises(ClusterError) as caught:
            ask()
        assert caught.value.status == 401
        assert caught.value.summary == (
            f"the API server does not accept the credentials of context 'envctl-dev-cluster' of {path}"
        )
    kube.close()


def test_a_pod_reads_its_rotated_token(cluster: Any, token: str, namespace: str, tmp_path: Path) -> None:
    """In a pod the files of the service account are enough, and a refused token is read again."""
    entry = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(entry["certificate-authority-data"]))
    (tmp_path / "token").write_text("expired")
    host, _, port = entry["server"].removeprefix("https://").rpartition(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    kube = KubeCluster(lambda: pod_endpoint(tmp_path, environ))
    (tmp_path / "token").write_text(f"{token}\n")
    with pytest.raises(ClusterError, match=f"system:serviceaccount:{namespace}:nobody"):
        kube.get(CONFIG_MAP, namespace, "a")
    kube.ping()
    assert kube.requests() == {"GET": 3}
    kube.close()


def test_a_cluster_that_is_not_there_is_told_quickly(cluster: Any, tmp_path: Path) -> None:
    """The address and the reason come at once, without waiting for a timeout."""
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    kube = connect(path)
    with pytest.raises(UnavailableError) as caught:
        kube.ping()
    assert str(caught.value) == (
        "no cluster answers at https://127.0.0.1:9: connection refused\n"
        f"hint: check that the cluster of context 'envctl-dev-cluster' of {path} is up and can be reached from here"
    )
