"""The demo's clusters: one of its own, or one of the user's kubeconfig that is left as it was found."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo_terminal import DEMO, ENVCTL, SOURCE, DemoError, Shell, note, passing, result, until

from envctl.agent.options import NAMESPACE as AGENT_NAMESPACE
from envctl.agent.resource import DEFINITION, ENVIRONMENT
from envctl.devcluster.cluster import ClusterOptions, DevCluster
from envctl.errors import EnvctlError, RefusedError
from envctl.kube.cluster import KubeCluster
from envctl.kube.connection import Request
from envctl.kube.kubeconfig import Kubeconfig, default_files, kubeconfig_endpoint
from envctl.kube.paths import object_path
from envctl.kube.transport import Transport
from envctl.manifests.paths import parse_path
from envctl.model.cluster import ResourceType
from envctl.model.objects import ObjectId

_ENVIRONMENTS = "environments.envctl.dev"
_VOLUME = ResourceType("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False)
_BORROWED_NAMESPACE = "envctl-demo"
_BUILD_LOG = DEMO / "build.log"
_QUIET_SECONDS = 0.4


class Hands:
    """A second hand in the cluster, as kubectl would be: reads, edits and deletes objects."""

    def __init__(self, kubeconfig: Path | None, context: str = "") -> None:
        files = (kubeconfig,) if kubeconfig else default_files()
        chosen = Kubeconfig(files, context)
        self.kube = KubeCluster(lambda: kubeconfig_endpoint(chosen))
        self._transport = Transport(lambda: kubeconfig_endpoint(chosen))

    def get(self, key: ObjectId) -> Any:
        """A live object; None where it, or its kind, is not there."""
        kind = self.kube.resource_type(key.group, key.kind)
        return kind and self.kube.get(kind, key.namespace, key.name)

    def delete(self, key: ObjectId) -> None:
        """Delete an object, if it is there."""
        kind = self.kube.resource_type(key.group, key.kind)
        if kind:
            self.kube.delete(kind, key.namespace, key.name)

    def patch(self, key: ObjectId, patch: Mapping[str, Any]) -> None:
        """Change an object by hand."""
        kind = self.kube.resource_type(key.group, key.kind)
        if kind is None:
            raise DemoError(f"the cluster serves no {key.kind}")
        path = object_path(kind, key.namespace, key.name) + "?fieldManager=kubectl-edit"
        headers = (("Content-Type", "application/strategic-merge-patch+json"),)
        answer = self._transport.send(Request("PATCH", path, json.dumps(patch).encode(), headers))
        if answer.status >= 400:  # noqa: PLR2004  the first status that means no
            raise DemoError(f"{key} cannot be edited: {answer.body.decode(errors='replace')}")

    def uids(self, keys: Iterable[ObjectId]) -> dict[ObjectId, str]:
        """The uids of those objects that are there: another uid means that an object was made again."""
        found = {key: self.get(key) for key in keys}
        return {key: live["metadata"]["uid"] for key, live in found.items() if live}


class Requests:
    """The agent's requests, as the API server's own audit log tells them."""

    def __init__(self, log: Path, user: str) -> None:
        self._log = log
        self._user = f'"username":"{user}"'

    def _all(self) -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines()
        found = [json.loads(line) for line in lines if self._user in line and line.endswith("}")]
        return [each for each in found if each["verb"] != "watch"]

    def mark(self) -> int:
        """Where the log ends, once the agent is at rest."""
        count, since = -1, time.monotonic()
        while time.monotonic() - since < _QUIET_SECONDS:
            if count != (count := len(self._all())):
                since = time.monotonic()
            time.sleep(_QUIET_SECONDS / 4)
        return count

    def between(self, start: int, end: int) -> Counter[str]:
        """How many requests were for what."""
        return Counter(_purpose(each.get("objectRef", {})) for each in self._all()[start:end])


def _purpose(target: Mapping[str, str]) -> str:
    if target.get("name", "").startswith("envctl-inventory-"):
        return "its inventory"
    if target.get("resource") == "environments":
        return "its status"
    return "the object" if target.get("name") else "discovery"


@dataclass(frozen=True)
class Target:
    """The cluster that the demo works on, as options of envctl.

    In our own, `requests` tells what the agent asks for, and `group` is the process group that
    the control plane's guardian ends even where the demo is killed.
    """

    hands: Hands
    options: tuple[str, ...] = ()
    namespace: str = AGENT_NAMESPACE
    requests: Requests | None = None
    group: int = 0

    def applied(self, commit: str) -> bool:
        """Whether the agent says that the cluster is at a commit of the deploy branch."""
        live = self.hands.get(ObjectId(ENVIRONMENT.group, ENVIRONMENT.kind, self.namespace, "prod"))
        status = (live or {}).get("status", {})
        ready = {each["type"]: each["status"] for each in status.get("conditions", [])}.get("Ready")
        return ready == "True" and status.get("applied") == commit


def branch_objects(shell: Shell) -> set[ObjectId]:
    """The objects that deploy/prod carries now."""
    paths = shell.quietly("ls-tree", "-r", "--name-only", "deploy/prod").splitlines()
    return {found[1] for path in paths if (found := parse_path(path))}


@contextlib.contextmanager
def background_build(*, wanted: bool) -> Iterator[Callable[[], float]]:
    """Build the control plane's programs meanwhile. Gives what waits for them, and says how long."""
    if not wanted:
        yield lambda: 0
        return
    with _BUILD_LOG.open("w") as stream:
        build = subprocess.Popen(
            [ENVCTL, "dev-cluster", "build"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            # Ctrl-C reaches it once, from here: a second one would cut its own cleaning up short.
            process_group=0,
        )
        try:
            yield lambda: _await_build(build)
        finally:
            if build.poll() is None:
                build.send_signal(signal.SIGINT)
                build.wait()


def _await_build(build: "subprocess.Popen[bytes]") -> float:
    started = time.monotonic()
    if build.poll() is None:
        note("\nThe control plane's programs are still being made: once, about ten minutes on two cores.")
    while build.poll() is None:
        passing((_BUILD_LOG.read_text().strip().splitlines() or [""])[-1])
        time.sleep(0.2)
    passing("")
    if build.returncode:
        raise DemoError(_BUILD_LOG.read_text().strip().removeprefix("error: ")[-3000:])
    return time.monotonic() - started


@contextlib.contextmanager
def own_cluster(shell: Shell) -> Iterator[Target]:
    """A control plane that ends with the demo, however the demo ends."""
    log, started = DEMO / "audit.log", time.monotonic()
    with DevCluster.start(ClusterOptions(audit_log=log)) as dev:
        took = time.monotonic() - started
        result(f"etcd, kube-apiserver, controllers, scheduler and a fake node: ready after {took:.1f} s")
        shell.environ["KUBECONFIG"] = str(dev.kubeconfig)
        hands = Hands(dev.kubeconfig_for("demo", ["system:masters"]))
        yield Target(hands, requests=Requests(log, "admin"), group=os.getpgid(dev.process("etcd").pid))


def reach(context: str) -> Hands:
    """A connection to a context of the user's kubeconfig. Raises EnvctlError where nobody answers."""
    hands = Hands(None, context)
    hands.kube.ping()
    return hands


@contextlib.contextmanager
def borrowed_cluster(shell: Shell, context: str, hands: Hands) -> Iterator[Target]:
    """The cluster of a context. It must hold nothing of the sample, and holds nothing of it afterwards."""
    guest = Guest(hands, context, frozenset(branch_objects(shell)))
    guest.refuse_strangers()
    result(f"{hands.kube.url}: holds nothing of the sample, and will be left so")
    try:
        yield Target(hands, ("--context", context, "--namespace", _BORROWED_NAMESPACE), _BORROWED_NAMESPACE)
    finally:
        guest.leave()


@dataclass
class Guest:
    """What the demo may touch in a cluster that is not its own, and how it takes all of it away again."""

    hands: Hands
    context: str
    objects: frozenset[ObjectId]
    definition_was_there: bool = False

    @property
    def _namespaces(self) -> list[ObjectId]:
        ours = [key for key in self.objects if key.kind == "Namespace"]
        return [*ours, ObjectId("", "Namespace", "", _BORROWED_NAMESPACE)]

    @property
    def _others(self) -> list[ObjectId]:
        return sorted(key for key in self.objects if not key.namespace and key.kind != "Namespace")

    def refuse_strangers(self) -> None:
        """Raise RefusedError where something is there already: it would be changed, and then removed."""
        there = [key for key in (*self._namespaces, *self._others) if self.hands.get(key)]
        if there:
            raise RefusedError(
                f"the cluster holds {', '.join(map(str, there))}; the demo would change and remove that",
                place=f"context {self.context}",
                hint=f"choose another cluster, or, if a demo left it: {self._commands(there)}",
            )
        self.definition_was_there = bool(self.hands.get(_definition()))

    def leave(self) -> None:
        """Remove what was applied, wait until it is gone, and say what stays."""
        note("\nremoving the sample from the cluster …")
        signal.signal(signal.SIGINT, _warn_once)
        try:
            self._remove([*self._namespaces, *self._others])
            until("", lambda: not self._volumes(), 30)
            if not self.definition_was_there and not self._environments():
                self._remove([_definition()])
        except (EnvctlError, DemoError, KeyboardInterrupt) as error:
            self._say_what_stays(error)
            raise
        note("removed: the cluster holds nothing of the demo any more")

    def _remove(self, keys: list[ObjectId]) -> None:
        for key in keys:
            self.hands.delete(key)
        until("", lambda: not any(self.hands.get(key) for key in keys))

    def _environments(self) -> bool:
        """Whether somebody else has begun to use our kind meanwhile."""
        kind = self.hands.kube.resource_type(ENVIRONMENT.group, ENVIRONMENT.kind)
        return bool(kind and self.hands.kube.list(kind).items)

    def _volumes(self) -> list[str]:
        names = {key.name for key in self._namespaces}
        found: Any = self.hands.kube.list(_VOLUME).items
        return [
            each["metadata"]["name"]
            for each in found
            if each["spec"].get("claimRef", {}).get("namespace") in names
        ]

    def _say_what_stays(self, error: BaseException) -> None:
        keys = [*self._namespaces, *self._others]
        if not self.definition_was_there:
            keys.append(_definition())
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        note(f"not all of it could be removed ({why}). This removes what is left:\n{self._commands(keys)}")

    def _commands(self, keys: Iterable[ObjectId]) -> str:
        words = " ".join(f"{key.kind}/{key.name}".lower() for key in keys)
        return f"kubectl --context {self.context} delete --ignore-not-found {words}"


def _warn_once(_number: int, _frame: object) -> None:
    """The first Ctrl-C must not leave things behind in somebody's cluster by accident."""
    note("still removing; Ctrl-C once more leaves the rest there")
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _definition() -> ObjectId:
    return ObjectId(DEFINITION.group, DEFINITION.kind, "", _ENVIRONMENTS)


@contextlib.contextmanager
def agent(shell: Shell, target: Target) -> Iterator[None]:
    """The agent of prod, pulling from the bare repository. Its log is .demo/agent.log."""
    command = ["agent", "--env", "prod", "--repo", "../platform.git", "--interval", "1", *target.options]
    shell.show("envctl", *command, tail=" &")
    with (DEMO / "agent.log").open("w") as log:
        process = subprocess.Popen(
            [ENVCTL, *command, "--store", str(DEMO / "store")],
            cwd=SOURCE,
            env=shell.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=target.group,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                code = process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
    if code:
        raise DemoError(f"the agent ended with {code}; see {DEMO.name}/agent.log")
    result("the agent has stopped cleanly")
