"""Guards: named rules that refuse to prune, and the way past each (design §6.7).

A commit allows pruning by its trailer ``Envctl-Allow-Prune``. Its value is a list with
commas of

- ``all``: everything that has left the branch by that commit; passes `too-many` and
  `protected-kind`
- an object as messages name it (``Namespace ai-dev``, ``StatefulSet.apps ai-dev/store``): that
  object; passes every guard about it, and it does not count for `too-many`
- ``empty-tree``: this commit may carry no object at all

Nothing allows `own-object`: an agent that deletes what it runs on leaves a cluster without one.

A refused object stays in the inventory and in the cluster; it stops nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from envctl.errors import RefusedError
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import Refusal
from envctl.model.values import JsonObject

EMPTY_TREE = "empty-tree"
TOO_MANY = "too-many"
PROTECTED_KIND = "protected-kind"
PRUNE_NEVER = "prune-never"
OWN_OBJECT = "own-object"

ALL = "all"
NAMED = "named"

PRUNE_ANNOTATION = "envctl.dev/prune"
_ALWAYS_FINE = 10
_SHARE = 0.2
_PROTECTED = {
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apps", "StatefulSet"),
}
_GROUP, _RBAC = "envctl.dev", "rbac.authorization.k8s.io"
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_OWN_NAMES = ("envctl-agent-", "envctl-inventory-")


@dataclass(frozen=True, slots=True)
class Permit:
    """What one commit allows: the items of its trailers, for the objects that its tree does not hold."""

    items: frozenset[str]
    absent: frozenset[ObjectId]


def permit_items(values: Iterable[str]) -> frozenset[str]:
    """The items in the values of ``Envctl-Allow-Prune`` trailers, each with single spaces."""
    parts = (" ".join(part.split()) for value in values for part in value.split(","))
    return frozenset(part for part in parts if part)


def with_permits(entry: InventoryEntry, permits: Sequence[Permit]) -> InventoryEntry:
    """A leaving entry with the permission that these commits give it; one given before is kept."""
    valid = [permit for permit in permits if entry.id in permit.absent]
    if any(str(entry.id) in permit.items for permit in valid):
        return replace(entry, prunable=NAMED)
    if not entry.prunable and any(ALL in permit.items for permit in valid):
        return replace(entry, prunable=ALL)
    return entry


def refuse_empty_tree(*, empty: bool, inventory: int, items: frozenset[str], place: str) -> None:
    """Raise RefusedError for a commit that would leave nothing of a non-empty inventory."""
    if empty and inventory and EMPTY_TREE not in items:
        raise RefusedError(
            f"the deploy tree is empty, and {inventory} objects would go [{EMPTY_TREE}]",
            place=place,
            hint=f"if this is meant, {_permission(f'{EMPTY_TREE}, {ALL}')}",
        )


def is_own(key: ObjectId, namespace: str) -> bool:
    """Whether agents run on an object: their namespace, workload, account, rights, leases, records or kind.

    `namespace` is the agent's own. What `envctl install` names is meant, for every environment.
    """
    if key.namespace == namespace:
        return key.group == _GROUP or key.name.startswith(_OWN_NAMES)
    if key.namespace:
        return False
    kind = (key.group, key.kind)
    return (
        (kind == ("", "Namespace") and key.name == namespace)
        or (kind == _DEFINITION and key.name == f"environments.{_GROUP}")
        or (key.group == _RBAC and key.name.startswith("envctl-agent-"))
    )


def nobody(key: ObjectId) -> bool:  # noqa: ARG001  (what is asked where no agent runs)
    """Whether agents run on an object, where there are none."""
    return False


def judge(
    leaving: Sequence[InventoryEntry], total: int, own: Callable[[ObjectId], bool] = nobody
) -> tuple[Refusal, ...]:
    """What may not be pruned now, of the entries that left the branch.

    `total` is the number of objects that were applied before. What is permitted is not judged, except
    what the agent runs on (`own`).
    """
    ours = [entry for entry in leaving if own(entry.id)]
    asking = [entry for entry in leaving if not entry.prunable and not own(entry.id)]
    protected = [entry for entry in asking if (entry.id.group, entry.id.kind) in _PROTECTED]
    others = [entry for entry in asking if (entry.id.group, entry.id.kind) not in _PROTECTED]
    limit = max(_ALWAYS_FINE, int(total * _SHARE))
    excess = others if len(others) > limit else []
    return (
        *(_own(entry) for entry in ours),
        *(_protected(entry) for entry in protected),
        *(_too_many(entry, len(others), total, limit) for entry in excess),
    )


def judge_live(entry: InventoryEntry, live: JsonObject) -> Refusal | None:
    """What the live object itself says about being pruned; asked right before its deletion."""
    metadata = live.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    value = annotations.get(PRUNE_ANNOTATION) if isinstance(annotations, dict) else None
    if value != "never" or entry.prunable == NAMED:
        return None
    return Refusal(
        PRUNE_NEVER,
        str(entry.id),
        f"its annotation {PRUNE_ANNOTATION} says never",
        f"remove the annotation, or {_permission(str(entry.id))}",
    )


def _permission(items: str) -> str:
    return f"commit with the trailers 'Envctl-Environment: ENV' and 'Envctl-Allow-Prune: {items}'"


def _own(entry: InventoryEntry) -> Refusal:
    return Refusal(
        OWN_OBJECT,
        str(entry.id),
        "the agent runs on it, so it never deletes it",
        "to uninstall the agent, delete by hand what envctl install prints",
    )


def _protected(entry: InventoryEntry) -> Refusal:
    return Refusal(
        PROTECTED_KIND,
        str(entry.id),
        f"a {entry.id.kind} is not deleted because it left the branch: data would be lost",
        f"if this is meant, {_permission(str(entry.id))}",
    )


def _too_many(entry: InventoryEntry, count: int, total: int, limit: int) -> Refusal:
    return Refusal(
        TOO_MANY,
        str(entry.id),
        f"{count} of {total} objects left the branch at once, more than {limit}",
        f"if this is meant, {_permission(ALL)}",
    )
