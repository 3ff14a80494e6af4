"""(g) Deployments with pods roll out; a bad image is Degraded, and its fix goes out while others wait for it.

    python benchmarks/agent_rollout.py [--deployments 500]

A whole control plane: its controllers make the pods, its scheduler places them, kwok plays them. Moments
are those of a watch by another client, of the Git server, and of the status that the agent wrote.
"""

import argparse
import threading
import time
from typing import Any, Self

from agent_objects import Branch
from agent_rig import AgentProcess, Rig, Row, load, start_rig, until

from envctl.devcluster.cluster import ClusterOptions
from envctl.kube.cluster import KubeCluster
from envctl.manifests.paths import object_path
from envctl.manifests.text import to_yaml
from envctl.model.cluster import EventKind, ResourceType, object_id
from envctl.model.health import Health
from envctl.model.status import EnvironmentStatus
from tests.support.deployments import deployment

NAME = "roll"
DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
_INTERVAL = 5.0
_BAD = "web-019"
_DEADLINE = 5


def web(name: str, tag: str) -> dict[str, Any]:
    """One of them; those with another image are given up after five seconds."""
    return deployment(name, NAME, tag, 600 if tag == "1" else _DEADLINE)


def text_of(value: dict[str, Any]) -> tuple[str, bytes]:
    return object_path("web", object_id(value)), to_yaml(value)


def set_image(branch: Branch, tag: str) -> None:
    """One changed image, and a ConfigMap of the next wave, which waits until all Deployments are healthy."""
    metadata = {"name": "after", "namespace": NAME, "annotations": {"envctl.dev/wave": "1"}}
    after = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"tag": tag}}
    branch.commit(dict([text_of(web(_BAD, tag)), text_of(after)]))


class Images:
    """A watch that notes when a Deployment was first seen with an image tag (monotonic)."""

    def __init__(self, kube: KubeCluster) -> None:
        self._watch = kube.watch(DEPLOYMENT, namespace=NAME)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.seen: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.close()
        self._thread.join(10)

    def _read(self) -> None:
        with self._watch as events:
            for event in events:
                value: Any = event.object
                if event.kind is EventKind.MODIFIED and value["metadata"]["name"] == _BAD:
                    image = value["spec"]["template"]["spec"]["containers"][0]["image"]
                    self.seen.setdefault(image.rpartition(":")[2], time.monotonic())


def roll_out(rig: Rig, branch: Branch, agent: AgentProcess, count: int) -> None:
    """From the push until the agent says that all of them are Healthy."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}}
    values = [namespace, *(web(f"web-{number:03}", "1") for number in range(count))]
    began = time.monotonic()
    branch.commit(dict(map(text_of, values)))

    def healthy() -> bool:
        status = rig.status(NAME)
        return status.applied == branch.tip and status.health is Health.HEALTHY

    until(healthy, "all Deployments are Healthy", agent)
    rig.tell(Row("g", f"{count} Deployments with pods: push to all Healthy", _seconds(began)))


def degrade(rig: Rig, branch: Branch, agent: AgentProcess) -> None:
    """A bad image is told as Degraded, with its reason."""
    began = time.monotonic()
    set_image(branch, "missing")

    def degraded() -> EnvironmentStatus | None:
        status = rig.status(NAME)
        return status if status.health is Health.DEGRADED else None

    status = until(degraded, "the bad image is Degraded", agent)
    text = f"{_seconds(began)}: {status.components[0].reason}"
    goal = f"Degraded, a reason (deadline {_DEADLINE} s)"
    rig.tell(Row("g", "a bad image: push to Degraded", text, goal, bool(status.components[0].reason)))


def mend(rig: Rig, branch: Branch, agent: AgentProcess) -> None:
    """The fix, pushed while the next wave waits for the bad rollout."""
    with Images(rig.kube) as images:
        began = time.monotonic()
        set_image(branch, "2")
        moment = until(lambda: images.seen.get("2"), "the fix is applied", agent)
    took, looked = moment - began, moment - rig.seen(began, moment)
    what = f"the fix, pushed while waiting: push to visible (poll {_INTERVAL:g} s)"
    most = _INTERVAL * 1.1 + 0.5
    text = f"{took:.2f} s, {looked:.2f} s from look-up"
    rig.tell(Row("g", what, text, "within one poll", took <= most))
    rig.await_applied(branch, agent)
    rig.tell(Row("g", "push to all Healthy again", _seconds(began)))


def _seconds(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


def measure(count: int) -> list[Row]:
    """A control plane of its own, because here controllers write."""
    with start_rig(ClusterOptions()) as rig:
        branch = rig.branch(NAME)
        with rig.agent(NAME, _INTERVAL) as agent:
            roll_out(rig, branch, agent, count)
            degrade(rig, branch, agent)
            mend(rig, branch, agent)
        return rig.rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deployments", type=int, default=500)
    options = parser.parse_args()
    measure(options.deployments)
    print(f"load {load()}")


if __name__ == "__main__":
    main()
