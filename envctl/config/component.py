"""Components: their own small file, and the graph of who depends on whom."""

from collections.abc import Mapping, Sequence

from envctl.config.validation import check_file
from envctl.config.yamlfile import parse_yaml
from envctl.errors import InputError, Problem
from envctl.model.component import ComponentFile


def parse_component(data: bytes, path: str) -> ComponentFile:
    """One components/<name>/component.yaml. Raises InputError with every problem of the file."""
    value = check_file(parse_yaml(data, path), "component")
    return ComponentFile(
        depends_on=tuple(value.get("dependsOn", ())),
        owners=tuple(value.get("owners", ())),
        description=value.get("description", ""),
    )


def check_dependencies(graph: Mapping[str, Sequence[str]]) -> None:
    """Every dependency exists in this environment and none goes in a circle. Raises InputError with all."""
    unknown = tuple(
        Problem(
            f"components/{name}/component.yaml",
            f"depends on {other}, which is not a component of this environment",
            f"add {other} to the environment, or remove it from dependsOn",
        )
        for name in sorted(graph)
        for other in graph[name]
        if other not in graph
    )
    cycle = find_cycle(graph)
    circles = (
        (Problem("", f"components depend on each other in a circle: {' -> '.join(cycle)}"),) if cycle else ()
    )
    if unknown or circles:
        raise InputError("the dependencies of components do not fit", problems=(*unknown, *circles))


def find_cycle(graph: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """One cycle, first name repeated at its end; () where there is none."""
    done: set[str] = set()
    for start in sorted(graph):
        found = _walk(start, graph, (), done)
        if found:
            return found
    return ()


def _walk(
    name: str, graph: Mapping[str, Sequence[str]], above: tuple[str, ...], done: set[str]
) -> tuple[str, ...]:
    if name in above:
        return (*above[above.index(name) :], name)
    if name in done:
        return ()
    for other in graph.get(name, ()):
        found = _walk(other, graph, (*above, name), done)
        if found:
            return found
    done.add(name)
    return ()
