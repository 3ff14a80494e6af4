"""Guards: named rules that refuse to prune, and the way past each (design §6.7).

A commit permits pruning by its trailer ``Envctl-Allow-Prune`` (`planning.permits`); ``envctl allow-prune``
writes it. Nothing permits `own-object`: an agent that deletes what it runs on leaves a cluster without one.

`too-many` has a budget: of what stood when the window began, max(10, 20 %) may go within it without a
permission. So three commits that take 19 % each do not pass one after the other. What it refused once
stays until a commit permits it, or until it is on the branch again: time alone deletes nothing.

A refused object stays in the inventory and in the cluster; it stops nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from envctl.errors import RefusedError
from envctl.model.inventory import InventoryEntry, Removal
from envctl.model.keeping import annotations_of
from envctl.model.objects import ObjectId
from envctl.model.plan import Refusal
from envctl.model.values import JsonObject
from envctl.planning.permits import EMPTY_TREE, NAMED, PROTECTED_KIND, TOO_MANY, is_protected

CUSTOM_OBJECTS = "custom-objects"
PRUNE_NEVER = "prune-never"
OWN_OBJECT = "own-object"
FOUND_AGAIN = "found-again"

HELD, FOUND, _WITHIN = "held", "found", "within "

ANY = "ENV"
"""What stands in hints for an environment that has no name yet."""
PRUNE_ANNOTATION = "envctl.dev/prune"
NEVER = "never"
_POLICIES = {"foreground": "Foreground", "orphan": "Orphan"}
_ALWAYS_FINE = 10
_SHARE = 0.2
_HOUR = 3600
_GROUP, _RBAC = "envctl.dev", "rbac.authorization.k8s.io"
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
INVENTORY_NAME = "envctl-inventory-"
"""How the names of all parts of all inventories begin."""
_OWN_NAMES = ("envctl-agent-", INVENTORY_NAME)


@dataclass(frozen=True, slots=True)
class Window:
    """The time that the budget counts: `length` seconds up to `end` (seconds since 1970).

    `before` are removals whose entries are gone already. One that seems to lie in the future counts: a clock
    that was set back makes the budget smaller, never larger.
    """

    end: int = 0
    length: int = _HOUR
    before: tuple[Removal, ...] = ()

    def holds(self, at: int) -> bool:
        """Whether a time is in the window."""
        return at > self.end - self.length


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the guards say: the refusals, and the leaving entries with their new verdicts."""

    refused: tuple[Refusal, ...] = ()
    entries: tuple[InventoryEntry, ...] = ()


def refuse_empty_tree(
    *, empty: bool, inventory: int, items: frozenset[str], place: str, environment: str = ANY
) -> None:
    """Raise RefusedError for a commit that would leave nothing of a non-empty inventory."""
    if empty and inventory and EMPTY_TREE not in items:
        raise RefusedError(
            f"the deploy tree is empty, and {inventory} {'object' if inventory == 1 else 'objects'} would go"
            f" [{EMPTY_TREE}]",
            place=place,
            hint=_by_guard(environment, EMPTY_TREE),
        )


def is_own(key: ObjectId, namespace: str) -> bool:
    """Whether agents run on an object: their namespace, workload, account, rights, leases, records or kind.

    `namespace` is the agent's own. What `envctl install` names is meant, for every environment.
    """
    if key.namespace == namespace:
        return is_record(key) or key.group == _GROUP or key.name.startswith(_OWN_NAMES)
    if key.group == _RBAC:  # in whichever namespace: there are rights in each that the branch has objects in
        return key.name.startswith("envctl-agent-")
    kind = ("" if key.namespace else key.name, key.group, key.kind)
    return kind in {(namespace, "", "Namespace"), (f"environments.{_GROUP}", *_DEFINITION)}


def is_record(key: ObjectId) -> bool:
    """Whether agents keep records in an object: status and permits, the inventory, who leads.

    A branch never writes these. Who writes an inventory decides what its agent deletes, so those of other
    environments are meant as well, in whichever namespace.
    """
    kind = (key.group, key.kind)
    return (
        kind == (_GROUP, "Environment")
        or (kind == ("", "ConfigMap") and key.name.startswith(INVENTORY_NAME))
        or (kind == ("coordination.k8s.io", "Lease") and key.name.startswith("envctl-"))
    )


def nobody(key: ObjectId) -> bool:  # noqa: ARG001  (what is asked where no agent runs)
    """Whether agents run on an object, where there are none."""
    return False


def judge(
    leaving: Sequence[InventoryEntry],
    total: int,
    own: Callable[[ObjectId], bool] = nobody,
    window: Window | None = None,
    environment: str = ANY,
) -> Judgement:
    """What may not be pruned now, of the entries that left the branch.

    `total` is the number of objects that were applied before. What is permitted is not judged, except
    what the agent runs on (`own`) and what was only found by its label.
    """
    window = window or Window()
    ours = [entry for entry in leaving if own(entry.id)]
    rest = [entry for entry in leaving if not own(entry.id)]
    found = [entry for entry in rest if entry.verdict == FOUND]
    asking = [entry for entry in rest if entry.verdict != FOUND and not entry.prunable]
    protected = [entry for entry in asking if is_protected(entry.id)]
    rest = [entry for entry in asking if not is_protected(entry.id)]
    refused, entries = _budgeted(rest, total, window, environment)
    kept = [_protected(entry, environment) for entry in protected]
    return Judgement((*map(_own, ours), *map(_found, found), *kept, *refused), tuple(entries))


