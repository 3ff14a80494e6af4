"""One environment of a render: which components are known, which are evaluated, and what they join to."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from envctl.config.layers import ConfigSubject
from envctl.errors import EnvctlError, InputError
from envctl.manifests.build import ComponentValue, build
from envctl.manifests.kinds import Scopes
from envctl.manifests.parts import Part, definitions, joined_scopes, may_join, part_of
from envctl.manifests.paths import components_text
from envctl.model.environment import ComponentInstance, Environment
from envctl.model.evaluation import Evaluation, evidence
from envctl.model.objects import RenderedObject
from envctl.model.settings import SizeLimits
from envctl.model.values import JsonValue
from envctl.planning.steps import Step, steps_of
from envctl.ports import EvaluationTask, Evaluator, Tree
from envctl.workflows.rendering.configs import check_config
from envctl.workflows.rendering.refused import require_welcome
from envctl.workflows.rendering.remembered import Fresh, Known, Memory, compact, record_of
from envctl.workflows.rendering.rendered import Contents, Rendered
from envctl.workflows.sources.project import overlay_paths

_DEFINITION = b"CustomResourceDefinition"


@dataclass(frozen=True, slots=True)
class Unit:
    """One component of one environment, ready to be evaluated. `schema` is "" where it has none."""

    environment: Environment
    instance: ComponentInstance
    tree: Tree
    schema: str
    code: str

    @property
    def name(self) -> str:
        return self.instance.name

    @property
    def key(self) -> str:
        return f"{self.name} in {self.environment.name}"

    @property
    def task(self) -> EvaluationTask:
        return EvaluationTask(self.key, self.code, self.tree, self.name)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be rendered for one environment."""

    environment: Environment
    pins: Mapping[str, str]
    units: tuple[Unit, ...]
    graph: Mapping[str, tuple[str, ...]]

    @property
    def namespace(self) -> str:
        return self.environment.namespace or ""


