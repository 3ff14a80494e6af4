"""Kubernetes objects: what identifies one, and what envctl renders."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envctl.model.values import JsonObject


def metadata_of(value: JsonObject) -> Mapping[str, Any]:
    """The metadata of an object, empty where it has none."""
    metadata = value.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


@dataclass(frozen=True, order=True, slots=True)
class ObjectId:
    """What identifies an object: never its version, so a moved apiVersion is the same object.

    `group` is empty for the core group, `namespace` for cluster-scoped objects.
    """

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def is_secret(self) -> bool:
        """Whether it is the API's own Secret, and no custom kind of that name."""
        return (self.group, self.kind) == ("", "Secret")

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


@dataclass(frozen=True, slots=True)
class RenderedObject:
    """One object of a render: its value, its canonical text and where it came from.

    `path` is relative to the deploy tree. `origin` is the JSON path of the object in the
    evaluated component (``$.deployment``), for messages.
    """

    id: ObjectId
    component: str
    origin: str
    path: str
    value: JsonObject
    text: bytes
