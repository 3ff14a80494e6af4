"""Differences between two states of one object, as data for printers."""

from dataclasses import dataclass
from enum import StrEnum

from envctl.model.values import JsonValue


class ObjectAction(StrEnum):
    """What happened to an object as a whole."""

    CREATED = "created"
    DELETED = "deleted"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class FieldAction(StrEnum):
    """What happened to one field. REORDERED: a list has the same items in another order."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs, at a JSON path (``$.spec.containers[name="web"].image``).

    `old` is None where the field was added, `new` where it was removed; for REORDERED both are
    the lists' keys in order. Values of Secrets are masked already.
    """

    path: str
    action: FieldAction
    old: JsonValue = None
    new: JsonValue = None

    @property
    def is_text(self) -> bool:
        """Whether both sides are strings of which one has lines, so that lines can be compared."""
        old, new = self.old, self.new
        return isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new)


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """How an object differs: as a whole, and field by field in the order of the canonical text.

    Of a created or deleted object every top-level field is listed.
    """

    action: ObjectAction
    fields: tuple[FieldChange, ...] = ()
