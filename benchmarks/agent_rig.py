"""What the agent's benchmarks share: a control plane, a Git server, agents as processes, and who counts.

Requests are counted from the API server's audit log, moments are those of a watch or of the Git server
in this process, memory and processor time are the kernel's: nothing is the agent's own word.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from agent_objects import Branch
from timing import ROOT

sys.path.insert(0, str(ROOT))

from envctl.agent.report import read_status
from envctl.devcluster.cluster import API_ONLY, ClusterOptions, DevCluster
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.model.cluster import EventKind, ResourceType, WatchEvent
from envctl.model.status import EnvironmentStatus
from tests.controlplane.conftest import token_of
from tests.support.git_servers import GitServer, git_http_server

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SYSTEM = "envctl-system"
ACCOUNT = "bench"
AGENT = f"system:serviceaccount:{SYSTEM}:{ACCOUNT}"
_EVERYTHING = {
    "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SYSTEM}],
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
}
WRITING = frozenset({"create", "update", "patch", "delete"})
PATIENCE = 600.0
_QUIET = 0.4
_CLOCK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure and its goal. `met` None where there is no goal."""

    part: str
    what: str
    figure: str
    goal: str = ""
    met: bool | None = None

    def markdown(self) -> str:
        verdict = {True: "met", False: "**not met**", None: ""}[self.met]
        return f"| {self.part} | {self.what} | {self.figure} | {self.goal} | {verdict} |"


def table(rows: list[Row]) -> str:
    """Rows for RESULTS.md."""
    head = "| | what | figure | goal | |\n|---|---|---|---|---|\n"
    return head + "\n".join(row.markdown() for row in rows)


def load() -> str:
    """What else the machine does, for the reader of a figure."""
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


@dataclass(frozen=True)
class Asked:
    """One request that the API server answered."""

    verb: str
    resource: str
    namespace: str
    name: str
    status: int
    began: float
    ended: float

    @property
    def about(self) -> str:
        """What a request is about: ``objects`` of the branch, or what the agent keeps for itself."""
        if self.resource in {"leases", "events", "environments"}:
            return self.resource
        if self.name.startswith("envctl-inventory-") or (
            self.resource == "configmaps" and self.namespace == SYSTEM
        ):
            return "inventory"
        if self.resource == "selfsubjectrulesreviews" or not self.resource:
            return "discovery"
        own = self.namespace == SYSTEM or self.name in {SYSTEM, "environments.envctl.dev"}
        return "set-up" if own else "objects"


class Audit:
    """The API server's audit log, read on from where it was read last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def requests(self, user: str = AGENT) -> list[Asked]:
        """What a user asked since the last call, each watch once, when it began."""
        return [each for entry in self._entries() if (each := _asked(entry, user))]

    def skip(self) -> None:
        """Forget what was asked until now."""
        self._offset, self._rest = self._path.stat().st_size, b""

    def _entries(self) -> Iterator[Any]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = self._rest + file.read()
            self._offset = file.tell()
        *lines, self._rest = data.split(b"\n")
        return (json.loads(line) for line in lines)


def _asked(entry: Any, user: str) -> Asked | None:
    watching, began = entry["verb"] == "watch", entry["stage"] == "ResponseStarted"
    if entry["user"]["username"] != user or watching != began:
        return None
    about = entry.get("objectRef", {})
    resource, sub = about.get("resource", ""), about.get("subresource", "")
    return Asked(
        entry["verb"],
        f"{resource}/{sub}" if sub and resource != "environments" else resource,
        about.get("namespace", ""),
        about.get("name", ""),
        entry.get("responseStatus", {}).get("code", 0),
        _seconds(entry["requestReceivedTimestamp"]),
        _seconds(entry["stageTimestamp"]),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def counted(asked: list[Asked]) -> str:
    """Requests by what they are about and by verb."""
    found = Counter(f"{each.about} {each.verb}" for each in asked)
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "none"


def writes(asked: list[Asked]) -> list[Asked]:
    """The writes to objects of the branch."""
    return [each for each in asked if each.verb in WRITING and each.about == "objects"]


@dataclass
class AgentProcess:
    """A running ``envctl agent``, and what the kernel says about it and its children."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def cpu(self) -> float:
        """User and system seconds, those of ended children too."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _CLOCK

    @property
    def rss(self) -> float:
        """Resident memory in MiB, of all its processes together."""
        return sum(_pages(each) for each in self._family()) * _PAGE

    @property
    def own(self) -> float:
        """Resident memory in MiB of the process itself, without one that fetches for it."""
        return _pages(self.process.pid) * _PAGE

    @property
    def peak(self) -> float:
        """The highest resident memory of the process itself so far, in MiB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def lines(self) -> list[Any]:
        """What it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def _family(self) -> list[int]:
        found = [self.process.pid]
        for each in found:
            for task in Path(f"/proc/{each}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += map(int, task.read_text().split())
        return found


def _pages(process: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return 0


@dataclass
class Rig:
    """One control plane and one Git server for all benchmarks of a run."""

    cluster: DevCluster
    kube: KubeCluster
    git: GitServer
    audit: Audit
    folder: Path
    looked: list[float] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def branch(self, environment: str) -> Branch:
        """A new environment's empty deploy branch."""
        path = self.folder / "git" / f"{environment}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
        return Branch(path, environment)

    @contextlib.contextmanager
    def agent(self, environment: str, interval: float = 0.5) -> Iterator[AgentProcess]:
        """An ``envctl agent`` process; it must end well."""
        log = self.folder / f"{environment}-{time.monotonic_ns()}.log"
        command = [
            *(sys.executable, str(ROOT / "benchmarks/agent_pod.py"), str(self.folder / "pod")),
            *("agent", "--env", environment, "--repo", self.git.url(f"{environment}.git")),
            *(
                "--interval",
                str(interval),
                "--store",
                str(self.folder / f"{environment}.store"),
                "-o",
                "json",
            ),
        ]
        pod = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.cluster.port)}
        settings = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), **pod}
        settings.pop("KUBECONFIG", None)
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=settings)
        try:
            yield AgentProcess(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code:
                sys.stderr.write(f"the agent ended with {code}:\n{log.read_text()[-2000:]}\n")

    def status(self, environment: str) -> EnvironmentStatus:
        return read_status(self.kube, environment, SYSTEM) or EnvironmentStatus()

    def await_applied(self, branch: Branch, agent: AgentProcess) -> EnvironmentStatus:
        """Wait until the agent reports the newest commit as applied."""

        def applied() -> EnvironmentStatus | None:
            status = self.status(branch.environment)
            return status if status.applied == branch.tip else None

        return until(applied, f"{branch.environment} is at {branch.tip}", agent)

    def seen(self, since: float, until: float) -> float:
        """When the look-up began that found what was visible in the cluster later (monotonic).

        One that found nothing new is not followed by another request for about the agent's interval.
        """
        moments = [each for each in self.looked if since <= each <= until]
        while len(moments) > 1 and moments[1] - moments[0] > _QUIET:
            moments.pop(0)
        return moments[0] if moments else since

    def tell(self, row: Row) -> None:
        """Take a figure into the table."""
        self.rows.append(row)
        print(row.markdown(), flush=True)


def _make_pod(kube: KubeCluster, folder: Path, authority: Path) -> None:
    """A service account that may do everything, and its files as a pod has them."""
    for version, kind, name, more in (
        ("v1", "Namespace", SYSTEM, {}),
        ("v1", "ServiceAccount", ACCOUNT, {}),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", ACCOUNT, _EVERYTHING),
    ):
        group = version.rpartition("/")[0]
        place = {"namespace": SYSTEM} if kind == "ServiceAccount" else {}
        value: Any = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place}, **more}
        found = kube.resource_type(group, kind)
        if found:
            kube.apply(found, value)
    folder.mkdir()
    (folder / "token").write_text(token_of(kube, SYSTEM, ACCOUNT, 24 * 3600))
    (folder / "ca.crt").write_bytes(authority.read_bytes())


