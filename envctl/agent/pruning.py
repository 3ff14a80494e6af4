"""The last step of a reconcile: prune in waves, wait a while for each to end, and shrink the inventory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from envctl.agent.definitions import Pause
from envctl.agent.desired import window_now
from envctl.agent.options import World
from envctl.agent.ours import ours_of
from envctl.agent.prune import Order, Pruned, Pruner
from envctl.agent.store import InventoryStore
from envctl.agent.workers import Workers
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, Refusal
from envctl.planning.guards import gone_within
from envctl.planning.succession import awaited, same_objects, successor

_FIRST_STEP, _LONGEST_STEP = 0.05, 1.0

Waves = Sequence[Sequence[InventoryEntry]]


@dataclass(slots=True)
class PruneReport:
    """What became of what was to be pruned."""

    results: list[ObjectResult] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    interrupted: bool = False


class Pruning:
    """Prunes what a plan says. Belongs to the thread that decides."""

    def __init__(
        self,
        world: World,
        store: InventoryStore,
        forget: Callable[[Sequence[ObjectId]], None],
        workers: Workers,
        pause: Pause,
    ) -> None:
        """`forget` is told what is gone for good."""
        self._world = world
        self._store = store
        self._forgotten = forget
        self._workers = workers
        self._pause = pause
        self._pruner = Pruner(world.cluster, ours_of(world))

    def run(self, waves: Waves) -> PruneReport:
        """Prune wave after wave. Whatever stays also stays in the inventory, and stops nothing."""
        report = PruneReport()
        if not waves:
            return report
        inventory = self._store.inventory
        wanted = same_objects(inventory.entries.values())
        missing = awaited(map(inventory.entries.__getitem__, inventory.unsettled))
        for wave in waves:
            waiting = {entry.id: new for entry in wave if (new := successor(entry, missing))}
            report.results += [stays(key, new) for key, new in waiting.items()]
            orders = [Order(entry, wanted) for entry in wave if entry.id not in waiting]
            if self._prune(orders, report):
                report.interrupted = True
                break
        return report

    def _prune(self, orders: Sequence[Order], report: PruneReport) -> bool:
        """Prune one wave. Returns whether it was interrupted."""
        pruned = self._workers.run(self._pruner.prune, orders, lambda: self._pause(0))
        done = self._await_ends(pruned)
        self._forget([each.entry for each in done if each.gone])
        report.results += [each.result for each in done]
        report.refused += [each.refusal for each in done if each.refusal]
        return self._pause(0) or len(pruned) < len(orders)

    def _forget(self, gone: Sequence[InventoryEntry]) -> None:
        inventory, keys = self._store.inventory, [entry.id for entry in gone]
        self._store.remember(gone_within(inventory.removals, gone, window_now(self._world, inventory)))
        self._store.update(gone=keys)
        self._forgotten(keys)

    def _await_ends(self, pruned: Sequence[Pruned]) -> list[Pruned]:
        """The outcomes, after waiting a while for deletions that have not ended yet."""
        done = [each for each in pruned if not each.waiting]
        waiting = [each for each in pruned if each.waiting]
        end, step = self._world.clock.monotonic() + self._world.options.prune_wait, _FIRST_STEP
        while waiting and self._world.clock.monotonic() < end and not self._pause(step):
            asked = self._workers.run(self._pruner.confirm, [each.entry for each in waiting], lambda: False)
            done += [each for each in asked if not each.waiting]
            waiting = [each for each in asked if each.waiting]
            step = min(2 * step, _LONGEST_STEP)
        return [*done, *waiting]


def stays(key: ObjectId, new: InventoryEntry) -> ObjectResult:
    """The result for an object that is kept until another one stands."""
    reason = f"it stays until {new.id} stands, which may replace it"
    return ObjectResult(key, Action.SKIPPED, reason)
