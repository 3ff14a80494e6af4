"""A deploy branch in a real bare repository, and agents that bring it to the real API server."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from envctl.agent.loop import Agent
from envctl.agent.once import reconcile_once
from envctl.agent.options import AgentOptions, World
from envctl.agent.report import read_status
from envctl.agent.resource import definition
from envctl.errors import ClusterError, EnvctlError
from envctl.installation.manifests import Installation, manifests
from envctl.installation.rights import Rights
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.kube.connection import Request
from envctl.manifests.paths import components_text, object_path
from envctl.manifests.text import to_yaml
from envctl.model.cluster import ResourceType, object_id
from envctl.model.plan import ReconcileResult
from envctl.model.status import EnvironmentStatus, LogEntry
from envctl.model.values import JsonObject
from envctl.wiring import health_rules, open_store, system_clock
from envctl.workflows.install import install
from tests.controlplane.conftest import kubeconfig_with_token, token_of

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
WRITES = ("POST", "PUT", "PATCH", "DELETE")
PATIENCE = 30.0
GRANTED = (
    "CustomResourceDefinition",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
)


def config_map(name: str, namespace: str, **data: str) -> dict[str, Any]:
    """A small object of the branch."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def eventually(probe: Callable[[], Any], what: str = "", patience: float = PATIENCE) -> Any:
    """The first true answer of a probe; fails after a while."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if answer := probe():
            return answer
        time.sleep(0.02)
    pytest.fail(f"never happened: {what or probe}")


@dataclass
class Branch:
    """The deploy branch of one environment in a bare repository, written with the git program."""

    path: Path
    environment: str
    sequence: int = 0
    tip: str = ""
    published: Callable[[], None] = lambda: None

    def publish(
        self,
        objects: Mapping[str, Sequence[JsonObject]],
        *,
        trailers: Sequence[str] = (),
        depends_on: Mapping[str, Sequence[str]] | None = None,
        environment: str = "",
        sequence: int | None = None,
        parent: str | None = None,
        files: Mapping[str, bytes] | None = None,
        mode: str = "100644",
    ) -> str:
        """Commit these objects (component → objects) as the whole tree, and move the branch there."""
        self.sequence = self.sequence + 1 if sequence is None else sequence
        found = {
            object_path(component, object_id(value)): to_yaml(value)
            for component, values in objects.items()
            for value in values
        }
        if depends_on is not None:
            found[".envctl/components"] = components_text(depends_on)
        lines = [
            f"{environment or self.environment}: change {self.sequence}",
            "",
            f"Envctl-Environment: {environment or self.environment}",
            f"Envctl-Sequence: {self.sequence}",
            f"Envctl-Source-Commit: {'1' * 40}",
            *trailers,
        ]
        tip = self.tip if parent is None else parent
        self.tip = self._commit({**found, **(files or {})}, "\n".join(lines) + "\n", tip, mode)
        self.published()
        return self.tip

    def move(self, commit: str | None) -> None:
        """Move the branch anywhere, or delete it."""
        target = ["-d", self.ref] if commit is None else [self.ref, commit]
        self.git("update-ref", *target)

    @property
    def ref(self) -> str:
        return f"refs/heads/deploy/{self.environment}"

    def git(self, *words: str, data: bytes = b"") -> str:
        done = subprocess.run(["git", "-C", self.path, *words], input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def _commit(self, files: Mapping[str, bytes], message: str, parent: str, mode: str) -> str:
        stream = [f"commit {self.ref}.new\ncommitter T <t@example.com> 1700000000 +0000\n".encode()]
        stream += [f"data {len(message.encode())}\n{message}".encode()]
        stream += [f"from {parent}\n".encode()] if parent else []
        stream += [b"deleteall\n"]
        for path, text in files.items():
            stream += [f"M {mode} inline {path}\ndata {len(text)}\n".encode(), text, b"\n"]
        self.git("fast-import", "--quiet", "--force", data=b"".join(stream))
        commit = self.git("rev-parse", f"{self.ref}.new")
        self.git("update-ref", "-d", f"{self.ref}.new")
        self.git("update-ref", self.ref, commit)
        return commit


@dataclass
class Rig:
    """One environment: its branch, its agent's settings, and two connections to the cluster.

    `kube` is an administrator's, for the test. `agent` has the rights that `envctl install` prints for the
    branch, and no others; it is the agent's own, and `account` is its kubeconfig.
    """

    branch: Branch
    options: AgentOptions
    kube: KubeCluster
    agent: KubeCluster
    store: Path
    account: Path
    namespace: str
    log: list[LogEntry] = field(default_factory=list)
    config_map_type: ResourceType = CONFIG_MAP

    def raw(self, method: str, target: str, value: JsonObject) -> None:
        """Send a server-side apply as somebody else."""
        headers = (("Content-Type", "application/apply-patch+yaml"), ("Accept", "application/json"))
        answer = self.kube._transport.send(Request(method, target, json.dumps(value).encode(), headers))
        assert answer.status < 300, answer.body

    def everything(self) -> Mapping[str, str]:
        """The versions of all ConfigMaps in both namespaces: of objects and of the inventory."""
        return {
            f"{namespace}/{each['metadata']['name']}": each["metadata"]["resourceVersion"]
            for namespace in (self.namespace, self.options.namespace)
            for each in self.kube.list(CONFIG_MAP, namespace=namespace).items
        }

    def world(self, cluster: Any = None) -> World:
        return World(
            self.options,
            open_store(self.store),
            cluster or self.agent,
            system_clock(),
            self.log.append,
            health_rules(),
        )

    def once(self, cluster: Any = None, **more: Any) -> ReconcileResult:
        """Fetch the branch and reconcile once."""
        world = self.world(cluster)
        commit = world.repository.fetch(self.options.remote, [self.options.ref])[self.options.ref]
        assert commit
        return reconcile_once(world, commit, **more)

    @contextlib.contextmanager
    def running(self, cluster: Any = None) -> Iterator[threading.Event]:
        """An agent in a thread; it must end well."""
        world, stop, errors = self.world(cluster), threading.Event(), []
        agent = Agent(world.options, world.repository, world.cluster, world.clock, world.log, world.rules)

        def run() -> None:
            try:
                agent.run(stop)
            except BaseException as error:
                errors.append(error)
                raise

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(PATIENCE)
            assert not thread.is_alive()
            assert errors == []

    def live(self, name: str, namespace: str = "", kind: ResourceType = CONFIG_MAP) -> JsonObject | None:
        return self.kube.get(kind, namespace or self.namespace if kind.namespaced else "", name)

    def data(self, name: str) -> Any:
        """The data of a live ConfigMap, None where there is none."""
        live = self.live(name)
        return live.get("data", {}) if live else None

    def status(self) -> EnvironmentStatus:
        return read_status(self.kube, self.options.environment, self.options.namespace) or EnvironmentStatus()

    def writes(self) -> int:
        """How many writing requests the agent's connection has sent."""
        return sum(self.agent.requests().get(method, 0) for method in WRITES)

    def await_applied(self, commit: str, patience: float = PATIENCE) -> EnvironmentStatus:
        """Wait until the agent says that this commit is applied and all is well."""
        return eventually(
            lambda: (status := self.status()).ready and status.applied == commit and status,
            f"applied: {self.status()}",
            patience,
        )

    def await_condition(self, name: str, reason: str) -> EnvironmentStatus:
        """Wait until a condition has this reason."""
        return eventually(
            lambda: (
                (found := self.status()).condition(name) and found.condition(name).reason == reason and found
            ),
            f"{name} {reason}: {self.status()}",
        )


