"""Diff: two sides, each a published deploy tree or a render, compared object by object.

A side is named by an environment (what is published, else what would be), by
``environment@revision`` (a deploy commit, else a source revision), or by a source revision.
Between two environments, objects in each one's default namespace are the same objects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from envctl.delivery.deploy import deploy_ref
from envctl.errors import InputError, Problem, UsageError
from envctl.manifests.compare import compare
from envctl.manifests.paths import parse_path
from envctl.manifests.text import from_yaml
from envctl.model.changes import ObjectAction, ObjectDiff
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject
from envctl.ports import Evaluator, Repository
from envctl.workflows.project import (
    Project,
    described,
    listed_environments,
    load_environment,
    load_project,
)
from envctl.workflows.render import render
from envctl.workflows.rendered import Rendered, require_rendered
from envctl.workflows.source import Source, at_revision
from envctl.workflows.tips import Tip, deploy_tip, read_tip

Key = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class DiffItem:
    """One file of one side: the object, its blob id, and how to read it."""

    component: str
    id: ObjectId
    blob: str
    load: Callable[[], JsonObject]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison. `namespace` is the environment's default one."""

    label: str
    namespace: str
    items: tuple[DiffItem, ...]


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object that differs between two sides."""

    component: str
    id: ObjectId
    diff: ObjectDiff


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides and the objects that differ, in the order of the deploy tree."""

    old: str
    new: str
    changes: tuple[ObjectChange, ...]
    unchanged: int


def diff(
    repository: Repository, evaluator: Evaluator, source: Source, first: str, second: str | None
) -> tuple[Comparison, ...]:
    """Compare two sides; with one environment, what is published with what `source` renders to.

    Two source revisions compare all environments. Raises UsageError for names that fit nothing.
    """
    project = load_project(source.tree)
    known = project.files
    if second is None:
        if first not in known:
            raise UsageError(
                f"there is no environment {first} in {described(project.tree)}",
                hint=f"{listed_environments(project)}; to compare revisions, name two of them",
            )
        return (_against_published(repository, evaluator, source, project, first),)
    if _environment_of(first) in known or _environment_of(second) in known:
        sides = [_side(repository, evaluator, source, project, text) for text in (first, second)]
        return (compare_sides(sides[0], sides[1]),)
    _require_revisions(repository, project, first, second)
    return _between_revisions(repository, evaluator, first, second)


def _require_revisions(repository: Repository, project: Project, *names: str) -> None:
    for name in names:
        try:
            repository.resolve(name)
        except InputError as error:
            raise UsageError(
                f"{name} is no environment in {described(project.tree)}, and {error.summary}",
                hint=listed_environments(project),
            ) from error


def _environment_of(text: str) -> str:
    return text.partition("@")[0]


def _against_published(
    repository: Repository, evaluator: Evaluator, source: Source, project: Project, name: str
) -> Comparison:
    environment = load_environment(project, name)
    tip = deploy_tip(repository, name)
    old = Side(f"{name} (nothing published)", environment.namespace or "", ())
    if tip:
        old = tree_side(repository, tip, environment.namespace or "")
    return compare_sides(old, _render_side(repository, evaluator, source, name))


def _between_revisions(
    repository: Repository, evaluator: Evaluator, first: str, second: str
) -> tuple[Comparison, ...]:
    old, new = at_revision(repository, first), at_revision(repository, second)
    names = load_project(new.tree).environments
    before = load_project(old.tree).environments
    pairs = []
    for name in dict.fromkeys([*names, *before]):
        left = _render_side(repository, evaluator, old, name) if name in before else _absent(name, old)
        right = _render_side(repository, evaluator, new, name) if name in names else _absent(name, new)
        pairs.append(compare_sides(left, right))
    return tuple(pairs)


def _absent(name: str, source: Source) -> Side:
    return Side(f"{name} in {described(source.tree)} (no such environment)", "", ())