@contextlib.contextmanager
def start_rig(options: ClusterOptions = API_ONLY) -> Iterator[Rig]:
    """A control plane with an audit log, without controllers: nobody else writes."""
    with tempfile.TemporaryDirectory(prefix="envctl-bench-") as name:
        folder = Path(name)
        (folder / "git").mkdir()
        log = folder / "audit.log"
        with (
            git_http_server(folder / "git") as git,
            DevCluster.start(replace(options, audit_log=log)) as cluster,
            closing(connect(cluster.kubeconfig)) as kube,
        ):
            _make_pod(kube, folder / "pod", cluster.directory / "ca.crt")
            rig = Rig(cluster, kube, git, Audit(log), folder)

            def note(method: str, _path: str) -> None:
                if method == "POST":  # of the requests of a look-up the one that lists refs
                    rig.looked.append(time.monotonic())

            git.script = note
            yield rig


def until(probe: Callable[[], Any], what: str, agent: AgentProcess | None = None) -> Any:
    """The first true answer of a probe."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := probe():
            return answer
        if agent and agent.process.poll() is not None:
            raise SystemExit(f"the agent ended: {agent.log.read_text()[-2000:]}")
        time.sleep(0.05)
    said = agent.log.read_text()[-2000:] if agent else ""
    raise SystemExit(f"never happened: {what}\n{said}")


class Eye:
    """A watch that notes when which state of an object was seen first, since it was asked about last."""

    def __init__(self, kube: KubeCluster, kind: ResourceType, namespace: str = "") -> None:
        self._watch = kube.watch(kind, namespace=namespace)
        self._seen: dict[str, list[tuple[float, Any]]] = {}
        self._changed = threading.Condition()
        self._synced = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._synced.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.close()
        self._thread.join(10)

    def await_data(self, name: str, data: Any, seconds: float = 60) -> float:
        """When an object (``namespace/name``) was seen with this data (None: gone), monotonic.

        What was seen before is forgotten then.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._found(name, data) is not None, seconds):
                raise SystemExit(f"{name} never had {data}: {self._seen.get(name)}")
            place = self._found(name, data) or 0
            moment = self._seen[name][place][0]
            del self._seen[name][: place + 1]
            return moment

    def _found(self, name: str, data: Any) -> int | None:
        seen = self._seen.get(name, [])
        return next((place for place, (_, each) in enumerate(seen) if each == data), None)

    def _read(self) -> None:
        with self._watch as events:
            for event in events:
                now = time.monotonic()
                if event.kind is EventKind.SYNCED:
                    self._synced.set()
                elif self._synced.is_set():
                    self._note(now, event)

    def _note(self, now: float, event: WatchEvent) -> None:
        value: Any = event.object
        metadata = value["metadata"]
        data = None if event.kind is EventKind.DELETED else value.get("data")
        with self._changed:
            name = f"{metadata['namespace']}/{metadata['name']}"
            self._seen.setdefault(name, []).append((now, data))
            self._changed.notify_all()
