"""The inventory: what the agent has applied and must prune one day (design §6.7)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from envctl.model.objects import ObjectId


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """One object that is, or may be, in the cluster because of us.

    - `wanted` is the blob that the deploy branch holds for it, empty where it left the branch.
    - `blob` is the blob that was last applied with success, empty before the first time.
    - `settled` says that the live object is known to stand at `blob` and `blob` is `wanted`. It
      is taken back before a request is sent and given after its success, so a crash in between
      leaves an entry that is applied again.
    - `uid`, `api_version` and `fields` (a digest of the fields that we own) are those of the
      last success.
    - `wave` is what its annotation ``envctl.dev/wave`` said when it was read last.
    - `prunable` says that a commit allowed its pruning by an ``Envctl-Allow-Prune`` trailer:
      ``""`` not, ``"all"`` along with everything, ``"named"`` by its own name.
    - `verdict` is what the guards said of a leaving entry that no commit permits: ``""`` nothing yet,
      ``"held"`` refused, ``"within N"`` let go at that second since 1970, ``"found"`` by its
      label only (`planning.guards`).
    """

    id: ObjectId
    component: str
    wanted: str
    blob: str = ""
    settled: bool = False
    uid: str = ""
    api_version: str = ""
    fields: str = ""
    prunable: str = ""
    verdict: str = ""
    wave: int = 0

    @property
    def leaving(self) -> bool:
        """Whether the object is no longer on the branch."""
        return not self.wanted


@dataclass(frozen=True, slots=True)
class Accepted:
    """The deploy commit that the inventory speaks of. `root` is the first commit of its history."""

    revision: str
    tree: str
    sequence: int
    root: str


@dataclass(frozen=True, order=True, slots=True)
class Removal:
    """How many objects were let go at once without a permission, and when (seconds since 1970)."""

    at: int
    count: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """All entries, and the commit they were made for (None before the first one).

    `unsettled` is kept along, so that what is left to do is found without looking at all. `removals`
    are those whose entries are gone already, the oldest first; the guard against many counts them.
    """

    accepted: Accepted | None = None
    entries: Mapping[ObjectId, InventoryEntry] = field(default_factory=dict)
    unsettled: frozenset[ObjectId] = frozenset()
    removals: tuple[Removal, ...] = ()


def inventory_of(
    accepted: Accepted | None, entries: Iterable[InventoryEntry], removals: tuple[Removal, ...] = ()
) -> Inventory:
    """An inventory of these entries; of two with one identity the first counts."""
    found: dict[ObjectId, InventoryEntry] = {}
    for entry in entries:
        found.setdefault(entry.id, entry)
    unsettled = frozenset(key for key, entry in found.items() if not entry.settled)
    return Inventory(accepted, found, unsettled, removals)


def with_changes(
    inventory: Inventory, changed: Iterable[InventoryEntry] = (), gone: Iterable[ObjectId] = ()
) -> Inventory:
    """The inventory with some entries added or replaced and others taken out."""
    entries, unsettled = dict(inventory.entries), set(inventory.unsettled)
    for entry in changed:
        entries[entry.id] = entry
        (unsettled.discard if entry.settled else unsettled.add)(entry.id)
    for key in gone:
        entries.pop(key, None)
        unsettled.discard(key)
    return replace(inventory, entries=entries, unsettled=frozenset(unsettled))
