"""Heal: put drift back at once, except where somebody else keeps changing the same object."""

import operator
from collections.abc import Container, Iterable, Mapping

from envctl.agent.apply import Outcome
from envctl.agent.fights import Fight, Fights
from envctl.agent.observe import Drift, still_drifts
from envctl.agent.options import World
from envctl.agent.reconcile import Healing, Reconciler
from envctl.errors import ConflictError, EnvctlError
from envctl.model.keeping import DriftPolicy
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult
from envctl.model.status import EnvironmentStatus, Level
from envctl.planning.fields import has_field

VANISHED = "deleted, or its label taken"
_SHOWN = 3


class Healer:
    """Knows the drift that was noticed and not yet put back. Belongs to the thread that decides."""

    def __init__(self, world: World, reconciler: Reconciler) -> None:
        self._world = world
        self._reconciler = reconciler
        self._drifts: dict[ObjectId, Drift] = {}
        self._fresh: dict[ObjectId, None] = {}  # those that were not judged yet
        self._basis: tuple[object, object] = (None, None)  # what the others were judged by
        self._truces: dict[ObjectId, float] = {}  # those that wait for a fight to calm, and until when
        self._fights = Fights()
        self._failing: dict[ObjectId, ObjectResult] = {}
        self.left: Mapping[ObjectId, str] = {}  # drift that is not healed; replaced, never changed
        self.healed = 0
        self.last = ""
        self.last_at = ""

    def resume(self, status: EnvironmentStatus) -> None:
        """Count on from what was reported last."""
        self.healed, self.last, self.last_at = status.healed, status.last_healed, status.last_healed_at

    def notice(self, drift: Drift) -> None:
        """Remember the newest drift of an object."""
        self._drifts[drift.key] = drift
        self._fresh[drift.key] = None

    def heal(self) -> tuple[ObjectResult, ...]:
        """Put back what may be put back now. Returns what failed; it is left to the next reconcile.

        Raises ConflictError where an object is gone and somebody else wrote the inventory: it may
        have been pruned, and must not come back.
        """
        keys = self._to_judge()
        wanted, waiting = self._sorted(keys)
        over = set(keys) - {each.key for each in wanted} - waiting
        if over & self.left.keys():
            self.left = {key: cause for key, cause in self.left.items() if key not in over}
        if any(drift.vanished for drift in wanted) and not self._is_current():
            raise ConflictError("somebody else wrote the inventory meanwhile")
        self._judged(keys, waiting)
        if not wanted:
            return ()
        outcomes = self._reconciler.heal(
            [Healing(drift.key, drift.vanished, drift.scaled) for drift in wanted]
        )
        self._note(outcomes, {drift.key: drift for drift in wanted})
        return tuple(each.result for each in outcomes if each.result.action is Action.FAILED)

    def leave(self, outcomes: Iterable[Outcome], drifts: Mapping[ObjectId, Drift]) -> None:
        """Take in what was not healed on purpose, where somebody else has tried."""
        for outcome in outcomes:
            if outcome.result.action is Action.SKIPPED:
                self._note_left(outcome, drifts[outcome.result.id])

    def failing(self) -> tuple[ObjectResult, ...]:
        """What could not be put back, and was not applied since either."""
        entries = self._reconciler.store.inventory.entries
        known = self._failing.items()
        self._failing = {key: each for key, each in known if key in entries and not entries[key].settled}
        return tuple(self._failing.values())

    def next_due(self) -> float | None:
        """When an object that is left alone may be healed again, in monotonic seconds."""
        return min(self._truces.values(), default=None)

    def fights(self) -> Mapping[ObjectId, str]:
        """The objects that are fought over, with the manager that was seen last."""
        return self._fights.running(self._world.clock.monotonic())

    def _is_current(self) -> bool:
        try:
            return self._reconciler.store.is_current()
        except EnvctlError:  # then healing fails too, and says why
            return True

    def _to_judge(self) -> list[ObjectId]:
        """The drift that is new; all, where what the rest waits for may have come.

        While thousands of objects are applied, the watches tell of each of them. All these wait until that is
        over, and are not judged again with each one that comes.
        """
        same = all(map(operator.is_, self._basis, self._judged_by()))
        due = self.next_due()
        calm = due is not None and due <= self._world.clock.monotonic()
        return list(self._fresh if same and not calm else self._drifts)

    def _judged(self, keys: Iterable[ObjectId], waiting: Container[ObjectId]) -> None:
        now = self._world.clock.monotonic()
        for key in keys:
            self._truces.pop(key, None)
            if key not in waiting:
                del self._drifts[key]
            elif (until := self._fights.waits_until(key, now)) is not None:
                self._truces[key] = until
        self._fresh.clear()
        self._basis = self._judged_by()

    def _judged_by(self) -> tuple[object, object]:
        """What decides whether drift waits, besides fights. Where it changes, it is another object."""
        return self._reconciler.store.inventory.entries, self._reconciler.blocked

    def _sorted(self, keys: Iterable[ObjectId]) -> tuple[list[Drift], set[ObjectId]]:
        """What is to be healed now, and what waits: for a reconcile that is at it, or for a fight to calm."""
        now = self._world.clock.monotonic()
        entries, written = self._reconciler.store.inventory.entries, self._reconciler.applier.versions
        wanted: list[Drift] = []
        waiting: set[ObjectId] = set()
        for key in keys:
            drift, entry = self._drifts[key], entries.get(key)
            if entry is None or entry.leaving or not still_drifts(drift, entry, written.get(key, "")):
                continue
            busy = not entry.settled and key not in self._reconciler.blocked
            if busy or self._fights.waits_until(key, now) is not None:
                waiting.add(key)
            else:
                wanted.append(drift)
        return wanted, waiting

    def _note(self, outcomes: Iterable[Outcome], drifts: Mapping[ObjectId, Drift]) -> None:
        for outcome in outcomes:
            drift, action = drifts[outcome.result.id], outcome.result.action
            self._failing.pop(drift.key, None)
            if action is Action.SKIPPED:
                self._note_left(outcome, drift)
            elif action is Action.FAILED:
                self._failing[drift.key] = outcome.result
                self._world.say(Level.WARNING, f"not healed: {outcome.result}", object=str(drift.key))
            elif action is not Action.UNCHANGED:
                self._note_healed(outcome, drift)

    def _note_left(self, outcome: Outcome, drift: Drift) -> None:
        """Tell drift that is not healed, once, unless it is to be ignored."""
        if outcome.result.reason == DriftPolicy.IGNORE:
            return
        cause = _cause(outcome, drift)
        if self.left.get(drift.key) != cause:
            self._world.say(
                Level.WARNING,
                f"{drift.key} is {cause}, and is not healed (drift: warn)",
                object=str(drift.key),
                manager=drift.manager,
            )
        self.left = {**self.left, drift.key: cause}

    def _note_healed(self, outcome: Outcome, drift: Drift) -> None:
        clock, key, cause = self._world.clock, drift.key, _cause(outcome, drift)
        self.healed += 1
        self.last, self.last_at = f"{key} ({cause})", clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        self._world.say(Level.INFO, f"healed {key}: {cause}", object=str(key), manager=drift.manager)
        fight = self._fights.healed(key, drift.manager, clock.monotonic())
        if fight is Fight.NONE:
            return
        who = drift.manager or "somebody"
        then = "it is left alone for a while" if fight is Fight.TRUCE else "it is healed each time"
        self._world.say(
            Level.WARNING,
            f"{who} keeps changing {key}{_fields(outcome, drift)}: {then}",
            object=str(key),
            manager=drift.manager,
        )


def _cause(outcome: Outcome, drift: Drift) -> str:
    if drift.vanished:
        return VANISHED
    return f"changed by {drift.manager or 'somebody'}{_fields(outcome, drift)}"


def _fields(outcome: Outcome, drift: Drift) -> str:
    """Which fields of ours the other manager has now, in brackets; "" where that cannot be told."""
    taken = [path for path in drift.paths if has_field(outcome.task.value, path)]
    more = f" and {len(taken) - _SHOWN} more" if len(taken) > _SHOWN else ""
    return f" ({', '.join(taken[:_SHOWN])}{more})" if taken else ""
