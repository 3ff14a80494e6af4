"""The inventory in the cluster: ConfigMaps, written ahead and by compare-and-swap.

`envctl-inventory-<env>-<n>` holds shard n; shard 0 also holds the header. Shard 0 is written
last, so the accepted commit never runs ahead of the entries. Whoever finds that somebody
else wrote gets a ConflictError and must load again: two agents can never both go on.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from envctl.agent.options import World
from envctl.errors import ClusterError, ConflictError
from envctl.model.cluster import ResourceType
from envctl.model.inventory import Accepted, Inventory, InventoryEntry, inventory_of, with_changes
from envctl.model.objects import ObjectId
from envctl.model.status import Level
from envctl.model.values import JsonObject
from envctl.planning.inventory import (
    FULL,
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


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is known to stand in the cluster. `whole` where every shard must be written next time."""

    entries: Mapping[ObjectId, InventoryEntry]
    header: str
    count: int
    versions: Mapping[int, str]
    whole: bool = True


class InventoryStore:
    """The current inventory of one environment, in memory and in the cluster."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stored = _Stored({}, "", 1, {})
        self.inventory = Inventory()

    def update(self, changed: Iterable[InventoryEntry] = (), gone: Iterable[ObjectId] = ()) -> None:
        """Change entries in memory."""
        self.inventory = with_changes(self.inventory, changed, gone)

    def accept(self, accepted: Accepted) -> None:
        """Change the accepted commit in memory."""
        self.inventory = replace(self.inventory, accepted=accepted)

    def load(self) -> Inventory:
        """Read the inventory. Raises InputError for a damaged one, and what the cluster raises."""
        options = self._world.options
        selector = f"{LABEL}={options.environment}"
        maps = self._world.cluster.list(CONFIG_MAP, selector=selector, namespace=options.namespace).items
        found = {number: each for each in maps if (number := self._number(each)) is not None}
        text = str(_mapping(found.get(0, {}).get("data")).get(_HEADER) or "")
        header = decode_header(text, self._name(0)) if text else Header(None, max(len(found), 1))
        # Growth that was cut short leaves an object in two shards: the lower one, not yet
        # written, then agrees with the header, and `inventory_of` keeps the first.
        entries = [entry for number in sorted(found) for entry in self._entries(number, found[number])]
        self.inventory = inventory_of(self._checked(header, found), entries)
        versions = {number: str(_metadata(each).get("resourceVersion")) for number, each in found.items()}
        count = max(header.shards, shard_count(1, FULL * (max(found, default=0) + 1)))
        whole = set(found) != set(range(header.shards))
        self._stored = _Stored(self.inventory.entries, text, count, versions, whole)
        return self.inventory

    def is_current(self) -> bool:
        """Whether nobody else wrote since the last load or save. Raises what the cluster raises.

        Whoever prunes has accepted a commit before, and that writes shard 0.
        """
        options = self._world.options
        live = self._world.cluster.get(CONFIG_MAP, options.namespace, self._name(0))
        return str(_metadata(live or {}).get("resourceVersion") or "") == self._stored.versions.get(0, "")

    def save(self) -> None:
        """Write what is only in memory. Raises ConflictError where somebody else wrote meanwhile."""
        inventory = self.inventory
        count = shard_count(self._stored.count, len(inventory.entries))
        header = encode_header(Header(inventory.accepted, count))
        for number in sorted(self._changed_shards(), reverse=True):
            self._write(number, count, header)
        self._stored = replace(
            self._stored, entries=inventory.entries, header=header, count=count, whole=False
        )

    def _changed_shards(self) -> tuple[int, ...]:
        new, old = self.inventory.entries, self._stored.entries
        count = shard_count(self._stored.count, len(new))
        header = encode_header(Header(self.inventory.accepted, count))
        if count != self._stored.count or self._stored.whole:
            return tuple(range(count))
        changed = [key for key, entry in new.items() if old.get(key) is not entry] if new is not old else []
        gone = [key for key in old if key not in new] if new is not old else []
        first = {0} if header != self._stored.header else set()
        return tuple({shard_of(key, count) for key in (*changed, *gone)} | first)

    def _write(self, number: int, count: int, header: str) -> None:
        cluster, version = self._world.cluster, self._stored.versions.get(number, "")
        entries = [each for key, each in self.inventory.entries.items() if shard_of(key, count) == number]
        value = self._config_map(number, encode_shard(entries), header if number == 0 else "", version)
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
        versions = {**self._stored.versions, number: str(_metadata(stored).get("resourceVersion"))}
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

    def _checked(self, header: Header, found: Mapping[int, JsonObject]) -> Accepted | None:
        """The accepted commit; without its tree where shards are lost: all files are looked at again then."""
        missing = [number for number in range(header.shards) if number not in found]
        if not header.accepted or not missing:
            return header.accepted
        names = ", ".join(self._name(number) for number in missing)
        self._world.say(
            Level.WARNING, f"part of the inventory is lost ({names}); it is built again from the branch"
        )
        return replace(header.accepted, tree="")

    def _entries(self, number: int, value: JsonObject) -> tuple[InventoryEntry, ...]:
        text = str(_mapping(value.get("binaryData")).get(_ENTRIES) or "")
        return decode_shard(base64.b64decode(text), self._name(number)) if text else ()

    def _name(self, number: int) -> str:
        return f"envctl-inventory-{self._world.options.environment}-{number}"

    def _number(self, value: JsonObject) -> int | None:
        prefix, _, number = str(_metadata(value).get("name")).rpartition("-")
        return int(number) if f"{prefix}-0" == self._name(0) and number.isdecimal() else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _metadata(value: JsonObject) -> Mapping[str, Any]:
    return _mapping(value.get("metadata"))