class Assembly:
    """Puts one environment together from what is remembered and what is evaluated now.

    What is remembered only ever shortens the way: where anything is in doubt, all objects are
    built together, as without it, so results and errors are the same.
    """

    def __init__(self, plan: Plan, memory: Memory, evaluator: Evaluator, limits: SizeLimits) -> None:
        self.plan = plan
        self._memory = memory
        self._evaluator = evaluator
        self._units = {unit.name: unit for unit in plan.units}
        self._codes = {unit.name: memory.code(unit.code) for unit in plan.units}
        self._record = memory.recall(plan.environment.name)
        self._holding = self._record.holding(
            (unit.name, self._codes[unit.name], unit.tree) for unit in plan.units
        )
        self._fresh: dict[str, Fresh] = {}
        self._errors: dict[str, EnvctlError] = {}
        self._values: dict[str, JsonValue] = {}
        self._texts: dict[str, bytes] = {}
        self._objects: dict[str, Sequence[RenderedObject]] = {}
        self._scopes = Scopes()
        self._limits = limits

    @property
    def missing(self) -> tuple[Unit, ...]:
        """The components that have to be evaluated."""
        return tuple(unit for unit in self.plan.units if unit.name not in self._holding)

    def take(self, unit: Unit, outcome: Evaluation) -> None:
        """Take in the outcome of a missing component, and build its part where it needs no other one."""
        error = self._take(unit, outcome)
        if error:
            self._errors[unit.name] = error
            return
        fresh = self._fresh[unit.name]
        with suppress(InputError):  # all objects together tell every problem
            objects = self._build(unit.name, Scopes(fresh.defines))
            part = part_of(unit.name, self.plan.namespace, objects, Scopes(fresh.defines))
            self._objects[unit.name] = objects
            self._fresh[unit.name] = replace(fresh, part=part)

    def finish(self) -> Rendered:
        """The environment, after the outcome of each missing component was taken in."""
        base = Rendered(
            environment=self.plan.environment.name,
            namespace=self.plan.namespace,
            pins=self.plan.pins,
            components=tuple(self._units),
        )
        if self._errors:
            self._keep({})
            errors = tuple(self._errors[name] for name in self._units if name in self._errors)
            return replace(base, errors=errors)
        parts = self._parts()
        if parts is None or not may_join(parts, self._limits):
            self._keep({})
            return self._together(base)
        self._keep({part.component: part for part in parts})
        return self._welcome(base, self._contents(parts))

    def _welcome(self, base: Rendered, contents: Contents) -> Rendered:
        try:
            require_welcome(self.plan.environment, contents)
            # No order, no agent: a circle of waves and dependencies is an error here already.
            steps_of(
                (Step(each.component, wave) for each in contents.parts for wave in each.waves),
                self.plan.graph,
            )
        except InputError as error:
            return replace(base, errors=(error,))
        return replace(base, contents=contents)

    def _contents(self, parts: Sequence[Part]) -> Contents:
        return Contents(parts, components_text(self.plan.graph), self._load, self._closure)

    def _take(self, unit: Unit, outcome: Evaluation) -> EnvctlError | None:
        """Take in a component's value, or say why it cannot be used."""
        if outcome.error:
            return _unwrapped(outcome.error)
        members = outcome.value if isinstance(outcome.value, dict) else {}
        try:
            if unit.schema:
                check_config(self._evaluator.schemas, unit.tree, members.get("config"), _subject(unit))
        except EnvctlError as error:
            return error
        value = members.get("objects")
        closure = dict(outcome.closure)
        if unit.schema:
            closure[unit.schema] = evidence(unit.tree.entry(unit.schema))
        code = self._codes[unit.name]
        key = self._memory.value_key(code, closure)
        self._values[unit.name] = value
        self._texts[key] = text = compact(value)
        # Few components define kinds, and looking at all objects of the others takes a while.
        defines = definitions(value) if _DEFINITION in text else {}
        self._fresh[unit.name] = Fresh(code, closure, key, defines, None)
        return None

    def _closure(self, name: str) -> Mapping[str, str]:
        return self._fresh[name].closure if name in self._fresh else self._record.fresh(name).closure

    def _known(self, name: str) -> Known | Fresh:
        return self._fresh[name] if name in self._fresh else self._record.known[name]

    def _parts(self) -> list[Part] | None:
        """Each component's part, built where it is not known; None where one cannot be built by itself."""
        self._scopes = joined_scopes(self._known(name).defines for name in self._units)
        parts = []
        for name in self._units:
            part = self._known(name).part
            if part is None or not part.fits(self.plan.namespace, self._scopes):
                self._objects.pop(name, None)  # built before all CRDs were known
                try:
                    objects = self._load(name)
                except InputError:
                    return None  # all objects together tell every problem
                part = part_of(name, self.plan.namespace, objects, self._scopes)
            parts.append(part)
        return parts

    def _load(self, name: str) -> Sequence[RenderedObject]:
        """The objects of one component. Raises InputError where they are no objects, or the wrong ones."""
        if name not in self._objects:
            self._objects[name] = self._build(name, self._scopes)
        return self._objects[name]

    def _build(self, name: str, scopes: Scopes) -> Sequence[RenderedObject]:
        return build([self._value(name)], self._limits, scopes)

    def _value(self, name: str) -> ComponentValue:
        """A component's value: the one just evaluated, the remembered one, or else evaluated again."""
        if name not in self._values:
            remembered = self._memory.value(self._known(name).value)
            self._values[name] = remembered[0] if remembered else self._again(self._units[name])
        return ComponentValue(name, self._values[name], self.plan.namespace)

    def _again(self, unit: Unit) -> JsonValue:
        outcome = self._evaluator.evaluate([unit.task])[0]
        if outcome.error:
            raise outcome.error
        value = outcome.value["objects"] if isinstance(outcome.value, dict) else None
        self._memory.keep_value(self._known(unit.name).value, value)
        return value

    def _together(self, base: Rendered) -> Rendered:
        """The environment built from all values at once: whatever is wrong with them is found and said."""
        try:
            objects = build([self._value(name) for name in self._units], self._limits)
        except InputError as error:
            return replace(base, errors=(_simple(error),))
        parts = []
        for name in self._units:
            self._objects[name] = [each for each in objects if each.component == name]
            parts.append(part_of(name, self.plan.namespace, self._objects[name], self._scopes))
        return self._welcome(base, self._contents(parts))

    def _keep(self, parts: Mapping[str, Part]) -> None:
        """Remember what is new; a component that failed now keeps what was true of it before."""
        old = self._record.known
        names = [name for name in self._units if name in self._fresh or name in old]
        same = all(name in old and old[name].part is parts.get(name, old[name].part) for name in names)
        if same and not self._fresh and len(names) == len(old):
            return
        places = self._memory.keep_values(self._texts)
        for name, each in self._fresh.items():
            self._fresh[name] = replace(each, value=places[each.value])
        kept = {
            name: self._fresh[name] if name in self._fresh else self._record.fresh(name) for name in names
        }
        kept = {name: replace(each, part=parts.get(name, each.part)) for name, each in kept.items()}
        self._memory.keep(self.plan.environment.name, record_of(kept))


def _subject(unit: Unit) -> ConfigSubject:
    overlays = overlay_paths(unit.tree, unit.environment, unit.name)
    return ConfigSubject(unit.instance, unit.environment.name, overlays)


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


def _simple(error: InputError) -> InputError:
    """The one problem as the error itself, where there is one."""
    if len(error.problems) != 1:
        return error
    problem = error.problems[0]
    return InputError(problem.reason, place=problem.place, hint=problem.hint)