def grant(kube: KubeCluster, path: Path, environment: str, namespace: str) -> None:
    """Give an agent what `envctl install` prints for its branch: as an administrator does, and never more."""
    installation = Installation(environment, path.as_uri(), "envctl:1", namespace)
    try:
        found = install(open_store(path), installation, history=100).objects
    except EnvctlError:  # nothing is published yet, or what no agent accepts
        found = manifests(installation, Rights({}))
    for value in (definition(), *found):
        if value["kind"] in GRANTED:
            group, _, version = value["apiVersion"].rpartition("/")
            kind = kube.resource_type(group, value["kind"], version)
            assert kind
            with contextlib.suppress(ClusterError):  # a namespace that the branch itself is to create
                kube.apply(kind, value, force=True)
    # The test asks for it by the same connection: an answer from before must not be remembered.
    eventually(lambda: kube.resource_type("envctl.dev", "Environment"), "the kind Environment")


@pytest.fixture
def make_rig(
    cluster: Any, tmp_path: Path, unique_name: Callable[[str], str], new_namespace: Callable[[], str]
) -> Iterator[Callable[..., Rig]]:
    """Makes environments, each with a bare repository, a namespace for objects and one for its agent."""
    with contextlib.ExitStack() as stack:

        def make(
            *,
            agents: str = "",
            namespace: str = "",
            kubeconfig: Path | None = None,
            almighty: bool = False,
            **options: Any,
        ) -> Rig:
            name = unique_name("env")
            path = tmp_path / f"{name}.git"
            subprocess.run(["git", "init", "--quiet", "--bare", path], check=True)
            admin = kubeconfig or cluster.kubeconfig
            kube = stack.enter_context(contextlib.closing(connect(admin)))
            settings = AgentOptions(
                name,
                remote=path.as_uri(),
                namespace=agents or new_namespace(),
                interval=0.2,
                retry_first=0.5,
                namespaced=True,
            )
            settings = replace(settings, **options)
            if almighty:
                account, published = admin, lambda: None
            else:
                published = partial(grant, kube, path, name, settings.namespace)
                published()
                token = token_of(kube, settings.namespace, f"envctl-agent-{name}")
                folder = tmp_path / f"{name}.account"
                folder.mkdir()
                account = kubeconfig_with_token(admin, token, folder)
            agent = stack.enter_context(contextlib.closing(connect(account)))
            return Rig(
                branch=Branch(path, name, published=published),
                options=settings,
                kube=kube,
                agent=agent,
                store=tmp_path / f"{name}.store",
                account=account,
                namespace=namespace or new_namespace(),
            )

        yield make


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """One environment of this test's own."""
    return make_rig()


@pytest.fixture
def almighty(make_rig: Callable[..., Rig]) -> Rig:
    """As `rig`, but the agent may do everything: where namespaces come and go, and rights with them."""
    return make_rig(almighty=True, namespaced=False)


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """`eventually`, for tests."""
    return eventually


@pytest.fixture
def cm() -> Callable[..., dict[str, Any]]:
    """`config_map`, for tests."""
    return config_map
