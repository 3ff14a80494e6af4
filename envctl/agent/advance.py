"""Carry out the steps of a plan: each as soon as all that it needs is applied and healthy.

Inside the steps that may go, kinds go in their order, and nothing waits for health: only a custom
resource waits until its kind is served. What fails is tried again at the next reconcile, or here
while something else is waited for; it blocks nothing but the steps that need its step.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from envctl.agent.apply import Outcome
from envctl.agent.definitions import Definitions, Pause
from envctl.agent.desired import Target
from envctl.agent.healthbook import HealthBook
from envctl.agent.options import World
from envctl.agent.store import InventoryStore
from envctl.agent.tasks import Task
from envctl.errors import EnvctlError, UnavailableError
from envctl.model.health import PASSED
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, Wait
from envctl.model.status import Level
from envctl.planning.steps import Step
from envctl.planning.waves import kind_rank, step_of

# How often what is waited for is looked at again, in seconds.
_GLANCE = 0.1


@dataclass(frozen=True, slots=True)
class Means:
    """What the steps are carried out with.

    `send` applies tasks and records what came of them, and keeps the stored objects of definitions only;
    fewer outcomes than tasks mean that it was told to leave. `watch` is called before each look at health,
    with the objects that are waited for.
    """

    store: InventoryStore
    book: HealthBook
    send: Callable[[Iterable[Task]], list[Outcome]]
    pause: Pause
    watch: Callable[[Sequence[InventoryEntry]], None]


class Advance:
    """Applies what one plan wants."""

    def __init__(self, world: World, target: Target, means: Means) -> None:
        self._world = world
        self._steps = target.steps
        self._values = target.values
        self._means = means
        self._definitions = Definitions(world)
        self._open = {entry.id: entry for wave in target.plan.waves for entry in wave}
        self._failed: dict[ObjectId, Outcome] = {}
        self._members: Mapping[Step, Sequence[ObjectId]] | None = None
        self._culprits: dict[Step, ObjectId] = {}
        self._since: dict[Step, float] = {}
        self._retry_at: float | None = None
        self._retry_step = world.options.retry_first
        self._given_up: list[ObjectResult] = []
        self._results: dict[ObjectId, ObjectResult] = {}
        self.waits: tuple[Wait, ...] = ()
        self.blocked: frozenset[ObjectId] = frozenset()
        """The objects whose step cannot begin, while nothing is sent: what was applied before stands."""

    @property
    def results(self) -> tuple[ObjectResult, ...]:
        """What came of each object, in the order in which it came."""
        return (*self._results.values(), *self._given_up)

    def run(self) -> bool:
        """Apply what can be applied. Returns whether it was told to leave by `pause`.

        Raises UnavailableError where the cluster does not answer at all.
        """
        while not self._means.pause(0):
            ready = self._steps.ready({step_of(each) for each in self._open.values()}, self._finished)
            lot = self._lot(ready)
            if lot:
                if not self._send(lot):
                    return True
            elif self._definitions.pending:
                if self._means.pause(_GLANCE):
                    return True
                self._given_up += self._definitions.look()
            elif not self._wait(ready):
                return self._means.pause(0)
        return True

    def _lot(self, ready: frozenset[Step]) -> list[InventoryEntry]:
        """What goes next: all that may go and is first by its kind."""
        held = self._definitions.holds
        # As they stand now: what is healed meanwhile may have another UID, or none.
        now = self._means.store.inventory.entries
        able = [now[each.id] for each in self._open.values() if step_of(each) in ready and not held(each.id)]
        first = min((kind_rank(each.id) for each in able), default=0)
        lot = [each for each in able if kind_rank(each.id) == first]
        # Kinds load the server differently, so they are mixed: it then does two things at once.
        return sorted(lot, key=lambda each: (each.id.namespace, each.id.name))

    def _send(self, lot: Sequence[InventoryEntry]) -> bool:
        """Apply a lot. Returns whether all of it was sent."""
        self.blocked = frozenset()
        able = [each for each in lot if not self._definitions.fault(each.id)]
        outcomes = [self._hopeless(each) for each in lot if self._definitions.fault(each.id)]
        # One value at a time: all of them together take much more memory than the inventory.
        outcomes += self._means.send(Task(each, self._values[each.id], look=not each.uid) for each in able)
        for outcome in outcomes:
            key = outcome.task.entry.id
            self._open.pop(key, None)
            self._results[key] = outcome.result
            if outcome.entry is None:
                self._failed[key] = outcome
            elif outcome.live is not None:
                self._definitions.applied(outcome.task.entry, outcome.task.value, outcome.live)
        errors = [outcome.error for outcome in outcomes]
        if errors and all(isinstance(error, UnavailableError) for error in errors):
            raise UnavailableError(str(errors[0]), hint="the cluster does not answer; it is tried again")
        return len(outcomes) == len(lot)

    def _hopeless(self, entry: InventoryEntry) -> Outcome:
        reason = f"it waits for {self._definitions.fault(entry.id)}"
        return Outcome(Task(entry, {}), ObjectResult(entry.id, Action.FAILED, reason))

    def _finished(self, step: Step) -> bool:
        """Whether all of a step is applied and healthy."""
        return self._culprit(step) is None

    def _culprit(self, step: Step) -> ObjectId | None:
        """An object for which those have to wait who need this step."""
        known = self._culprits.get(step)
        if known is not None and self._hinders(known):
            return known
        self._culprits.pop(step, None)
        found = next((key for key in self._keys(step) if self._hinders(key)), None)
        if found is not None:
            self._culprits[step] = found
        return found

    def _hinders(self, key: ObjectId) -> bool:
        if key in self._failed or key in self._open:
            return True
        entry = self._means.store.inventory.entries.get(key)
        return entry is not None and not entry.leaving and self._means.book.of(entry).health not in PASSED

    def _keys(self, step: Step) -> Sequence[ObjectId]:
        if self._members is None:
            members: dict[Step, list[ObjectId]] = {}
            for key, entry in self._means.store.inventory.entries.items():
                if not entry.leaving:
                    members.setdefault(step_of(entry), []).append(key)
            self._members = members
        return self._members.get(step, ())

    def _wait(self, ready: frozenset[Step]) -> bool:
        """Wait a moment for health. False where there is nothing to wait for, or it is time to leave."""
        blocked = sorted({step_of(each) for each in self._open.values()} - ready)
        causes = {step: self._causes(step) for step in blocked}
        culprits = {key for keys in causes.values() for key in keys}
        self._tell(causes)
        unhealthy = [key for key in sorted(culprits) if key not in self._failed]
        if not unhealthy:
            return False
        entries = self._means.store.inventory.entries
        self.blocked = frozenset(key for key, each in self._open.items() if step_of(each) in causes)
        self._means.watch([entries[key] for key in unhealthy])
        self._retry()
        return not self._means.pause(_GLANCE)

    def _causes(self, step: Step) -> Sequence[ObjectId]:
        """The objects that a step waits for at last, one of each step that itself waits for nobody."""
        needed = self._steps.needed([step])
        free = self._steps.ready(needed, self._finished)
        return [key for each in needed if each in free and (key := self._culprit(each)) is not None]

    def _tell(self, causes: Mapping[Step, Sequence[ObjectId]]) -> None:
        """Keep who waits for whom, and say so where it is new or takes long."""
        now, longest = self._world.clock.monotonic(), self._world.options.health_wait
        self._since = {step: self._since.get(step, now) for step in causes}
        waits = tuple(
            Wait(str(step), self._reason(keys), now - self._since[step] >= longest)
            for step, keys in causes.items()
        )
        for wait in waits:
            if wait not in self.waits:
                level = Level.WARNING if wait.stalled else Level.INFO
                self._world.say(level, f"{wait}{' (for long)' if wait.stalled else ''}")
        self.waits = waits

    def _reason(self, keys: Sequence[ObjectId]) -> str:
        first = keys[0]
        entry = self._means.store.inventory.entries[first]
        more = f", and for {len(keys) - 1} more" if len(keys) > 1 else ""
        if first in self._failed:
            return f"{step_of(entry)}: {self._failed[first].result}{more}"
        found = self._means.book.of(entry)
        why = f": {found.reason}" if found.reason else ""
        return f"{step_of(entry)}: {first} is {found.health}{why}{more}"

    def _retry(self) -> None:
        """Give what failed another try, after a while that doubles each time."""
        now, options = self._world.clock.monotonic(), self._world.options
        if not self._failed:
            self._retry_at = None
        elif self._retry_at is None:
            self._retry_at = now + self._retry_step
        elif now >= self._retry_at:
            self._retry_at = None
            self._retry_step = min(2 * self._retry_step, options.retry_most)
            self._open |= {key: each.task.entry for key, each in self._failed.items()}
            self._failed.clear()


def poll(world: World, book: HealthBook) -> Callable[[Iterable[InventoryEntry]], None]:
    """Learns the health of what is waited for by reading it, for those who have no watches; not too often."""
    due = 0.0

    def look(entries: Iterable[InventoryEntry]) -> None:
        nonlocal due
        now = world.clock.monotonic()
        if now < due:
            return
        due = now + 2 * _GLANCE
        for entry in entries:
            with suppress(EnvctlError):  # it is asked again
                before = book.version(entry.id)
                kind = world.cluster.resource_type(entry.id.group, entry.id.kind)
                live = world.cluster.get(kind, entry.id.namespace, entry.id.name) if kind else None
                if live is None:
                    book.gone(entry.id, before=before)
                else:
                    book.note(entry.id, live, before)

    return look
