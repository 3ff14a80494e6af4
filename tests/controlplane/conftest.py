"""A real control plane for the tests: one for the whole session, and more for those that break theirs."""

import contextlib
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from envctl.devcluster.binaries import Programs, ensure_programs
from envctl.devcluster.cluster import ClusterOptions, DevCluster
from envctl.kube.client import parsed
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.kube.connection import Request
from envctl.model.cluster import ResourceType
from envctl.model.values import JsonObject

SERVICE_ACCOUNT = ResourceType("", "v1", "ServiceAccount", "serviceaccounts", namespaced=True)
NAMESPACE = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)


@dataclass(frozen=True)
class RunningCluster:
    """The session's cluster. `dev` is None where ENVCTL_TEST_KUBECONFIG names an existing one."""

    kubeconfig: Path
    dev: DevCluster | None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the real API server."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.controlplane)


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Programs:
    """The control plane's programs; built on first use, with progress on standard error."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        return ensure_programs(progress=_say)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[RunningCluster]:
    """A running cluster, started once a session. Tests keep apart by names of their own."""
    given = os.environ.get("ENVCTL_TEST_KUBECONFIG")
    if given:
        yield RunningCluster(Path(given), None)
        return
    with DevCluster.start(programs=request.getfixturevalue("programs")) as dev:
        yield RunningCluster(dev.kubeconfig, dev)


@pytest.fixture
def start_cluster(programs: Programs) -> Iterator[Callable[[ClusterOptions], DevCluster]]:
    """Starts clusters of the test's own, to pause, kill and restart their programs."""
    with contextlib.ExitStack() as stack:
        yield lambda options: stack.enter_context(DevCluster.start(options, programs))


@pytest.fixture
def connected() -> Iterator[Callable[[Path], KubeCluster]]:
    """Connects to the cluster of a kubeconfig; closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda kubeconfig: stack.enter_context(contextlib.closing(connect(kubeconfig)))


@pytest.fixture(scope="session")
def kube(cluster: RunningCluster) -> Iterator[KubeCluster]:
    """An administrator's connection to the session's cluster."""
    connection = connect(cluster.kubeconfig)
    yield connection
    connection.close()


def processes_naming(text: str) -> dict[int, str]:
    """The command lines of all processes that name a text, by process id."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if text in command:
                found[int(entry.parent.name)] = command
    return found


@pytest.fixture
def processes_of() -> Callable[[Path | str], dict[int, str]]:
    """Finds all processes that name a folder on their command line, so that a test sees what is left."""
    return lambda folder: processes_naming(str(folder))


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """Makes names that no other test uses: ``web`` becomes ``web-1f3c9a2b``."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def new_namespace(kube: KubeCluster, unique_name: Callable[[str], str]) -> Iterator[Callable[[], str]]:
    """Makes namespaces with names of their own; they are deleted after the test, without waiting."""
    with contextlib.ExitStack() as stack:

        def make() -> str:
            name = unique_name("test")
            value: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            kube.create(NAMESPACE, value)
            stack.callback(kube.delete, NAMESPACE, "", name)
            return name

        yield make


@pytest.fixture
def namespace(new_namespace: Callable[[], str]) -> str:
    """A namespace for this test alone."""
    return new_namespace()


def kubeconfig_with_token(admin: Path, token: str, folder: Path) -> Path:
    """The administrator's kubeconfig with a token instead of his certificate."""
    content = yaml.safe_load(admin.read_text())
    content["users"][0]["user"] = {"token": token}
    path = folder / "token.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def token(kube: KubeCluster, namespace: str) -> str:
    """The token of a service account without rights, from TokenRequest."""
    name = {"name": "nobody", "namespace": namespace}
    kube.apply(SERVICE_ACCOUNT, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name})
    return token_of(kube, namespace, "nobody")


def token_of(
    kube: KubeCluster, namespace: str, account: str, seconds: int = 3600, bound: JsonObject | None = None
) -> str:
    """A token of a service account, from TokenRequest. It ends with the Secret that it is `bound` to."""
    spec: JsonObject = {"expirationSeconds": seconds}
    if bound:
        metadata = bound["metadata"]
        spec |= {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": metadata["name"]}}
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    headers = (("Content-Type", "application/json"),)
    answer: Any = parsed(
        kube._transport.send(Request("POST", path, json.dumps(asked).encode(), headers)).body
    )
    return str(answer["status"]["token"])
