"""Blame: which source commit, author and layer gave each field of an object its value.

When a value came is read from the deploy branch (`arrivals`), from which layer it is from
evaluations of the newest source (`layering`), and which source commit gave it from evaluations at
those that touch what the component reads (`origins`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from envctl.config.wording import did_you_mean, listed
from envctl.delivery.deploy import deploy_branch
from envctl.delivery.history import DeployKind, Deployment, deployment_of
from envctl.errors import InputError, UsageError
from envctl.manifests.leaves import Leaf, is_at, leaf_path, leaves
from envctl.manifests.match import matching, object_name, short_name
from envctl.manifests.paths import component_of, parse_path
from envctl.model.evaluation import Evaluation
from envctl.model.objects import ObjectId
from envctl.ports import EvaluationTask, Evaluator, Repository
from envctl.workflows.audit.arrivals import Arrival, Arrivals, arrivals
from envctl.workflows.audit.blamed import Blame, BlamedLayer, FieldBlame, LayerKind, Origin, PinChange
from envctl.workflows.audit.grounds import Ground, Sought, ground_at
from envctl.workflows.audit.history import require_tip_id
from envctl.workflows.audit.layering import has_value, layers_of
from envctl.workflows.audit.origins import Way, origins, pin_change, rollback_of
from envctl.workflows.audit.sourcepins import SourcePins
from envctl.workflows.rendering.sides import read_object
from envctl.workflows.sources.source import is_current

_LISTED = 5
_Given = tuple[Origin, PinChange | None]
_UNRENDERED = Origin(note="the newest source does not render to this value")
_NO_LAYER = BlamedLayer(LayerKind.NONE)


@dataclass(frozen=True, slots=True)
class BlameOptions:
    """Which object of which environment, and which of its fields with all below it ("": all)."""

    environment: str
    object: str
    field: str = ""


def blame(repository: Repository, evaluator: Evaluator, options: BlameOptions) -> Blame:
    """Who gave each field of a published object its value.

    Raises UsageError for an unknown environment, object or field, RefusedError where nothing is
    published, InputError where the object's file cannot be read.
    """
    evaluator.prepare()
    tip = require_tip_id(repository, options.environment)
    objects = _objects(repository, tip)
    path = _chosen_object(options, objects)
    key = objects[path][0]
    value = read_object(repository.blob(objects[path][1]), path)
    wanted = _chosen_fields(options, leaves(value, is_secret=key.is_secret))
    when = arrivals(repository, options.environment, tip, path, wanted)
    blamer = _Blamer(repository, evaluator, options.environment, component_of(path), key, when)
    return Blame(
        environment=options.environment,
        tip=tip,
        component=component_of(path),
        object=key,
        path=path,
        fields=blamer.fields(wanted),
        cut=when.cut,
    )


def _objects(repository: Repository, tip: str) -> Mapping[str, tuple[ObjectId, str]]:
    """The objects of a deploy tree and their blobs, by path."""
    files = repository.changes(None, repository.commit(tip).tree)
    return {
        each.path: (parsed[1], each.new)
        for each in files
        if each.new and (parsed := parse_path(each.path)) is not None
    }


def _chosen_object(options: BlameOptions, objects: Mapping[str, tuple[ObjectId, str]]) -> str:
    keys = {path: each[0] for path, each in objects.items()}
    found = matching(options.object, keys)
    if len(found) == 1:
        return found[0]
    branch = deploy_branch(options.environment)
    if found:
        names = [object_name(keys[path]) for path in found]
        names = names if len(set(names)) == len(names) else list(found)
        raise UsageError(
            f"{options.object} may be any of {len(found)} objects on {branch}",
            hint=f"name one: {_some(names)}",
        )
    hint = did_you_mean(options.object, _alike(options.object, keys), otherwise="objects there")
    raise UsageError(f"there is no object {options.object} on {branch}", hint=hint)


def _alike(text: str, keys: Mapping[str, ObjectId]) -> Sequence[str]:
    """Names in the form of the one that was written; only some where none of them is near."""
    names = [object_name(key) if text.count("/") > 1 else short_name(key) for key in keys.values()]
    near = did_you_mean(text, names, otherwise="").startswith("did you mean")
    return names if near else names[:_LISTED]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


def _chosen_fields(options: BlameOptions, found: tuple[Leaf, ...]) -> tuple[Leaf, ...]:
    if not options.field:
        return found
    path = leaf_path(options.field)
    chosen = tuple(each for each in found if is_at(each, path))
    if not chosen:
        near = did_you_mean(path, _prefixes(found), otherwise="")
        known = f"top-level fields: {listed(_tops(found), 'and')}"
        hint = near if near.startswith("did you mean") else known
        raise UsageError(f"{options.object} has no field {options.field}", hint=hint)
    return chosen


def _prefixes(found: Iterable[Leaf]) -> list[str]:
    """Every path at which there is something, whole paths first."""
    paths = [each.path for each in found]
    inner = [path[:at] for path in paths for at, letter in enumerate(path) if letter in ".[" and at > 1]
    return list(dict.fromkeys([*paths, *inner]))


def _tops(found: Iterable[Leaf]) -> list[str]:
    return list(dict.fromkeys(each.place[2:].partition(".")[0].partition("[")[0] for each in found))


@dataclass(frozen=True, slots=True)
class _Bringer:
    """A deploy commit that brought values, with what it needs to be looked into."""

    arrival: Arrival
    leaves: tuple[Leaf, ...]
    old_pin: str
    new_pin: str
    tracks: bool
    ground: Ground | None
    middle: Ground | None

    @property
    def source(self) -> str:
        return self.arrival.deployment.source_commit

    @property
    def older(self) -> str:
        return self.arrival.older.source_commit if self.arrival.older else ""

    @property
    def pin_moved(self) -> bool:
        return not self.tracks and self.old_pin != self.new_pin

    @property
    def tasks(self) -> list[EvaluationTask]:
        return [each.task() for each in (self.ground, self.middle) if each]


class _Blamer:
    """Finds layer and origin of the fields of one object."""

    def __init__(
        self,
        repository: Repository,
        evaluator: Evaluator,
        environment: str,
        component: str,
        key: ObjectId,
        when: Arrivals,
    ) -> None:
        self._repository = repository
        self._evaluator = evaluator
        self._environment = environment
        self._component = component
        self._sought = Sought(key)
        self._when = when
        self._pins = SourcePins(repository, environment)

    def fields(self, wanted: tuple[Leaf, ...]) -> tuple[FieldBlame, ...]:
        bringers = self._bringers(wanted)
        now = self._now()
        steps = [task for _, task in now.layers()] if now else []
        tasks = [*steps, *(task for each in bringers for task in each.tasks)]
        outcomes = list(self._evaluator.evaluate(tasks))
        layers: Mapping[str, BlamedLayer] = {}
        if now:
            whole = self._sought.found(outcomes[len(steps) - 1])
            self._sought = Sought(self._sought.id, whole.origin if whole else "")
            layers = layers_of(self._evaluator, now, outcomes[: len(steps)], self._sought, wanted)
        rest = iter(outcomes[len(steps) :])
        found: dict[str, _Given] = {}
        for each in bringers:
            mine = [next(rest) for _ in each.tasks]
            found |= self._given(each, mine, layers)
        return tuple(self._field(leaf, layers, found) for leaf in wanted)

    def _field(
        self, leaf: Leaf, layers: Mapping[str, BlamedLayer], given: Mapping[str, _Given]
    ) -> FieldBlame:
        arrival = self._when.found.get(leaf.key)
        layer = layers.get(leaf.key, _NO_LAYER)
        if arrival is None:
            note = f"older than the history here: {self._when.cut}" if self._when.cut else ""
            return FieldBlame(leaf, layer, None, Origin(note=note))
        origin, pin = given[leaf.key]
        return FieldBlame(leaf, layer, arrival.deployment, origin, pin)

    def _now(self) -> Ground | None:
        """The newest source that was published."""
        newest = self._when.newest
        return self._ground(newest.source_commit, self._pin_at(newest.source_commit)) if newest else None

    def _ground(self, source: str, pin: str | None) -> Ground | None:
        return ground_at(self._repository, self._environment, self._component, source, pin)

    def _pin_at(self, source: str) -> str | None:
        """The pin of the component, None where the environment tracks the source branch."""
        found = self._pins.at(source)
        return None if found.pins is None else found.pins.get(self._component)

    def _bringers(self, wanted: Sequence[Leaf]) -> list[_Bringer]:
        groups: dict[str, list[Leaf]] = {}
        for leaf in wanted:
            if leaf.key in self._when.found:
                groups.setdefault(self._when.found[leaf.key].deployment.commit, []).append(leaf)
        return [self._bringer(self._when.found[group[0].key], tuple(group)) for group in groups.values()]

    def _bringer(self, arrival: Arrival, group: tuple[Leaf, ...]) -> _Bringer:
        source = arrival.deployment.source_commit
        new = self._pins.at(source) if source else None
        if new is None or new.source is None:
            return _Bringer(arrival, group, "", "", tracks=True, ground=None, middle=None)
        new_pin = self._pin_at(source) or ""
        old = self._pins.at(arrival.older.source_commit).of(self._component) if arrival.older else ""
        old_pin, tracks = old or "", new.pins is None
        moved = old_pin and old_pin != new_pin and not tracks
        return _Bringer(
            arrival,
            group,
            old_pin,
            new_pin,
            tracks=tracks,
            ground=self._ground(source, new_pin or None),
            middle=self._ground(source, old_pin) if moved else None,
        )

    def _pin(self, each: _Bringer) -> PinChange | None:
        return pin_change(self._repository, self._pins, self._component, each.source, each.older)

    def _given(
        self, each: _Bringer, outcomes: Sequence[Evaluation], layers: Mapping[str, BlamedLayer]
    ) -> Mapping[str, _Given]:
        """The origin of each field that a deploy commit brought, and its pin where that brought it."""
        note = _no_origin(each)
        if note or each.ground is None:
            return {leaf.key: (Origin(note=note), None) for leaf in each.leaves}
        closure = tuple(outcomes[0].closure)
        middle = outcomes[1] if each.middle else None
        known = [leaf for leaf in each.leaves if not layers or layers[leaf.key] != _NO_LAYER]
        by_code: list[Leaf] = []
        by_settings: list[Leaf] = []
        for leaf in known:
            code = self._is_by_code(each, leaf, middle, layers.get(leaf.key, _NO_LAYER))
            (by_code if code else by_settings).append(leaf)
        found: dict[str, _Given] = dict.fromkeys((leaf.key for leaf in each.leaves), (_UNRENDERED, None))
        if by_settings:
            way = self._settings_way(each, each.ground, closure)
            found |= self._behind_rollbacks(way, by_settings)
        if by_code:
            pin, way = self._pin(each), self._code_way(each, closure)
            found |= {key: (origin, pin) for key, origin in self._origins(way, by_code).items()}
        return found

    def _behind_rollbacks(self, way: Way, wanted: Sequence[Leaf]) -> Mapping[str, _Given]:
        """The origins of settings; behind a rollback that restored them, who had written them before."""
        found: dict[str, _Given] = {}
        origin = self._origins(way, wanted)
        for commit in {each.commit for each in origin.values()}:
            mine = [leaf for leaf in wanted if origin[leaf.key].commit == commit]
            change = rollback_of(commit, self._environment) if commit else None
            source = self._restored(change) if change else ""
            restored = self._there(way.ground(source), mine) if source else []
            found |= {leaf.key: (origin[leaf.key], change) for leaf in mine}
            if restored:
                older = self._behind_rollbacks(replace(way, old="", new=source), restored)
                found |= {key: (each, change) for key, (each, _) in older.items()}
        return found

    def _restored(self, change: PinChange) -> str:
        """The source commit that a rollback went back to, "" where that is not known here."""
        try:
            commit = self._repository.commit(change.rollback_to.rpartition("@")[2])
        except InputError:
            return ""
        source = deployment_of(commit, self._environment).source_commit
        return source if source and self._pins.at(source).source else ""

    def _there(self, ground: Ground | None, wanted: Sequence[Leaf]) -> list[Leaf]:
        """The fields that have their values already."""
        if ground is None:
            return []
        namespace = ground.environment.namespace or ""
        values = self._sought.values(self._evaluator.evaluate([ground.task()])[0], namespace)
        return [leaf for leaf in wanted if has_value(values, leaf.key, leaf.value)]

    def _origins(self, way: Way, wanted: Sequence[Leaf]) -> Mapping[str, Origin]:
        return origins(self._repository, self._evaluator, way, self._sought, wanted)

    def _is_by_code(self, each: _Bringer, leaf: Leaf, middle: Evaluation | None, layer: BlamedLayer) -> bool:
        """Whether the new pin brought a value: with the old one it was not there."""
        if not each.pin_moved:
            return False
        if middle is None or each.middle is None:
            return layer.is_component
        namespace = each.middle.environment.namespace or ""
        return not has_value(self._sought.values(middle, namespace), leaf.key, leaf.value)

    def _code_way(self, each: _Bringer, closure: Iterable[str]) -> Way:
        paths = tuple(sorted(path for path in closure if not is_current(path)))
        return Way(each.old_pin, each.new_pin, paths, partial(self._ground, each.source))

    def _settings_way(self, each: _Bringer, ground: Ground, closure: Iterable[str]) -> Way:
        """Along the source branch, with the pin as it was where that already gives the value."""
        paths = {path for path in closure if each.tracks or is_current(path)}
        for name in ground.environment.chain:
            folder = f"environments/{name}"
            paths |= {f"{folder}/environment.yaml", f"{folder}/{self._component}.jsonnet"}
        pin = None if each.tracks else each.old_pin or each.new_pin
        return Way(each.older, each.source, tuple(sorted(paths)), lambda commit: self._ground(commit, pin))


def _no_origin(each: _Bringer) -> str:
    """Why no source commit can be named; "" where one may be."""
    deployment: Deployment = each.arrival.deployment
    if deployment.kind is DeployKind.FOREIGN:
        return f"changed on the deploy branch itself; the commit is {deployment.problem}"
    if each.ground is None:
        source = deployment.source_commit[:12]
        return f"the component as of source commit {source} is not here, or cannot be read any more"
    return ""
