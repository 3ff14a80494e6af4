"""A dry run: the plan, with each object judged by the API server's own dry run. Nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from envctl.agent.apply import Applier, Outcome, Task, may_force
from envctl.agent.definitions import defined_kind, is_definition
from envctl.agent.desired import Target, desired_value, read_target
from envctl.agent.options import World
from envctl.agent.prune import Order, Pruner
from envctl.agent.rebuild import rebuilt
from envctl.agent.source import verify
from envctl.agent.store import InventoryStore
from envctl.agent.workers import Workers
from envctl.errors import InputError
from envctl.model.inventory import InventoryEntry, with_changes
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, ReconcileResult
from envctl.model.values import JsonObject


def preview(world: World, commit_id: str) -> ReconcileResult:
    """What a reconcile to this commit would do. Raises as a reconcile does."""
    store = InventoryStore(world)
    inventory = store.load()
    if store.lost:
        accepted, found = rebuilt(world, inventory)
        inventory = replace(with_changes(inventory, found), accepted=accepted)
    verified = verify(world, inventory.accepted, commit_id)
    target = read_target(world, inventory, verified)
    workers = Workers(world.options.concurrency)
    try:
        results = [*_applied(world, target, workers), *_pruned(world, target, workers)]
    finally:
        workers.close()
    return ReconcileResult(
        commit_id, verified.record.sequence, tuple(results), target.plan.refused, dry_run=True
    )


def _applied(world: World, target: Target, workers: Workers) -> Iterator[ObjectResult]:
    applier = Applier(world.cluster, world.options.set_id)
    entries = (entry for wave in target.plan.waves for entry in wave)
    fresh = {each.id: target.values[each.id] for each in entries if not each.uid and not each.id.namespace}
    for wave in target.plan.waves:
        tasks = [Task(each, target.values[each.id], look=not each.uid) for each in wave]
        known = [task for task in tasks if not _is_promised(task.entry, fresh)]
        promised = [task for task in tasks if _is_promised(task.entry, fresh)]
        yield from (ObjectResult(task.entry.id, Action.CREATED) for task in promised)
        for outcome in workers.run(partial(applier.apply, dry_run=True), known, lambda: False):
            yield _judged(world, applier, outcome)


def _judged(world: World, applier: Applier, outcome: Outcome) -> ObjectResult:
    """The result, after taking back what was ours where a reconcile would."""
    entry = outcome.task.entry
    if outcome.error is None or not entry.blob:
        return outcome.result
    try:
        before = desired_value(world, entry.id, entry.component, entry.blob)
    except InputError:
        return outcome.result
    if not may_force(outcome.error, before):
        return outcome.result
    return applier.apply(replace(outcome.task, force=True), dry_run=True).result


def _is_promised(entry: InventoryEntry, fresh: Mapping[ObjectId, JsonObject]) -> bool:
    """Whether the plan creates the object's namespace or kind, so that the server cannot judge it yet."""
    if ObjectId("", "Namespace", "", entry.id.namespace) in fresh:
        return True
    kinds = (defined_kind(value) for value in fresh.values() if is_definition(value))
    return (entry.id.group, entry.id.kind) in kinds


def _pruned(world: World, target: Target, workers: Workers) -> Iterator[ObjectResult]:
    pruner = Pruner(world.cluster, world.options.set_id)
    for wave in target.plan.prune:
        for pruned in workers.run(partial(pruner.prune, dry_run=True), map(Order, wave), lambda: False):
            yield pruned.result
