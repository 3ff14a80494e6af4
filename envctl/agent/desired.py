"""What a deploy commit wants, read from Git: only what differs from the accepted one."""

import marshal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from envctl.agent.options import World
from envctl.agent.source import Verified
from envctl.delivery.deploy import ALLOW_PRUNE
from envctl.delivery.trailers import parse_trailers
from envctl.errors import InputError, Problem
from envctl.manifests.limits import is_too_long, over_limits
from envctl.manifests.names import bad_api_version
from envctl.manifests.paths import (
    COMPONENTS_FILE,
    component_of,
    object_path,
    parse_components,
    parse_path,
)
from envctl.manifests.text import from_yaml
from envctl.model.annotations import wave_of
from envctl.model.cluster import object_id
from envctl.model.git import Commit, EntryKind
from envctl.model.inventory import Accepted, Inventory, InventoryEntry, with_changes
from envctl.model.keeping import annotation_problems
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.plan import DesiredChange, Place, Plan
from envctl.model.status import Level
from envctl.model.values import JsonObject
from envctl.planning.difference import questions, resolve
from envctl.planning.guards import Window, is_own, refuse_empty_tree
from envctl.planning.ownership import labelled
from envctl.planning.permits import NAMED, Permit, is_foreign, items_of, permit_items, with_permits
from envctl.planning.plan import make_plan
from envctl.planning.steps import Steps, steps_of
from envctl.planning.waves import step_of
from envctl.ports import Tree

# The API server creates an object that says these as one that is being deleted, and nobody ends that.
_DELETING = ("deletionTimestamp", "deletionGracePeriodSeconds")
_SHOWN = 80
_WITHHELD = "cannot be read; what stands there is withheld, it may be secret"
_TOO_LONG = "names an object or a component that nobody can have: too long"
_AGAIN = "render and publish it again"


@dataclass(frozen=True, slots=True)
class Target:
    """A plan together with all that it needs: nothing is read from Git while it is carried out."""

    verified: Verified
    plan: Plan
    steps: Steps
    values: Mapping[ObjectId, JsonObject]


def read_target(world: World, inventory: Inventory, verified: Verified) -> Target:
    """The plan that brings the cluster to a deploy commit.

    Raises InputError where any file of it is wrong, and RefusedError where a guard refuses the
    commit as a whole: before the first write.
    """
    tree = world.repository.tree(verified.commit.id)
    changes = _changes(world, inventory.accepted, verified)
    if verified.rewritten:
        changes = _with_removed(inventory, changes)
    _refuse_emptiness(world, tree, inventory, verified.commit)
    changed = resolve(inventory, changes, _answers(tree, questions(inventory, changes)))
    next_inventory = with_changes(inventory, changed)
    values = _values(world, next_inventory)
    commits = _commits_since(world, inventory.accepted, verified.commit)
    permitted = tuple(_permitted(world, commits, next_inventory))
    next_inventory = with_changes(next_inventory, permitted)
    placed = tuple(_placed(next_inventory, values))
    next_inventory = with_changes(next_inventory, placed)
    depends_on = _depends_on(tree)
    steps = steps_of(
        (step_of(entry) for entry in next_inventory.entries.values() if not entry.leaving), depends_on
    )
    merged = {entry.id: entry for entry in (*changed, *permitted, *placed)}
    own = partial(is_own, namespace=world.options.namespace)
    window = window_now(world, inventory)
    plan = make_plan(
        next_inventory, tuple(merged.values()), depends_on, own, window, steps, world.options.environment
    )
    return Target(verified, plan, steps, values)


def window_now(world: World, inventory: Inventory) -> Window:
    """What the budget of removals counts now."""
    now = int(world.clock.now().timestamp())
    return Window(now, int(world.options.prune_window), inventory.removals)


