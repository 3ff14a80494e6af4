"""(b) One changed object, and one removed, among 100 to 20,000; (f) the agent's memory at the largest size.

    python benchmarks/agent_change.py [--sizes 100 1000 5000 20000] [--runs 7] [--churn 1]

One environment grows from size to size under one agent. Moments: pushed; looked up (the Git server got the
agent's request for the refs); visible (another client's watch showed it). The requests are all that the API
server got from the agent between the push and the agent's report that the commit is applied. With `--churn`
(minutes) one object a second changes in the end, and the memory before and after is compared.
"""

import argparse
import statistics
import time
from dataclasses import dataclass, field

from agent_objects import Branch, config_map, make, namespace_of
from agent_rig import CONFIG_MAP, AgentProcess, Asked, Eye, Rig, Row, counted, load, start_rig, writes

NAME = "grow"
_SLOWEST = 0.5
_MEMORY = 128
_SETTLE = 2.5
_FLAT = 1.1


@dataclass
class Changes:
    """What some changes took: seconds from push and from look-up to visible; writes to objects; requests."""

    pushed: list[float] = field(default_factory=list)
    looked: list[float] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    asked: list[list[Asked]] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.looked)

    def text(self) -> str:
        return (
            f"{self.median:.3f} s from look-up (slowest {max(self.looked):.3f}), "
            f"{statistics.median(self.pushed):.3f} s from push"
        )


def one(rig: Rig, branch: Branch, agent: AgentProcess, into: Changes, number: int, note: str | None) -> None:
    """Change one ConfigMap, or remove it, and see when others see it."""
    name = make(NAME, number)["metadata"]["name"]
    place = namespace_of(NAME, number)
    with Eye(rig.kube, CONFIG_MAP, place) as eye:
        rig.audit.skip()
        before = time.monotonic()
        if note is None:
            branch.remove(number)
        else:
            branch.change(number, note)
        pushed = time.monotonic()
        data = None if note is None else make(NAME, number, note)["data"]
        seen = eye.await_data(f"{place}/{name}", data)
    into.pushed.append(seen - pushed)
    into.looked.append(seen - rig.seen(before, seen))
    rig.await_applied(branch, agent)
    time.sleep(_SETTLE)
    into.asked.append(rig.audit.requests())
    into.writes.append(len(writes(into.asked[-1])))


def at_size(rig: Rig, branch: Branch, agent: AgentProcess, size: int, runs: int) -> tuple[Changes, Changes]:
    """Some changes and some removals at one size."""
    began = time.monotonic()
    branch.grow(size)
    rig.await_applied(branch, agent)
    print(f"  {size} objects after {time.monotonic() - began:.1f} s, load {load()}", flush=True)
    changed, removed = Changes(), Changes()
    for number in range(runs):
        target = config_map(size * (number + 1) // (runs + 1))
        one(rig, branch, agent, changed, target, f"run {number}")
        if number < (runs + 1) // 2:
            one(rig, branch, agent, removed, target + 2, None)
    return changed, removed


def measure(rig: Rig, sizes: list[int], runs: int, churn: float) -> None:
    """All sizes with one agent; then churn."""
    branch = rig.branch(NAME)
    medians: dict[int, float] = {}
    with rig.agent(NAME) as agent:
        for size in sizes:
            changed, removed = at_size(rig, branch, agent, size, runs)
            medians[size] = changed.median
            for word, each in (("changed", changed), ("removed", removed)):
                most = max(each.looked)
                rig.tell(Row("b", f"1 {word} of {size}: visible", each.text(), "≤ 0.5 s", most <= _SLOWEST))
                exact = set(each.writes) == {1}
                rig.tell(Row("b", f"1 {word} of {size}: requests", counted(each.asked[-1]), "1 write", exact))
            print(f"  memory {agent.rss:.0f} MiB, peak {agent.peak:.0f} MiB", flush=True)
        ratio = medians[sizes[-1]] / medians[sizes[0]]
        rig.tell(Row("b", f"{sizes[-1]} to {sizes[0]} objects, from look-up", f"{ratio:.2f} x", "flat"))
        memory(rig, branch, agent, churn)


def memory(rig: Rig, branch: Branch, agent: AgentProcess, churn: float) -> None:
    """Memory at the largest size, and after some minutes of one change a second."""
    before = agent.own
    what, text = f"memory, {branch.size} objects, just applied", f"{before:.0f} MiB (peak {agent.peak:.0f})"
    rig.tell(Row("f", what, text, f"≤ {_MEMORY} MiB", before <= _MEMORY))
    samples, family, end, number = [before], [agent.rss], time.monotonic() + 60 * churn, 0
    while time.monotonic() < end:
        number += 1
        branch.change(config_map(number * 20 % branch.size), f"churn {number}")
        time.sleep(1)
        samples.append(agent.own)
        family.append(agent.rss)
    rig.await_applied(branch, agent)
    third = max(len(samples) // 3, 1)
    early, late = statistics.mean(samples[:third]), statistics.mean(samples[-third:])
    what = f"memory over {churn:g} min of churn ({number} changes)"
    own = f"{early:.0f} to {late:.0f} MiB, most {max(samples):.0f}"
    text = f"{own} (with the process that fetches {max(family):.0f})"
    flat = max(samples) <= _MEMORY and late < _FLAT * early
    rig.tell(Row("f", what, text, f"≤ {_MEMORY} MiB, flat", flat))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 5000, 20000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--churn", type=float, default=1, help="minutes")
    options = parser.parse_args()
    with start_rig() as rig:
        measure(rig, options.sizes, options.runs, options.churn)


if __name__ == "__main__":
    main()
