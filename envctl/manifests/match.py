"""Objects by the names that people write.

``Kind/name``, ``kind.group/name``, both with ``namespace/`` before them or not, or the path of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from envctl.model.objects import ObjectId

_CLUSTER = "_cluster"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a text asks for; None where it leaves that open. Kind and group in lower case."""

    kind: str
    group: str | None
    namespace: str | None
    name: str

    def fits(self, key: ObjectId) -> bool:
        return (
            (self.kind, self.name) == (key.kind.lower(), key.name)
            and self.group in {None, key.group.lower()}
            and self.namespace in {None, key.namespace}
        )


def matching(text: str, objects: Mapping[str, ObjectId]) -> tuple[str, ...]:
    """The paths of the objects that a text names, sorted; `objects` are those of a deploy tree by path.

    An object's own words (``Deployment.apps web/api``), as other commands print them, will do too.
    """
    if text in objects:
        return (text,)
    wanted = _parsed(text)
    return tuple(sorted(path for path, key in objects.items() if wanted and wanted.fits(key)))


def _parsed(text: str) -> _Wanted | None:
    kind, space, rest = text.partition(" ")
    if space:
        namespace, slash, name = rest.rpartition("/")
        return _wanted(kind, name, namespace if slash else None)
    parts = text.split("/")
    if len(parts) == 2:  # noqa: PLR2004 kind and name
        return _wanted(parts[0], parts[1], None)
    return _wanted(parts[1], parts[2], parts[0]) if len(parts) == 3 else None  # noqa: PLR2004 and a namespace


def _wanted(kind: str, name: str, namespace: str | None) -> _Wanted:
    kind, dot, group = kind.lower().partition(".")
    inside = "" if namespace == _CLUSTER else namespace
    return _Wanted(kind, group if dot else None, inside, name)


def object_name(key: ObjectId) -> str:
    """The name that fits this object only: ``web/Deployment.apps/api``."""
    kind = f"{key.kind}.{key.group}" if key.group else key.kind
    return f"{key.namespace}/{kind}/{key.name}" if key.namespace else f"{kind}/{key.name}"


def short_name(key: ObjectId) -> str:
    """The shortest name that may fit: ``Deployment/api``."""
    return f"{key.kind}/{key.name}"
