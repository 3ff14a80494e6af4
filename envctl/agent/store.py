"""The inventory in the cluster: ConfigMaps, written ahead and by compare-and-swap.

`envctl-inventory-<env>-<n>` holds shard n; shard 0 also holds the header. Whoever finds that
somebody else wrote gets a ConflictError and must load again: two agents can never both go on.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from envctl.agent.options import World
from envctl.errors import ClusterError, ConflictError
from envctl.model.cluster import FIELD_MANAGER, ResourceType
from envctl.model.inventory import (
    Accepted,
    Inventory,
    InventoryEntry,
    Removal,
    inventory_of,
    with_changes,
)
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.status import Level
from envctl.model.values import JsonObject
from envctl.planning.guards import INVENTORY_NAME
from envctl.planning.inventory import (
    FULL,
    MOST_SHARDS,
    DamagedError,
    Header,
    decode_header,
    decode_shard,
    encode_header,
    encode_shard,
    shard_count,
    shard_of,
)

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
LABEL = "envctl.dev/inventory"
_HEADER, _ENTRIES = "header", "entries.json.gz"
_CONFLICT, _NOT_FOUND = 409, 404
_DIGITS = len(str(MOST_SHARDS))


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is known to stand in the cluster. `whole` where every shard must be written next time."""

    accepted: Accepted | None = None
    header: str = ""
    count: int = 1
    versions: Mapping[int, str] = field(default_factory=dict)
    whole: bool = True


