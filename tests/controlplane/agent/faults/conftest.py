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

from envctl.agent.resource import DEFINITION
from envctl.agent.resource import ENVIRONMENT as ENVIRONMENTS
from envctl.devcluster.cluster import API_ONLY, DevCluster
from envctl.errors import EnvctlError
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import RESYNC, connect
from tests.controlplane.conftest import RunningCluster
from tests.support.apiproxy import ApiProxy, api_proxy
from tests.support.oracle import AUDIT_POLICY, KINDS, Write, assert_oracle, state, writes

CANARY = "canary-a8f31c97"
AUDIT = "faults-audit.log"
UNIQUE = "UNIQUE"
"""Stands in objects for the name of the environment."""
Objects = Mapping[str, Sequence[Any]]


@dataclass
class Faulty:
    """An environment whose agent reaches the API server through a proxy, and its twin without one.

    `trees`: what the good commits hold, by their ids. `kinds`: of which kinds the objects are compared.
    """

    rig: Any
    proxy: ApiProxy
    twin: Any
    audit: Path
    started: int
    trees: dict[str, frozenset[str]] = field(default_factory=dict)
    kinds: tuple[Any, ...] = KINDS
    output: list[str] = field(default_factory=list)
    wait: Callable[..., Any] = field(default=lambda probe: probe())

    @property
    def account(self) -> str:
        options = self.rig.options
        return f"system:serviceaccount:{options.namespace}:envctl-agent-{options.environment}"

    def publish(self, *values: Mapping[str, Any], **more: Any) -> str:
        """Commit objects without their namespace as the whole tree, for the rig and for its twin."""
        for rig in (self.twin, self.rig):
            placed = [_placed(each, rig) for each in values]
            rig.branch.publish({"web": placed}, **more)
        tip = str(self.rig.branch.tip)
        self.trees[tip] = frozenset(f"{each['kind'].lower()}s/{each['metadata']['name']}" for each in placed)
        return tip

    def own(self) -> set[str]:
        """What the agent may write besides the objects of the branch."""
        name = self.rig.options.environment
        inventory = {f"configmaps/envctl-inventory-{name}-{number}" for number in range(8)}
        found = {each.object for each in self.writes() if each.resource == "events"}
        kinds = {"customresourcedefinitions/environments.envctl.dev"}
        return {f"environments/{name}", f"leases/envctl-{name}"} | kinds | inventory | found

    def log(self) -> str:
        """What the processes of this environment have said so far."""
        return "\n".join(
            each.read_text() for each in self.rig.store.parent.glob(f"{self.rig.store.stem}*.log")
        )

    def writes(self) -> list[Write]:
        return writes(self.audit, self.account, self.started)

    @property
    def inventory(self) -> str:
        """The name of the first part of the inventory."""
        return f"envctl-inventory-{self.rig.options.environment}-0"

    def state(self, rig: Any) -> Mapping[str, Any]:
        kinds = [_of(each, rig) for each in self.kinds]
        return state(rig.kube, rig.namespace, kinds, rig.options.environment)

    def check(self, replaced: Sequence[str] = ()) -> None:
        """The oracle, once the agent has converged. `replaced`: what the branch says may be deleted and created."""
        self.twin.once()
        expected = self.state(self.twin)
        with contextlib.suppress(AssertionError, pytest.fail.Exception):
            self.wait(lambda: self.state(self.rig) == expected)
        options = self.rig.options
        said = [str(each) for each in self.rig.log] + self.output
        said.append(json.dumps(self.rig.live(options.environment, options.namespace, ENVIRONMENTS)))
        assert_oracle(
            found=self.state(self.rig),
            expected=expected,
            written=[each for each in self.writes() if each.verb != "delete" or each.object not in replaced],
            inventory=self.inventory,
            trees=self.trees,
            allowed=self.own(),
            said="\n".join(said),
            canary=CANARY,
        )

    @contextlib.contextmanager
    def process(
        self, *words: str, election: bool = False, store: str = ""
    ) -> Iterator["subprocess.Popen[str]"]:
        """A real `envctl agent` behind the proxy; killed after the block if it still runs."""
        options, folder = self.rig.options, self.rig.store.with_suffix(store)
        command = [
            *(
                sys.executable,
                "-X",
                "faulthandler",
                "-m",
                "envctl",
                "agent",
                "-o",
                "json",
                "--env",
                options.environment,
            ),
            *("--repo", options.remote, "--interval", "0.5", "--store", str(folder), "--namespaced"),
            *("--namespace", options.namespace, "--kubeconfig", str(self.proxy.kubeconfig), *words),
            *(["--lease-duration", "3"] if election else ["--no-leader-election"]),
        ]
        with folder.with_suffix(".log").open("a+") as log:
            popen = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
            try:
                yield popen
            finally:
                popen.send_signal(signal.SIGKILL)
                popen.wait()
                log.seek(0)
                self.output.append(log.read())


def _placed(value: Mapping[str, Any], rig: Any) -> Any:
    """An object as it stands on the branch of a rig."""
    unique: dict[str, Any] = json.loads(json.dumps(value).replace(UNIQUE, rig.options.environment))
    if value["kind"] != DEFINITION.kind:
        unique["metadata"]["namespace"] = rig.namespace
    return unique


def _of(kind: Any, rig: Any) -> Any:
    return replace(kind, group=kind.group.replace(UNIQUE, rig.options.environment))


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
    folder = tmp_path_factory.mktemp("audit")
    policy = folder / "policy.yaml"
    policy.write_text(AUDIT_POLICY)
    flags = (f"--audit-policy-file={policy}", "--audit-log-maxsize=2000")
    options = replace(API_ONLY, audit_log=folder / AUDIT, apiserver=flags)
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

        def make(
            audit: Path | None = None, kubeconfig: Path | None = None, resync: float = RESYNC, **options: Any
        ) -> Faulty:
            settings = {"retry_first": 0.1, "kubeconfig": kubeconfig, **options}
            rig, twin = make_rig(**settings), make_rig(kubeconfig=kubeconfig)
            account = yaml.safe_load((rig.store.with_suffix(".account") / "token.kubeconfig").read_text())
            token = account["users"][0]["user"]["token"]
            proxy = stack.enter_context(api_proxy(kubeconfig or cluster.kubeconfig, token=token))
            rig.agent = stack.enter_context(contextlib.closing(connect(proxy.kubeconfig, resync=resync)))
            log = audit or cluster.dev.options.audit_log
            faulty = Faulty(rig, proxy, twin, log, log.stat().st_size, wait=wait_for)
            stack.callback(_remove_definitions, faulty)
            return faulty

        yield make


def _remove_definitions(faulty: Faulty) -> None:
    """Kinds belong to the whole cluster: those of a test go with it."""
    for rig in (faulty.rig, faulty.twin):
        for group in {each.group for each in faulty.kinds if UNIQUE in each.group}:
            with contextlib.suppress(EnvctlError):
                rig.kube.delete(DEFINITION, "", f"widgets.{group.replace(UNIQUE, rig.options.environment)}")


@pytest.fixture
def faulty(make_faulty: Callable[..., Faulty]) -> Faulty:
    return make_faulty()
