"""One seeded run: what is done to an agent, its branch, its servers and its objects, step by step."""

import contextlib
import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from envctl.agent.resource import ENVIRONMENT as ENVIRONMENTS
from envctl.errors import EnvctlError
from envctl.kube.connection import Request
from envctl.kube.paths import object_path
from envctl.model.cluster import ResourceType
from tests.controlplane.agent.faults.conftest import CANARY, KINDS, SECRET, Faulty, small
from tests.support.apifaults import (
    answered,
    cut_after,
    cut_before,
    cut_body,
    delayed,
    doubled,
    dropped,
    events,
    nonsense,
    swapped,
    truncated,
)
from tests.support.apiproxy import WATCH, WRITES
from tests.support.git_servers import Answer, GitServer

PATIENCE = 180.0
NAMES = [f"o{number}" for number in range(10)]
ANCHORS = (SECRET, *(small(f"anchor{number}", x="1") for number in range(5)))
REQUESTS = (cut_before, cut_after, cut_body(30), truncated(30), nonsense, delayed(0.2))
REFUSALS = tuple(answered(status) for status in (401, 403, 409, 410, 429, 500, 503, 504))
STREAMS = (
    events(doubled(1)),
    events(dropped(1)),
    events(swapped(1)),
    cut_body(500),
    cut_before,
    answered(410),
)
GIT = (401, 403, 404, 429, 500, 503, 200, "slow", "down")