def _side(repository: Repository, evaluator: Evaluator, source: Source, project: Project, text: str) -> Side:
    name, _, revision = text.partition("@")
    namespace = load_environment(project, name).namespace or ""
    if not revision:
        tip = deploy_tip(repository, name)
        return (
            tree_side(repository, tip, namespace)
            if tip
            else _render_side(repository, evaluator, source, name)
        )
    commit_id = repository.resolve(revision)
    tip_id = repository.ref(deploy_ref(name))
    if tip_id and repository.is_ancestor(commit_id, tip_id):
        return tree_side(repository, read_tip(repository, name, commit_id), namespace)
    return _render_side(repository, evaluator, at_revision(repository, commit_id), name)


def _render_side(repository: Repository, evaluator: Evaluator, source: Source, name: str) -> Side:
    rendered = render(repository, evaluator, source, (name,))[0]
    require_rendered(rendered, f"{name} does not render from {described(source.tree)}")
    return rendered_side(rendered, f"{name} rendered from {described(source.tree)}")


def rendered_side(rendered: Rendered, label: str) -> Side:
    """A render as a side."""
    items = tuple(
        DiffItem(each.component, each.id, rendered.blobs[each.path], partial(_itself, each.value))
        for each in rendered.objects
    )
    return Side(label, rendered.namespace, items)


def tree_side(repository: Repository, tip: Tip, namespace: str) -> Side:
    """A published deploy tree as a side; objects are read only where they differ."""
    items = []
    for change in repository.changes(None, tip.commit.tree):
        parsed = parse_path(change.path)
        if parsed and change.new:
            load = partial(_read, repository, change.new, change.path)
            items.append(DiffItem(*parsed, change.new, load))
    label = f"{tip.record.environment}@{tip.commit.id[:12]}"
    return Side(label, namespace, tuple(items))


def _itself(value: JsonObject) -> JsonObject:
    return value


def _read(repository: Repository, blob: str, path: str) -> JsonObject:
    data = repository.blob(blob)
    try:
        return from_yaml(data, path)
    except InputError as error:
        parsed = parse_path(path)
        if (parsed and parsed[1].is_secret) or b"Secret" in data:
            raise _without_reasons(error, path) from None
        raise


def _without_reasons(error: InputError, path: str) -> InputError:
    """The error by its lines only: a reason may repeat what stands in the file."""
    reason = "is not what envctl writes; what stands there is not shown, as it may be a secret"
    return InputError(
        error.summary if error.problems else "cannot be read",
        place="" if error.problems else path,
        problems=tuple(Problem(each.place, reason) for each in error.problems),
        hint="the file was edited by hand: publish the environment again to take it back",
    )


def compare_sides(old: Side, new: Side) -> Comparison:
    """Compare two sides; blobs with equal ids are never opened."""
    before, after = _by_key(old), _by_key(new)
    changes, unchanged = [], 0
    for key in sorted({*before, *after}):
        left, right = before.get(key), after.get(key)
        if left and right and left.blob == right.blob:
            unchanged += 1
            continue
        item = right or left or before[key]
        found = compare(
            _value(left, old.namespace), _value(right, new.namespace), is_secret=item.id.is_secret
        )
        if found.action is ObjectAction.UNCHANGED:
            unchanged += 1
            continue
        changes.append(ObjectChange(item.component, item.id, found))
    return Comparison(old.label, new.label, tuple(changes), unchanged)


def _value(item: DiffItem | None, namespace: str) -> JsonObject | None:
    """The object without the environment's own namespace, which is no difference between environments."""
    if item is None:
        return None
    value = item.load()
    metadata = value.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("namespace") != namespace:
        return value
    return {**value, "metadata": {key: each for key, each in metadata.items() if key != "namespace"}}


def _by_key(side: Side) -> Mapping[Key, DiffItem]:
    return {_key(item, side.namespace): item for item in side.items}


def _key(item: DiffItem, namespace: str) -> Key:
    inside = "" if item.id.namespace == namespace else item.id.namespace
    name = "" if item.id.kind == "Namespace" and item.id.name == namespace else item.id.name
    return (item.component, item.id.group, item.id.kind, inside, name)
