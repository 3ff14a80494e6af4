"""One control plane: made in a temporary folder, ready when `start` returns, gone when `stop` returns."""

import functools
import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from envctl.devcluster import commands
from envctl.devcluster.binaries import Programs, ensure_programs
from envctl.devcluster.catalog import OWN_STAGES
from envctl.devcluster.certificates import Authority, KeyPair, new_key
from envctl.devcluster.commands import AUDIT_POLICY, SERVER_HOSTS, Layout
from envctl.devcluster.kubeconfig import kubeconfig_text
from envctl.devcluster.probes import Probe, node_object
from envctl.devcluster.processes import Process, ProcessGroup
from envctl.devcluster.progress import Progress, quiet
from envctl.errors import UnavailableError, UsageError

PREFIX = "envctl-dev-cluster-"

_ADMIN = "admin"
_USERS = {
    _ADMIN: ("system:masters",),
    "system:kube-controller-manager": (),
    "system:kube-scheduler": (),
    # kwok plays the kubelets of all nodes.
    "kwok": ("system:masters",),
}
_PORT_ATTEMPTS = 5
_SECONDS_BETWEEN_PROBES = 0.05
# The shorter one of Linux (108) and macOS (104), with the zero at its end.
_LONGEST_SOCKET_PATH = 103
_PORT_TAKEN = "address already in use"


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What to start.

    Without `controllers` no Deployment makes pods and no namespace ends; without `scheduler` no
    pod gets a node; with no `nodes` kwok is not started. The API server is whole in any case.
    `apiserver` arguments win over envctl's. `seconds` is the longest wait until ready. `context`
    is the name of the kubeconfig's context.
    """

    nodes: int = 1
    controllers: bool = True
    scheduler: bool = True
    apiserver: tuple[str, ...] = ()
    audit_log: Path | None = None
    seconds: float = 120
    context: str = "envctl-dev-cluster"

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that these options need."""
        chosen = {
            "etcd": True,
            "kube-apiserver": True,
            "kube-controller-manager": self.controllers,
            "kube-scheduler": self.scheduler,
            "kwok": self.nodes > 0,
        }
        return tuple(name for name, wanted in chosen.items() if wanted)


API_ONLY = ClusterOptions(nodes=0, controllers=False, scheduler=False)


