"""(a) Applying everything for the first time, against a bare client that does nothing but send.

    python benchmarks/agent_cold.py [--objects 5000] [--rounds 2]

Both send the same server-side applies of the same objects (other names) to the same server with the
same number of connections, and take turns. The bare client waits for namespaces and the definition
before the rest, as it must. The agent's time runs from the moment that it looks the branch up until the
last object's answer, the bare client's from the first request.
"""

import argparse
import http.client
import json
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from agent_objects import Value, first, objects
from agent_rig import AgentProcess, Asked, Rig, Row, counted, load, start_rig, until

from envctl.kube.kubeconfig import Kubeconfig, kubeconfig_endpoint
from envctl.planning.ownership import applyset_id, labelled

CONNECTIONS = 8
_PLURALS = {
    "Namespace": "namespaces",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Service": "services",
    "Deployment": "deployments",
    "ServiceAccount": "serviceaccounts",
    "ConfigMap": "configmaps",
    "Widget": "widgets",
}
_HEADERS = {"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"}


class Bare:
    """Threads with a connection each that send what they are given: the ceiling of this server."""

    def __init__(self, kubeconfig: Path, connections: int) -> None:
        self._endpoint = kubeconfig_endpoint(Kubeconfig((kubeconfig,), ""))
        self._connections = [self._dial() for _ in range(connections)]

    def close(self) -> None:
        for each in self._connections:
            each.close()

    def apply(self, name: str, values: Iterable[Value]) -> float:
        """Seconds that it took to apply all."""
        set_id = applyset_id(name, "bench")
        ready: list[tuple[bool, str, bytes]] = [
            (first(value), _target(value), json.dumps(labelled(value, set_id)).encode()) for value in values
        ]
        began = time.monotonic()
        self._send([each for each in ready if each[0]])
        self._await_kind(f"/apis/{name}.bench.example.com/v1/widgets")
        self._send([each for each in ready if not each[0]])
        return time.monotonic() - began

    def _send(self, ready: list[tuple[bool, str, bytes]]) -> None:
        todo, errors = iter(ready), list[str]()
        lock = threading.Lock()

        def work(connection: http.client.HTTPSConnection) -> None:
            while not errors:
                with lock:
                    task = next(todo, None)
                if task is None:
                    return
                connection.request("PATCH", task[1], task[2], _HEADERS)
                answer = connection.getresponse()
                said = answer.read()
                if answer.status >= http.HTTPStatus.BAD_REQUEST:
                    errors.append(said.decode())

        threads = [threading.Thread(target=work, args=(each,)) for each in self._connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise SystemExit(errors[0])

    def _await_kind(self, path: str) -> None:
        def served() -> bool:
            self._connections[0].request("GET", path)
            answer = self._connections[0].getresponse()
            answer.read()
            return answer.status == http.HTTPStatus.OK

        until(served, f"{path} is served")

    def _dial(self) -> http.client.HTTPSConnection:
        host = self._endpoint.url.partition("://")[2]
        return http.client.HTTPSConnection(host, context=self._endpoint.tls, timeout=60)


def _target(value: Any) -> str:
    version, metadata = value["apiVersion"], value["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    query = "?fieldManager=envctl&fieldValidation=Strict"
    return f"{root}{place}/{_PLURALS[value['kind']]}/{metadata['name']}{query}"


def bare_seconds(rig: Rig, name: str, count: int) -> float:
    with closing(Bare(rig.cluster.kubeconfig, CONNECTIONS)) as bare:
        return bare.apply(name, objects(name, count))


def agent_seconds(rig: Rig, name: str, count: int) -> tuple[float, list[Asked], AgentProcess]:
    """Seconds from look-up to the last object, the requests, and the agent, which has ended."""
    branch = rig.branch(name)
    rig.looked.clear()
    with rig.agent(name) as agent:
        until(lambda: rig.looked, f"the agent of {name} looks for its branch", agent)
        time.sleep(1)
        rig.audit.skip()
        branch.grow(count)
        pushed, clock = time.monotonic(), time.time() - time.monotonic()
        rig.await_applied(branch, agent)
        cpu, peak = agent.cpu, agent.peak
        asked = rig.audit.requests()
        last = max(each.ended for each in asked if each.about == "objects" and each.verb == "patch")
        print(f"  agent: {cpu:.1f} s cpu, peak {peak:.0f} MiB; {counted(asked)}", flush=True)
        return last - clock - rig.seen(pushed, last - clock), asked, agent


def measure(rig: Rig, count: int, rounds: int) -> None:
    """All rounds, in turn; the best of each side counts, since noise only ever adds."""
    bare, agent = list[float](), list[float]()
    for number in range(rounds):
        steps = [
            lambda fresh: bare.append(bare_seconds(fresh, "bare", count)),
            lambda fresh: agent.append(agent_seconds(fresh, "cold", count)[0]),
        ]
        for step in steps if number % 2 else reversed(steps):
            # A Service takes the server the longer, the more there are: each side gets an empty one.
            with start_rig() as fresh:
                step(fresh)
        print(f"  round {number}: bare {bare[-1]:.1f} s, agent {agent[-1]:.1f} s, load {load()}", flush=True)
    ratio = min(bare) / min(agent)
    pairs = ", ".join(f"{ours:.1f} to {theirs:.1f} s" for ours, theirs in zip(agent, bare, strict=True))
    rig.tell(Row("a", f"bare client, {count} objects", f"{count / min(bare):.0f}/s"))
    rig.tell(Row("a", f"agent, {count} objects", f"{count / min(agent):.0f}/s"))
    rig.tell(Row("a", f"agent to bare ({pairs})", f"{ratio:.2f}", "≥ 0.9", ratio >= 0.9))  # noqa: PLR2004


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with start_rig() as rig:
        measure(rig, options.objects, options.rounds)


if __name__ == "__main__":
    main()
