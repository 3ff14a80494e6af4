"""What no API server stores, by size: told with the limit, before anything is sent.

The limits are the server's own: 1 MiB for the data of a ConfigMap or Secret and 256 KiB for annotations
(``validation.go`` of ``pkg/apis/core`` and ``apimachinery``), and etcd's 1.5 MiB for a request
(``--max-request-bytes``).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject

MAX_DATA: Final = 1 << 20
MAX_ANNOTATIONS: Final = 256 << 10
MAX_STORED: Final = 3 << 19
_LONGEST: Final = (255, 253, 63, 63, 253)
_DATA: Final = {"ConfigMap": ("data", "binaryData"), "Secret": ("data", "stringData")}
_CODED: Final = {("ConfigMap", "binaryData"), ("Secret", "data")}


def is_too_long(component: str, key: ObjectId) -> bool:
    """Whether any name is longer in bytes than an API server takes, or a file system for the component."""
    parts = (component, key.group, key.kind, key.namespace, key.name)
    return any(len(part.encode(errors="replace")) > most for part, most in zip(parts, _LONGEST, strict=True))


def over_limits(value: JsonObject, size: int, *, stored: int = MAX_STORED) -> tuple[str, ...]:
    """What is too large in an object whose text has so many bytes; a small text costs nothing.

    `stored` is how many bytes of JSON are taken for one object.
    """
    return tuple(_over(value, stored)) if size > MAX_ANNOTATIONS else ()


def annotations_over(metadata: JsonObject) -> str:
    """Why annotations are too large, "" where they are not."""
    size = _size(metadata.get("annotations"))
    return _told("annotations", size, "the API server", MAX_ANNOTATIONS) if size > MAX_ANNOTATIONS else ""


def _over(value: JsonObject, limit: int) -> Iterator[str]:
    metadata = value.get("metadata")
    if isinstance(metadata, Mapping) and (reason := annotations_over(metadata)):
        yield reason
    kind = str(value.get("kind"))
    names = _DATA.get(kind, ()) if value.get("apiVersion") == "v1" else ()
    data = sum(_size(value.get(name), coded=(kind, name) in _CODED) for name in names)
    if data > MAX_DATA:
        yield _told("data", data, "the API server", MAX_DATA)
    stored = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace"))
    if stored > limit:
        yield f"is {stored:,} bytes long as JSON; etcd takes {limit:,}"


def _size(entries: Any, *, coded: bool = False) -> int:
    """The bytes of keys and values; base64 counts as what it stands for, and without its keys."""
    if not isinstance(entries, Mapping):
        return 0
    texts = [(str(key), each) for key, each in entries.items() if isinstance(each, str)]
    if coded:
        return sum(3 * len(each.rstrip("=")) // 4 for _, each in texts)
    return sum(len(part.encode(errors="replace")) for pair in texts for part in pair)


def _told(what: str, size: int, who: str, limit: int) -> str:
    return f"has {what} of {size:,} bytes; {who} takes {limit:,}"
