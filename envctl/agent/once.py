"""One apply from where the caller is: the engine of the agent without its loop (`envctl apply`)."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from envctl.agent.healer import Healer
from envctl.agent.healthbook import overall
from envctl.agent.mailbox import Crash, Mailbox
from envctl.agent.observe import Drift, Known, Observer, current_drift, still_drifts
from envctl.agent.options import World
from envctl.agent.preview import preview
from envctl.agent.reconcile import Healing, Reconciler
from envctl.agent.report import Reporter
from envctl.agent.setup import prepare
from envctl.agent.situation import Situation
from envctl.errors import ConflictError
from envctl.model.applied import Applied, Ending, Unwell
from envctl.model.health import PASSED, Assessment
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.plan import ObjectResult, ReconcileResult
from envctl.model.status import EnvironmentStatus

_TRIES = 5
_AGAIN = 2  # how often what failed is tried again, where there is time
_STEP = 0.2
_WHY = {
    Ending.INTERRUPTED: ": it was interrupted",
    Ending.DEGRADED: ": an object is Degraded",
    Ending.TIMED_OUT: ": its time was over",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for health, in seconds.

    - `timeout`: for all of it, from the start on.
    - `grace`: how long an object may stay Degraded before that counts as the end; a load that
      begins is often Degraded for a moment.
    """

    timeout: float = 600
    grace: float = 30


@dataclass(frozen=True, slots=True)
class Driver:
    """Who drives an apply: how it is told to end, whether it may still act, and who is told of progress.

    `leading` says whether nobody else can be acting for the environment. `tell` takes a line for people.
    """

    stop: threading.Event
    leading: Callable[[], bool] = lambda: True
    tell: Callable[[str], None] = lambda _: None


def reconcile_once(world: World, commit_id: str, *, dry_run: bool = False) -> ReconcileResult:
    """Bring the cluster to a deploy commit and put drift back, once; returns when all is sent and answered.

    With `dry_run` nothing is written: each object is judged by the server's own dry run. Raises
    RefusedError or InputError for a commit that is refused as a whole, ConflictError where an
    agent keeps writing the same inventory, and what the cluster raises.
    """
    if dry_run:
        return preview(world, commit_id).result
    return apply_once(world, commit_id, None, Driver(threading.Event())).result


def apply_once(world: World, commit_id: str, patience: Patience | None, driver: Driver) -> Applied:
    """Bring the cluster to a deploy commit, and wait until all of it is healthy; without `patience` do not.

    Whatever ends it early, the inventory in the cluster says afterwards what was done. Raises as
    `reconcile_once`.
    """
    once = _Once(world, patience, driver)
    try:
        return once.run(commit_id)
    finally:
        once.close()


