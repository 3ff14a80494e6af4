"""A dry run: the plan, with each object judged by the API server's own dry run. Nothing is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from envctl.agent.apply import Applier, may_force
from envctl.agent.definitions import defined_kind
from envctl.agent.desired import Target, desired_value, read_target
from envctl.agent.healthbook import HealthBook
from envctl.agent.observe import Known, current_drift, still_drifts
from envctl.agent.options import World
from envctl.agent.ours import ours_of
from envctl.agent.prune import Order, Pruner
from envctl.agent.pruning import stays
from envctl.agent.rebuild import rebuilt
from envctl.agent.resource import ENVIRONMENT
from envctl.agent.source import verify
from envctl.agent.store import InventoryStore
from envctl.agent.tasks import Task, served_type
from envctl.agent.workers import Workers
from envctl.errors import EnvctlError, InputError
from envctl.manifests.compare import compare
from envctl.model.annotations import forced_fields
from envctl.model.inventory import Inventory, InventoryEntry, with_changes
from envctl.model.keeping import DriftPolicy, drift_policy
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, ReconcileResult, Refusal
from envctl.model.planned import ClusterPlan, Planned
from envctl.model.values import JsonObject
from envctl.planning.fields import fields_digest
from envctl.planning.guards import is_definition
from envctl.planning.managers import manager_of
from envctl.planning.ownership import owner
from envctl.planning.succession import awaited, same_objects, successor
from envctl.planning.waves import order

_NOISE = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}


def preview(world: World, commit_id: str, *, everything: bool = False) -> ClusterPlan:
    """What an apply of this commit would do. Raises as a reconcile does.

    Asked about are the objects that the commit changes, and those that a look at each kind shows to have
    drifted; with `everything` all of them. The order is that of the apply.
    """
    store = InventoryStore(world)
    inventory = store.load()
    if store.lost and _was_ever_here(world):
        accepted, found = rebuilt(world, inventory)
        inventory = replace(with_changes(inventory, found), accepted=accepted)
    verified = verify(world, inventory.accepted, commit_id)
    target = read_target(world, inventory, verified)
    workers = Workers(world.options.concurrency)
    try:
        applied = tuple(_applied(world, target, workers))
        pruned = tuple(_pruned(world, inventory, target, applied, workers))
        put_back = tuple(_put_back(world, inventory, target, workers, everything=everything))
    finally:
        workers.close()
    objects = (*applied, *(each for each, _ in pruned), *put_back)
    refused = (*target.plan.refused, *(refusal for _, refusal in pruned if refusal))
    results = tuple(each.result for each in objects)
    result = ReconcileResult(commit_id, verified.record.sequence, results, refused, dry_run=True)
    return ClusterPlan(result, objects)


def _was_ever_here(world: World) -> bool:
    """Whether the cluster serves our kind. Where it does not, no apply has ever been here."""
    return world.cluster.resource_type(ENVIRONMENT.group, ENVIRONMENT.kind) is not None


def _applied(world: World, target: Target, workers: Workers) -> Iterator[Planned]:
    entries = (entry for wave in target.plan.waves for entry in wave)
    # First, and once: one that stands already without being ours makes nothing new of what is in it.
    first = [_task(target, each) for each in entries if not each.uid and _opens(each.id)]
    early = {each.result.id: each for each in _judged(world, first, workers)}
    fresh = {key: target.values[key] for key, each in early.items() if each.result.action is Action.CREATED}
    for wave in target.plan.waves:
        yield from (early[each.id] for each in wave if each.id in early)
        rest = [each for each in wave if each.id not in early]
        promised = [each for each in rest if _is_promised(each, fresh)]
        yield from (Planned(ObjectResult(each.id, Action.CREATED), each.component) for each in promised)
        known = [_task(target, each) for each in rest if not _is_promised(each, fresh)]
        yield from _judged(world, known, workers)


def _task(target: Target, entry: InventoryEntry) -> Task:
    return Task(entry, target.values[entry.id], look=not entry.uid)


def _opens(key: ObjectId) -> bool:
    """Whether other objects can only be once this one is: a namespace, or the definition of a kind."""
    return is_definition(key) or (key.group, key.kind) == ("", "Namespace")


def _put_back(
    world: World, inventory: Inventory, target: Target, workers: Workers, *, everything: bool
) -> Iterator[Planned]:
    """What the commit does not change, and the cluster has otherwise."""
    planned = {entry.id for wave in target.plan.waves for entry in wave}
    planned |= {entry.id for entry in target.plan.changed if entry.leaving}
    entries = {
        key: entry
        for key, entry in inventory.entries.items()
        if entry.settled and not entry.leaving and key not in planned
    }
    drifts = {
        drift.key: drift.vanished
        for drift in current_drift(world, Known(lambda: inventory.entries, HealthBook(world.rules)))
        if drift.key in entries and still_drifts(drift, entries[drift.key], "")
    }
    wanted = entries if everything else drifts
    for wave in order([entries[key] for key in wanted]):
        tasks = [
            Task(entry, value, force=True, look=drifts.get(entry.id, False))
            for entry in (replace(each, settled=each.id not in drifts) for each in wave)
            if (value := _value(world, entry)) is not None
        ]
        policies = {task.entry.id: drift_policy(task.value, world.options.drift) for task in tasks}
        for each in _judged(world, tasks, workers):
            yield _under(policies[each.result.id], each)


def _under(policy: DriftPolicy, planned: Planned) -> Planned:
    """What drifted, as its policy has it: put back, or left as it is."""
    result = planned.result
    if result.action is Action.UNCHANGED:
        return planned
    if policy is not DriftPolicy.HEAL:
        result = replace(result, action=Action.SKIPPED, reason=str(policy))
    return replace(planned, result=result, drifted=True)


def _judged(world: World, tasks: Iterable[Task], workers: Workers) -> Iterator[Planned]:
    judge = partial(_judge, world, Applier(world.cluster, ours_of(world)))
    yield from workers.run(judge, tasks, lambda: False)


def _judge(world: World, applier: Applier, task: Task) -> Planned:
    """What would come of one task, after taking back what was ours where a reconcile would."""
    outcome = applier.apply(task, dry_run=True)
    before = _value(world, task.entry) if outcome.error else None
    if may_force(outcome.error, before or {}, forced_fields(task.value)):
        outcome = applier.apply(replace(task, force=True), dry_run=True)
    planned = Planned(outcome.result, task.entry.component)
    stored, action = outcome.live, outcome.result.action
    # The value may be right already, and somebody else's all the same: then it is taken back.
    closely = action is Action.UNCHANGED and not task.entry.settled
    if stored is None or not (closely or action is Action.CONFIGURED):
        return planned
    return _compared(world, planned, task, stored)


def _compared(world: World, planned: Planned, task: Task, stored: JsonObject) -> Planned:
    """With the fields that differ from the live object, and who gave them their values."""
    key = task.entry.id
    try:
        live = world.cluster.get(served_type(world.cluster, task.value), key.namespace, key.name)
    except EnvctlError as error:
        return replace(planned, result=replace(planned.result, reason=f"cannot be compared: {error.summary}"))
    if live is None:
        return planned
    if planned.result.action is Action.UNCHANGED and fields_digest(live) == fields_digest(stored):
        return planned
    planned = replace(planned, result=replace(planned.result, action=Action.CONFIGURED))
    fields = compare(_essence(live), _essence(stored), is_secret=key.is_secret).fields
    managers = {each.path: name for each in fields if (name := manager_of(live, each.path))}
    adopted = not task.entry.uid and owner(live) != world.options.set_id
    return replace(planned, fields=fields, managers=managers, adopted=adopted)


def _value(world: World, entry: InventoryEntry) -> JsonObject | None:
    """The object as it was last applied, None where that is not known any more."""
    if not entry.blob:
        return None
    try:
        return desired_value(world, entry.id, entry.component, entry.blob)
    except InputError:
        return None


def _essence(value: JsonObject) -> JsonObject:
    """An object without its status and what the server writes about the writing."""
    metadata: Any = value.get("metadata")
    kept = {name: each for name, each in metadata.items() if name not in _NOISE} if metadata else {}
    return {name: each for name, each in value.items() if name != "status"} | {"metadata": kept}


def _is_promised(entry: InventoryEntry, fresh: Mapping[ObjectId, JsonObject]) -> bool:
    """Whether the plan creates the object's namespace or kind, so that the server cannot judge it yet."""
    if ObjectId("", "Namespace", "", entry.id.namespace) in fresh:
        return True
    kinds = (defined_kind(value) for key, value in fresh.items() if is_definition(key))
    return (entry.id.group, entry.id.kind) in kinds


def _pruned(
    world: World, inventory: Inventory, target: Target, applied: Sequence[Planned], workers: Workers
) -> Iterator[tuple[Planned, Refusal | None]]:
    """What would be pruned, where what is `applied` before comes out as planned."""
    pruner = Pruner(world.cluster, ours_of(world))
    failed = {each.result.id for each in applied if each.result.action is Action.FAILED}
    missing = awaited(entry for wave in target.plan.waves for entry in wave if entry.id in failed)
    wanted = same_objects(with_changes(inventory, target.plan.changed).entries.values())
    for wave in target.plan.prune:
        waiting = {entry.id: new for entry in wave if (new := successor(entry, missing))}
        for entry in wave:
            if entry.id in waiting:
                yield Planned(stays(entry.id, waiting[entry.id]), entry.component), None
        orders = [Order(entry, wanted) for entry in wave if entry.id not in waiting]
        for pruned in workers.run(partial(pruner.prune, dry_run=True), orders, lambda: False):
            yield Planned(pruned.result, pruned.entry.component), pruned.refusal