def desired_value(world: World, key: ObjectId, component: str, blob: str) -> JsonObject:
    """The labelled object in a blob. Raises InputError where the blob is absent or holds something else."""
    path = object_path(component, key)
    text = world.repository.blob(blob)
    value = _read(text, path, key)
    if object_id(value) != key:
        if _is_generated(value):
            raise InputError(
                "the file holds an object with generateName: a declared object needs a name that stays",
                place=path,
                hint="set metadata.name",
            )
        raise InputError(f"the file holds {object_id(value)}", place=path, hint=_AGAIN)
    version = value.get("apiVersion")
    if not isinstance(version, str) or bad_api_version(version):
        raise InputError("the file holds an object without a valid apiVersion", place=path, hint=_AGAIN)
    if said := next((name for name in _DELETING if metadata_of(value).get(name) is not None), ""):
        reason = f"the file says {said}, and nothing is created as being deleted"
        raise InputError(reason, place=path, hint="take it out of the source")
    for reason in over_limits(value, len(text)):
        raise InputError(reason, place=path, hint="split it")
    for problem in annotation_problems(value):
        raise InputError(problem.summary, place=path, hint=problem.hint)
    return labelled(value, world.options.set_id)


def _read(text: bytes, path: str, key: ObjectId) -> JsonObject:
    """The object in a file. Raises InputError, which quotes nothing of a Secret."""
    try:
        return from_yaml(text, path)
    except InputError as error:
        if not key.is_secret:
            raise
        problems = (replace(each, reason=_WITHHELD, hint="") for each in error.problems)
        raise InputError("cannot be read", place=path, problems=tuple(problems)) from None


def _is_generated(value: JsonObject) -> bool:
    metadata = metadata_of(value)
    return bool(metadata.get("generateName")) and not metadata.get("name")


def _changes(world: World, accepted: Accepted | None, verified: Verified) -> tuple[DesiredChange, ...]:
    # The tree of a commit that was rewritten away may be gone: then all files are looked at.
    old = accepted.tree if accepted and accepted.tree and not verified.rewritten else None
    found, problems = [], []
    for change in world.repository.changes(old, verified.commit.tree):
        if not component_of(change.path):
            continue  # about the tree itself, like the components' dependencies
        if change.new and change.kind is not EntryKind.FILE:
            problems.append(Problem(change.path, f"is a {change.kind}, which is never followed"))
        elif place := parse_path(change.path):
            if change.new and is_too_long(*place):
                shown = f"{change.path[:_SHOWN]}…"
                problems.append(Problem(shown, _TOO_LONG))
            found.append(DesiredChange(place[1], place[0], change.new))
        else:
            problems.append(Problem(change.path, "is not named like an object's file"))
    if problems:
        raise InputError(
            "the deploy tree holds files that are no objects",
            place=verified.commit.id[:12],
            hint="somebody wrote to the branch by hand; publish again",
            problems=tuple(problems),
        )
    return tuple(found)


def _with_removed(inventory: Inventory, changes: tuple[DesiredChange, ...]) -> tuple[DesiredChange, ...]:
    """The files of a whole tree, and the absence of what the inventory has and the tree has not."""
    there = {(change.component, change.id) for change in changes}
    places = ((entry.component, entry.id) for entry in inventory.entries.values())
    gone = (DesiredChange(key, component, None) for component, key in places if (component, key) not in there)
    return (*changes, *gone)


def _answers(tree: Tree, places: Iterable[Place]) -> Mapping[Place, str | None]:
    return {place: _blob_at(tree, *place) for place in places}


def _blob_at(tree: Tree, component: str, key: ObjectId) -> str | None:
    entry = tree.entry(object_path(component, key)) if component else None
    return entry.id if entry and entry.kind is EntryKind.FILE else None


def _refuse_emptiness(world: World, tree: Tree, inventory: Inventory, commit: Commit) -> None:
    directories = (
        entry for entry in tree.list("") if entry.kind is EntryKind.TREE and not entry.name.startswith(".")
    )
    refuse_empty_tree(
        empty=next(directories, None) is None,
        inventory=len(inventory.entries),
        items=_items(commit),
        place=f"{world.options.branch}@{commit.id[:12]}",
        environment=world.options.environment,
    )


