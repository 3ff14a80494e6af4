"""What takes the place of what: renames, moves and the same object under another name of its kind.

Nothing says that one object replaces another, so what is likely counts: then the old one only stays a
little longer. An object that the API server stores once and shows under two kinds (an Ingress of
``extensions`` and of ``networking.k8s.io``, an Event of the core group and of ``events.k8s.io``) is
recognised by its UID: deleting one of the two would delete the other.
"""

from collections.abc import Iterable, Mapping

from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId


def same_objects(entries: Iterable[InventoryEntry]) -> Mapping[str, ObjectId]:
    """The objects that the branch holds, by the UIDs that they were last seen with."""
    return {entry.uid: entry.id for entry in entries if entry.uid and not entry.leaving}


def awaited(entries: Iterable[InventoryEntry]) -> tuple[InventoryEntry, ...]:
    """What the branch holds and was never applied with success."""
    return tuple(entry for entry in entries if not entry.leaving and not entry.blob)


def successor(leaving: InventoryEntry, missing: Iterable[InventoryEntry]) -> InventoryEntry | None:
    """The object that may be to replace a leaving one and does not stand yet: create before delete.

    One of the same name and kind, in another group or namespace; or one of the same kind, in the same
    component and namespace.
    """
    return next((entry for entry in missing if _may_replace(entry, leaving)), None)


def _may_replace(new: InventoryEntry, old: InventoryEntry) -> bool:
    if new.id.kind != old.id.kind:
        return False
    same_place = (new.id.group, new.id.namespace, new.component) == (
        old.id.group,
        old.id.namespace,
        old.component,
    )
    return new.id.name == old.id.name or same_place
