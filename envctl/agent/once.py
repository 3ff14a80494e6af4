"""One reconcile from where the caller is: the engine of the agent without its loop (`envctl apply`)."""

import threading
from dataclasses import replace

from envctl.agent.definitions import Pause
from envctl.agent.observe import current_drift, still_drifts
from envctl.agent.options import World
from envctl.agent.preview import preview
from envctl.agent.reconcile import Healing, Reconciler
from envctl.agent.report import Reporter, Situation
from envctl.agent.setup import prepare
from envctl.errors import ConflictError
from envctl.model.plan import ReconcileResult

_TRIES = 5


def reconcile_once(world: World, commit_id: str, *, dry_run: bool = False) -> ReconcileResult:
    """Bring the cluster to a deploy commit and put drift back, once; returns when all is sent and answered.

    With `dry_run` nothing is written: each object is judged by the server's own dry run. Raises
    RefusedError or InputError for a commit that is refused as a whole, ConflictError where an
    agent keeps writing the same inventory, and what the cluster raises.
    """
    if dry_run:
        return preview(world, commit_id)
    wait = threading.Event()
    return _reconcile(world, lambda seconds: wait.wait(seconds) if seconds else False, commit_id)


def _reconcile(world: World, pause: Pause, commit_id: str) -> ReconcileResult:
    prepare(world, pause)
    reporter, reconciler = Reporter(world), Reconciler(world, pause)
    try:
        before = reporter.begin()
        result = _persist(world, reconciler, commit_id)
        reporter.report(
            Situation(
                inventory=reconciler.store.inventory,
                applied=commit_id if result.succeeded else before.applied,
                failures=result.failures,
                refused=result.refused,
                healed=before.healed,
                last_healed=before.last_healed,
                last_healed_at=before.last_healed_at,
            )
        )
    finally:
        reconciler.close()
    return result


def _persist(world: World, reconciler: Reconciler, commit_id: str) -> ReconcileResult:
    """Reconcile and heal; again from the start where an agent wrote the inventory meanwhile."""
    for left in reversed(range(_TRIES)):
        reconciler.store.load()
        try:
            return _reconcile_and_heal(world, reconciler, commit_id)
        except ConflictError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _reconcile_and_heal(world: World, reconciler: Reconciler, commit_id: str) -> ReconcileResult:
    result = reconciler.reconcile(commit_id)
    entries, written = reconciler.store.inventory.entries, reconciler.applier.versions
    wanted = [
        Healing(drift.key, drift.vanished)
        for drift in current_drift(world, entries, reconciler.book)
        if entries[drift.key].settled and still_drifts(drift, entries[drift.key], written.get(drift.key, ""))
    ]
    outcomes = reconciler.heal(wanted)
    reconciler.store.save()
    return replace(result, results=(*result.results, *(each.result for each in outcomes)))
