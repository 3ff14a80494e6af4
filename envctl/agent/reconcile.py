"""One reconcile: verify, plan, write ahead, apply, prune. All decisions are taken in one thread.

reconciler = Reconciler(world, pause)
reconciler.store.load()
result = reconciler.reconcile(commit_id)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from envctl.agent.apply import Applier, Outcome, Task, failure, may_force, served_type, settled
from envctl.agent.definitions import Pause, await_served
from envctl.agent.desired import Target, desired_value, read_target
from envctl.agent.healthbook import HealthBook
from envctl.agent.options import World
from envctl.agent.pruning import Pruning
from envctl.agent.rebuild import rebuilt, trusted
from envctl.agent.source import verify
from envctl.agent.store import InventoryStore
from envctl.agent.workers import Workers
from envctl.errors import EnvctlError, InputError, UnavailableError
from envctl.model.inventory import InventoryEntry
from envctl.model.keeping import DriftPolicy, drift_policy
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, ReconcileResult
from envctl.model.values import JsonObject
from envctl.planning.fields import is_within
from envctl.planning.guards import is_definition
from envctl.planning.waves import order


@dataclass(frozen=True, slots=True)
class Healing:
    """One object to be put back. `vanished`: it was deleted, or lost our label."""

    key: ObjectId
    vanished: bool


class Reconciler:
    """Brings one cluster to deploy commits, and knows the inventory.

    `pause(seconds)` lets time pass and says whether to leave what is being done: something newer
    is there, or the end is asked for. Nothing is lost by leaving: the next reconcile goes on.
    """

    def __init__(self, world: World, pause: Pause) -> None:
        self.store = InventoryStore(world)
        self.book = HealthBook(world.rules)
        self.applier = Applier(world.cluster, world.options.set_id)
        self._world = world
        self._pause = pause
        self._workers = Workers(world.options.concurrency)
        self._pruning = Pruning(world, self.store, self.book, self._workers, pause)

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
        results: list[ObjectResult] = []
        try:
            interrupted = self._apply(target, results)
            pruned = self._pruning.run(() if interrupted else target.plan.prune)
            result = ReconcileResult(
                commit_id,
                verified.record.sequence,
                (*results, *pruned.results),
                (*target.plan.refused, *pruned.refused),
                interrupted or pruned.interrupted,
            )
            again = self._trust(result)
        finally:
            self.store.save()
        return replace(result, again=again)

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

    def heal(self, wanted: Sequence[Healing]) -> list[Outcome]:
        """Put objects back to what was last applied. What fails is left to the next reconcile, unsettled.

        Objects whose drift is not to be healed are SKIPPED; the reason is their policy.
        """
        entries = self.store.inventory.entries
        vanished = {each.key: each.vanished for each in wanted}
        outcomes: list[Outcome] = []
        for wave in order([entries[each.key] for each in wanted], {}):
            tasks = [self._healing_task(entry, vanished=vanished[entry.id]) for entry in wave]
            outcomes += [each for each in tasks if isinstance(each, Outcome)]
            known = [each for each in tasks if isinstance(each, Task)]
            outcomes += self._workers.run(self.applier.apply, known, lambda: False)
        self._record(outcomes)
        healed = {outcome.task.entry.id for outcome in outcomes if outcome.live is not None}
        left = {outcome.task.entry.id for outcome in outcomes if outcome.result.action is Action.SKIPPED}
        # Without a UID the next apply looks first: what vanished may be somebody else's by then.
        self.store.update(
            replace(entries[key], settled=False, uid="" if gone else entries[key].uid)
            for key, gone in vanished.items()
            if key not in healed | left
        )
        return outcomes

    def _healing_task(self, entry: InventoryEntry, *, vanished: bool) -> Task | Outcome:
        try:
            value = desired_value(self._world, entry.id, entry.component, entry.blob)
            policy = drift_policy(value, self._world.options.drift)
        except InputError as error:  # not in the store: the next reconcile fetches it
            return Outcome(Task(entry, {}), failure(entry.id, error), error=error)
        if policy is not DriftPolicy.HEAL and (vanished or not self._stands(entry, value)):
            return Outcome(Task(entry, value), ObjectResult(entry.id, Action.SKIPPED, str(policy)))
        # All fields of this very text were ours when it was applied, so all may be taken back.
        return Task(entry, value, force=True, look=vanished)

    def _stands(self, entry: InventoryEntry, value: JsonObject) -> bool:
        """Whether an object has all that was applied, so that only its fields' owner is another one."""
        cluster, key = self._world.cluster, entry.id
        try:
            live = cluster.get(served_type(cluster, value), key.namespace, key.name)
        except EnvctlError:
            return False
        return live is not None and is_within(value, live)

    def _apply(self, target: Target, results: list[ObjectResult]) -> bool:
        """Apply the waves. Returns whether it was interrupted."""
        for wave in target.plan.waves:
            tasks = [Task(entry, target.values[entry.id], look=not entry.uid) for entry in wave]
            outcomes = self._send(tasks)
            self._record(outcomes)
            results += self._with_definitions(outcomes)
            errors = [outcome.error for outcome in outcomes]
            if errors and all(isinstance(error, UnavailableError) for error in errors):
                raise UnavailableError(str(errors[0]), hint="the cluster does not answer; it is tried again")
            if self._pause(0) or len(outcomes) < len(tasks):
                return True
        return False

    def _send(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Apply tasks, and take back what was ours before where another manager holds it now."""
        outcomes = self._workers.run(self.applier.apply, tasks, lambda: self._pause(0))
        forced = {
            outcome.task.entry.id: replace(outcome.task, force=True)
            for outcome in outcomes
            if outcome.error and outcome.task.entry.blob and self._may_force(outcome)
        }
        second = self._workers.run(self.applier.apply, forced.values(), lambda: False)
        return [*(each for each in outcomes if each.task.entry.id not in forced), *second]

    def _may_force(self, outcome: Outcome) -> bool:
        entry = outcome.task.entry
        try:
            before = desired_value(self._world, entry.id, entry.component, entry.blob)
        except (
            InputError
        ):  # the text that was applied is no longer known, so nothing proves that a field was ours
            return False
        return may_force(outcome.error, before)

    def _record(self, outcomes: Iterable[Outcome]) -> None:
        applied = [(each.task, each.live) for each in outcomes if each.live is not None]
        self.store.update(settled(task.entry, task.value, live) for task, live in applied)
        for task, live in applied:
            self.book.note(task.entry.id, live)

    def _with_definitions(self, outcomes: Iterable[Outcome]) -> Iterator[ObjectResult]:
        """The results; new kinds are waited for, so that what uses them comes after."""
        world = self._world
        for outcome in outcomes:
            yield outcome.result
            if outcome.live is None or not is_definition(outcome.task.entry.id):
                continue
            wait = world.options.definition_wait
            reason = await_served(world.cluster, world.clock, self._pause, outcome.task.value, wait)
            if reason:
                yield ObjectResult(outcome.task.entry.id, Action.FAILED, reason)
