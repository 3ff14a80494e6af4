"""``environment.yaml`` → `EnvironmentFile`, and a file with all it extends → `Environment`.

Rules of merging, over the chain of environments with parents first:

- components: by name; a parent's keep their place, new ones follow; ``enabled: false`` takes out;
- config: the `config` of all files, then the component's own `config` of all files; objects are merged,
  everything else is replaced;
- `namespace`, `promotesFrom`, `refuse` and each key of `gates`: the last file that says something;
  `abstract` is not handed on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from envctl.config.gates import gate_problems, merged_gates, parse_gates
from envctl.config.merge import merge_all
from envctl.config.reading import content, read_checked
from envctl.config.validation import require_none
from envctl.config.wording import did_you_mean
from envctl.config.yamlfile import Document
from envctl.errors import InputError, Problem
from envctl.model.environment import ComponentInstance, ComponentUse, Environment, EnvironmentFile, Layer

_LONGEST_CHAIN: Final = 32
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_Uses: TypeAlias = Mapping[str, tuple[int, ComponentUse]]


def parse_environment(data: bytes, path: str) -> EnvironmentFile:
    """One file by itself; its name is that of its folder. Raises InputError with every problem."""
    document = read_checked(data, path, "environment")
    value = content(document)
    name = path.split("/")[-2]
    gates = value.get("gates", {})
    problems = [*_bad_name(name, path), *_repeated(document, value), *gate_problems(document, gates)]
    require_none(problems, path)
    uses = value.get("components")
    return EnvironmentFile(
        name=name,
        path=path,
        abstract=value.get("abstract", False),
        extends=_names(value.get("extends", ())),
        promotes_from=_names(value["promotesFrom"]) if "promotesFrom" in value else None,
        namespace=value.get("namespace"),
        refuse=tuple(value["refuse"]) if "refuse" in value else None,
        components=None if uses is None else tuple(map(_use, uses)),
        config=value.get("config", {}),
        gates=parse_gates(document, gates),
        lines=document.lines,
    )


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _use(value: Any) -> ComponentUse:
    if isinstance(value, str):
        return ComponentUse(value)
    return ComponentUse(value["name"], value.get("enabled", True), value.get("config", {}))


def _bad_name(name: str, path: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        hint = "use at most 63 lower-case letters, digits and hyphens, as Kubernetes does for its names"
        yield Problem(path, f"{name} cannot be the name of an environment", hint)


def _repeated(document: Document, value: Mapping[str, Any]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, each in enumerate(value.get("components", ())):
        name = _use(each).name
        where = ("components", index)
        if name in first:
            reason = f"components[{index}]: {name} is listed twice, first in line {first[name]}"
            yield Problem(document.place(where), reason, "keep one entry, with the config of both")
        first.setdefault(name, document.lines[where])


def resolve_environment(name: str, files: Mapping[str, EnvironmentFile]) -> Environment:
    """An environment with all it extends merged in; `files` are all environments by name.

    Raises InputError for unknown parents, for chains that come back to their start, and where no
    file of the chain lists components.
    """
    chain = tuple(files[each] for each in _linearise(name, files))
    require_none(_promotion_problems(name, chain, files), files[name].path)
    if all(each.components is None for each in chain):
        raise InputError(
            f"environment {name} has no components",
            place=files[name].path,
            hint="list them under `components:`, or say `abstract: true` if it is only there to be extended",
        )
    return Environment(
        name=name,
        chain=tuple(each.name for each in chain),
        namespace=next((each.namespace for each in reversed(chain) if each.namespace), None),
        promotes_from=_promotes_from(chain),
        refuse=next((each.refuse for each in reversed(chain) if each.refuse is not None), ()),
        components=_instances(chain),
        gates=merged_gates(each.gates for each in chain),
    )


def _linearise(name: str, files: Mapping[str, EnvironmentFile]) -> list[str]:
    """The environment and all it extends, parents first, each once."""
    done: list[str] = []
    problems: list[Problem] = []
    _visit(name, (), files, done, problems)
    require_none(problems, files[name].path)
    return done


def _visit(
    name: str,
    trail: tuple[str, ...],
    files: Mapping[str, EnvironmentFile],
    done: list[str],
    problems: list[Problem],
) -> None:
    if name in done:
        return
    below = (*trail, name)
    for index, parent in enumerate(files[name].extends):
        problem = _parent_problem(parent, below, files)
        if problem:
            reason, hint = problem
            problems.append(Problem(files[name].place(("extends", index)), reason, hint))
        else:
            _visit(parent, below, files, done, problems)
    done.append(name)


def _parent_problem(
    parent: str, below: tuple[str, ...], files: Mapping[str, EnvironmentFile]
) -> tuple[str, str] | None:
    chain = " → ".join((*below, parent))
    if parent in below:
        return f"environments extend each other in a circle: {chain}", "remove one of these `extends`"
    if parent not in files:
        hint = did_you_mean(parent, sorted(set(files) - set(below)), otherwise="environments here")
        return f"extends {parent}, which is no environment ({chain})", hint
    if len(below) >= _LONGEST_CHAIN:
        return f"extends more than {_LONGEST_CHAIN} environments, one after the other", "shorten the chain"
    return None


def _promotion_problems(
    name: str, chain: Sequence[EnvironmentFile], files: Mapping[str, EnvironmentFile]
) -> Iterator[Problem]:
    file = _promotion_file(chain)
    usable = sorted(each.name for each in files.values() if not each.abstract and each.name != name)
    for index, origin in enumerate(file.promotes_from or () if file else ()):
        if file and origin not in usable:
            reason = f"promotesFrom of {name} names {origin}, {_unusable(name, origin, files)}"
            hint = did_you_mean(origin, usable, otherwise="environments here")
            yield Problem(file.place(("promotesFrom", index)), reason, hint)


def _unusable(name: str, origin: str, files: Mapping[str, EnvironmentFile]) -> str:
    if origin == name:
        return "the environment itself"
    return "which is abstract and never published" if origin in files else "which is no environment"


def _promotion_file(chain: Sequence[EnvironmentFile]) -> EnvironmentFile | None:
    """The file that decides where promotions come from."""
    return next((each for each in reversed(chain) if each.promotes_from is not None), None)


def _promotes_from(chain: Sequence[EnvironmentFile]) -> tuple[str, ...] | None:
    file = _promotion_file(chain)
    return file.promotes_from if file else None


def _enabled(chain: Sequence[EnvironmentFile]) -> list[str]:
    enabled: dict[str, bool] = {}
    for file in chain:
        enabled.update({use.name: use.enabled for use in file.components or ()})
    return [name for name, wanted in enabled.items() if wanted]


def _instances(chain: Sequence[EnvironmentFile]) -> tuple[ComponentInstance, ...]:
    uses: list[_Uses] = [
        {use.name: (index, use) for index, use in enumerate(file.components or ())} for file in chain
    ]
    return tuple(_instance(name, chain, uses) for name in _enabled(chain))


def _instance(name: str, chain: Sequence[EnvironmentFile], uses: Sequence[_Uses]) -> ComponentInstance:
    layers = [Layer(file.path, file.config, ("config",), file.lines) for file in chain if file.config]
    for file, own in zip(chain, uses, strict=True):
        index, use = own.get(name, (0, None))
        if use and use.config:
            layers.append(Layer(file.path, use.config, ("components", index, "config"), file.lines))
    return ComponentInstance(name, merge_all(layer.value for layer in layers), tuple(layers))
