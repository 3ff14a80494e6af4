"""The stored form of an inventory: a header and shards that fit into ConfigMaps.

An object's shard follows from a stable hash of its identity, so a small change touches one
shard. The number of shards is a power of two that only grows; with at most `FULL` entries
each, a shard stays far below the 1 MiB that a ConfigMap may hold, even for the longest names
that Kubernetes allows. The bytes are a pure function of the entries.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from envctl.errors import InputError
from envctl.model.inventory import Accepted, InventoryEntry, Removal
from envctl.model.objects import ObjectId

FULL = 1000
SCHEMA = 1
# What no inventory comes near: four million objects, and the longest names in one shard.
MOST_SHARDS = 4096
_MOST_BYTES = 16 << 20
_COLUMNS = (
    "group",
    "kind",
    "namespace",
    "name",
    "component",
    "wanted",
    "blob",
    "settled",
    "uid",
    "apiVersion",
    "fields",
    "prunable",
    "verdict",
    "wave",
)


class DamagedError(InputError):
    """A part of the inventory that nobody can read; what it knew is found again by label."""


_NEWER = "upgrade envctl; an older version must not write what a newer one keeps"


@dataclass(frozen=True, slots=True)
class Header:
    """What shard 0 says of the whole: the accepted commit, the number of shards, recent removals."""

    accepted: Accepted | None
    shards: int
    removals: tuple[Removal, ...] = ()


def shard_count(current: int, entries: int) -> int:
    """The number of shards for so many entries: `current`, doubled as long as shards would be too full."""
    count = max(current, 1)
    while entries > FULL * count:
        count *= 2
    return count


def shard_of(key: ObjectId, count: int) -> int:
    """The shard of an object among `count`."""
    text = f"{key.group}\0{key.kind}\0{key.namespace}\0{key.name}"
    return zlib.crc32(text.encode()) % count


def encode_header(header: Header) -> str:
    """The header as JSON text."""
    content: dict[str, Any] = {"schema": SCHEMA, "shards": header.shards}
    if header.accepted:
        content |= {
            "revision": header.accepted.revision,
            "tree": header.accepted.tree,
            "sequence": header.accepted.sequence,
            "root": header.accepted.root,
        }
    if header.removals:
        content["removals"] = [[each.at, each.count] for each in header.removals]
    return json.dumps(content, sort_keys=True)


def decode_header(text: str, place: str) -> Header:
    """Read a header. Raises InputError, naming `place`, where it is damaged or from a newer envctl."""
    content = _object(text.encode(), place)
    try:
        accepted = (
            Accepted(
                _text(content["revision"]),
                _text(content["tree"]),
                int(content["sequence"]),
                _text(content["root"]),
            )
            if "revision" in content
            else None
        )
        shards = int(content["shards"])
        removals = tuple(Removal(int(at), int(count)) for at, count in content.get("removals", ()))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(place, f"its header lacks {error}") from error
    except OverflowError as error:  # 1e999 is an infinite number to JSON
        raise _damaged(place, "its header has a number without end") from error
    if not 1 <= shards <= MOST_SHARDS:
        raise _damaged(place, f"it has {shards} shards, and 1 to {MOST_SHARDS} are possible")
    return Header(accepted, shards, removals)


def encode_shard(entries: Iterable[InventoryEntry]) -> bytes:
    """The bytes of one shard."""
    rows = [_row(entry) for entry in sorted(entries, key=lambda entry: entry.id)]
    content = {"schema": SCHEMA, "columns": _COLUMNS, "rows": rows}
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), compresslevel=6, mtime=0)


def decode_shard(data: bytes, place: str) -> tuple[InventoryEntry, ...]:
    """Read a shard. Raises InputError, naming `place`, where it is damaged or from a newer envctl."""
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            text = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(place, str(error)) from error
    if len(text) > _MOST_BYTES:
        raise _damaged(place, f"it unpacks to more than {_MOST_BYTES} bytes")
    content = _object(text, place)
    try:
        return tuple(_entry(dict(zip(content["columns"], row, strict=True))) for row in content["rows"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(place, f"a row lacks {error}") from error


def _row(entry: InventoryEntry) -> Sequence[str | int]:
    key = entry.id
    return (
        key.group,
        key.kind,
        key.namespace,
        key.name,
        entry.component,
        entry.wanted,
        # A settled entry is by definition at the blob that is wanted: said once, stored once.
        "" if entry.settled else entry.blob,
        int(entry.settled),
        entry.uid,
        entry.api_version,
        entry.fields,
        entry.prunable,
        entry.verdict,
        # A text like most others: who does not know a column yet passes over it.
        str(entry.wave or ""),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text where {json.dumps(value)[:40]} stands")
    return value


def _entry(columns: Mapping[str, Any]) -> InventoryEntry:
    settled = bool(columns["settled"])
    row = {name: _text(value) for name, value in columns.items() if name != "settled"}
    return InventoryEntry(
        id=ObjectId(row["group"], row["kind"], row["namespace"], row["name"]),
        component=row["component"],
        wanted=row["wanted"],
        blob=row["wanted"] if settled else row["blob"],
        settled=settled,
        uid=row["uid"],
        api_version=row["apiVersion"],
        fields=row["fields"],
        prunable=row["prunable"],
        verdict=row.get("verdict", ""),  # a column that older ones do not write
        wave=int(row.get("wave") or 0),
    )


def _object(text: bytes, place: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(place, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(place, "it is no JSON object")
    if content.get("schema") != SCHEMA:
        raise InputError(
            f"the inventory has schema {content.get('schema')}, this envctl knows {SCHEMA}",
            place=place,
            hint=_NEWER,
        )
    return content


def _damaged(place: str, reason: str) -> DamagedError:
    return DamagedError(
        f"the inventory is damaged: {reason}",
        place=place,
        hint="it is built again from the branch and from what carries our label",
    )
