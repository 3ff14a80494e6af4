"""Where in the API an object, a list or a watch is found, and how to read what comes back. Pure."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from envctl.errors import InputError
from envctl.model.cluster import ResourceType, object_id
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject

_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def collection_path(kind: ResourceType, namespace: str = "") -> str:
    """The path of all objects of a type, in one namespace or (empty) in all."""
    root = f"/apis/{quote(kind.group, safe='')}" if kind.group else "/api"
    inside = f"/namespaces/{_segment(namespace)}" if namespace else ""
    return f"{root}/{quote(kind.version, safe='')}{inside}/{quote(kind.plural, safe='')}"


def object_path(kind: ResourceType, namespace: str, name: str) -> str:
    """The path of one object.

    Raises InputError where the name, or the namespace of a namespaced kind, is missing: the path
    would then be that of a whole collection.
    """
    if not name:
        raise InputError(
            "the object has no name",
            place=str(identity(kind, namespace, name)),
            hint="set metadata.name; generateName makes a new object each time and cannot be kept equal",
        )
    _require_namespace(kind, namespace, name)
    return f"{collection_path(kind, namespace if kind.namespaced else '')}/{_segment(name)}"


def creation_path(kind: ResourceType, value: JsonObject) -> str:
    """The collection that an object is created in. Raises InputError as `object_path` does."""
    subject = object_id(value)
    object_path(kind, subject.namespace, subject.name)
    return collection_path(kind, subject.namespace if kind.namespaced else "")


def identity(kind: ResourceType, namespace: str, name: str) -> ObjectId:
    """The identity of an object of a type."""
    return ObjectId(kind.group, kind.kind, namespace if kind.namespaced else "", name)


def query(fields: Mapping[str, str]) -> str:
    """A query string with its question mark, of those fields that are not empty."""
    text = urlencode({name: value for name, value in fields.items() if value})
    return f"?{text}" if text else ""


def warning_texts(headers: Iterable[str]) -> tuple[str, ...]:
    """The texts of ``Warning`` headers (RFC 7234, code 299), as the API server sends them."""
    found = (match.group(1) for text in headers for match in _WARNING.finditer(text))
    plain = (_ESCAPED.sub(r"\1", text) for text in found)
    return tuple("".join(char if char.isprintable() else "?" for char in text) for text in plain)


def _require_namespace(kind: ResourceType, namespace: str, name: str) -> None:
    if kind.namespaced and not namespace:
        raise InputError(
            "the object has no namespace, and its kind needs one",
            place=str(identity(kind, namespace, name)),
            hint="set metadata.namespace, or `namespace` of the environment",
        )


def _segment(text: str) -> str:
    if text in (".", ".."):
        raise InputError(f"{text!r} is no name of an object or namespace")
    return quote(text, safe="")
