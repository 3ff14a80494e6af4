"""`envctl apply` where no cluster can be reached, or nothing is allowed: the whole output, nothing written."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from envctl.devcluster.cluster import ClusterOptions, DevCluster
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.model.cluster import ResourceType
from tests.controlplane.conftest import NAMESPACE, kubeconfig_with_token
from tests.functional.conftest import SMALL, Outcome, Workspace, new_workspace
from tests.functional.failing import fails

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
KINDS = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)


@pytest.fixture
def published(tmp_path: Path, namespace: str) -> Workspace:
    """The smallest repository, published, with an environment for this test's namespace."""
    workspace = new_workspace(tmp_path / "small")
    for path, text in SMALL.items():
        workspace.write(path, text.replace("namespace: dev", f"namespace: {namespace}"))
    workspace.commit("Add web")
    workspace.ok("render", "dev", "--publish")
    return workspace


@pytest.fixture
def edited(cluster: Any, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Makes kubeconfigs that differ from the administrator's in what the edit changes."""

    def make(edit: Callable[[dict[str, Any]], object]) -> Path:
        content = yaml.safe_load(cluster.kubeconfig.read_text())
        edit(content)
        path = tmp_path / "edited.kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return path

    return make


def current(content: dict[str, Any]) -> Any:
    return content["clusters"][0]["cluster"]


def context_of(cluster: Any) -> str:
    return str(yaml.safe_load(cluster.kubeconfig.read_text())["current-context"])


def test_no_cluster_at_the_address(published: Workspace, cluster: Any, edited: Any) -> None:
    """A closed port: the address, the reason, and which context was meant."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{free.getsockname()[1]}"
    path = edited(lambda content: current(content).update(server=url))
    outcome = fails(published, "apply", "dev", "--kubeconfig", str(path))
    assert outcome == Outcome(
        1,
        "",
        f"error: no cluster answers at {url}: connection refused\n"
        f"hint: check that the cluster of context '{context_of(cluster)}' of {path} is up and can be reached "
        "from here\n",
    )


def test_a_server_that_is_not_trusted(published: Workspace, cluster: Any, edited: Any) -> None:
    """Without its certificate authority nothing is sent to a server, least of all credentials."""

    def forget_authority(content: dict[str, Any]) -> None:
        for key in ("certificate-authority-data", "certificate-authority"):
            current(content).pop(key, None)

    path = edited(forget_authority)
    url = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]["server"]
    outcome = fails(published, "apply", "dev", "--kubeconfig", str(path))
    assert outcome == Outcome(
        1,
        "",
        f"error: no cluster answers at {url}: its certificate is not trusted "
        "(unable to get local issuer certificate)\n"
        f"hint: check the certificate authority and the address in context '{context_of(cluster)}' of {path}\n",
    )


def test_no_kubeconfig_at_all(published: Workspace, tmp_path: Path) -> None:
    """A machine that knows no cluster: the next step is to name one, or to start one."""
    clean = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "envctl", "-C", str(published.path), "apply", "dev"],
        env={**clean, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert Outcome(done.returncode, done.stdout, done.stderr) == Outcome(
        2,
        "",
        "error: no cluster is named: there is no kubeconfig, and this is no pod\n"
        "hint: name a file with --kubeconfig or KUBECONFIG; `envctl dev-cluster up` starts a local cluster\n",
    )


def test_a_kubeconfig_that_is_not_there(published: Workspace, tmp_path: Path) -> None:
    """A wrong path is a wrong argument."""
    path = tmp_path / "absent"
    outcome = fails(published, "apply", "dev", "--kubeconfig", str(path))
    assert outcome == Outcome(
        2,
        "",
        f"error: {path}: cannot read the kubeconfig: No such file or directory\n"
        "hint: name another file with --kubeconfig or KUBECONFIG\n",
    )


def test_an_unknown_context(published: Workspace, cluster: Any) -> None:
    """The known ones are listed."""
    outcome = fails(published, "apply", "dev", "--kubeconfig", str(cluster.kubeconfig), "--context", "qa")
    assert outcome == Outcome(
        2,
        "",
        f"error: {cluster.kubeconfig}: there is no context 'qa'\n"
        f"hint: name one with --context; known ones: {context_of(cluster)}\n",
    )


def test_a_token_that_is_not_valid(published: Workspace, cluster: Any, tmp_path: Path) -> None:
    """Who we are is another question than what we may do."""
    path = kubeconfig_with_token(cluster.kubeconfig, "wrong", tmp_path)
    url = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]["server"]
    outcome = fails(published, "apply", "dev", "--kubeconfig", str(path))
    assert outcome == Outcome(
        1,
        "",
        f"error: {url}: the API server does not accept the credentials of context '{context_of(cluster)}' "
        f"of {path}\n"
        "hint: log in again, or renew the token or certificate\n",
    )


def test_a_token_without_rights(
    published: Workspace, kube: KubeCluster, cluster: Any, token: str, namespace: str, tmp_path: Path
) -> None:
    """The right that is missing is named, with who lacks it; not even the inventory is written."""
    options = ("apply", "dev", "--namespace", namespace, "--kubeconfig")
    published.ok(*options, str(cluster.kubeconfig))
    before = names(kube, namespace)
    path = kubeconfig_with_token(cluster.kubeconfig, token, tmp_path)
    user = f"system:serviceaccount:{namespace}:nobody"
    url = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]["server"]
    outcome = fails(published, *options, str(path))
    assert outcome == Outcome(
        1,
        "",
        f"applying deploy/dev to {url} …\n"
        f"error: Lease.coordination.k8s.io {namespace}/envctl-dev: leases.coordination.k8s.io "
        f'"envctl-dev" is forbidden: User "{user}" cannot get resource "leases" in API group "coordination.k8s.io" '
        f'in the namespace "{namespace}"\n'
        "hint: `envctl install dev` prints all rights that the branch needs: apply it again\n",
    )
    assert names(kube, namespace) == before


def test_a_cluster_that_does_not_know_envctl_and_gives_no_rights(
    published: Workspace, start_cluster: Callable[[ClusterOptions], DevCluster], tmp_path: Path
) -> None:
    """The kind for the report is missing: a dry run needs none, an apply has to create it; nothing is written."""
    fresh = start_cluster(ClusterOptions())
    shown = published.envctl("apply", "dev", "--dry-run", "--kubeconfig", str(fresh.kubeconfig))
    assert "failed: the namespace" in shown.out
    assert shown.err == ""
    content = yaml.safe_load(fresh.kubeconfig.read_text())
    content["users"][0]["user"]["as"] = "nobody"
    path = tmp_path / "nobody.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    outcome = fails(published, "apply", "dev", "--force", "--kubeconfig", str(path))
    url = content["clusters"][0]["cluster"]["server"]
    assert outcome == Outcome(
        1,
        "",
        f"applying deploy/dev to {url} …\n"
        "error: CustomResourceDefinition environments.envctl.dev: the kind Environment is missing, and may not "
        'be created: customresourcedefinitions.apiextensions.k8s.io "environments.envctl.dev" is forbidden: '
        'User "nobody" cannot patch resource "customresourcedefinitions" in API group "apiextensions.k8s.io" '
        "at the cluster scope\n"
        "hint: let somebody who may create kinds run `envctl apply` here once\n",
    )
    with contextlib.closing(connect(fresh.kubeconfig)) as admin:
        assert admin.get(NAMESPACE, "", "envctl-system") is None
        assert admin.get(KINDS, "", "environments.envctl.dev") is None


def names(kube: KubeCluster, namespace: str) -> list[Any]:
    return [each["metadata"] for each in kube.list(CONFIG_MAP, namespace=namespace).items]