def made(name: str, x: str) -> Mapping[str, Any]:
    """The object of a name: its kind follows from the name."""
    number = int(name[1:])
    if number < 6:
        return small(name, x=x)
    metadata = {"name": name, "annotations": {"x": x}}
    if number < 8:
        text = f"{CANARY}{x}"
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": text}}
    if number == 8:
        ports = [{"port": 80, "protocol": "TCP", "targetPort": 8080}]
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}
    labels, containers = {"app": name}, [{"name": "c", "image": f"app:{x}"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def type_of(name: str) -> ResourceType:
    kind = made(name, "")["kind"] if name[0] == "o" else "ConfigMap"
    return next(each for each in KINDS if each.kind == kind)


def _theirs(kind: ResourceType) -> Mapping[str, Any]:
    """Another value for a field that the branch sets; what it does not set is nobody's business."""
    if kind.kind == "ConfigMap":
        return {"data": {"x": "theirs"}}
    return (
        {"data": {"token": "eA=="}}
        if kind.kind == "Secret"
        else {"metadata": {"annotations": {"x": "theirs"}}}
    )


class Supervisor:
    """Starts an agent's process again where it ended, as a kubelet does; a crash is a bug."""

    def __init__(self, faulty: Faulty, store: str, *, election: bool) -> None:
        self._faulty = faulty
        self._store = store
        self._election = election
        self._over = threading.Event()
        self._agent: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self.ends: Counter[int] = Counter()

    def _supervise(self) -> None:
        while not self._over.is_set():
            with self._faulty.process(election=self._election, store=self._store) as agent:
                self._agent = agent
                while agent.poll() is None and not self._over.wait(0.05):
                    pass
                if agent.poll() is None:
                    agent.send_signal(signal.SIGTERM)
                    self._end(agent)
                self.ends[agent.returncode] += 1

    def _end(self, agent: "subprocess.Popen[str]") -> None:
        try:
            agent.wait(30)
        except subprocess.TimeoutExpired:
            agent.send_signal(signal.SIGABRT)  # it writes down what its threads do
            agent.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it to the process that runs now, if one does."""
        if self._agent and self._agent.poll() is None:
            self._agent.send_signal(number)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


class Run:
    """The state of one run. `counts` says what was done."""

    def __init__(self, faulty: Faulty, git: GitServer, dev: Any, seed: int) -> None:
        self.faulty = faulty
        self.chance = random.Random(seed)  # noqa: S311  (a seed makes it repeatable)
        self.counts: Counter[str] = Counter()
        self._dev = dev
        self._git = git
        self._git_fault: Any = None
        self._tree = dict.fromkeys(NAMES[:6] + NAMES[8:], "1")
        self._good: list[str] = []
        self._supervisors: list[Supervisor] = []
        rig = faulty.rig
        rig.options = type(rig.options)(
            **{name: getattr(rig.options, name) for name in rig.options.__dataclass_fields__}
            | {"remote": git.url(rig.branch.path.name)}
        )
        git.script = self._answer

    def go(self, steps: int) -> None:
        """All steps, then no more faults: the cluster becomes what the branch says, and the oracle holds."""
        first = self._publish()
        self.faulty.rig.branch.published = self.faulty.twin.branch.published = lambda: None
        actions = self._actions()
        with self._agents():
            self._await(first)  # whatever commit an agent sees first, it believes
            for _ in range(steps):
                name = self.chance.choices(list(actions), [weight for weight, _ in actions.values()])[0]
                self.counts[name] += 1
                actions[name][1]()
                time.sleep(self.chance.uniform(0, 0.5))
            self.faulty.proxy.clear()
            self.faulty.proxy.cut()  # events that never came are in the state that a new watch begins with
            self._git_fault = None
            self._tree = dict.fromkeys([*self._tree, "o0"], "last")
            tip = self._publish()
            self._await(tip)
            self.faulty.check()
        self._check_ends()

    def _actions(self) -> Mapping[str, tuple[int, Callable[[], None]]]:
        return {
            "commits": (30, self._commit),
            "bad commits": (8, self._commit_badly),
            "API faults": (24, self._fault_api),
            "API outages": (4, self._outage),
            "API restarts": (1, self._restart),
            "etcd pauses": (2, self._pause_etcd),
            "Git faults": (10, self._fault_git),
            "kills": (6, lambda: self._signal(signal.SIGKILL)),
            "stops": (3, lambda: self._signal(signal.SIGTERM)),
            "pauses": (4, self._pause_agent),
            "foreign hands": (12, self._meddle),
        }

    @contextlib.contextmanager
    def _agents(self) -> Iterator[None]:
        """One agent, with or without a Lease, or two with one."""
        election, number = self.chance.choice([(False, 1), (True, 1), (True, 2)])
        with contextlib.ExitStack() as stack:
            for each in range(number):
                agent = Supervisor(self.faulty, f".a{each}", election=election)
                self._supervisors.append(stack.enter_context(agent))
            yield

    def _check_ends(self) -> None:
        """No process ended but by a signal, in order, or with an error that it explained."""
        ends = sum((each.ends for each in self._supervisors), Counter[int]())
        self.counts["ends with an error"] = sum(ends[code] for code in ends if code > 0)
        said = self.faulty.log()
        assert "Traceback" not in said, said
        assert -signal.SIGABRT not in ends, said

    # Commits.

    def _commit(self) -> None:
        """Add, change or remove one object, or rename one."""
        name = self.chance.choice(NAMES)
        kind = self.chance.choice(["put", "put", "remove", "rename"])
        if kind != "put":
            self._tree.pop(name, None)
        if kind != "remove":
            target = self.chance.choice(NAMES) if kind == "rename" else name
            self._tree[target] = str(self.chance.randint(1, 1000))
        self._publish()

    def _publish(self) -> str:
        branch = self.faulty.rig.branch
        if self._good and branch.tip != self._good[-1]:
            branch.tip = self._good[-1]
            branch.move(branch.tip)
        values = [*ANCHORS, *(made(name, x) for name, x in sorted(self._tree.items()))]
        # Whoever looks on only after a while sees more removals at once, and in an hour, than the budget has.
        tip = self.faulty.publish(*values, trailers=["Envctl-Allow-Prune: too-many"])
        self._good.append(tip)
        return tip

    def _commit_badly(self) -> None:
        """A commit, or a state of the branch, that no agent may follow; the next good one takes its place."""
        branch, older = self.faulty.rig.branch, self.chance.choice(self._good)
        few = {"web": [{**small("stranger"), "metadata": {"name": "stranger", "namespace": "default"}}]}
        bad: tuple[Callable[[], object], ...] = (
            lambda: branch.publish({}),
            lambda: branch.publish(few, environment="other"),
            lambda: branch.publish(few, sequence=1),
            lambda: branch.publish(few, parent=""),
            lambda: branch.publish(few, files={"web/broken.yaml": b"a: ["}),
            lambda: branch.move(older),
            lambda: branch.move(None),
        )
        before = branch.sequence
        self.chance.choice(bad)()
        branch.sequence = max(before, branch.sequence)
        branch.tip = ""  # so that the next good one begins at the last good one

    # The API server, and the line to it.

    def _fault_api(self) -> None:
        """Something goes wrong with one of the next requests."""
        proxy, chance = self.faulty.proxy, self.chance
        nth, times = chance.randint(1, 4), chance.randint(1, 3)
        match chance.randint(0, 3):
            case 0:
                proxy.fault(chance.choice(STREAMS), "GET", WATCH, nth=1, times=times)
                proxy.cut()
            case 1:
                proxy.fault(chance.choice(REQUESTS), WRITES, nth=nth, times=times)
            case 2:
                proxy.fault(chance.choice(REFUSALS), WRITES, nth=nth, times=times)
            case _:
                proxy.fault(chance.choice((*REQUESTS, *REFUSALS)), "GET", "^(?!.*watch=true)", times=times)

    def _outage(self) -> None:
        """Nobody answers there, or what is sent stays on its way."""
        proxy, seconds = self.faulty.proxy, self.chance.uniform(0.1, 1.5)
        off, on = self.chance.choice([(proxy.down, proxy.up), (proxy.hold, proxy.release)])
        off()
        time.sleep(seconds)
        on()

    def _restart(self) -> None:
        server = self._dev.process("kube-apiserver")
        server.kill()
        server.start()
        self._dev.wait_ready()

    def _pause_etcd(self) -> None:
        self._dev.pause("etcd")
        time.sleep(self.chance.uniform(0.1, 1.5))
        self._dev.resume("etcd")

    # The Git server.

    def _fault_git(self) -> None:
        """It goes wrong from now on, or works again."""
        self._git_fault = self.chance.choice((*GIT, None, None))

    def _answer(self, _method: str, _path: str) -> Answer | None:
        match self._git_fault:
            case "slow":
                time.sleep(1)
            case "down":
                raise ConnectionAbortedError
            case int(status):
                return status, {"Content-Type": "text/plain"}, b"no"
        return None

    # The process.

    def _signal(self, number: signal.Signals) -> None:
        self.chance.choice(self._supervisors).signal(number)

    def _pause_agent(self) -> None:
        """It sleeps, some times for longer than its Lease."""
        agent = self.chance.choice(self._supervisors)
        agent.signal(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.1, 4))
        agent.signal(signal.SIGCONT)

    # Other people.

    def _meddle(self) -> None:
        """Somebody edits or deletes one of our objects, takes its label, or deletes our report."""
        rig, name = self.faulty.rig, self.chance.choice([*NAMES, "anchor0"])
        kind, what = type_of(name), self.chance.choice(["edit", "edit", "label", "delete", "report"])
        with contextlib.suppress(EnvctlError):
            match what:
                case "edit":
                    self._edit(kind, name, _theirs(kind))
                case "label":
                    self._edit(kind, name, {"metadata": {"labels": None}})
                case "delete":
                    rig.kube.delete(kind, rig.namespace, name)
                case _:
                    rig.kube.delete(ENVIRONMENTS, rig.options.namespace, rig.options.environment)

    def _edit(self, kind: ResourceType, name: str, change: Mapping[str, Any]) -> None:
        rig = self.faulty.rig
        target = f"{object_path(kind, rig.namespace, name)}?fieldManager=somebody"
        headers = (("Content-Type", "application/merge-patch+json"),)
        rig.kube._transport.send(Request("PATCH", target, json.dumps(change).encode(), headers))

    def _await(self, tip: str) -> None:
        """Wait until the last commit is applied; longer than one would wait for a machine at rest."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = self.faulty.rig.status()
            if status.ready and status.applied == tip:
                return
            time.sleep(0.1)
        raise AssertionError(f"never applied: {self.faulty.rig.status()}\n{self.faulty.log()[-4000:]}")
