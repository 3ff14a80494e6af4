"""Which drift is healed now and which waits, and what it costs to know."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from envctl.agent.apply import Outcome
from envctl.agent.healer import Healer
from envctl.agent.observe import Drift
from envctl.agent.reconcile import Healing
from envctl.agent.tasks import Task
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult
from tests.support.repositories import FixedClock

MANY = 2000


class Counted(Mapping[ObjectId, InventoryEntry]):
    """Entries that count how often one was asked for."""

    def __init__(self, entries: Mapping[ObjectId, InventoryEntry]) -> None:
        self.entries = entries
        self.asked = 0

    def __getitem__(self, key: ObjectId) -> InventoryEntry:
        self.asked += 1
        return self.entries[key]

    def __iter__(self) -> Iterator[ObjectId]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class Reconciles:
    """As much of a reconciler as a healer needs, with a reconcile under way that is at all objects."""

    def __init__(self, number: int) -> None:
        keys = [ObjectId("", "ConfigMap", "ns", str(each)) for each in range(number)]
        self.entries = Counted({key: InventoryEntry(key, "web", "2", "1", fields="f") for key in keys})
        self.store = SimpleNamespace(inventory=SimpleNamespace(entries=self.entries), is_current=lambda: True)
        self.applier = SimpleNamespace(versions={})
        self.blocked: frozenset[ObjectId] = frozenset()
        self.healed: list[ObjectId] = []

    def settle(self) -> None:
        """The reconcile is over; what it applied stands."""
        settled = {key: replace(each, settled=True) for key, each in self.entries.entries.items()}
        self.store.inventory = SimpleNamespace(entries=settled)

    def heal(self, wanted: list[Healing]) -> list[Outcome]:
        self.healed += [each.key for each in wanted]
        entries = self.store.inventory.entries
        return [
            Outcome(Task(entries[each.key], {}), ObjectResult(each.key, Action.CONFIGURED)) for each in wanted
        ]


def healer_of(reconciler: Any) -> Healer:
    world: Any = SimpleNamespace(clock=FixedClock(), say=lambda *_, **__: None)
    return Healer(world, reconciler)


def drift(key: ObjectId) -> Drift:
    return Drift(key, "9", "other", "kubectl")


def test_what_a_reconcile_is_at_is_judged_once_and_again_when_it_is_over() -> None:
    """Not with each object that comes: that would be the square of their number."""
    reconciler = Reconciles(MANY)
    healer = healer_of(reconciler)
    for key in reconciler.entries:
        healer.notice(drift(key))
        assert healer.heal() == ()
    assert (reconciler.healed, reconciler.entries.asked) == ([], MANY)
    reconciler.settle()
    healer.heal()
    assert reconciler.healed == [*reconciler.entries]
    healer.heal()
    assert len(reconciler.healed) == MANY


def test_what_a_reconcile_holds_back_is_healed_as_soon_as_that_is_known() -> None:
    """An object that waits for others is kept as it was applied before."""
    reconciler = Reconciles(2)
    healer, (first, second) = healer_of(reconciler), reconciler.entries
    healer.notice(drift(first))
    healer.notice(drift(second))
    healer.heal()
    assert reconciler.healed == []
    reconciler.blocked = frozenset([second])
    healer.heal()
    assert reconciler.healed == [second]
