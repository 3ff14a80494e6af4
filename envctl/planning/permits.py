"""Permissions to prune: what the trailers ``Envctl-Allow-Prune`` of deploy commits let go.

The value of a trailer is a list with commas of

- ``too-many``, ``protected-kind``: what has left the branch by that commit, as far as that guard is about it
- ``all``: both of these
- an object as messages name it (``Namespace ai-dev``, ``StatefulSet.apps ai-dev/store``): that object;
  passes every guard about it but `own-object`, and it does not count for `too-many`
- ``empty-tree``: this commit may carry no object at all

Each of them may be bound to one deploy tree: ``all@1a2b3c4d5e6f``. It then counts only in a commit with that
tree, so whoever repeats it elsewhere permits nothing. `envctl allow-prune` always binds.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId

ALL = "all"
NAMED = "named"
EMPTY_TREE = "empty-tree"
TOO_MANY = "too-many"
PROTECTED_KIND = "protected-kind"
_PROTECTED = {
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apps", "StatefulSet"),
}
# As many digits as a tree is named with; fewer bind nothing.
BOUND = 12
_BINDING = re.compile(rf"(?P<item>.+)@(?P<tree>[0-9a-f]{{{BOUND},64}})")


@dataclass(frozen=True, slots=True)
class Permit:
    """What one commit allows: the items of its trailers, for the objects that its tree does not hold."""

    items: frozenset[str]
    absent: frozenset[ObjectId]


def permit_items(values: Iterable[str]) -> frozenset[str]:
    """The items in the values of ``Envctl-Allow-Prune`` trailers, each with single spaces."""
    parts = (" ".join(part.split()) for value in values for part in value.split(","))
    return frozenset(part for part in parts if part)


def bound_to(item: str, tree: str) -> str:
    """An item that counts only in a commit with this deploy tree."""
    return f"{item}@{tree[:BOUND]}"


def items_of(items: Iterable[str], tree: str) -> frozenset[str]:
    """What the items permit in a commit with this deploy tree; those bound to another tree permit nothing."""
    return frozenset(_free(item) for item in items if not is_foreign(item, tree))


def is_foreign(item: str, tree: str) -> bool:
    """Whether an item is bound to another deploy tree."""
    found = _BINDING.fullmatch(item)
    return bool(found) and not tree.startswith(found["tree"] if found else "")


def _free(item: str) -> str:
    found = _BINDING.fullmatch(item)
    return found["item"] if found else item


def is_protected(key: ObjectId) -> bool:
    """Whether data goes with an object of this kind."""
    return (key.group, key.kind) in _PROTECTED


def with_permits(entry: InventoryEntry, permits: Sequence[Permit]) -> InventoryEntry:
    """A leaving entry with the permission that these commits give it; one given before is kept."""
    valid = [permit for permit in permits if entry.id in permit.absent]
    if any(str(entry.id) in permit.items for permit in valid):
        return replace(entry, prunable=NAMED)
    enough = {ALL, PROTECTED_KIND if is_protected(entry.id) else TOO_MANY}
    if not entry.prunable and any(enough & permit.items for permit in valid):
        return replace(entry, prunable=ALL)
    return entry
