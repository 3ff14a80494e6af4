"""Two sides of a comparison, each a published deploy tree or a render, compared by ids first.

Folders and files with equal ids are never opened. Between two environments, objects in each
one's default namespace are the same objects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from envctl.errors import InputError, Problem
from envctl.manifests.compare import compare
from envctl.manifests.parts import Part
from envctl.manifests.paths import component_folder, component_of, parse_path
from envctl.manifests.text import from_yaml
from envctl.model.changes import ObjectAction, ObjectDiff
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject
from envctl.ports import Repository
from envctl.workflows.rendering.compared import DeployTree
from envctl.workflows.rendering.rendered import Rendered, part_blobs
from envctl.workflows.sources.tips import Tip

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class DiffItem:
    """One file of one side: the object, its blob id, and how to read it."""

    id: ObjectId
    blob: str
    load: Callable[[], JsonObject]


@dataclass(frozen=True, slots=True)
class Folder:
    """A component's folder on one side: its tree id, how many objects it has, and how to list them."""

    tree: str
    count: Callable[[], int]
    items: Callable[[], tuple[DiffItem, ...]]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison. `namespace` is the environment's default one."""

    label: str
    environment: str
    namespace: str
    folders: Mapping[str, Folder]


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object that differs between two sides."""

    component: str
    id: ObjectId
    diff: ObjectDiff


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides and the objects that differ, in the order of the deploy tree.

    `namespaces` are the default ones of both environments.
    """

    old: str
    new: str
    environments: tuple[str, str]
    namespaces: tuple[str, str]
    changes: tuple[ObjectChange, ...]
    unchanged: int


def absent_side(environment: str, label: str, namespace: str = "") -> Side:
    """A side without any object."""
    return Side(label, environment, namespace, {})


def rendered_side(rendered: Rendered, label: str) -> Side:
    """A render as a side; only objects that differ are made."""
    folders = {
        part.component: Folder(
            part.tree, partial(len, part.tails), partial(_rendered_items, rendered.files, part)
        )
        for part in rendered.parts
    }
    return Side(label, rendered.environment, rendered.namespace, folders)


def _rendered_items(files: Mapping[str, bytes], part: Part) -> tuple[DiffItem, ...]:
    return _items(part_blobs(part), lambda path, _: from_yaml(files[path], path))


def tree_side(repository: Repository, tip: Tip, namespace: str) -> Side:
    """A published deploy tree as a side; objects are read only where they differ."""
    deployed = DeployTree(repository, tip.commit.id)
    folders = {}
    for name in deployed.names:
        component, tree = component_of(f"{name}/"), deployed.folder(name)
        if component and tree and component_folder(component) == name:
            items = partial(_tree_items, repository, deployed, name)
            folders[component] = Folder(tree, partial(_count, items), items)
    environment = tip.record.environment
    return Side(f"{environment}@{tip.commit.id[:12]}", environment, namespace, folders)


def _count(items: Callable[[], tuple[DiffItem, ...]]) -> int:
    return len(items())


def _tree_items(repository: Repository, deployed: DeployTree, name: str) -> tuple[DiffItem, ...]:
    return _items(deployed.blobs(name), lambda path, blob: read_object(repository.blob(blob), path))


def _items(blobs: Mapping[str, str], load: Callable[[str, str], JsonObject]) -> tuple[DiffItem, ...]:
    return tuple(
        DiffItem(parsed[1], blob, partial(load, path, blob))
        for path, blob in blobs.items()
        if (parsed := parse_path(path))
    )


def read_object(data: bytes, path: str) -> JsonObject:
    """The object in a file of a deploy tree. Raises InputError that repeats nothing of a Secret."""
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
    """Compare two sides; folders and blobs with equal ids are never opened."""
    changes: list[ObjectChange] = []
    unchanged = 0
    for component in sorted({*old.folders, *new.folders}):
        before, after = old.folders.get(component), new.folders.get(component)
        # With another default namespace equal texts can mean other objects.
        if before and after and before.tree == after.tree and old.namespace == new.namespace:
            unchanged += after.count()
            continue
        pairs = _pairs(_by_key(before, old.namespace), _by_key(after, new.namespace))
        found = [each for pair in pairs if (each := _compared(component, pair, old, new))]
        changes += found
        unchanged += len(pairs) - len(found)
    return Comparison(
        old=old.label,
        new=new.label,
        environments=(old.environment, new.environment),
        namespaces=(old.namespace, new.namespace),
        changes=tuple(changes),
        unchanged=unchanged,
    )


_Pair = tuple[DiffItem | None, DiffItem | None]


def _pairs(old: Mapping[Key, DiffItem], new: Mapping[Key, DiffItem]) -> list[_Pair]:
    return [(old.get(key), new.get(key)) for key in sorted({*old, *new})]


def _compared(component: str, pair: _Pair, old: Side, new: Side) -> ObjectChange | None:
    left, right = pair
    item = right or left
    if item is None or (left and right and left.blob == right.blob):
        return None
    found = compare(_value(left, old.namespace), _value(right, new.namespace), is_secret=item.id.is_secret)
    return None if found.action is ObjectAction.UNCHANGED else ObjectChange(component, item.id, found)


def _value(item: DiffItem | None, namespace: str) -> JsonObject | None:
    """The object without the environment's own namespace, which is no difference between environments."""
    if item is None:
        return None
    value = item.load()
    metadata = value.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("namespace") != namespace:
        return value
    return {**value, "metadata": {key: each for key, each in metadata.items() if key != "namespace"}}


def _by_key(folder: Folder | None, namespace: str) -> Mapping[Key, DiffItem]:
    return {_key(item.id, namespace): item for item in folder.items()} if folder else {}


def _key(key: ObjectId, namespace: str) -> Key:
    inside = "" if key.namespace == namespace else key.namespace
    name = "" if key.kind == "Namespace" and key.name == namespace else key.name
    return (key.group, key.kind, inside, name)
