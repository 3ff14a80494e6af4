"""Real jsonnet repositories: whole `envctl render` commands against the bare engine, and the engines.

    python benchmarks/render_real.py INPUTS [--runs 5] [--only NAME]

INPUTS has the checkouts that `real.py` names. "Bare" is one Python process that evaluates the same
files and throws the result away. The goal is compared with both settings of the engine's garbage
collector; GOGC=400, which envctl's workers use too, is the one that counts.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from real import CASES, Case, make_repository
from timing import ENVCTL, ROOT, Measured, forget, interleaved, peaks, run, verdict

BARE = (sys.executable, str(ROOT / "benchmarks/bare.py"), "file")
TUNED = {"GOGC": "400"}
COLD = "envctl render, cold"
RUST_COLD = "envctl render --engine rjsonnet, cold"
NOTHING = "envctl render, nothing changed"


def steps(case: Case, inputs: Path, repository: Path) -> Mapping[str, Callable[[Measured], None]]:
    """What is measured, each a whole command."""
    checkout = inputs / case.checkout
    files = [case.entry, *case.folders]
    render = [*ENVCTL, "-C", str(repository), "render", "timed", "--rev", "HEAD"]

    def bare(engine: str, settings: Mapping[str, str]) -> Callable[[Measured], None]:
        return lambda into: run(into, [*BARE, engine, *files], checkout, settings)

    def cold(command: Sequence[str]) -> Callable[[Measured], None]:
        def step(into: Measured) -> None:
            forget(repository)
            run(into, command)

        return step

    def nothing(into: Measured) -> None:
        run(Measured(), render)
        run(into, render)

    return {
        "bare gojsonnet": bare("gojsonnet", {}),
        "bare gojsonnet, GOGC=400": bare("gojsonnet", TUNED),
        COLD: cold(render),
        NOTHING: nothing,
        "bare rjsonnet": bare("rjsonnet", {}),
        RUST_COLD: cold([*render, "--engine", "rjsonnet"]),
    }


def permitted(repository: Path) -> str:
    """What `--compare-engine rjsonnet` says: the permission to use it here."""
    command = [*ENVCTL, "-C", str(repository), "render", "timed", "--rev", "HEAD"]
    done = subprocess.run(
        [*command, "--compare-engine", "rjsonnet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    known = {0: "the same output: rjsonnet may be used", 16: "the outputs differ: it may not"}
    return known.get(done.returncode, f"failed: {done.stderr.strip()}")


def measure(case: Case, inputs: Path, runs: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch)
        make_repository(case, inputs, repository)
        found = interleaved(steps(case, inputs, repository), runs)
        forget(repository)
        command = [*ENVCTL, "-C", str(repository), "render", "timed", "--rev", "HEAD"]
        found[COLD].peaks = peaks(command)
        print(case.name)
        base = found["bare gojsonnet, GOGC=400"].median
        for name, each in found.items():
            print(f"  {name:<40} {each.text()} {each.median / base:6.2f} x", flush=True)
        print(f"  --compare-engine rjsonnet: {permitted(repository)}")
        cold = found[COLD].median
        verdict("cold, to bare with GOGC=400", cold / base, 1.2)
        verdict("cold, to bare with its own setting", cold / found["bare gojsonnet"].median, 1.2)
        verdict("--engine rjsonnet, to the default", found[RUST_COLD].median / cold, 0.2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name starts with this")
    options = parser.parse_args()
    for case in CASES:
        if case.name.startswith(options.only):
            measure(case, options.inputs.resolve(), options.runs)


if __name__ == "__main__":
    main()
