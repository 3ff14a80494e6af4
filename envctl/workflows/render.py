"""Render: evaluate, extract, validate, and make the deploy tree. Reads Git objects, writes nothing.

The deploy tree is a pure function of the source tree, the pinned trees and the engine. One
component that fails spoils its own environment and no other.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from envctl.config.schema import check_config, parse_schema
from envctl.config.snippet import entry_code
from envctl.config.validation import require_none
from envctl.config.wording import did_you_mean
from envctl.errors import EnvctlError, InputError, Problem
from envctl.manifests.build import ComponentValue, build
from envctl.manifests.gitids import blob_id, tree_id
from envctl.manifests.paths import COMPONENTS_FILE, components_text
from envctl.model.environment import ComponentInstance, Environment
from envctl.model.evaluation import Evaluation
from envctl.model.objects import RenderedObject
from envctl.model.settings import SizeLimits
from envctl.model.values import JsonValue
from envctl.ports import EvaluationTask, Evaluator, Repository, Tree
from envctl.workflows.project import (
    Project,
    as_problems,
    component_path,
    component_place,
    described,
    load_environment,
    load_graph,
    load_lock,
    load_project,
    lock_path,
    overlay_paths,
)
from envctl.workflows.source import Source, pinned_tree


@dataclass(frozen=True, slots=True)
class Rendered:
    """One environment, rendered. Where `errors` is not empty there are no objects, no files and no tree.

    `files` maps each path of the deploy tree to its bytes, `blobs` to its blob id. `pins`
    maps components to pinned revisions; empty where the environment tracks the source branch.
    """

    environment: str
    namespace: str
    objects: tuple[RenderedObject, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    blobs: Mapping[str, str] = field(default_factory=dict)
    tree: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    components: tuple[str, ...] = ()
    errors: tuple[EnvctlError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unit:
    """One component of one environment, ready to be evaluated."""

    environment: Environment
    instance: ComponentInstance
    tree: Tree
    schema: str

    @property
    def key(self) -> str:
        return f"{self.instance.name} in {self.environment.name}"


def render(
    repository: Repository, evaluator: Evaluator, source: Source, environments: Sequence[str]
) -> tuple[Rendered, ...]:
    """Render environments of one source, in order. Raises for a source that cannot be read at all."""
    project = load_project(source.tree)
    return render_project(repository, evaluator, source, project, environments)


def render_project(
    repository: Repository,
    evaluator: Evaluator,
    source: Source,
    project: Project,
    environments: Sequence[str],
) -> tuple[Rendered, ...]:
    """Render environments of a project that is read already."""
    plans = [_attempt(repository, source, project, name) for name in environments]
    units = [unit for plan in plans if isinstance(plan, _Plan) for unit in plan.units]
    outcomes = dict(
        zip((unit.key for unit in units), evaluator.evaluate([_task(u) for u in units]), strict=True)
    )
    limits = project.settings.limits
    return tuple(plan if isinstance(plan, Rendered) else _finish(plan, outcomes, limits) for plan in plans)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be evaluated for one environment."""

    environment: Environment
    pins: Mapping[str, str]
    units: tuple[_Unit, ...]
    graph: Mapping[str, tuple[str, ...]]


def _attempt(repository: Repository, source: Source, project: Project, name: str) -> "_Plan | Rendered":
    try:
        return _plan(repository, source, project, name)
    except InputError as error:
        return Rendered(name, "", errors=(error,))


def _plan(repository: Repository, source: Source, project: Project, name: str) -> _Plan:
    environment = load_environment(project, name)
    lock = load_lock(source.tree, environment)
    wanted = [instance.name for instance in environment.components]
    pins = {} if lock is None else {n: pin.revision for n, pin in lock.pins.items() if n in wanted}
    if lock is not None:
        _require_pins(environment, pins)
    # Components pinned to one revision share its tree, and with it what the engine has looked up there.
    at = {pins[n]: pinned_tree(repository, source, n, pins[n], lock_path(name)) for n in pins}
    trees = {n: at[pins[n]] if n in pins else source.tree for n in wanted}
    _require_components(project, environment, trees)
    units = tuple(_unit(environment, each, trees[each.name]) for each in environment.components)
    return _Plan(environment, pins, units, load_graph(trees))


def _require_pins(environment: Environment, pins: Mapping[str, str]) -> None:
    missing = [each.name for each in environment.components if each.name not in pins]
    if missing:
        listed = ", ".join(missing)
        origin = " or ".join(environment.promotes_from or ()) or "another environment"
        command = f"envctl promote {(environment.promotes_from or ('FROM',))[0]} {environment.name}"
        raise InputError(
            f"environment {environment.name} is promoted from {origin} and has no pin for {listed}",
            place=lock_path(environment.name),
            hint=f"promote first: {command}",
        )


