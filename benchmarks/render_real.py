"""A real jsonnet repository as a component in one line: `envctl render` against the bare engine.

    python benchmarks/render_real.py --vendor DIR --entry PATH [--golden DIR]

DIR is a `vendor` folder as jsonnet-bundler makes it, PATH the file in it to evaluate. Fetch the
repository yourself; nothing of it belongs in this one. `--golden` compares each object with
the YAML files of a folder, by value.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from timing import medians, report

# The same engine without envctl, with its own defaults and with envctl's garbage collector setting.
BARE = """
import sys, _gojsonnet
_gojsonnet.evaluate_file(sys.argv[1], jpathdir=[sys.argv[2]])
"""


class Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: a plain `=` and dates are strings."""


_NOT_OURS = ("tag:yaml.org,2002:value", "tag:yaml.org,2002:timestamp")
Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] not in _NOT_OURS]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
ENVIRONMENTS = ("dev", "staging", "prod")
ENVCTL = str(Path(sys.executable).with_name("envctl"))


def make_repository(folder: Path, vendor: Path, entry: str) -> None:
    """A configuration repository with the vendored code and a component of one line."""
    shutil.copytree(vendor, folder / "vendor", symlinks=True)
    files = {"components/real/main.jsonnet": f"import '{entry}'\n"}
    for name in ENVIRONMENTS:
        files[f"environments/{name}/environment.yaml"] = "namespace: real\ncomponents: [real]\n"
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "Real"]):
        who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
        subprocess.run(["git", "-C", str(folder), *who, *command], check=True)


def compare(folder: Path, golden: Path) -> None:
    """Compare the rendered objects with a folder of YAML files, by identity and by value."""
    out = folder / "out"
    command = [ENVCTL, "-C", str(folder), "render", "dev", "--rev", "HEAD", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    ours = load(out.rglob("*.yaml"))
    theirs = load(golden.rglob("*.yaml"))
    same = sum(ours.get(key) == value for key, value in theirs.items())
    print(f"Golden: {len(theirs)} objects in {golden.name}, {same} equal in value, ", end="")
    print(f"{len(theirs.keys() - ours.keys())} missing, {len(ours.keys() - theirs.keys())} more")
    for key in sorted(key for key in theirs if key in ours and ours[key] != theirs[key]):
        print(f"  differs: {' '.join(key)}")


def load(paths: "object") -> dict[tuple[str, ...], str]:
    """Objects by identity, as canonical JSON."""
    found = {}
    for path in paths:  # type: ignore[attr-defined]
        for value in yaml.load_all(path.read_text(), Loader=Loader):
            for each in value.get("items", [value]) if value else ():
                meta = each["metadata"]
                key = (each["apiVersion"], each["kind"], meta.get("namespace", ""), meta["name"])
                found[key] = json.dumps(each, sort_keys=True, default=str)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vendor", type=Path, required=True)
    parser.add_argument("--entry", required=True, help="path below the vendor folder")
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "repository"
        folder.mkdir()
        make_repository(folder, options.vendor, options.entry)
        target = str(folder / "vendor" / options.entry)
        bare = [sys.executable, "-c", BARE, target, str(folder / "vendor")]
        tuned = ["env", "GOGC=400", *bare]
        render = [ENVCTL, "render", "--rev", "HEAD"]
        found = medians(
            {
                "bare engine, one evaluation": bare,
                "bare engine, GOGC=400": tuned,
                "envctl render dev --no-cache (cold)": [*render, "dev", "--no-cache"],
                "envctl render --no-cache (cold, three environments)": [*render, "--no-cache"],
                "envctl render (nothing changed)": render,
            },
            options.runs,
            folder,
        )
        report(f"Cold render of {options.entry}", found, "bare engine, one evaluation", "at most 1.5 x")
        if options.golden:
            compare(folder, options.golden)


if __name__ == "__main__":
    main()
