"""Environments: one file each, and the resolved environment with its parents merged in."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from envctl.config.validation import check_file
from envctl.config.yamlfile import YamlFile, parse_yaml
from envctl.errors import InputError, Problem
from envctl.model.environment import ComponentInstance, ComponentUse, Environment, EnvironmentFile, Layer
from envctl.model.values import JsonObject, JsonValue

# An environment's name becomes part of a ref name and of Kubernetes names (RFC 1123 label).
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def parse_environment(data: bytes, path: str) -> EnvironmentFile:
    """One environments/<name>/environment.yaml. Raises InputError with every problem of the file."""
    file = parse_yaml(data, path)
    value = check_file(file, "environment")
    name = path.split("/")[-2]
    uses = tuple(_use(each) for each in value.get("components", ()))
    problems = (*_name_problems(name, path), *_repeated(uses, file))
    if problems:
        raise InputError(f"{path} is not valid", problems=problems)
    extends = value.get("extends", ())
    return EnvironmentFile(
        name=name,
        extends=(extends,) if isinstance(extends, str) else tuple(extends),
        promotes_from=tuple(value["promotesFrom"]) if "promotesFrom" in value else None,
        namespace=value.get("namespace"),
        components=uses,
        config=value.get("config", {}),
        abstract=value.get("abstract", False),
    )


def _use(value: Any) -> ComponentUse:
    if isinstance(value, str):
        return ComponentUse(value)
    return ComponentUse(value["name"], value.get("enabled", True), value.get("config", {}))


def _name_problems(name: str, path: str) -> tuple[Problem, ...]:
    if _NAME.fullmatch(name):
        return ()
    reason = f"an environment cannot be named {name}"
    return (Problem(path, reason, "use lower-case letters, digits and dashes, at most 63"),)


def _repeated(uses: Sequence[ComponentUse], file: YamlFile) -> tuple[Problem, ...]:
    names = [use.name for use in uses]
    return tuple(
        Problem(
            file.place(["components", index]), f"component {name} is listed twice", "merge the two entries"
        )
        for index, name in enumerate(names)
        if name in names[:index]
    )


def resolve_environment(name: str, files: Mapping[str, EnvironmentFile]) -> Environment:
    """An environment with its parents merged in, parents first; the child wins.

    Objects are merged key by key; scalars and lists are replaced. Raises InputError for a
    parent that does not exist and for a cycle, naming the chain.
    """
    chain = _chain(name, files, ())
    layers = [files[each] for each in chain]
    uses = _merged_uses(layers)
    return Environment(
        name=name,
        chain=chain,
        namespace=next((each.namespace for each in reversed(layers) if each.namespace), None),
        promotes_from=files[name].promotes_from,
        components=tuple(_instance(component, layers) for component in uses),
    )


def _chain(name: str, files: Mapping[str, EnvironmentFile], above: tuple[str, ...]) -> tuple[str, ...]:
    if name in above:
        cycle = " -> ".join((*above[above.index(name) :], name))
        raise InputError(f"environments extend each other in a circle: {cycle}", place=_path(above[-1]))
    if name not in files:
        raise InputError(
            f"extends {name}, but there is no such environment",
            place=_path(above[-1]) if above else "",
            hint=f"environments here: {', '.join(sorted(files))}",
        )
    found: dict[str, None] = {}
    for parent in files[name].extends:
        found.update(dict.fromkeys(_chain(parent, files, (*above, name))))
    return (*found, name)


def _path(name: str) -> str:
    return f"environments/{name}/environment.yaml"


def _merged_uses(layers: Sequence[EnvironmentFile]) -> tuple[str, ...]:
    """Component names in the order in which they first appear, without those that a child removed."""
    enabled: dict[str, bool] = {}
    for layer in layers:
        for use in layer.components:
            enabled[use.name] = use.enabled
    return tuple(name for name, wanted in enabled.items() if wanted)


def _instance(component: str, layers: Sequence[EnvironmentFile]) -> ComponentInstance:
    """Environment-wide config of the whole chain first, then the component's own settings."""
    found = [Layer(_path(each.name), each.config) for each in layers if each.config]
    for each in layers:
        found += [
            Layer(_path(each.name), u.config) for u in each.components if u.name == component and u.config
        ]
    config: JsonObject = {}
    for layer in found:
        config = merge(config, layer.value)
    return ComponentInstance(component, config, tuple(found))


def merge(base: JsonObject, over: JsonObject) -> JsonObject:
    """`over` merged into `base`: objects key by key, anything else replaced."""
    return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}


def _merged(base: JsonValue, over: JsonValue) -> JsonValue:
    return merge(base, over) if isinstance(base, Mapping) and isinstance(over, Mapping) else over
