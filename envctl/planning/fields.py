"""Fields and their managers: what server-side apply tells about who owns what.

Sources: the API's managedFields (FieldsV1) and the paths in conflicts, as written by
structured-merge-diff: ``.spec.containers[name="a",port=1].image``, ``.list[="x"]``, ``.list[0]``.
Names in such a path are not quoted, so it is only read against a value.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from envctl.model.cluster import FIELD_MANAGER
from envctl.model.objects import metadata_of
from envctl.model.values import JsonObject, JsonValue

_DECODER = json.JSONDecoder()


def fields_digest(live: JsonObject) -> str:
    """A digest of the fields that the applier `envctl` owns in a live object; empty where it owns none.

    Whoever changes one of these fields, by whatever means, takes it out of our set: as long as
    the digest stands, all of them have the values that were applied.
    """
    for entry in managed_fields(live):
        if is_ours(entry):
            text = json.dumps(entry.get("fieldsV1"), sort_keys=True, separators=(",", ":"))
            return hashlib.sha256(text.encode()).hexdigest()[:16]
    return ""


def last_manager(live: JsonObject) -> str:
    """The other field manager that wrote last, besides controllers that write a status; empty if none."""
    return newest_manager(_others(live))


def other_managers(live: JsonObject) -> tuple[str, ...]:
    """All other field managers, besides controllers that write a status, each once, by name."""
    return tuple(sorted({str(entry.get("manager") or "somebody") for entry in _others(live)}))


def newest_manager(entries: Iterable[Mapping[str, Any]]) -> str:
    """The manager of the entry of managedFields that was written last; empty where there is none."""
    newest = _newest(entries)
    return str(newest.get("manager", "")) if newest else ""


def last_paths(live: JsonObject, most: int = 50) -> tuple[str, ...]:
    """The fields that this manager owns, the first ones, as paths of structured-merge-diff."""
    newest = _newest(_others(live))
    return tuple(islice(_paths("", newest.get("fieldsV1")), most)) if newest else ()


def _others(live: JsonObject) -> Iterator[Mapping[str, Any]]:
    for entry in managed_fields(live):
        if not is_ours(entry) and entry.get("subresource") != "status":
            yield entry


def _newest(entries: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return max(entries, key=lambda entry: str(entry.get("time", "")), default=None)


def _paths(path: str, fields: Any) -> Iterator[str]:
    """The leaves of a FieldsV1 value."""
    inner = {key: each for key, each in fields.items() if key != "."} if isinstance(fields, Mapping) else {}
    if not inner and path:
        yield path
    for key, each in inner.items():
        yield from _paths(path + _step(key), each)


def _step(key: str) -> str:
    kind, _, text = key.partition(":")
    if kind == "k":
        keys, _ = _literal(text)
        named = keys.items() if isinstance(keys, Mapping) else ()
        return f"[{','.join(f'{name}={json.dumps(each)}' for name, each in named)}]"
    return {"v": f"[={text}]", "i": f"[{text}]"}.get(kind, f".{text}")


def managed_fields(live: JsonObject) -> Sequence[Mapping[str, Any]]:
    """The managedFields of an object; none where it has none."""
    entries = metadata_of(live).get("managedFields")
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return ()
    return tuple(entry for entry in entries if isinstance(entry, Mapping))


def all_held(paths: Iterable[str], value: JsonObject) -> bool:
    """Whether every one of these field paths exists in a value that was applied before."""
    return all(has_field(value, path) for path in paths)


def is_within(value: JsonValue, live: JsonValue) -> bool:
    """Whether a live value has all of a value that was applied, in the same form."""
    if isinstance(value, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and is_within(each, live[key]) for key, each in value.items()
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not isinstance(live, Sequence) or isinstance(live, str) or len(live) != len(value):
            return False
        return all(map(is_within, value, live))
    return value == live


def has_field(value: JsonValue, path: str) -> bool:
    """Whether a value has the field at a path of structured-merge-diff."""
    if not path:
        return True
    if path.startswith(".") and isinstance(value, Mapping):
        # A name may hold dots and brackets itself, so each key that fits is tried.
        fitting = (
            key for key in value if path.startswith(key, 1) and path[1 + len(key) :][:1] in ("", ".", "[")
        )
        return any(has_field(value[key], path[1 + len(key) :]) for key in fitting)
    if path.startswith("[") and isinstance(value, Sequence) and not isinstance(value, str):
        return any(has_field(item, rest) for item, rest in _items(value, path[1:]))
    return False


def covers(pointer: str, path: str) -> bool:
    """Whether a JSON pointer (RFC 6901) names the field at a path of structured-merge-diff, or one around it.

    Pointers reach into mappings only; items of lists are covered by the list that holds them.
    """
    rest = path
    for part in pointer.split("/")[1:]:
        key = f".{part.replace('~1', '/').replace('~0', '~')}"
        if not rest.startswith(key):
            return False
        rest = rest[len(key) :]
    return rest[:1] in ("", ".", "[")


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of managedFields tells what we have applied."""
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _items(values: Sequence[JsonValue], text: str) -> Iterator[tuple[JsonValue, str]]:
    """The items of a list that a bracket names, each with the rest of the path behind it."""
    if text.startswith("="):
        wanted, rest = _literal(text[1:])
        yield from ((item, rest[1:]) for item in values if item == wanted)
        return
    head, _, rest = text.partition("]")
    if head.isdecimal():
        yield from ((item, rest) for item in values[int(head) : int(head) + 1])
        return
    keys, rest = keys_at(text)
    for item in values:
        # A key may be absent here and defaulted by the server (a port's protocol), so that one fits too.
        if isinstance(item, Mapping) and all(
            item.get(name, wanted) == wanted for name, wanted in keys.items()
        ):
            yield item, rest


def keys_at(text: str) -> tuple[Mapping[str, JsonValue], str]:
    """The keys that a bracket begins with, ``name="web",port=1]``, and the rest of the path behind it."""
    keys: dict[str, JsonValue] = {}
    while text and not text.startswith("]"):
        name, _, text = text.lstrip(",").partition("=")
        keys[name], text = _literal(text)
    return keys, text[1:]


def _literal(text: str) -> tuple[JsonValue, str]:
    """A JSON literal at the start of a text, and what follows; the text itself as no literal."""
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        return None, ""
    return value, text[end:]
