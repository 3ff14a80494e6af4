"""Steps: what has to be applied and healthy before what.

A step is what one component has in one wave. Two rules make one graph of all steps of an environment:

- a component needs all steps of the components that it depends on (``dependsOn``);
- a wave needs all steps of the lower waves, of whatever component.

A step begins when all that it needs, however far, is applied and healthy; steps that do not need each
other do not wait for each other.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from envctl.errors import InputError

Key = TypeVar("Key", bound=Hashable)
_STEP, _COMPONENT, _BELOW = "step", "component", "below"


@dataclass(frozen=True, order=True, slots=True)
class Step:
    """What one component has in one wave."""

    component: str
    wave: int = 0

    def __str__(self) -> str:
        return (
            f"wave {self.wave} of component {self.component}" if self.wave else f"component {self.component}"
        )


@dataclass(frozen=True, slots=True)
class _Node:
    """A step, a whole component with all that it depends on, or everything below a wave."""

    sort: str
    component: str = ""
    wave: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """The graph of the steps of one environment: each node with its level, what it needs before it."""

    needs: Mapping[_Node, tuple[_Node, ...]] = field(default_factory=dict)
    levels: Mapping[_Node, int] = field(default_factory=dict)

    def level(self, step: Step) -> int:
        """How deep a step stands: higher than all that it needs. 0 for a step that is not known."""
        return self.levels.get(_node(step), 0)

    def needed(self, wanted: Iterable[Step]) -> tuple[Step, ...]:
        """All steps that any of these needs, what is needed first before what needs it."""
        return tuple(_step(node) for node in self._reached(wanted) if node.sort == _STEP)

    def ready(self, wanted: Iterable[Step], finished: Callable[[Step], bool]) -> frozenset[Step]:
        """Those steps all of whose needs are finished. Asks about each step at most once."""
        wanted = tuple(wanted)
        clear: dict[_Node, bool] = {}
        for node in self._reached(wanted):
            met = all(clear[each] for each in self.needs[node])
            clear[node] = met and (node.sort != _STEP or finished(_step(node)))
        return frozenset(
            step for step in wanted if all(clear[each] for each in self.needs.get(_node(step), ()))
        )

    def _reached(self, wanted: Iterable[Step]) -> list[_Node]:
        """All nodes that are needed, lower levels first."""
        found: set[_Node] = set()
        todo = [need for step in wanted for need in self.needs.get(_node(step), ())]
        while todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                todo += self.needs[node]
        return sorted(found, key=lambda node: (self.levels[node], node.component, node.wave))


def steps_of(steps: Iterable[Step], depends_on: Mapping[str, Sequence[str]]) -> Steps:
    """The graph of these steps.

    Dependencies that are not among the keys of `depends_on` are left out. Raises InputError, naming
    the circle, where no order is possible.
    """
    component_levels(depends_on)
    needs = _needs(sorted(set(steps)), depends_on)
    try:
        return Steps(needs, levels(needs))
    except CircleError as error:
        raise _impossible(error.circle) from None


def component_levels(depends_on: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    """How deep each component stands: 0 without dependencies, else one more than the deepest of them.

    Dependencies that are not among the keys are left out. Raises InputError with the circle
    where components depend on each other in one.
    """
    known = {
        name: [each for each in sorted(needs) if each in depends_on] for name, needs in depends_on.items()
    }
    try:
        return levels(dict(sorted(known.items())))
    except CircleError as error:
        circle = " -> ".join(map(str, error.circle))
        raise InputError(
            f"components depend on each other in a circle: {circle}",
            hint="take one of these names out of a dependsOn",
        ) from None


class CircleError(Exception):
    """What needs itself; `circle` begins and ends with the same."""

    def __init__(self, circle: Sequence[Hashable]) -> None:
        super().__init__(circle)
        self.circle = circle


def levels(needs: Mapping[Key, Sequence[Key]]) -> Mapping[Key, int]:
    """The level of each: 0 where it needs nothing, else one more than the highest of its needs.

    Raises CircleError.
    """
    found: dict[Key, int] = {}
    for start in needs:
        path = {start: iter(needs[start])} if start not in found else {}
        while path:
            name = next(reversed(path))
            need = next((each for each in path[name] if each not in found), None)
            if need is None:
                found[name] = max((found[each] + 1 for each in needs[name]), default=0)
                del path[name]
            elif need in path:
                names = list(path)
                raise CircleError([*names[names.index(need) :], need])
            else:
                path[need] = iter(needs[need])
    return found


def _needs(
    steps: Sequence[Step], depends_on: Mapping[str, Sequence[str]]
) -> Mapping[_Node, tuple[_Node, ...]]:
    components = sorted(set(depends_on) | {step.component for step in steps})
    by_component: dict[str, list[_Node]] = {name: [] for name in components}
    by_wave: dict[int, list[_Node]] = {}
    for step in steps:
        by_component[step.component].append(_node(step))
        by_wave.setdefault(step.wave, []).append(_node(step))
    wholes = {
        name: tuple(
            _Node(_COMPONENT, each) for each in sorted(depends_on.get(name, ())) if each in by_component
        )
        for name in components
    }
    needs = {_Node(_COMPONENT, name): (*by_component[name], *wholes[name]) for name in components}
    needs |= {_node(step): (*wholes[step.component], _Node(_BELOW, "", step.wave)) for step in steps}
    needs |= {_Node(_BELOW, "", wave): () for wave in by_wave}
    needs |= {
        _Node(_BELOW, "", above): (*by_wave[wave], _Node(_BELOW, "", wave))
        for wave, above in pairwise(sorted(by_wave))
    }
    return needs


def _impossible(circle: Sequence[Hashable]) -> InputError:
    steps = [_step(node) for node in circle if isinstance(node, _Node) and node.sort == _STEP]
    names = [f"wave {each.wave} of component {each.component}" for each in steps]
    names += names[:1] if len(names) == len(set(names)) else []
    return InputError(
        f"waves and dependsOn contradict each other: {' -> '.join(names)} (each needs the next)",
        hint="a wave waits for all lower waves of the environment: give one of these objects another "
        "envctl.dev/wave, or take a name out of a dependsOn",
    )


def _node(step: Step) -> _Node:
    return _Node(_STEP, step.component, step.wave)


def _step(node: _Node) -> Step:
    return Step(node.component, node.wave)