def gone_within(
    removals: Iterable[Removal], gone: Iterable[InventoryEntry], window: Window
) -> tuple[Removal, ...]:
    """The removals to remember, after these entries are gone: those in the window, the oldest first."""
    counts = {each.at: each.count for each in removals if window.holds(each.at)}
    for entry in gone:
        at = _let_go(entry)
        if at is not None and window.holds(at) and not entry.prunable:
            counts[at] = counts.get(at, 0) + 1
    return tuple(Removal(at, count) for at, count in sorted(counts.items()))


def judge_live(entry: InventoryEntry, live: JsonObject, environment: str = ANY) -> Refusal | None:
    """What the live object itself says about being pruned; asked right before its deletion."""
    if _prune_word(live) != NEVER or entry.prunable == NAMED:
        return None
    return Refusal(
        PRUNE_NEVER,
        str(entry.id),
        f"its annotation {PRUNE_ANNOTATION} says {NEVER}",
        f"remove the annotation, or {_permission(entry, environment)}",
    )


def judge_definition(
    entry: InventoryEntry, live: int | None, why: str = "", environment: str = ANY
) -> Refusal | None:
    """What the objects of a kind say about pruning its definition: all of them would go with it.

    `live` is how many there are, None where that cannot be told, because of `why`.
    """
    if entry.prunable == NAMED or live == 0:
        return None
    objects = "1 object" if live == 1 else f"{live} objects"
    told = f"{objects} of its kind live, and would be deleted with it"
    unknown = f"the objects of its kind cannot be counted ({why}), and would be deleted with it"
    return Refusal(
        CUSTOM_OBJECTS,
        str(entry.id),
        unknown if live is None else told,
        f"if this is meant, {_permission(entry, environment)}",
    )


def is_definition(key: ObjectId) -> bool:
    """Whether an object defines a kind."""
    return (key.group, key.kind) == _DEFINITION


def deletion_policy(live: JsonObject) -> str:
    """What the API server is to do with what an object owns: as its annotation says, else in the background.

    https://kubernetes.io/docs/concepts/architecture/garbage-collection/
    """
    return _POLICIES.get(_prune_word(live), "Background")


def _prune_word(live: JsonObject) -> str:
    return str(annotations_of(live).get(PRUNE_ANNOTATION, ""))


def _budgeted(
    asking: Sequence[InventoryEntry], total: int, window: Window, environment: str
) -> tuple[list[Refusal], list[InventoryEntry]]:
    """What `too-many` refuses, and the entries whose verdict is new."""
    passed = [at for entry in asking if (at := _let_go(entry)) is not None and window.holds(at)]
    gone = sum(each.count for each in window.before if window.holds(each.at))
    open_ones = [entry for entry in asking if _let_go(entry) is None]
    held = [entry for entry in open_ones if entry.verdict == HELD]
    spent, limit = gone + len(passed), max(_ALWAYS_FINE, int((total + gone) * _SHARE))
    over = len(open_ones) + spent > limit
    excess = open_ones if over else held
    reason = _too_many(len(open_ones), spent, total + gone, limit) if over else _LATE
    new = [replace(entry, verdict=HELD) for entry in excess if entry.verdict != HELD]
    if not over:
        now = f"{_WITHIN}{window.end}"
        new += [replace(entry, verdict=now) for entry in open_ones if entry.verdict != HELD]
    way = _by_guard(environment, TOO_MANY)
    return [Refusal(TOO_MANY, str(entry.id), reason, way) for entry in excess], new


def _let_go(entry: InventoryEntry) -> int | None:
    """When an entry was let go within the budget; None where it was not."""
    at = entry.verdict.removeprefix(_WITHIN)
    return int(at) if at != entry.verdict and at.isdecimal() else None


_LATE = "it was refused together with many others, and time alone lets nothing go"


def _by_guard(environment: str, guard: str) -> str:
    return f"if this is meant: envctl allow-prune {environment} --guard {guard} --reason TEXT"


def _permission(entry: InventoryEntry, environment: str) -> str:
    return f"permit it by name: envctl allow-prune {environment} '{entry.id}' --reason TEXT"


def judge_replacement(
    entry: InventoryEntry,
    live: JsonObject,
    own: Callable[[ObjectId], bool] = nobody,
    environment: str = ANY,
) -> Refusal | None:
    """What speaks against deleting an object to create it again. Only its own name in a permit passes."""
    if own(entry.id):
        return _own(entry)
    if is_protected(entry.id) and entry.prunable != NAMED:
        return replace(
            _protected(entry, environment), reason=f"a {entry.id.kind} is not deleted: data would be lost"
        )
    return judge_live(entry, live, environment)


def _own(entry: InventoryEntry) -> Refusal:
    return Refusal(
        OWN_OBJECT,
        str(entry.id),
        "the agent runs on it, so it never deletes it",
        "to uninstall the agent, delete by hand what envctl install prints",
    )


def _found(entry: InventoryEntry) -> Refusal:
    return Refusal(
        FOUND_AGAIN,
        str(entry.id),
        "it was found by its label only, because the inventory was lost",
        "it is judged as any other after one reconcile without a failure",
    )


def _protected(entry: InventoryEntry, environment: str) -> Refusal:
    return Refusal(
        PROTECTED_KIND,
        str(entry.id),
        f"a {entry.id.kind} is not deleted because it left the branch: data would be lost",
        f"if this is meant, {_permission(entry, environment)}",
    )


def _too_many(count: int, spent: int, total: int, limit: int) -> str:
    if spent:
        return (
            f"{count} of {total} objects left the branch shortly after {spent} others: together more than "
            f"the {limit} that may go within an hour"
        )
    return f"{count} of {total} objects left the branch at once, more than {limit}"