class DevCluster:
    """A running control plane. Use it as a context manager, or call `stop`.

    It also ends, with its folder, when the process that started it dies.
    """

    def __init__(self, options: ClusterOptions, programs: Programs) -> None:
        """Make the folder and its files; `start` makes a whole one."""
        self.options = options
        self.programs = programs
        self.port = 0
        self.directory = _new_folder()
        self._layout = Layout(self.directory)
        self._authority = Authority()
        self._group = ProcessGroup(self.directory)

    @classmethod
    def start(
        cls,
        options: ClusterOptions | None = None,
        programs: Programs | None = None,
        progress: Progress = quiet,
    ) -> Self:
        """Start a control plane and wait until it is ready.

        Ready means: ``/readyz`` is ok; with controllers, namespace and service account `default`
        exist; with nodes, there is a default StorageClass, and every node takes pods. Raises
        UnavailableError, with the tail of the log of a process that ended or of the one that keeps
        it waiting; nothing is left behind then.
        """
        chosen = options or ClusterOptions()
        cluster = cls(chosen, programs or ensure_programs(chosen.programs, progress))
        try:
            cluster._start(progress)
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the administrator, which may do everything."""
        return self._layout.kubeconfig(_ADMIN)

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig for another user, who may do only what RBAC grants."""
        name = re.sub(r"[^A-Za-z0-9.-]", "-", user)
        path = self._layout.kubeconfig(f"user-{name}")
        _write_private(path, self._kubeconfig_text(self._authority.client(user, groups)))
        return path

    def process(self, name: str) -> Process:
        """A process by its program's name. Raises UsageError for one that these options do not run."""
        found = self._group.processes.get(name)
        if found is None:
            raise UsageError(
                f"this dev cluster runs no {name}", hint=f"it runs {', '.join(self._group.processes)}"
            )
        return found

    @property
    def processes(self) -> tuple[Process, ...]:
        """All processes, in the order of their start."""
        return tuple(self._group.processes.values())

    def kill(self, name: str) -> None:
        """Kill a process (SIGKILL), as a crash would. The data stays."""
        self.process(name).kill()

    def restart(self, name: str) -> None:
        """Kill a process if it runs, and start it again with the same data, port and certificates.

        Returns at once; `wait_ready` waits for the API server.
        """
        self.process(name).kill()
        self.process(name).start()

    def pause(self, name: str) -> None:
        """Freeze a process (SIGSTOP) until `resume`."""
        self.process(name).pause()

    def resume(self, name: str) -> None:
        """Let a paused process go on."""
        self.process(name).resume()

    def wait_ready(self) -> None:
        """Wait until the API server is ready. Raises UnavailableError where it takes too long."""
        self._wait("kube-apiserver", "the API server is not ready", self._probe().ready)

    def stop(self) -> None:
        """End every process and remove the folder. Can be called twice."""
        self._group.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        """The cluster itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    def _start(self, progress: Progress) -> None:
        started = time.monotonic()
        progress("starting etcd and kube-apiserver")
        self._write_certificates()
        self._group.start("etcd", commands.etcd_command(self.programs["etcd"], self._layout))
        self._start_apiserver()
        progress("starting controllers and nodes")
        self._start_clients()
        if self.options.controllers:
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._wait(
                "kube-controller-manager",
                "there is no service account default",
                lambda: self._probe().exists(account),
            )
        if self.options.nodes:
            self._add_nodes()
        progress(f"ready after {time.monotonic() - started:.1f} s")

    def _write_certificates(self) -> None:
        authority = self._authority.pair
        _write_private(self._layout.authority, authority.certificate)
        _write_private(self._layout.authority_key, authority.key)
        _write_private(self._layout.service_account_key, new_key())
        _write_private(self._layout.audit_policy, AUDIT_POLICY.encode())
        server = self._authority.server("kube-apiserver", SERVER_HOSTS)
        _write_private(self._layout.certificate("kube-apiserver"), server.certificate)
        _write_private(self._layout.key("kube-apiserver"), server.key)

    def _start_apiserver(self) -> None:
        """Start it on a free port; on another one where somebody took that port meanwhile."""
        for attempt in range(_PORT_ATTEMPTS):
            self.port = _free_port()
            command = commands.apiserver_command(
                self.programs["kube-apiserver"],
                self._layout,
                self.port,
                with_controllers=self.options.controllers,
                audit_log=self.options.audit_log and self.options.audit_log.absolute(),
                extra=self.options.apiserver,
            )
            process = self._group.start("kube-apiserver", command)
            self._write_kubeconfigs()
            try:
                self.wait_ready()
            except UnavailableError:
                if _PORT_TAKEN not in process.tail() or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                return

    def _write_kubeconfigs(self) -> None:
        for user, groups in _USERS.items():
            name = user.removeprefix("system:")
            client = self._authority.client(user, groups)
            _write_private(self._layout.kubeconfig(name), self._kubeconfig_text(client))
            if user == _ADMIN:
                _write_private(self._layout.certificate(name), client.certificate)
                _write_private(self._layout.key(name), client.key)

    def _kubeconfig_text(self, client: KeyPair) -> bytes:
        authority = self._authority.pair.certificate
        return kubeconfig_text(self.options.context, self.url, authority, client).encode()

    def _start_clients(self) -> None:
        """The programs that talk to the API server. They need it ready: some give up early."""
        layout, programs = self._layout, self.programs
        if self.options.controllers:
            program = programs["kube-controller-manager"]
            self._group.start("kube-controller-manager", commands.controller_manager_command(program, layout))
        if self.options.scheduler:
            self._group.start(
                "kube-scheduler", commands.scheduler_command(programs["kube-scheduler"], layout)
            )
        if self.options.nodes:
            stages = (*programs.stages, *OWN_STAGES)
            self._group.start("kwok", commands.kwok_command(programs["kwok"], layout, stages))

    def _add_nodes(self) -> None:
        """Make the nodes, and what pods on them may ask for; wait until they take pods."""
        probe = self._probe()
        for file, where in self.programs.objects.items():
            create = functools.partial(probe.create, where, file.read_bytes())
            self._wait("kube-apiserver", f"{file.stem} cannot be made", create)
        for number in range(self.options.nodes):
            node = json.dumps(node_object(f"node-{number}")).encode()
            create = functools.partial(probe.create, "/api/v1/nodes", node)
            self._wait("kube-apiserver", "no node can be made", create)
        count = functools.partial(probe.ready_nodes, with_taints=not self.options.controllers)
        self._wait("kwok", "not all nodes are ready", lambda: count() >= self.options.nodes)

    def _probe(self) -> Probe:
        layout = self._layout
        return Probe(self.port, layout.authority, layout.certificate(_ADMIN), layout.key(_ADMIN))

    def _wait(self, name: str, problem: str, done: Callable[[], bool]) -> None:
        """Wait until something is done; `name` is the process to blame where it takes too long."""
        deadline = time.monotonic() + self.options.seconds
        while not done():
            self._group.check()
            if time.monotonic() > deadline:
                tail = self.process(name).tail()
                raise UnavailableError(
                    f"{problem} after {self.options.seconds:g} s; {name} said last:\n{tail}",
                    hint="a busy machine may need longer; a dev cluster takes about 600 MB of memory",
                )
            time.sleep(_SECONDS_BETWEEN_PROBES)


def _new_folder() -> Path:
    """A temporary folder for this user alone, with a path that a socket in it can have."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise UnavailableError(
            f"no temporary folder can be made: {error.strerror}", hint="TMPDIR names another place for it"
        ) from error
    longest = len(os.fsencode(folder / "etcd-peer.sock"))
    if longest > _LONGEST_SOCKET_PATH:
        folder.rmdir()
        raise UnavailableError(
            f"the path is too long for a socket ({longest} bytes, {_LONGEST_SOCKET_PATH} at most)",
            place=str(folder),
            hint="set TMPDIR to a shorter one, as /tmp",
        )
    return folder


def _free_port() -> int:
    """A port that is free now. Somebody may take it before it is used; callers try again then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user may read."""
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
