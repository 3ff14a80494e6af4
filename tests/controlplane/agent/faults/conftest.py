"""An agent behind a line that fails by a script, in a cluster that logs every request; and the oracle."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from envctl.agent.resource import ENVIRONMENT as ENVIRONMENTS
from envctl.devcluster.cluster import API_ONLY, DevCluster
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from tests.controlplane.conftest import RunningCluster
from tests.support.apiproxy import ApiProxy, api_proxy
from tests.support.oracle import assert_oracle, state, writes

CANARY = "canary-a8f31c97"
AUDIT = "faults-audit.log"
Objects = Mapping[str, Sequence[Any]]


@dataclass
class Faulty:
    """An environment whose agent reaches the API server through a proxy, and its twin without one."""

    rig: Any
    proxy: ApiProxy
    twin: Any
    audit: Path
    started: int
    ever: set[str] = field(default_factory=set)
    kept: set[str] | None = None
    output: list[str] = field(default_factory=list)

    @property
    def account(self) -> str:
        options = self.rig.options
        return f"system:serviceaccount:{options.namespace}:envctl-agent-{options.environment}"

    def publish(self, *values: Mapping[str, Any], **more: Any) -> str:
        """Commit objects without their namespace as the whole tree, for the rig and for its twin."""
        names = {f"{each['kind'].lower()}s/{each['metadata']['name']}" for each in values}
        self.ever |= names
        self.kept = names if self.kept is None else self.kept & names
        for rig in (self.twin, self.rig):
            metadata = {"namespace": rig.namespace}
            placed = [{**each, "metadata": {**each["metadata"], **metadata}} for each in values]
            rig.branch.publish({"web": placed}, **more)
        return str(self.rig.branch.tip)

    def own(self) -> set[str]:
        """What the agent may write besides the objects of the branch."""
        name = self.rig.options.environment
        inventory = {f"configmaps/envctl-inventory-{name}-{number}" for number in range(8)}
        found = {each.object for each in self.writes() if each.resource == "events"}
        return {f"environments/{name}", f"leases/envctl-{name}", "configmaps/"} | inventory | found

    def writes(self) -> list[Any]:
        return writes(self.audit, self.account, self.started)

    def check(self) -> None:
        """The oracle, once the agent has converged."""
        self.twin.once()
        expected = state(self.twin.kube, self.twin.namespace)
        with contextlib.suppress(AssertionError, pytest.fail.Exception):
            self.wait(lambda: state(self.rig.kube, self.rig.namespace) == expected)
        options = self.rig.options
        said = [str(each) for each in self.rig.log] + self.output
        said.append(json.dumps(self.rig.live(options.environment, options.namespace, ENVIRONMENTS)))
        assert_oracle(
            found=state(self.rig.kube, self.rig.namespace),
            expected=expected,
            written=self.writes(),
            allowed=self.ever | self.own(),
            kept=self.kept or (),
            said="\n".join(said),
            canary=CANARY,
            reported=self.reported(),
        )

    def reported(self) -> list[int]:
        path = f"/environments/{self.rig.options.environment}/status"
        bodies = [json.loads(each.body) for each in self.proxy.exchanges("PATCH", path)]
        return [found for each in bodies if (found := each.get("status", {}).get("sequence"))]

    wait: Callable[..., Any] = field(default=lambda probe: probe())

    @contextlib.contextmanager
    def process(self, *words: str, election: bool = False) -> Iterator["subprocess.Popen[str]"]:
        """A real `envctl agent` behind the proxy; killed after the block if it still runs."""
        options = self.rig.options
        command = [
            *(sys.executable, "-m", "envctl", "agent", "-o", "json", "--env", options.environment),
            *("--repo", options.remote, "--interval", "0.5", "--store", str(self.rig.store)),
            *("--namespace", options.namespace, "--kubeconfig", str(self.proxy.kubeconfig), *words),
            *(["--lease-duration", "3"] if election else ["--no-leader-election"]),
        ]
        with self.rig.store.with_suffix(".log").open("a+") as log:
            popen = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
            try:
                yield popen
            finally:
                popen.send_signal(signal.SIGKILL)
                popen.wait()
                log.seek(0)
                self.output.append(log.read())


def small(name: str, **data: str) -> dict[str, Any]:
    """A ConfigMap that has no namespace yet."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "token"},
    "stringData": {"token": CANARY},
}
FIRST = (SECRET, small("change", x="1"), small("keep", x="1"), small("leave", x="1"))
SECOND = (SECRET, small("change", x="2"), small("keep", x="1"), small("new", x="1"))


@pytest.fixture(scope="package")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster for the tests of this folder, whose programs they may stop, pause and start."""
    audit = tmp_path_factory.mktemp("audit") / AUDIT
    options = replace(API_ONLY, audit_log=audit)
    with DevCluster.start(options, request.getfixturevalue("programs")) as dev:
        yield RunningCluster(dev.kubeconfig, dev)


@pytest.fixture(scope="package")
def kube(cluster: RunningCluster) -> Iterator[KubeCluster]:
    with contextlib.closing(connect(cluster.kubeconfig)) as connection:
        yield connection


@pytest.fixture
def make_faulty(make_rig: Callable[..., Any], cluster: Any, wait_for: Any) -> Iterator[Callable[..., Faulty]]:
    """Makes environments with a proxy before the API server."""
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> Faulty:
            rig, twin = make_rig(**options), make_rig()
            account = yaml.safe_load((rig.store.with_suffix(".account") / "token.kubeconfig").read_text())
            token = account["users"][0]["user"]["token"]
            proxy = stack.enter_context(api_proxy(cluster.kubeconfig, token=token))
            rig.agent = stack.enter_context(contextlib.closing(connect(proxy.kubeconfig)))
            audit = cluster.dev.options.audit_log
            started = len(audit.read_text().splitlines())
            return Faulty(rig, proxy, twin, audit, started, wait=wait_for)

        yield make


@pytest.fixture
def faulty(make_faulty: Callable[..., Faulty]) -> Faulty:
    return make_faulty()
