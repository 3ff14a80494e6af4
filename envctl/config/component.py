"""``component.yaml`` → `ComponentFile`, and the graph of dependencies between components."""

from collections.abc import Mapping, Sequence

from envctl.config.reading import content, read_checked
from envctl.config.validation import require_none
from envctl.config.wording import did_you_mean
from envctl.errors import Problem
from envctl.model.component import ComponentFile


def parse_component(data: bytes, path: str) -> ComponentFile:
    """A component's own settings. Raises InputError with every problem."""
    value = content(read_checked(data, path, "component"))
    return ComponentFile(
        depends_on=tuple(value.get("dependsOn", ())),
        owners=tuple(value.get("owners", ())),
        description=value.get("description", ""),
    )


def check_dependencies(graph: Mapping[str, Sequence[str]]) -> None:
    """Check which component depends on which. Raises InputError for unknown names and for cycles."""
    problems = [
        Problem(
            _place(name),
            f"dependsOn names {wanted}, which is not a component of this environment",
            did_you_mean(wanted, sorted(set(graph) - {name}), otherwise="components here"),
        )
        for name in sorted(graph)
        for wanted in graph[name]
        if wanted not in graph
    ]
    problems += [
        Problem(
            _place(cycle[0]),
            f"components depend on each other in a circle: {' → '.join((*cycle, cycle[0]))}",
            "remove one of these dependencies",
        )
        for cycle in _cycles(graph)
    ]
    require_none(problems, "components/")


def _place(component: str) -> str:
    return f"components/{component}/component.yaml"


def _cycles(graph: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """One cycle for each knot of the graph, each told from its first name in the alphabet."""
    done: set[str] = set()
    found: list[tuple[str, ...]] = []
    for start in sorted(graph):
        trail: list[str] = []
        pending = [(start, 0)]
        while pending:
            name, depth = pending.pop()
            del trail[depth:]
            if name in trail:
                found.append(_from_first(trail[trail.index(name) :]))
                continue
            if name in done or name not in graph:
                continue
            trail.append(name)
            done.add(name)
            pending += [(each, depth + 1) for each in sorted(graph[name], reverse=True)]
    return list(dict.fromkeys(found))


def _from_first(cycle: Sequence[str]) -> tuple[str, ...]:
    start = cycle.index(min(cycle))
    return (*cycle[start:], *cycle[:start])
