"""What envctl knows of a cluster's API: resource types, watch events."""

import re
from dataclasses import dataclass
from enum import StrEnum

from envctl.errors import ClusterError
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject

FIELD_MANAGER = "envctl"
"""Who writes: the name under which server-side apply keeps what is ours."""

_STATUS_CONFLICT = 409


@dataclass(frozen=True, order=True, slots=True)
class ResourceType:
    """One served kind, as discovery tells it. `group` is empty for the core group."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """What objects of this type say in ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class EventKind(StrEnum):
    """What a watch event says. SYNCED closes the initial list; EXPIRED (410) asks for a new watch."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    SYNCED = "synced"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch. `object` is the object's last state, empty for SYNCED and EXPIRED."""

    kind: EventKind
    type: ResourceType
    object: JsonObject


@dataclass(frozen=True, slots=True)
class Listing:
    """A complete list at one resource version. A partial list is never one of these."""

    resource_version: str
    items: tuple[JsonObject, ...]


def object_id(value: JsonObject) -> ObjectId:
    """The identity of a whole object; missing parts are empty strings."""
    api_version, kind = str(value.get("apiVersion", "")), str(value.get("kind", ""))
    metadata = value.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    group = api_version.rpartition("/")[0]
    return ObjectId(group, kind, str(fields.get("namespace") or ""), str(fields.get("name") or ""))


_CONFLICT = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')


def conflicts(error: ClusterError) -> tuple[tuple[str, str], ...]:
    """The (manager, field) pairs for which a server-side apply was refused; empty for other errors.

    The server names them in the causes of a 409: ``conflict with "kubectl" using v1`` at ``.data.a``.
    """
    if error.status != _STATUS_CONFLICT:
        return ()
    found = ((_CONFLICT.match(message), field) for field, message in error.causes)
    return tuple((match.group(1), field) for match, field in found if match)