def _require_components(project: Project, environment: Environment, trees: Mapping[str, Tree]) -> None:
    problems = [
        Problem(
            component_place(project, environment, name),
            f"there is no component {name}: {component_path(name)} does not exist in {described(tree)}",
            did_you_mean(name, _components(tree), otherwise="components there"),
        )
        for name, tree in trees.items()
        if not tree.entry(component_path(name))
    ]
    require_none(problems, f"environments/{environment.name}/environment.yaml")


def _components(tree: Tree) -> list[str]:
    return [entry.name for entry in tree.list("components") if tree.entry(component_path(entry.name))]


def _unit(environment: Environment, instance: ComponentInstance, tree: Tree) -> _Unit:
    schema = f"schemas/{instance.name}.schema.json"
    return _Unit(environment, instance, tree, schema if tree.entry(schema) else "")


def _task(unit: _Unit) -> EvaluationTask:
    overlays = overlay_paths(unit.tree, unit.environment, unit.instance.name)
    code = entry_code(
        component_path(unit.instance.name), unit.instance.config, overlays, want_config=bool(unit.schema)
    )
    return EvaluationTask(unit.key, code, unit.tree)


def _finish(plan: _Plan, outcomes: Mapping[str, Evaluation], limits: SizeLimits) -> Rendered:
    base = Rendered(
        environment=plan.environment.name,
        namespace=plan.environment.namespace or "",
        pins=plan.pins,
        components=tuple(unit.instance.name for unit in plan.units),
    )
    checked = [_value(unit, outcomes[unit.key]) for unit in plan.units]
    errors = tuple(each for each in checked if isinstance(each, EnvctlError))
    if errors:
        return replace(base, errors=errors)
    try:
        objects = build([each for each in checked if isinstance(each, ComponentValue)], limits)
    except InputError as error:
        return replace(base, errors=(_simple(error),))
    return _with_files(base, objects, plan.graph)


def _value(unit: _Unit, outcome: Evaluation) -> ComponentValue | EnvctlError:
    """A component's value, or why it cannot be used."""
    if outcome.error:
        return _unwrapped(outcome.error)
    parts = outcome.value if isinstance(outcome.value, dict) else {}
    try:
        _check_schema(unit, parts.get("config"))
    except InputError as error:
        return error
    return ComponentValue(unit.instance.name, parts.get("objects"), unit.environment.namespace or "")


def _unwrapped(error: EnvctlError) -> EnvctlError:
    """The error without the object that the entry snippet puts around a component and its config."""
    if not isinstance(error, InputError):
        return error
    problems = (replace(each, place=_own_path(each.place)) for each in error.problems)
    return InputError(
        error.summary,
        place=_own_path(error.place),
        hint=error.hint,
        problems=tuple(each for each in problems if each.place != "$"),
    )


def _own_path(place: str) -> str:
    found = re.fullmatch(r"\$\.objects(?P<rest>[.\[].*)?", place)
    return f"${found['rest'] or ''}" if found else place


def _check_schema(unit: _Unit, config: JsonValue) -> None:
    if not unit.schema:
        return
    schema = parse_schema(unit.tree.read(unit.schema), unit.schema)
    problems = check_config(config, schema, unit.instance, unit.environment.name)
    if problems:
        raise InputError(f"the config of {unit.key} does not fit {unit.schema}", problems=problems)


def _simple(error: InputError) -> InputError:
    """The one problem as the error itself, where there is one."""
    if len(error.problems) != 1:
        return error
    problem = error.problems[0]
    return InputError(problem.reason, place=problem.place, hint=problem.hint)


def require_rendered(rendered: Rendered, otherwise: str) -> None:
    """Raise InputError with everything that is wrong, under the heading `otherwise`."""
    if rendered.errors:
        problems = tuple(problem for error in rendered.errors for problem in as_problems(error))
        raise InputError(otherwise, problems=problems)


def _with_files(
    base: Rendered, objects: tuple[RenderedObject, ...], graph: Mapping[str, tuple[str, ...]]
) -> Rendered:
    files = {each.path: each.text for each in objects}
    files[COMPONENTS_FILE] = components_text(graph)
    blobs = {path: blob_id(data) for path, data in files.items()}
    return replace(base, objects=objects, files=files, blobs=blobs, tree=tree_id(blobs))
