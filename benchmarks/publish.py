"""Publishing one changed object among 10,000, against a bare dulwich commit of one file in the same tree.

    python benchmarks/publish.py SCRATCH [--components 200] [--runs 7]

Each run commits an overlay that changes one object of one component, and publishes that; everything
else is remembered. The base is `bare_commit.py`: a process that commits one file and nothing else.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from history import Size, copy, repository
from timing import ENVCTL, ROOT, Measured, commit_all, git, interleaved, run, verdict

PATH = "app000/prod/ConfigMap_app000-000.yaml"


def measure(root: Path, runs: int) -> dict[str, Measured]:
    """Both in turn."""
    numbers = iter(range(1_000_000))
    git(root, "branch", "bare", "deploy/prod")
    run(Measured(), [*ENVCTL, "-C", str(root), "render"])

    def publish(into: Measured) -> None:
        overlay = root / "environments/prod/app000.jsonnet"
        overlay.write_text(f"{{ config+:: {{ note: 'run {next(numbers)}' }} }}\n")
        commit_all(root, "Change a note")
        run(into, [*ENVCTL, "-C", str(root), "render", "prod", "--publish"])

    def bare(into: Measured) -> None:
        text = f"note: {next(numbers)}\n"
        run(into, [sys.executable, str(ROOT / "benchmarks/bare_commit.py"), str(root), "bare", PATH, text])

    def version(into: Measured) -> None:
        run(into, [*ENVCTL, "--version"])

    return interleaved(
        {"bare commit of one file": bare, "publish of one object": publish, "envctl --version": version}, runs
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--components", type=int, default=200)
    parser.add_argument("--deploys", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    size = Size(options.deploys, options.components)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        root = copy(repository(options.scratch.resolve(), size), Path(folder, "repository"))
        found = measure(root, options.runs)
    print(f"{size.components * size.objects} objects")
    best = {name: (min(each.seconds), min(each.cpu)) for name, each in found.items()}
    base = best["bare commit of one file"]
    for name, (seconds, cpu) in best.items():
        print(
            f"  {name:<28} {seconds * 1000:7.0f} ms {seconds / base[0]:6.2f} x, cpu {cpu / base[1]:6.2f} x  {found[name].text()}"
        )
    verdict("publish, to a bare commit", best["publish of one object"][0] / base[0], 2)


if __name__ == "__main__":
    main()
