"""(d) The agent at rest, (e) its start with nothing to do, (c) from drift to healed.

    python benchmarks/agent_rest.py [--objects 5000] [--minutes 1] [--edits 200] [--repeat 40]

One environment is applied; then a second agent process starts and finds nothing to do (e); it is left alone
for some minutes (d); then somebody else changes objects (c): `--edits` in all, `--repeat` of them to one
object again and again, each `--pause` seconds after it was healed. An edit is a merge patch by another field
manager; the time runs from its answer until a watch shows the text of the branch again.
"""

import argparse
import http.client
import json
import statistics
import time
from collections import Counter
from contextlib import closing

from agent_objects import Branch, config_map, make
from agent_rig import (
    CONFIG_MAP,
    AgentProcess,
    Eye,
    Rig,
    Row,
    counted,
    load,
    start_rig,
    until,
    writes,
)

from envctl.kube.kubeconfig import Kubeconfig, kubeconfig_endpoint

NAME = "rest"
_MEMORY = 64
_P50, _P95 = 0.1, 0.25
_INTERVAL = 15.0


def begin(rig: Rig, count: int) -> Branch:
    """Apply an environment once."""
    branch = rig.branch(NAME)
    branch.grow(count)
    with rig.agent(NAME) as agent:
        rig.await_applied(branch, agent)
        time.sleep(2)
        print(f"  {count} applied, {agent.rss:.0f} MiB (peak {agent.peak:.0f}), load {load()}", flush=True)
    return branch


def start_up(rig: Rig, branch: Branch, agent: AgentProcess) -> None:
    """(e) Until the agent watches everything and says that all is well: seconds, requests, no write."""
    began = time.monotonic()

    def observing() -> bool:
        # The first look-up ends the start: by then every watch runs.
        return bool(rig.looked) and rig.looked[-1] > began

    until(observing, "the agent looks the branch up", agent)
    seconds = rig.looked[-1] - began
    time.sleep(5)
    asked = rig.audit.requests()
    changed = len(writes(asked))
    rig.tell(Row("e", f"start with {branch.size} unchanged objects: writes", f"{changed}", "0", changed == 0))
    rig.tell(Row("e", "requests", counted(asked)))
    rig.tell(Row("e", "process start to first look-up", f"{seconds:.1f} s, {agent.cpu:.1f} s cpu"))


def at_rest(rig: Rig, branch: Branch, agent: AgentProcess, minutes: float) -> None:
    """(d) Requests, processor time and memory while nothing happens."""
    rig.audit.skip()
    polls, cpu = len(rig.looked), agent.cpu
    samples, end = [agent.rss], time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        time.sleep(min(1, 60 * minutes))
        samples.append(agent.rss)
    asked = rig.audit.requests()
    about = Counter(each.about for each in asked)
    objects = sum(1 for each in asked if each.about == "objects" and each.verb != "watch")
    polls, cpu = len(rig.looked) - polls, agent.cpu - cpu
    what = f"at rest {minutes:g} min, {branch.size} objects"
    rig.tell(Row("d", f"{what}: requests to the API server", counted(asked)))
    rig.tell(Row("d", "requests per object", f"{objects}", "0", objects == 0 and about["inventory"] == 0))
    text = f"{cpu:.2f} s, {cpu / minutes:.2f} s a minute"
    rig.tell(Row("d", f"processor time, with {polls} look-ups", text))
    most = max(samples)
    rig.tell(
        Row(
            "d",
            "resident memory",
            f"{most:.0f} MiB (peak since start {agent.peak:.0f})",
            f"≤ {_MEMORY} MiB",
            most <= _MEMORY,
        )
    )


def heal(rig: Rig, branch: Branch, edits: int, repeat: int, pause: float) -> None:
    """(c) Some edits, spread over the objects, and more of one object."""
    endpoint = kubeconfig_endpoint(Kubeconfig((rig.cluster.kubeconfig,), ""))
    host = endpoint.url.partition("://")[2]
    others, same = list[float](), list[float]()
    rig.audit.skip()
    connection = http.client.HTTPSConnection(host, context=endpoint.tls, timeout=60)
    with closing(connection) as editor, Eye(rig.kube, CONFIG_MAP) as eye:
        for turn in range(edits - repeat):
            number = config_map(20 + branch.size * turn // edits)
            others.append(healed(editor, eye, number, turn))
        for turn in range(repeat):
            same.append(healed(editor, eye, config_map(100), turn + edits))
            time.sleep(pause)
    time.sleep(2)
    asked = rig.audit.requests()
    tell_healed(rig, "other objects", others)
    if same:
        tell_healed(rig, f"the same object, {pause:g} s after each heal", same)
        tell_healed(rig, "all", [*others, *same], goal=True)
    count, sent = len(others) + len(same), len(writes(asked))
    rig.tell(Row("c", f"requests for {count} edits ({sent} writes to objects)", counted(asked)))


def healed(editor: http.client.HTTPSConnection, eye: Eye, number: int, turn: int) -> float:
    """Seconds from somebody's edit to the text of the branch."""
    value = make(NAME, number)
    name, place = value["metadata"]["name"], value["metadata"]["namespace"]
    body = json.dumps({"data": {"note": f"edit {turn}"}})
    path = f"/api/v1/namespaces/{place}/configmaps/{name}?fieldManager=somebody"
    editor.request("PATCH", path, body, {"Content-Type": "application/merge-patch+json"})
    answer = editor.getresponse()
    answer.read()
    edited = time.monotonic()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"the edit of {name} was answered with {answer.status}")
    eye.await_data(f"{place}/{name}", value["data"] | {"note": f"edit {turn}"})
    return max(eye.await_data(f"{place}/{name}", value["data"], 120) - edited, 0)


def tell_healed(rig: Rig, what: str, seconds: list[float], *, goal: bool = False) -> None:
    p50, p95 = statistics.median(seconds), sorted(seconds)[max(int(0.95 * len(seconds)) - 1, 0)]
    text = f"p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms"
    wanted = ("≤ 100 / 250 ms", p50 <= _P50 and p95 <= _P95) if goal else ("", None)
    rig.tell(Row("c", f"drift to healed, {len(seconds)} edits, {what}", text, *wanted))


def measure(rig: Rig, count: int, minutes: float, edits: int, repeat: int, pause: float) -> None:
    """One environment for all three."""
    branch = begin(rig, count)
    rig.audit.skip()
    rig.looked.clear()
    with rig.agent(NAME, _INTERVAL) as agent:
        start_up(rig, branch, agent)
        at_rest(rig, branch, agent, minutes)
        heal(rig, branch, edits, repeat, pause)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=40)
    parser.add_argument("--pause", type=float, default=1)
    options = parser.parse_args()
    with start_rig() as rig:
        measure(rig, options.objects, options.minutes, options.edits, options.repeat, options.pause)


if __name__ == "__main__":
    main()
