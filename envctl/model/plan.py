"""Plans and their results, as data that can be printed, tested and judged before the first write."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId


@dataclass(frozen=True, slots=True)
class DesiredChange:
    """A file of the deploy tree that differs from the accepted tree. `blob` is None where it is gone."""

    id: ObjectId
    component: str
    blob: str | None


Place = tuple[str, ObjectId]
"""Where an object stands on the branch: its component and its identity."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a guard refused. `guard` is its name, `hint` the way past it."""

    guard: str
    subject: str
    reason: str
    hint: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason} [{self.guard}] ({self.hint})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one reconcile is going to do, in order: write `changed` to the inventory, apply, prune.

    `waves` are applied one after the other, the objects of one wave at once; then those of
    `prune` go in the same manner. `refused` says what a guard keeps: it stays in the inventory.
    """

    waves: tuple[tuple[InventoryEntry, ...], ...] = ()
    prune: tuple[tuple[InventoryEntry, ...], ...] = ()
    refused: tuple[Refusal, ...] = ()
    changed: tuple[InventoryEntry, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send to the cluster."""
        return not self.waves and not self.prune

    def __str__(self) -> str:
        lines = [f"{'apply' if entry.blob else 'create'} {entry.id}" for wave in self.waves for entry in wave]
        lines += [f"prune {entry.id}" for wave in self.prune for entry in wave]
        lines += [f"refuse {refusal}" for refusal in self.refused]
        return "\n".join(lines)


class Action(StrEnum):
    """What happened to one object.

    REPLACED: deleted and created again. DELETING: its deletion was asked for and has not ended. SKIPPED:
    nothing was sent, on purpose; the reason says why.
    """

    CREATED = "created"
    CONFIGURED = "configured"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    DELETING = "deleting"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """The outcome for one object. `reason` is set where it failed or was skipped."""

    id: ObjectId
    action: Action
    reason: str = ""
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.id} {self.action}"
        text = f"{text}: {self.reason}" if self.reason else text
        return f"{text} ({self.hint})" if self.hint else text


@dataclass(frozen=True, slots=True)
class Wait:
    """A step that cannot begin yet: who waits, for what, and whether for longer than is expected."""

    waiting: str
    reason: str
    stalled: bool = False

    def __str__(self) -> str:
        return f"{self.waiting} waits for {self.reason}"


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What one reconcile did.

    `interrupted` says that it was stopped before its end by something newer, `again` that there is more to
    do, which had to wait for this one; `waits` which steps were not begun, because what they need failed.
    """

    revision: str
    sequence: int
    results: tuple[ObjectResult, ...] = ()
    refused: tuple[Refusal, ...] = ()
    interrupted: bool = False
    dry_run: bool = False
    again: bool = False
    waits: tuple[Wait, ...] = ()

    @property
    def failures(self) -> tuple[ObjectResult, ...]:
        """The objects that failed, and those whose deletion has not ended: they are tried again."""
        return tuple(each for each in self.results if each.action in (Action.FAILED, Action.DELETING))

    @property
    def succeeded(self) -> bool:
        """Whether the cluster is equal to the branch now, but for what a guard keeps."""
        return not self.failures and not self.interrupted and not self.waits

    def counted(self) -> str:
        """These counts in words, "" where nothing was done."""
        return ", ".join(f"{count} {action}" for action, count in self.counts().items())

    def counts(self) -> Mapping[Action, int]:
        """How many objects met each action; actions that none met are left out."""
        found: dict[Action, int] = {}
        for result in self.results:
            found[result.action] = found.get(result.action, 0) + 1
        return found