class InventoryStore:
    """The current inventory of one environment, in memory and in the cluster.

    The cost of a change follows what changed: its shards are known, never looked for. `lost` says that
    what is in memory may not be all that was applied: then `agent.rebuild` looks for it.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._stored = _Stored()
        self._shards: list[dict[ObjectId, InventoryEntry]] = [{}]
        self._dirty: set[ObjectId] = set()
        self.inventory = Inventory()
        self.lost = False

    def update(self, changed: Iterable[InventoryEntry] = (), gone: Iterable[ObjectId] = ()) -> None:
        """Change entries in memory."""
        changed, gone, before = [*changed], [*gone], self.inventory.entries
        self._dirty |= {entry.id for entry in changed if before.get(entry.id) != entry}
        self._dirty |= {key for key in gone if key in before}
        if self._dirty:
            self.inventory = with_changes(self.inventory, changed, gone)

    def accept(self, accepted: Accepted) -> None:
        """Change the accepted commit in memory."""
        self.inventory = replace(self.inventory, accepted=accepted)

    def remember(self, removals: tuple[Removal, ...]) -> None:
        """Change what is remembered of removals, in memory."""
        self.inventory = replace(self.inventory, removals=removals)

    def load(self) -> Inventory:
        """Read the inventory. Raises InputError for one of a newer envctl, and what the cluster raises.

        What is missing, damaged, or was edited by somebody counts as lost.
        """
        listed = self._listed()
        text = str(_mapping(listed.get(0, {}).get("data")).get(_HEADER) or "")
        header = self._header(listed, text)
        found = {number: each for number, each in listed.items() if number < header.shards or _is_grown(each)}
        read = self._read(found)
        # Growth that was cut short leaves an object in two shards: the lower one, not yet
        # written, then agrees with the header, and `inventory_of` keeps the first.
        entries = [entry for number in sorted(read) for entry in read[number]]
        self.lost = not found or set(range(header.shards)) - set(read) != set()
        accepted = replace(header.accepted, tree="") if header.accepted and self.lost else header.accepted
        self.inventory = inventory_of(accepted, entries, header.removals)
        versions = self._versions(listed)
        count = max(header.shards, shard_count(1, FULL * (max(found, default=0) + 1)))
        whole = self.lost or set(found) != set(range(header.shards))
        self._stored = _Stored(header.accepted, text, count, versions, whole)
        self._arrange(count)
        return self.inventory

    def _listed(self) -> Mapping[int, JsonObject]:
        options = self._world.options
        selector = f"{LABEL}={options.environment}"
        maps = self._world.cluster.list(CONFIG_MAP, selector=selector, namespace=options.namespace).items
        return {number: each for each in maps if (number := self._number(each)) is not None}

    def _versions(self, found: Mapping[int, JsonObject]) -> dict[int, str]:
        return {number: str(metadata_of(each).get("resourceVersion")) for number, each in found.items()}

    def reload(self) -> None:
        """Load again, since somebody else wrote, or an answer was lost. What was in doubt here stays so.

        The cluster's text does not know of it yet: without this, an object that vanished and could not be
        put back would stay away, because no watch tells of it again.
        """
        memory = self.inventory
        doubts = {key: memory.entries[key] for key in memory.unsettled}
        entries = self.load().entries
        self.update(
            replace(entries[key], settled=False, uid=doubt.uid)
            for key, doubt in doubts.items()
            if key in entries and entries[key].settled
        )
        if self.lost:
            self._recall(memory)

    def _recall(self, memory: Inventory) -> None:
        """Keep what memory knows of a part that was lost in the cluster; all of it is applied again."""
        known, accepted = self.inventory.entries, memory.accepted
        self.update(replace(each, settled=False) for key, each in memory.entries.items() if key not in known)
        if accepted and self.inventory.accepted is None:
            self.accept(replace(accepted, tree=""))

    def is_current(self) -> bool:
        """Whether nobody else wrote since the last load or save. Raises what the cluster raises.

        Whoever prunes has accepted a commit before, and that writes shard 0.
        """
        options = self._world.options
        live = self._world.cluster.get(CONFIG_MAP, options.namespace, self._name(0))
        return str(metadata_of(live or {}).get("resourceVersion") or "") == self._stored.versions.get(0, "")

    def is_untouched(self) -> bool:
        """Whether all parts are as they were read or written last. Raises what the cluster raises."""
        return self._versions(self._listed()) == self._stored.versions

    def save(self) -> None:
        """Write what is only in memory. Raises ConflictError where somebody else wrote meanwhile."""
        numbers, header = self._changed_shards()
        for number in numbers:
            self._write(number, header if number == 0 else "")
        self._dirty.clear()
        accepted = self.inventory.accepted
        self._stored = replace(
            self._stored, accepted=accepted, header=header, count=len(self._shards), whole=False
        )

    def _changed_shards(self) -> tuple[Sequence[int], str]:
        """The shards to write, in their order, and the header.

        Shard 0 comes last, so that the accepted commit never runs ahead of the entries. Where the commit
        stays, it comes first: then no removal is forgotten whose entry is gone already.
        """
        stored, inventory = self._stored, self.inventory
        changed = bool(self._dirty) or stored.whole
        count = shard_count(stored.count, len(inventory.entries)) if changed else stored.count
        header = encode_header(Header(inventory.accepted, count, inventory.removals))
        if count != len(self._shards):
            self._arrange(count)
        self._place()
        if count != stored.count or stored.whole:
            return range(count - 1, -1, -1), header
        numbers = {shard_of(key, count) for key in self._dirty} | ({0} if header != stored.header else set())
        return sorted(numbers, reverse=inventory.accepted != stored.accepted), header

    def _arrange(self, count: int) -> None:
        """Put all entries into so many shards."""
        self._shards = [{} for _ in range(count)]
        for key, entry in self.inventory.entries.items():
            self._shards[shard_of(key, count)][key] = entry

    def _place(self) -> None:
        """Bring the shards along with what changed."""
        entries, count = self.inventory.entries, len(self._shards)
        for key in self._dirty:
            shard = self._shards[shard_of(key, count)]
            if key in entries:
                shard[key] = entries[key]
            else:
                shard.pop(key, None)

    def _write(self, number: int, header: str) -> None:
        cluster, version = self._world.cluster, self._stored.versions.get(number, "")
        value = self._config_map(number, encode_shard(self._shards[number].values()), header, version)
        try:
            stored = cluster.replace(CONFIG_MAP, value) if version else cluster.create(CONFIG_MAP, value)
        except ClusterError as error:
            if error.status == _NOT_FOUND and version:
                # Somebody deleted it. What is in memory is still true, and is all that knows what to prune.
                rest = {key: each for key, each in self._stored.versions.items() if key != number}
                self._stored = replace(self._stored, versions=rest, whole=True)
            if error.status != _CONFLICT:
                raise
            raise ConflictError(
                "somebody else wrote the inventory meanwhile",
                place=self._name(number),
                hint="run one agent for each environment in a cluster",
            ) from error
        versions = {**self._stored.versions, number: str(metadata_of(stored).get("resourceVersion"))}
        self._stored = replace(self._stored, versions=versions)

    def _config_map(self, number: int, entries: bytes, header: str, version: str) -> JsonObject:
        options = self._world.options
        metadata: dict[str, Any] = {
            "name": self._name(number),
            "namespace": options.namespace,
            "labels": {LABEL: options.environment},
        }
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata | ({"resourceVersion": version} if version else {}),
            "data": {_HEADER: header} if header else {},
            "binaryData": {_ENTRIES: base64.b64encode(entries).decode("ascii")},
        }

    def _header(self, found: Mapping[int, JsonObject], text: str) -> Header:
        try:
            if text and not _is_edited(found[0]):
                return decode_header(text, self._name(0))
        except DamagedError as error:
            self._tell_lost(0, error.summary)
        return Header(None, max(len(found), 1))

    def _read(self, found: Mapping[int, JsonObject]) -> Mapping[int, Sequence[InventoryEntry]]:
        """The entries of each shard that can be read and that only we wrote."""
        read: dict[int, Sequence[InventoryEntry]] = {}
        for number, value in found.items():
            text = str(_mapping(value.get("binaryData")).get(_ENTRIES) or "")
            if _is_edited(value):
                self._tell_lost(number, "somebody edited it")
                continue
            try:
                read[number] = decode_shard(_bytes(text), self._name(number)) if text else ()
            except DamagedError as error:
                self._tell_lost(number, error.summary)
        return read

    def _tell_lost(self, number: int, reason: str) -> None:
        name = self._name(number)
        self._world.say(Level.WARNING, f"the part {name} of the inventory is lost: {reason}", inventory=name)

    def _name(self, number: int) -> str:
        return f"{INVENTORY_NAME}{self._world.options.environment}-{number}"

    def _number(self, value: JsonObject) -> int | None:
        name = str(metadata_of(value).get("name"))
        text = name.rpartition("-")[2][:_DIGITS]
        number = int(text) if text.isdecimal() else MOST_SHARDS
        return number if number < MOST_SHARDS and name == self._name(number) else None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:  # the API server stores none
        return b""


def _is_grown(value: JsonObject) -> bool:
    """Whether a part beyond those that the header tells of is ours: then growth was cut short.

    Else it only looks like one, and the inventory does not grow up to it.
    """
    return _ENTRIES in _mapping(value.get("binaryData")) and not _is_edited(value)


def _is_edited(value: JsonObject) -> bool:
    """Whether somebody else wrote the contents: its managed fields say so."""
    managed = metadata_of(value).get("managedFields")
    return any(
        each.get("manager") != FIELD_MANAGER
        and {"f:data", "f:binaryData"} & set(_mapping(each.get("fieldsV1")))
        for each in (managed if isinstance(managed, list) else ())
        if isinstance(each, Mapping)
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
