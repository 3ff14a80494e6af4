"""The difference between what the inventory holds and what a deploy commit wants.

The cost follows what changed: the files that differ between two trees, and what an earlier
run left unsettled. The inventory is never walked.

    places = questions(inventory, changes)          # what else must be looked up in the new tree
    changed = resolve(inventory, changes, answers)  # entries as they shall be
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from envctl.errors import InputError, Problem
from envctl.model.inventory import Inventory, InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import DesiredChange, Place


def questions(inventory: Inventory, changes: Sequence[DesiredChange]) -> frozenset[Place]:
    """The places of the new tree that must be looked up too: of unsettled and of moved objects.

    An unsettled entry may have been meant for a commit that was never accepted, so what it
    wants is asked anew. A changed file whose object the inventory knows at another place may
    have moved from there, or may be a second one.
    """
    changed = {(change.component, change.id) for change in changes}
    ids = {change.id for change in changes} | inventory.unsettled
    known = (inventory.entries[key] for key in ids if key in inventory.entries)
    return frozenset((entry.component, entry.id) for entry in known) - changed


def resolve(
    inventory: Inventory, changes: Sequence[DesiredChange], answers: Mapping[Place, str | None]
) -> tuple[InventoryEntry, ...]:
    """The entries that the new tree makes different, sorted by identity. `answers` are for `questions`.

    Raises InputError where two files of the new tree hold one object.
    """
    found: dict[ObjectId, list[Place]] = {}
    blobs: dict[Place, str] = {}
    for (component, key), blob in (*_places(changes), *answers.items()):
        places = found.setdefault(key, [])
        if blob is not None:
            blobs[component, key] = blob
            places.append((component, key))
    _refuse_duplicates(found)
    entries = (
        _next(inventory.entries.get(key), places[0] if places else ("", key), blobs)
        for key, places in sorted(found.items())
    )
    return tuple(entry for entry in entries if entry and inventory.entries.get(entry.id) != entry)


def _places(changes: Iterable[DesiredChange]) -> tuple[tuple[Place, str | None], ...]:
    return tuple(((change.component, change.id), change.blob) for change in changes)


def _next(old: InventoryEntry | None, place: Place, blobs: Mapping[Place, str]) -> InventoryEntry | None:
    component, key = place
    blob = blobs.get(place)
    if old is None:
        return InventoryEntry(key, component, blob) if blob else None
    if blob is None:
        return replace(old, wanted="", settled=False, prunable=old.prunable if old.leaving else "")
    same = old.settled and old.blob == blob
    # What a commit permits about this very text stays permitted until it is applied.
    prunable = old.prunable if old.wanted == blob else ""
    return replace(old, component=component, wanted=blob, settled=same, prunable=prunable, verdict="")


def _refuse_duplicates(found: Mapping[ObjectId, Sequence[Place]]) -> None:
    problems = tuple(
        Problem(str(key), f"is in more than one component: {', '.join(sorted(name for name, _ in places))}")
        for key, places in sorted(found.items())
        if len(places) > 1
    )
    folded: dict[str, ObjectId] = {}
    problems += tuple(
        Problem(str(key), f"differs by case only from {other}")
        for key, places in sorted(found.items())
        if places and (other := folded.setdefault(str(key).lower(), key)) != key
    )
    if problems:
        raise InputError(
            "the deploy tree holds objects twice",
            problems=problems,
            hint="keep each object in one component",
        )