def _commits_since(world: World, accepted: Accepted | None, commit: Commit) -> Sequence[Commit]:
    """The commits whose permissions are new."""
    if accepted is None:
        return [commit]
    return list(world.repository.history(commit.id, stop=frozenset({accepted.revision})))


def _permits(world: World, commits: Iterable[Commit], inventory: Inventory) -> Iterable[Permit]:
    leaving = [inventory.entries[key] for key in inventory.unsettled if inventory.entries[key].leaving]
    for commit in commits:
        _tell_foreign(world, commit)
        if leaving and (items := _items(commit)):
            tree = world.repository.tree(commit.id)
            absent = (entry.id for entry in leaving if _blob_at(tree, entry.component, entry.id) is None)
            yield Permit(items, frozenset(absent))


def _items(commit: Commit) -> frozenset[str]:
    return items_of(_said(commit), commit.tree)


def _said(commit: Commit) -> frozenset[str]:
    return permit_items(value for key, value in parse_trailers(commit.message) if key == ALLOW_PRUNE)


def _tell_foreign(world: World, commit: Commit) -> None:
    for item in sorted(each for each in _said(commit) if is_foreign(each, commit.tree)):
        reason = f"its tree is {commit.tree[:12]}: it permits nothing"
        world.say(Level.WARNING, f"{commit.id[:12]} permits {item}, but {reason}", revision=commit.id)


def _depends_on(tree: Tree) -> Mapping[str, Sequence[str]]:
    entry = tree.entry(COMPONENTS_FILE)
    return parse_components(tree.read(COMPONENTS_FILE)) if entry else {}


def _permitted(world: World, commits: Sequence[Commit], inventory: Inventory) -> Iterator[InventoryEntry]:
    """The unsettled entries that new commits permit something with: to be pruned, or to be replaced."""
    permits = tuple(_permits(world, commits, inventory))
    named = frozenset(item for commit in commits for item in _items(commit))
    for entry in map(inventory.entries.__getitem__, sorted(inventory.unsettled)):
        if entry.leaving:
            yield with_permits(entry, permits)
        elif str(entry.id) in named:
            yield replace(entry, prunable=NAMED)


def _placed(inventory: Inventory, values: Mapping[ObjectId, JsonObject]) -> Iterator[InventoryEntry]:
    """The entries whose wave is another one than before."""
    for key, value in values.items():
        entry = inventory.entries[key]
        if entry.wave != (wave := wave_of(value)):
            yield replace(entry, wave=wave)


class _Values(Mapping[ObjectId, JsonObject]):
    """Many objects in little memory: each is kept as bytes, and made anew when it is asked for."""

    def __init__(self) -> None:
        self._kept: dict[ObjectId, bytes] = {}

    def keep(self, key: ObjectId, value: JsonObject) -> None:
        # Never leaves this process. It takes a third of the time of JSON, there and back.
        content: Any = value
        self._kept[key] = marshal.dumps(content)

    def __getitem__(self, key: ObjectId) -> JsonObject:
        value: JsonObject = marshal.loads(self._kept[key])  # noqa: S302  (what this process wrote)
        return value

    def __iter__(self) -> Iterator[ObjectId]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _values(world: World, inventory: Inventory) -> Mapping[ObjectId, JsonObject]:
    """What is to be applied. Raises InputError with everything that cannot be."""
    values = _Values()
    problems: list[Problem] = []
    for entry in map(inventory.entries.__getitem__, sorted(inventory.unsettled)):
        if entry.leaving:
            continue
        try:
            value = desired_value(world, entry.id, entry.component, entry.wanted)
        except InputError as error:
            problems += error.problems or (Problem(error.place, error.summary, error.hint),)
            continue
        values.keep(entry.id, value)
    if problems:
        raise InputError("the deploy tree holds files that cannot be read", problems=tuple(problems))
    return values
