"""Promotion, rollback, history and status after 100 and after 10,000 deploy commits of 5,000 objects each.

    python benchmarks/promotion.py [SCRATCH] [--deploys 100 10000] [--runs 5]

Repositories of `history.py` are kept in SCRATCH. Each run promotes one component, which changes
one object, and rolls it back, in a copy. "Inside" is the same command in a process that has imported
all it needs: what "whole" has on top is start-up. The best of the runs counts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from history import SCRATCH, Size, copy, repository
from timing import ENVCTL, ROOT, Measured, run, verdict

WARM = "promote staging prod --dry-run"
COMMANDS = {
    "promote": "promote staging prod -c {name}",
    "rollback": "rollback prod --reason trouble",
    "history": "history prod",
    "status": "status",
}
GOALS = {"promote": 1.0, "rollback": 1.0, "history": 0.5, "status": 0.5}
GROWTH = 1.5


@dataclass
class Place:
    """One repository to work in, and what was measured there."""

    root: Path
    whole: dict[str, Measured] = field(default_factory=dict)
    inside: dict[str, Measured] = field(default_factory=dict)

    def measure(self, name: str, arguments: str) -> None:
        run(self.whole.setdefault(name, Measured()), [*ENVCTL, "-C", str(self.root), *arguments.split()])

    def measure_inside(self, name: str, arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks/inside.py"), str(self.root), WARM, arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        wall, cpu = map(float, done.stdout.split())
        into = self.inside.setdefault(name, Measured())
        into.seconds.append(wall)
        into.cpu.append(cpu)


def commands() -> Mapping[str, str]:
    """Those that there are."""
    return {
        name: command
        for name, command in COMMANDS.items()
        if subprocess.run([*ENVCTL, name, "--help"], cwd=ROOT, capture_output=True, check=False).returncode
        == 0
    }


def measure(places: Mapping[int, Place], names: list[str], known: Mapping[str, str]) -> None:
    """One round with each component in turn; the first is not counted."""
    for number, component in enumerate(names):
        for how in ("measure", "measure_inside"):
            for name, command in known.items():
                for place in places.values():
                    step: Callable[[str, str], None] = getattr(place, how)
                    step(name, command.format(name=component))
        if not number:
            for place in places.values():
                place.whole.clear()
                place.inside.clear()


def best(measured: Measured) -> float:
    return min(measured.seconds)


def report(places: Mapping[int, Place], known: Mapping[str, str]) -> None:
    first, last = min(places), max(places)
    for how in ("whole", "inside"):
        for name in known:
            small, large = (getattr(places[each], how)[name] for each in (first, last))
            print(f"{how} {name}")
            for deploys, found in ((first, small), (last, large)):
                cpu = min(found.cpu) * 1000
                text = f"best {best(found) * 1000:.0f} ms, {cpu:.0f} ms cpu"
                print(f"  {deploys:6} deploy commits {found.text()} {text}")
            growth, work = best(large) / best(small), min(large.cpu) / min(small.cpu)
            print(f"  ratio {growth:.2f}, of processor time {work:.2f}", flush=True)
    for name in known:
        large = best(places[last].whole[name])
        verdict(name, large, GOALS[name], "s")
        if GOALS[name] >= 1:
            verdict(f"{name}, to {first} commits", large / best(places[first].whole[name]), GROWTH)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scratch", type=Path, nargs="?", default=SCRATCH)
    parser.add_argument("--deploys", type=int, nargs=2, default=[100, 10_000])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    known = commands()
    left = ", ".join(sorted(COMMANDS.keys() - known.keys()))
    if left:
        print(f"not there yet: {left}")
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        places = {}
        for deploys in options.deploys:
            kept = repository(options.scratch.resolve(), Size(deploys))
            places[deploys] = Place(copy(kept, Path(folder, str(deploys))))
            run(Measured(), [*ENVCTL, "-C", str(places[deploys].root), "render"])
        names = [f"app{number:03}" for number in range(10, 11 + options.runs)]
        measure(places, names, known)
        report(places, known)


if __name__ == "__main__":
    main()
