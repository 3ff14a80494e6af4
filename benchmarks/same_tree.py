"""One source, one tree id: engines, Python versions, hash seeds, locales and time zones.

    python benchmarks/same_tree.py [--python PATH ...] [--engines gojsonnet rjsonnet] [REPOSITORY]

Without a repository, one of `monorepo.py` is generated. `--python` names more interpreters, each
with envctl's dependencies installed. Exits 1 where a tree id differs, and says which.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from monorepo import generate
from timing import ROOT

SETTINGS = (
    {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
    {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu"},
    {"PYTHONHASHSEED": "4242", "LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
)


def trees(python: str, engine: str, root: Path, settings: dict[str, str]) -> dict[str, str]:
    """The tree id of each environment, everything evaluated anew. Fails where the render does."""
    command = [python, "-m", "envctl", "-C", str(root), "render", "--no-cache", "-o", "json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        [*command, "--engine", engine], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{python} with {engine} failed:\n{done.stderr}")
    return {each["environment"]: each["tree"] for each in json.loads(done.stdout)["environments"]}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", type=Path, nargs="?")
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--engines", nargs="+", default=["gojsonnet", "rjsonnet"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.repository or Path(scratch)
        if not options.repository:
            generate(root, 12, 3)
        first: dict[str, str] = {}
        wrong = 0
        for python in (sys.executable, *options.python):
            for engine in options.engines:
                for settings in SETTINGS:
                    found = trees(python, engine, root, settings)
                    first = first or found
                    differing = sorted(name for name in first if found.get(name) != first[name])
                    wrong += len(differing)
                    said = f"DIFFERS: {', '.join(differing)}" if differing else "the same trees"
                    print(f"{python} {engine} {settings}: {said}", flush=True)
    print(f"{len(first)} environments; {'all the same' if not wrong else f'{wrong} trees differ'}")
    return 1 if wrong or not all(first.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
