"""How time and memory grow: cold, nothing changed, and after 1, 10 and 100 changed files.

    python benchmarks/growth.py [--pairs 10 100 1000 5000] [--runs 3]

Pairs of a component and an environment, ten environments each, on repositories of `monorepo.py`.
"""

import argparse
import tempfile
from pathlib import Path

from monorepo import defaults, generate, write
from timing import ENVCTL, Measured, git, peaks, run

ENVIRONMENTS = 10
CHANGED = (1, 10, 100)


def measure(pairs: int, runs: int) -> dict[str, Measured]:
    """All rows for one size. A change edits that many components, or all where there are fewer."""
    components = max(pairs // ENVIRONMENTS, 1)
    found = {"cold": Measured(), "nothing changed": Measured()}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        command = [*ENVCTL, "-C", str(root), "render"]
        generate(root, components, min(ENVIRONMENTS, pairs))
        run(found["cold"], command)
        git(root, "commit", "--allow-empty", "-qm", "Publish")
        run(Measured(), [*command, "--publish"])
        for _ in range(runs):
            run(found["nothing changed"], command)
        found["nothing changed"].peaks = peaks(command)
        for count in CHANGED:
            name = f"{count} files changed"
            found[name] = Measured()
            for number in range(min(count, components)):
                text = defaults(f"app{number:03}", f"3.0.{count}")
                write(root, f"components/app{number:03}/defaults.libsonnet", text)
            run(found[name], command)
            after = f"nothing changed after {count}"
            found[after] = Measured()
            for _ in range(runs):
                run(found[after], command)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, nargs="+", default=[10, 100, 1000, 5000])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    before: dict[str, Measured] = {}
    for pairs in options.pairs:
        found = measure(pairs, options.runs)
        print(f"{pairs} pairs (ratio to the size before)")
        for name, each in found.items():
            ratio = f"{each.median / before[name].median:6.2f} x" if name in before else ""
            print(f"  {name:<28} {each.text()} {ratio}", flush=True)
        before = found


if __name__ == "__main__":
    main()
