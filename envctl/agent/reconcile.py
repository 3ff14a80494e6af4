"""One reconcile: verify, plan, write ahead, apply, prune. All decisions are taken in one thread.

reconciler = Reconciler(world, pause)
reconciler.store.load()
result = reconciler.reconcile(commit_id)
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from envctl.agent.advance import Advance, Means, poll
from envctl.agent.apply import Applier, Outcome, healed, may_force, settled
from envctl.agent.definitions import Pause
from envctl.agent.desired import desired_value, read_target
from envctl.agent.healthbook import HealthBook
from envctl.agent.options import World
from envctl.agent.ours import ours_of
from envctl.agent.pruning import Pruning
from envctl.agent.rebuild import rebuilt, trusted
from envctl.agent.source import verify
from envctl.agent.store import InventoryStore
from envctl.agent.tasks import Task, failure, served_type
from envctl.agent.workers import Workers
from envctl.errors import EnvctlError, InputError
from envctl.model.annotations import forced_fields
from envctl.model.inventory import InventoryEntry
from envctl.model.keeping import DriftPolicy, drift_policy
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, ReconcileResult, Wait
from envctl.model.values import JsonObject
from envctl.planning.fields import is_within
from envctl.planning.guards import is_definition
from envctl.planning.waves import order
from envctl.planning.yielding import sent

_NOTHING: frozenset[ObjectId] = frozenset()


@dataclass(frozen=True, slots=True)
class Healing:
    """One object to be put back. `vanished` and `scaled` as in `Drift`."""

    key: ObjectId
    vanished: bool
    scaled: bool = False


class Reconciler:
    """Brings one cluster to deploy commits, and knows the inventory.

    `pause(seconds)` lets time pass and says whether to leave what is being done: something newer
    is there, or the end is asked for. Nothing is lost by leaving: the next reconcile goes on. `watch`
    sees to it that health is watched, where somebody does; without it health is asked for while it is
    waited for.
    """

    def __init__(self, world: World, pause: Pause, watch: Callable[[], None] | None = None) -> None:
        self.store = InventoryStore(world)
        self.book = HealthBook(world.rules)
        self.applier = Applier(world.cluster, ours_of(world))
        self._advance: Advance | None = None
        self._watch = poll(world, self.book) if watch is None else lambda _: watch()
        self._world = world
        self._pause = pause
        self._workers = Workers(world.options.concurrency, world.cluster.throttled)
        self._pruning = Pruning(world, self.store, self._forget, self._workers, pause)

    def close(self) -> None:
        """Wait for requests under way, and end the threads."""
        self._workers.close()

    def reconcile(self, commit_id: str) -> ReconcileResult:
        """Bring the cluster to a commit, as far as it goes.

        What goes wrong with single objects is in the result. Raises RefusedError or InputError
        for a commit that is refused as a whole, before the first write; ConflictError where
        somebody else wrote the inventory; UnavailableError where the cluster does not answer.
        """
        self._find_again()
        verified = verify(self._world, self.store.inventory.accepted, commit_id)
        target = read_target(self._world, self.store.inventory, verified)
        self.store.update(target.plan.changed)
        self.store.accept(verified.accepted)
        self.store.save()
        means = Means(self.store, self.book, self._send, self._pause, self._watch)
        self._advance = advance = Advance(self._world, target, means)
        try:
            interrupted = advance.run()
            # What still waits for others may need what left the branch, so that is pruned after it.
            pruned = self._pruning.run(() if interrupted or advance.waits else target.plan.prune)
            result = ReconcileResult(
                commit_id,
                verified.record.sequence,
                (*advance.results, *pruned.results),
                (*target.plan.refused, *pruned.refused),
                interrupted or pruned.interrupted,
                waits=advance.waits,
            )
            again = self._trust(result)
        finally:
            self._advance = None
            self.store.save()
        return replace(result, again=again)

    def _forget(self, keys: Sequence[ObjectId]) -> None:
        """Let go of all that is known of objects that are gone."""
        self.book.forget(keys)
        for key in keys:
            self.applier.versions.pop(key, None)

    def _find_again(self) -> None:
        """After a loss, take up what carries our label; it is written along with the plan."""
        if self.store.lost:
            accepted, found = rebuilt(self._world, self.store.inventory)
            self.store.update(found)
            if accepted:
                self.store.accept(accepted)
            self.store.lost = False

    def _trust(self, result: ReconcileResult) -> bool:
        """Judge what was found by label as any other from the next reconcile on; whether there is any."""
        found = trusted(self.store.inventory) if result.succeeded else ()
        self.store.update(found)
        return bool(found)

    @property
    def waits(self) -> tuple[Wait, ...]:
        """Which steps of the reconcile under way wait for others."""
        return self._advance.waits if self._advance else ()

    @property
    def blocked(self) -> frozenset[ObjectId]:
        """The objects that are to change and wait for others; until then they are kept as applied."""
        return self._advance.blocked if self._advance else _NOTHING

    def heal(self, wanted: Sequence[Healing]) -> list[Outcome]:
        """Put objects back to what was last applied. What fails is left to the next reconcile, unsettled.

        Objects whose drift is not to be healed are SKIPPED; the reason is their policy.
        """
        entries = self.store.inventory.entries
        vanished = {each.key: each.vanished for each in wanted}
        scaled = {each.key for each in wanted if each.scaled}
        outcomes: list[Outcome] = []
        for wave in order([entries[each.key] for each in wanted]):
            tasks = [
                self._healing_task(entry, vanished=vanished[entry.id], scaled=entry.id in scaled)
                for entry in wave
            ]
            outcomes += [each for each in tasks if isinstance(each, Outcome)]
            known = [each for each in tasks if isinstance(each, Task)]
            outcomes += self._workers.run(self._noted, known, lambda: False)
        self._record_healed(outcomes)
        done = {outcome.task.entry.id for outcome in outcomes if outcome.live is not None}
        left = {outcome.task.entry.id for outcome in outcomes if outcome.result.action is Action.SKIPPED}
        # Without a UID the next apply looks first: what vanished may be somebody else's by then.
        self.store.update(
            replace(entries[key], settled=False, uid="" if gone else entries[key].uid)
            for key, gone in vanished.items()
            if key not in done | left
        )
        return outcomes

    def _healing_task(self, entry: InventoryEntry, *, vanished: bool, scaled: bool) -> Task | Outcome:
        try:
            value = desired_value(self._world, entry.id, entry.component, entry.blob)
            policy = drift_policy(value, self._world.options.drift)
        except InputError as error:  # not in the store: the next reconcile fetches it
            return Outcome(
                Task(entry, {}), failure(entry.id, error, self._world.options.environment), error=error
            )
        if policy is not DriftPolicy.HEAL and (vanished or not self._stands(entry, value)):
            return Outcome(Task(entry, value), ObjectResult(entry.id, Action.SKIPPED, str(policy)))
        # All fields of this very text were ours when it was applied, so all may be taken back.
        return Task(entry, value, force=True, look=vanished, heed=scaled)

    def _stands(self, entry: InventoryEntry, value: JsonObject) -> bool:
        """Whether an object has all that was applied, so that only its fields' owner is another one."""
        cluster, key = self._world.cluster, entry.id
        try:
            live = cluster.get(served_type(cluster, value), key.namespace, key.name)
        except EnvctlError:
            return False
        return live is not None and is_within(sent(value, live), live)

    def _send(self, tasks: Iterable[Task]) -> list[Outcome]:
        """Apply tasks, and take back what was ours before where another manager holds it now."""
        outcomes = self._workers.run(self._apply, tasks, lambda: self._pause(0))
        forced = {
            outcome.task.entry.id: replace(outcome.task, force=True, heed=True)
            for outcome in outcomes
            if outcome.error and self._may_force(outcome)
        }
        second = self._workers.run(self._apply, forced.values(), lambda: False)
        outcomes = [*(each for each in outcomes if each.task.entry.id not in forced), *second]
        self.store.update(each.entry for each in outcomes if each.entry)
        return outcomes

    def _apply(self, task: Task) -> Outcome:
        """Apply one object and note its health. Of a success little is kept, since there may be thousands."""
        outcome, key = self._noted(task), task.entry.id
        if outcome.live is None:
            return outcome
        done = replace(outcome, entry=settled(task.entry, task.value, outcome.live))
        return done if is_definition(key) else replace(done, live=None, task=replace(task, value={}))

    def _noted(self, task: Task) -> Outcome:
        """Apply one object and note its health."""
        before = self.book.version(task.entry.id)
        outcome = self.applier.apply(task)
        if outcome.live is not None:
            self.book.note(task.entry.id, outcome.live, before)
        return outcome

    def _may_force(self, outcome: Outcome) -> bool:
        entry, pointers = outcome.task.entry, forced_fields(outcome.task.value)
        before: JsonObject = {}
        if entry.blob:
            # Where the text that was applied is no longer known, nothing proves that a field was ours.
            with suppress(InputError):
                before = desired_value(self._world, entry.id, entry.component, entry.blob)
        return may_force(outcome.error, before, pointers)

    def _record_healed(self, outcomes: Iterable[Outcome]) -> None:
        applied = [(each.task, each.live) for each in outcomes if each.live is not None]
        self.store.update(healed(task.entry, task.value, live) for task, live in applied)
