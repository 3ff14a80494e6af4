"""Publishing one changed object among 10,000, against a bare dulwich commit of one file in the same tree.

    python benchmarks/publish.py [SCRATCH] [--components 200] [--runs 7]

Each run commits an overlay that changes one object of one component, and publishes that; everything
else is remembered. The base is `bare_commit.py`: a process that commits one file and nothing else.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

from history import SCRATCH, Size, copy, repository
from timing import ENVCTL, ROOT, Measured, commit_all, git, interleaved, run, verdict

PATH = "app000/prod/ConfigMap_app000-000.yaml"
BARE = "bare commit of one file"
OURS = "publish of one object"


def changed(root: Path, number: int) -> None:
    """One more commit that changes one object of prod."""
    overlay = root / "environments/prod/app000.jsonnet"
    overlay.write_text(f"{{ config+:: {{ note: 'run {number}' }} }}\n")
    commit_all(root, "Change a note")


def whole(root: Path, runs: int) -> dict[str, Measured]:
    """Whole processes in turn."""
    numbers = count()

    def publish(into: Measured) -> None:
        changed(root, next(numbers))
        run(into, [*ENVCTL, "-C", str(root), "render", "prod", "--publish"])

    def bare(into: Measured) -> None:
        script = str(ROOT / "benchmarks/bare_commit.py")
        run(into, [sys.executable, script, str(root), "bare", PATH, f"note: {next(numbers)}\n"])

    def version(into: Measured) -> None:
        run(into, [*ENVCTL, "--version"])

    return interleaved({BARE: bare, OURS: publish, "envctl --version": version}, runs)


def inside(root: Path, runs: int) -> dict[str, Measured]:
    """Only the commit: the tree, its objects, the ref."""
    found = {BARE: Measured(), OURS: Measured()}
    for number in range(runs):
        changed(root, 1_000_000 + number)
        script = str(ROOT / "benchmarks/publish_inside.py")
        done = subprocess.run(
            [sys.executable, script, str(root), "bare", PATH, f"note: inside {number}\n"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = [float(each) for each in done.stdout.split()]
        for name, (wall, cpu) in {OURS: seconds[:2], BARE: seconds[2:]}.items():
            found[name].seconds.append(wall)
            found[name].cpu.append(cpu)
    return found


def report(title: str, found: dict[str, Measured]) -> float:
    """Print the best runs and their ratios; the ratio of publishing."""
    print(title)
    base = found[BARE]
    for name, each in found.items():
        seconds, cpu = min(each.seconds), min(each.cpu)
        ratio, work = seconds / min(base.seconds), cpu / min(base.cpu)
        print(
            f"  {name:<24} {seconds * 1000:6.0f} ms {ratio:6.2f} x   cpu {cpu * 1000:6.0f} ms {work:6.2f} x"
        )
    return min(found[OURS].seconds) / min(base.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scratch", type=Path, nargs="?", default=SCRATCH)
    parser.add_argument("--components", type=int, default=200)
    parser.add_argument("--deploys", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    size = Size(options.deploys, options.components)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        root = copy(repository(options.scratch.resolve(), size), Path(folder, "repository"))
        git(root, "branch", "bare", "deploy/prod")
        run(Measured(), [*ENVCTL, "-C", str(root), "render"])
        objects = size.components * size.objects
        processes = report(f"{objects} objects, whole processes", whole(root, options.runs))
        commits = report(f"{objects} objects, the commit alone", inside(root, options.runs))
    verdict("publish, to a bare commit, whole processes", processes, 2)
    verdict("publish, to a bare commit, the commit alone", commits, 2)


if __name__ == "__main__":
    main()
