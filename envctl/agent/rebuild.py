"""What the agent knows again after its inventory was lost: the objects that carry its label.

Nothing is concluded from what is not found: an object that cannot be listed now is only not known. What is
found and not on the branch is pruned by nobody before one reconcile went through without a failure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from envctl.agent.observe import key_of
from envctl.agent.options import World
from envctl.agent.resource import ENVIRONMENT, status_of
from envctl.agent.source import root_of
from envctl.errors import ClusterError, EnvctlError, InputError, UnavailableError
from envctl.model.cluster import EventKind, ResourceType, WatchEvent
from envctl.model.inventory import Accepted, Inventory, InventoryEntry
from envctl.model.keeping import annotations_of
from envctl.model.objects import ObjectId
from envctl.model.status import Level
from envctl.planning.guards import FOUND
from envctl.planning.ownership import GROUP_KINDS, NAMESPACES


def rebuilt(world: World, inventory: Inventory) -> tuple[Accepted | None, tuple[InventoryEntry, ...]]:
    """The accepted commit, and the entries that the inventory lacks, both as the cluster remembers them.

    Nothing for an environment that was never here. Raises what the cluster raises where the
    `Environment` object cannot be read.
    """
    options = world.options
    parent = world.cluster.get(ENVIRONMENT, options.namespace, options.environment)
    annotations = annotations_of(parent or {})
    if not parent or not annotations.get(GROUP_KINDS):
        return inventory.accepted, ()
    found = {entry.id: entry for entry in _found(world, annotations) if entry.id not in inventory.entries}
    world.say(
        Level.WARNING,
        f"the inventory was lost in whole or in part: {len(found)} objects were found again by their label",
    )
    return inventory.accepted or _accepted(world, parent), tuple(found.values())


def _accepted(world: World, parent: Mapping[str, Any]) -> Accepted | None:
    """What was reported last: older commits, and other histories, stay refused."""
    status = status_of(parent)
    if not status.revision:
        return None
    try:
        return Accepted(status.revision, "", status.sequence, root_of(world, status.revision))
    except InputError:  # it is in no history that was fetched, so nothing can be said to follow it
        return None


def _found(world: World, annotations: Mapping[str, Any]) -> Iterator[InventoryEntry]:
    names = {world.options.namespace, *filter(None, str(annotations.get(NAMESPACES) or "").split(","))}
    for text in filter(None, str(annotations[GROUP_KINDS]).split(",")):
        name, _, group = text.partition(".")
        try:
            kind = world.cluster.resource_type(group, name)
        except EnvctlError as error:
            _tell(world, text, error)
            continue
        narrow = world.options.namespaced and kind is not None and kind.namespaced
        for namespace in sorted(names) if narrow else [""]:
            if kind:
                yield from _members(world, kind, namespace)


def _members(world: World, kind: ResourceType, namespace: str) -> Iterator[InventoryEntry]:
    """All our objects of a kind, or none where the whole list cannot be had.

    Raises UnavailableError where it ends early: what was lost is looked for again.
    """
    found: list[InventoryEntry] = []
    try:
        watch = world.cluster.watch(
            kind, selector=world.options.selector, namespace=namespace, metadata_only=True
        )
        with watch as events:
            for event in events:
                if event.kind is EventKind.SYNCED:
                    yield from found
                    return
                if event.kind is EventKind.ADDED:
                    found.append(_entry(event))
    except (ClusterError, InputError) as error:
        _tell(world, f"{kind} in {namespace}" if namespace else str(kind), error)
        return
    raise UnavailableError(
        f"the watch of {kind} ended before it had told the whole state",
        hint="the inventory was lost, and the next try looks again for what it held",
    )


def _entry(event: WatchEvent) -> InventoryEntry:
    key: ObjectId = key_of(event)
    version = f"{event.type.group}/{event.type.version}".lstrip("/")
    # Without its UID, so that an apply looks first, and a prune never goes by anything but the label.
    return InventoryEntry(key, "", "", api_version=version, verdict=FOUND)


def _tell(world: World, what: str, error: EnvctlError) -> None:
    world.say(Level.WARNING, f"cannot look for {what}: {error.summary}; what is not seen is not pruned")


def trusted(inventory: Inventory) -> tuple[InventoryEntry, ...]:
    """What was found by its label, as any other that left the branch."""
    entries = (inventory.entries[key] for key in sorted(inventory.unsettled))
    return tuple(replace(entry, verdict="") for entry in entries if entry.leaving and entry.verdict == FOUND)