class _Once:
    """One apply. All decisions are taken in the thread that runs it."""

    def __init__(self, world: World, patience: Patience | None, driver: Driver) -> None:
        self._world = world
        self._patience = patience
        self._driver = driver
        self._mailbox = Mailbox()
        self._reconciler = Reconciler(world, self._pause)
        self._healer = Healer(world, self._reconciler)
        self._reporter = Reporter(world)
        self._known = Known(
            lambda: self._reconciler.store.inventory.entries,
            self._reconciler.book,
            lambda: self._healer.left,
            self._reconciler.applier.versions,
        )
        self._observer = Observer(
            world, self._known, self._mailbox.put, lambda error: self._mailbox.put(Crash(error))
        )
        self._end = world.clock.monotonic() + patience.timeout if patience else float("inf")
        self._degraded: dict[ObjectId, float] = {}
        self._waiting = False
        self._failed: tuple[ObjectResult, ...] = ()

    def close(self) -> None:
        """End all threads; requests under way are waited for."""
        self._observer.stop()
        self._reconciler.close()

    def run(self, commit_id: str) -> Applied:
        """All of it."""
        prepare(self._world, self._pause)
        before = self._reporter.begin()
        self._healer.resume(before)
        result = self._persist(commit_id)
        ending = self._over() if result.interrupted else None
        if ending is None:
            ending = Ending.FAILED if result.failures else self._await_health()
        components = self._reconciler.book.components(self._reconciler.store.inventory.entries.values())
        applied = self._applied(result, ending, overall(components))
        self._report(before, applied, components)
        return applied

    def _persist(self, commit_id: str) -> ReconcileResult:
        """Reconcile and heal; again from the start where an agent wrote the inventory meanwhile."""
        for left in reversed(range(_TRIES)):
            self._reconciler.store.load()
            try:
                return self._heal(self._reconcile(commit_id))
            except ConflictError:
                if not left or not self._driver.leading():
                    raise
        raise AssertionError("unreachable")

    def _reconcile(self, commit_id: str) -> ReconcileResult:
        """Reconcile; what fails is tried again after a while, for what it needs may come by itself."""
        result, wait = self._reconciler.reconcile(commit_id), self._world.options.retry_first
        if result.again and not result.interrupted:
            result = _joined(result, self._reconciler.reconcile(commit_id))
        for _ in range(_AGAIN if self._patience else 0):
            self._failed = result.failures
            if not result.failures or result.interrupted or self._pause(wait):
                break
            wait *= 2
            result = _joined(result, self._reconciler.reconcile(commit_id))
        return result

    def _heal(self, result: ReconcileResult) -> ReconcileResult:
        """Put back what drifted before this apply began."""
        if result.interrupted:
            return result
        entries, written = self._reconciler.store.inventory.entries, self._reconciler.applier.versions
        drifts = {
            drift.key: drift
            for drift in current_drift(self._world, self._known)
            if entries[drift.key].settled
            and still_drifts(drift, entries[drift.key], written.get(drift.key, ""))
        }
        outcomes = self._reconciler.heal(
            [Healing(drift.key, drift.vanished, drift.scaled) for drift in drifts.values()]
        )
        self._healer.leave(outcomes, drifts)
        self._reconciler.store.save()
        return replace(result, results=(*result.results, *(each.result for each in outcomes)))

    def _await_health(self) -> Ending:
        """Wait until every object is healthy; what drifts meanwhile is healed."""
        self._waiting = True
        while self._patience and self._unwell():
            if self._pause(_STEP):
                return self._over() or Ending.DONE
        self._reconciler.store.save()
        return Ending.DONE

    def _pause(self, seconds: float) -> bool:
        """Let time pass; True when this apply is to end. Whoever waits needs the watches."""
        clock = self._world.clock
        end = clock.monotonic() + seconds
        while seconds:
            self._observer.follow()
            self._attend(max(min(end - clock.monotonic(), _STEP), 0))
            if clock.monotonic() >= end or self._over():
                break
        return self._over() is not None

    def _attend(self, seconds: float) -> None:
        """Take in what the watches say, waiting so long for it."""
        for message in self._mailbox.take(seconds):
            if isinstance(message, Crash):
                raise message.error
            if isinstance(message, Drift):
                self._healer.notice(message)
        if self._waiting:
            self._healer.heal()
        unwell = self._unwell()
        self._note_degraded(unwell)
        self._driver.tell(self._told(unwell))

    def _over(self) -> Ending | None:
        """Why this apply is to end now, None where it may go on."""
        if self._driver.stop.is_set():
            return Ending.INTERRUPTED
        if not self._driver.leading():
            return Ending.OVERTAKEN
        now, patience = self._world.clock.monotonic(), self._patience
        if patience and any(now - since >= patience.grace for since in self._degraded.values()):
            return Ending.DEGRADED
        return Ending.TIMED_OUT if now >= self._end else None

    def _note_degraded(self, unwell: Sequence[Unwell]) -> None:
        now = self._world.clock.monotonic()
        degraded = [each.id for each in unwell if each.found.health is Health.DEGRADED]
        self._degraded = {key: self._degraded.get(key, now) for key in degraded}

    def _unwell(self) -> tuple[Unwell, ...]:
        """What is applied as it is to be, and not healthy."""
        book = self._reconciler.book
        return tuple(
            Unwell(entry.id, found)
            for entry in self._reconciler.store.inventory.entries.values()
            if entry.settled and (found := book.of(entry)).health not in PASSED
        )

    def _told(self, unwell: Sequence[Unwell]) -> str:
        """Where this apply stands, as a line for people."""
        inventory = self._reconciler.store.inventory
        total, todo = len(inventory.entries), len(inventory.unsettled)
        if not total:
            return "looking at what is there …"
        if todo and not self._waiting:
            failed = f"; tried again: {self._failed[0]}" if self._failed else ""
            return f"applying: {total - todo} of {total} objects stand as they should{failed}"
        if not unwell:
            return f"waiting: {total} of {total} objects are healthy"
        first = unwell[0]
        reason = f"{first.found.health}: {first.found.reason}".removesuffix(": ")
        return f"waiting: {total - len(unwell)} of {total} objects are healthy; {first.id} is {reason}"

    def _applied(self, result: ReconcileResult, ending: Ending, health: Health) -> Applied:
        inventory = self._reconciler.store.inventory
        kept = {refusal.subject for refusal in result.refused}
        return Applied(
            result,
            ending,
            health,
            self._unwell(),
            tuple(sorted(key for key in inventory.unsettled if str(key) not in kept)),
        )

    def _report(
        self, before: EnvironmentStatus, applied: Applied, components: Mapping[str, Assessment]
    ) -> None:
        """Bring the status of the environment up to date; not where somebody else may act now."""
        if applied.ending is Ending.OVERTAKEN:
            return
        result, healer = applied.result, self._healer
        early = f"the apply ended before all was applied{_WHY.get(applied.ending, '')}"
        self._reporter.report(
            Situation(
                inventory=self._reconciler.store.inventory,
                applied=result.revision if result.succeeded else before.applied,
                lost=self._reconciler.store.lost,
                ended=True,
                trouble=early if result.interrupted and not result.waits else "",
                waits=result.waits,
                failures=result.failures,
                refused=result.refused,
                health=applied.health,
                components=components,
                left=tuple(healer.left.items()),
                healed=healer.healed,
                last_healed=healer.last,
                last_healed_at=healer.last_at,
            )
        )


def _joined(first: ReconcileResult, second: ReconcileResult) -> ReconcileResult:
    """Two reconciles to one commit as one: what failed at first is told by the second."""
    settled = tuple(each for each in first.results if each not in first.failures)
    return replace(second, results=(*settled, *second.results))
