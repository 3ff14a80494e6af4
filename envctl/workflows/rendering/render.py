"""Render: evaluate, extract, validate, and make the deploy tree. Reads Git objects, writes nothing.

The deploy tree is a pure function of the source tree, the pinned trees and the engine. One
component that fails spoils its own environment and no other.
"""

from collections.abc import Mapping, Sequence

from envctl.config.snippet import entry_code
from envctl.config.validation import require_none
from envctl.config.wording import did_you_mean
from envctl.errors import InputError, Problem
from envctl.model.environment import ComponentInstance, Environment
from envctl.ports import Evaluator, RenderCache, Repository, Tree
from envctl.workflows.rendering.assembly import Assembly, Plan, Unit
from envctl.workflows.rendering.remembered import Memory
from envctl.workflows.rendering.rendered import Rendered
from envctl.workflows.sources.project import (
    Project,
    component_path,
    component_place,
    described,
    has_file,
    load_environment,
    load_graph,
    load_lock,
    lock_path,
    overlay_paths,
)
from envctl.workflows.sources.readable import read
from envctl.workflows.sources.snapshot import snapshot_of
from envctl.workflows.sources.source import Source, pinned_tree


def render(
    repository: Repository,
    evaluator: Evaluator,
    source: Source,
    environments: Sequence[str],
    cache: RenderCache | None = None,
) -> tuple[Rendered, ...]:
    """Render environments of one source, in order. Raises for a source that cannot be read at all.

    What is wrong with other environments does not matter.
    """
    project = read(source.tree).limited(environments)
    return render_project(repository, evaluator, source, project, environments, cache)


def render_project(
    repository: Repository,
    evaluator: Evaluator,
    source: Source,
    project: Project,
    environments: Sequence[str],
    cache: RenderCache | None = None,
) -> tuple[Rendered, ...]:
    """Render environments of a project that is read already.

    With a cache, only what it does not know under the same evidence is evaluated; the result is the same.
    """
    evaluator.prepare()
    trees = _Trees(repository, source)
    memory = Memory(cache, evaluator.version)
    plans = [_attempt(trees, project, name) for name in environments]
    limits = project.settings.limits
    work = [Assembly(plan, memory, evaluator, limits) for plan in plans if isinstance(plan, Plan)]
    wanted = [(each, unit) for each in work for unit in each.missing]
    # What came is built while the rest is still evaluated.
    for at, outcome in evaluator.stream([unit.task for _, unit in wanted]):
        assembly, unit = wanted[at]
        assembly.take(unit, outcome)
    done = {each.plan.environment.name: each.finish() for each in work}
    return tuple(plan if isinstance(plan, Rendered) else done[plan.environment.name] for plan in plans)


class _Trees:
    """The trees that a render reads, each as one snapshot for all environments."""

    def __init__(self, repository: Repository, source: Source) -> None:
        self._repository = repository
        self.source = Source(snapshot_of(source.tree), source.commit)
        self._pinned: dict[str, Tree] = {}

    def pinned(self, component: str, revision: str, lock: str) -> Tree:
        """The tree of a pinned component. Raises InputError naming the pin."""
        # Components pinned to one revision share its tree, and with it what was looked up there.
        if revision not in self._pinned:
            tree = pinned_tree(self._repository, self.source, component, revision, lock)
            self._pinned[revision] = snapshot_of(tree)
        return self._pinned[revision]


def _attempt(trees: _Trees, project: Project, name: str) -> Plan | Rendered:
    try:
        return _plan(trees, project, name)
    except InputError as error:
        return Rendered(name, "", errors=(error,))


def _plan(trees: _Trees, project: Project, name: str) -> Plan:
    environment = load_environment(project, name)
    lock = load_lock(trees.source.tree, environment)
    wanted = [instance.name for instance in environment.components]
    pins = {} if lock is None else {n: pin.revision for n, pin in lock.pins.items() if n in wanted}
    if lock is not None:
        _require_pins(environment, pins, sorted(lock.pins))
    of = {n: trees.pinned(n, pins[n], lock_path(name)) if n in pins else trees.source.tree for n in wanted}
    _require_components(project, environment, of)
    units = tuple(_unit(environment, each, of[each.name]) for each in environment.components)
    return Plan(environment, pins, units, load_graph(of))


def _require_pins(environment: Environment, pins: Mapping[str, str], locked: Sequence[str]) -> None:
    missing = [each.name for each in environment.components if each.name not in pins]
    if missing:
        listed = ", ".join(missing)
        origin = " or ".join(environment.promotes_from or ()) or "another environment"
        command = f"envctl promote {(environment.promotes_from or ('FROM',))[0]} {environment.name}"
        foreign = [name for name in locked if name not in pins]
        misspelt = f"; the lock pins {', '.join(foreign)}, which is no component here" if foreign else ""
        raise InputError(
            f"environment {environment.name} is promoted from {origin} and has no pin for {listed}",
            place=lock_path(environment.name),
            hint=f"promote first: {command}{misspelt}",
        )


def _require_components(project: Project, environment: Environment, trees: Mapping[str, Tree]) -> None:
    problems = [
        Problem(
            component_place(project, environment, name),
            f"there is no component {name}: {component_path(name)} does not exist in {described(tree)}",
            did_you_mean(name, _components(tree), otherwise="components there"),
        )
        for name, tree in trees.items()
        if not has_file(tree, component_path(name))
    ]
    require_none(problems, f"environments/{environment.name}/environment.yaml")


def _components(tree: Tree) -> list[str]:
    return [entry.name for entry in tree.list("components") if tree.entry(component_path(entry.name))]


def _unit(environment: Environment, instance: ComponentInstance, tree: Tree) -> Unit:
    schema = f"schemas/{instance.name}.schema.json"
    overlays = overlay_paths(tree, environment, instance.name)
    found = schema if has_file(tree, schema) else ""
    code = entry_code(component_path(instance.name), instance.config, overlays, want_config=bool(found))
    return Unit(environment, instance, tree, found, code)
