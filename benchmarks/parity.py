"""Golden parity: what envctl renders against what real repositories commit, object by object.

    python benchmarks/parity.py INPUTS [--engine NAME]

INPUTS has the checkouts that `real.py` names. Values are compared strictly: same types, same strings.
Exits 1 where an identity is missing or one too many, or where a value differs through anything
but the inputs that could not be had at their locked revision; those are listed.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real import CASES, Case, Identity, load, make_repository, repeated
from timing import ENVCTL, ROOT

_SHOWN = 5


@dataclass(frozen=True)
class Parity:
    """What a comparison of one case found. `excused` differ through substituted inputs only."""

    committed: int
    equal: int
    missing: tuple[Identity, ...]
    more: tuple[Identity, ...]
    excused: tuple[Identity, ...]
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        return bool(self.committed) and not (self.missing or self.more or self.wrong)


def rendered(repository: Path, environment: str, engine: str | None) -> dict[Identity, Any]:
    """What `envctl render --out` writes for one environment, read as YAML."""
    with tempfile.TemporaryDirectory() as scratch:
        choice = ["--engine", engine] if engine else []
        options = ["--rev", "HEAD", "--no-cache", "--out", scratch, *choice]
        command = [*ENVCTL, "-C", str(repository), "render", environment, *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            raise SystemExit(f"envctl render failed:\n{done.stderr}")
        files = (Path(scratch) / environment).rglob("*.yaml")
        return load([path for path in files if not path.name.startswith(".")])


def compare(case: Case, inputs: Path, engine: str | None) -> Parity:
    """Render one case and compare it with what its repository commits."""
    files = case.golden_files(inputs)
    rounds = repeated(files) if case.again else dict.fromkeys((path.stem for path in files), 0)
    found: list[Parity] = []
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch)
        make_repository(case, inputs, repository)
        for number in range(max(rounds.values()) + 1):
            environment = f"round{number}" if case.again else "timed"
            theirs = load([path for path in files if rounds[path.stem] == number])
            found.append(_compare(rendered(repository, environment, engine), theirs, case.substituted))
    return Parity(
        sum(each.committed for each in found),
        sum(each.equal for each in found),
        *(tuple(one for each in found for one in getattr(each, name)) for name in _LISTS),
    )


_LISTS = ("missing", "more", "excused", "wrong")


def _compare(
    ours: Mapping[Identity, Any], theirs: Mapping[Identity, Any], substituted: tuple[str, ...]
) -> Parity:
    excused, wrong = [], []
    both = sorted(ours.keys() & theirs.keys())
    for key in both:
        if same(ours[key], theirs[key]):
            continue
        places = list(differences("$", ours[key], theirs[key]))
        if all(place.rpartition(".")[2] in substituted for place in places):
            excused.append(key)
        else:
            wrong.append(f"{' '.join(key)}: {', '.join(places[:_SHOWN])}")
    return Parity(
        len(theirs),
        len(both) - len(excused) - len(wrong),
        tuple(sorted(theirs.keys() - ours.keys())),
        tuple(sorted(ours.keys() - theirs.keys())),
        tuple(excused),
        tuple(wrong),
    )


def same(ours: Any, theirs: Any) -> bool:
    """Equal values; a number is not a boolean, and 1 and 1.0 are the same number in JSON."""
    return json.dumps(_numbers(ours), sort_keys=True) == json.dumps(_numbers(theirs), sort_keys=True)


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def differences(place: str, ours: Any, theirs: Any) -> Iterator[str]:
    """The places where two values differ; JSON inside a string is looked into."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            if key in ours and key in theirs:
                yield from differences(f"{place}.{key}", ours[key], theirs[key])
            else:
                yield f"{place}.{key}"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(f"{place}[{number}]", mine, other)
    elif not same(ours, theirs):
        inside = _inside(ours), _inside(theirs)
        if all(isinstance(each, dict) for each in inside) and not same(*inside):
            yield from differences(place, *inside)
        else:
            yield place


def _inside(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def show(case: Case, found: Parity) -> None:
    same_names = found.committed - len(found.missing)
    print(
        f"{case.name:<34} {same_names} of {found.committed} identities, {found.equal} equal in value, "
        f"{len(found.excused)} through substituted inputs only, {len(found.wrong)} otherwise different, "
        f"{len(found.more)} more",
        flush=True,
    )
    lists = {"missing": found.missing, "more": found.more, "substituted input": found.excused}
    for word, each in lists.items():
        for key in each:
            print(f"  {word}: {' '.join(key)}")
    for line in found.wrong:
        print(f"  DIFFERS: {line}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--engine")
    parser.add_argument("--only", default="", help="cases whose name starts with this")
    options = parser.parse_args()
    results = []
    for case in CASES:
        if case.name.startswith(options.only):
            results.append(compare(case, options.inputs, options.engine))
            show(case, results[-1])
    return 0 if results and all(each.good for each in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
