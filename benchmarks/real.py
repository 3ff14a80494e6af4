"""The real repositories: where their code lies in a checkout, and how each is rendered by envctl.

Fetch them yourself, with the libraries that their lock files name (`jb install`), into one folder:
`kube-prometheus/`, `kube-thanos/`, `tempo/`. Nothing of them belongs in this repository.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from timing import commit_all

Identity = tuple[str, str, str, str]
_COMPONENT = "components/real/main.jsonnet"


class Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: a plain `=` and dates are strings, `3e+07` is a number."""


_NOT_OURS = ("tag:yaml.org,2002:value", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] not in _NOT_OURS]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z"),
    list("-+.0123456789"),
)


@dataclass(frozen=True)
class Case:
    """One entry of a real repository.

    `copies` says what of the checkout lies where in the repository that envctl renders; `folders` is
    the search path that the bare engine gets for the same files, and `tanka` whether they call
    native functions. `again` means that the entry has objects with equal identities.
    """

    name: str
    checkout: str
    entry: str
    golden: str
    copies: Mapping[str, str]
    folders: tuple[str, ...]
    namespace: str = ""
    tanka: bool = False
    again: bool = False
    substituted: tuple[str, ...] = field(default=())

    def golden_files(self, inputs: Path) -> list[Path]:
        return sorted((inputs / self.checkout / self.golden).rglob("*.yaml"))


def _thanos(name: str, entry: str, golden: str, *, again: bool = False) -> Case:
    copies = {each: each for each in (entry, "vendor", "jsonnet", "jsonnetfile.lock.json")}
    return Case(name, "kube-thanos", entry, golden, copies, ("vendor",), again=again)


def _tempo(name: str) -> Case:
    folder = "operations/jsonnet-compiled"
    copies = {
        f"{folder}/vendor": "vendor",
        "operations/jsonnet/microservices": "vendor/microservices",
        f"{folder}/lib": "lib",
        f"{folder}/jsonnetfile.lock.json": "jsonnetfile.lock.json",
        f"{folder}/{name}/main.jsonnet": f"tanka/{name}/main.jsonnet",
    }
    entry = f"{folder}/{name}/main.jsonnet"
    folders = ("operations", f"{folder}/vendor", f"{folder}/lib")
    return Case(
        f"tempo {name}", "tempo", entry, f"{folder}/{name}/gen", copies, folders, "tracing", tanka=True
    )


CASES = (
    Case(
        "kube-prometheus",
        "kube-prometheus",
        "example.jsonnet",
        "manifests",
        {each: each for each in ("example.jsonnet", "vendor", "jsonnet", "jsonnetfile.lock.json")},
        ("vendor",),
        substituted=("pluginVersion",),
    ),
    _thanos("kube-thanos example", "example.jsonnet", "manifests"),
    _thanos("kube-thanos all", "all.jsonnet", "examples/all/manifests", again=True),
    _tempo("microservices"),
    _tempo("microservices-with-extras"),
)


def make_repository(case: Case, inputs: Path, into: Path) -> None:
    """A configuration repository with the case's files and one component that imports its entry.

    Objects whose identity the entry has twice go to environments of their own: `first` has each
    identity once, `second` what is there again, and so on. The environment `timed` has all of them,
    the later ones under other names: it is what a whole evaluation costs.
    """
    for source, target in case.copies.items():
        _copy(inputs / case.checkout / source, into / target)
    entry = case.copies[case.entry]
    files = {"environments/timed/environment.yaml": _environment(case, {})}
    if not case.again:
        files[_COMPONENT] = f"import '{entry}'\n"
    else:
        rounds = repeated(case.golden_files(inputs))
        files[_COMPONENT] = _splitting(entry, rounds)
        for number in range(max(rounds.values()) + 1):
            name = f"environments/round{number}/environment.yaml"
            files[name] = _environment(case, {"round": number})
    for path, text in files.items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_text(text)
    commit_all(into, "Real")


def _copy(source: Path, target: Path) -> None:
    """Copy as it is. A link that a copy of its own replaces is left out."""
    if target.is_symlink():
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy(source, target)


def _environment(case: Case, config: Mapping[str, int]) -> str:
    settings = {"components": ["real"], "config": dict(config)}
    return json.dumps({**settings, **({"namespace": case.namespace} if case.namespace else {})})


def _splitting(entry: str, rounds: Mapping[str, int]) -> str:
    """A component that has the objects of one round, or of all rounds under different names."""
    return f"""local all = import '{entry}';
local rounds = {json.dumps({name: number for name, number in rounds.items() if number})};
local of(key) = if std.objectHas(rounds, key) then rounds[key] else 0;
{{
  config:: {{ round: -1 }},
  objects: {{
    [key]: all[key] + (
      if $.config.round < 0 && of(key) > 0 then {{ metadata+: {{ name+: '-' + of(key) }} }} else {{}}
    )
    for key in std.objectFields(all)
    if $.config.round < 0 || of(key) == $.config.round
  }},
}}
"""


def repeated(files: list[Path]) -> dict[str, int]:
    """For each file of one object, how many files before it have an object of the same identity."""
    seen: Counter[Identity] = Counter()
    rounds = {}
    for path in files:
        (identity,) = load([path])
        rounds[path.stem] = seen[identity]
        seen[identity] += 1
    return rounds


def load(paths: list[Path]) -> dict[Identity, object]:
    """The objects in YAML files, by identity. Fails where two have the same."""
    found: dict[Identity, object] = {}
    for path in paths:
        for value in yaml.load_all(path.read_text(), Loader=Loader):
            for each in value.get("items", [value]) if value else ():
                meta = each["metadata"]
                key = (each["apiVersion"], each["kind"], meta.get("namespace", ""), meta["name"])
                if key in found:
                    raise SystemExit(f"{path}: {' '.join(key)} is there twice")
                found[key] = each
    return found
