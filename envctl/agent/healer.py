"""Heal: put drift back at once, except where somebody else keeps changing the same object."""

from collections.abc import Iterable, Mapping

from envctl.agent.apply import Outcome
from envctl.agent.fights import Fights
from envctl.agent.observe import Drift, still_drifts
from envctl.agent.options import World
from envctl.agent.reconcile import Healing, Reconciler
from envctl.errors import ConflictError, EnvctlError
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult
from envctl.model.status import EnvironmentStatus, Level

VANISHED = "deleted, or its label taken"


class Healer:
    """Knows the drift that was noticed and not yet put back. Belongs to the thread that decides."""

    def __init__(self, world: World, reconciler: Reconciler) -> None:
        self._world = world
        self._reconciler = reconciler
        self._drifts: dict[ObjectId, Drift] = {}
        self._fights = Fights()
        self.healed = 0
        self.last = ""
        self.last_at = ""

    def resume(self, status: EnvironmentStatus) -> None:
        """Count on from what was reported last."""
        self.healed, self.last, self.last_at = status.healed, status.last_healed, status.last_healed_at

    def notice(self, drift: Drift) -> None:
        """Remember the newest drift of an object."""
        self._drifts[drift.key] = drift

    def heal(self) -> tuple[ObjectResult, ...]:
        """Put back what may be put back now. Returns what failed; it is left to the next reconcile.

        Raises ConflictError where an object is gone and somebody else wrote the inventory: it may
        have been pruned, and must not come back.
        """
        wanted, waiting = self._sorted()
        if any(drift.vanished for drift in wanted) and not self._is_current():
            raise ConflictError("somebody else wrote the inventory meanwhile")
        self._drifts = waiting
        if not wanted:
            return ()
        outcomes = self._reconciler.heal([Healing(drift.key, drift.vanished) for drift in wanted])
        self._note(outcomes, {drift.key: drift for drift in wanted})
        return tuple(each.result for each in outcomes if each.result.action is Action.FAILED)

    def next_due(self) -> float | None:
        """When an object that is left alone may be healed again, in monotonic seconds."""
        now = self._world.clock.monotonic()
        times = (self._fights.waits_until(key, now) for key in self._drifts)
        return min((time for time in times if time is not None), default=None)

    def fights(self) -> Mapping[ObjectId, str]:
        """The objects that are fought over, with the manager that was seen last."""
        return self._fights.running(self._world.clock.monotonic())

    def _is_current(self) -> bool:
        try:
            return self._reconciler.store.is_current()
        except EnvctlError:  # then healing fails too, and says why
            return True

    def _sorted(self) -> tuple[list[Drift], dict[ObjectId, Drift]]:
        """What is to be healed now, and what waits: for a reconcile that is at it, or for a fight to calm."""
        now = self._world.clock.monotonic()
        entries, written = self._reconciler.store.inventory.entries, self._reconciler.applier.versions
        wanted: list[Drift] = []
        waiting: dict[ObjectId, Drift] = {}
        for key, drift in self._drifts.items():
            entry = entries.get(key)
            if entry is None or entry.leaving or not still_drifts(drift, entry, written.get(key, "")):
                continue
            if not entry.settled or self._fights.waits_until(key, now) is not None:
                waiting[key] = drift
            else:
                wanted.append(drift)
        return wanted, waiting

    def _note(self, outcomes: Iterable[Outcome], drifts: Mapping[ObjectId, Drift]) -> None:
        clock = self._world.clock
        for outcome in outcomes:
            key = outcome.result.id
            drift = drifts[key]
            if outcome.result.action is Action.UNCHANGED:
                continue
            cause = VANISHED if drift.vanished else f"changed by {drift.manager or 'somebody'}"
            if outcome.result.action is Action.FAILED:
                self._world.say(Level.WARNING, f"not healed: {outcome.result}", object=str(key))
                continue
            self.healed += 1
            self.last, self.last_at = f"{key} ({cause})", clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            self._world.say(Level.INFO, f"healed {key}: {cause}", object=str(key), manager=drift.manager)
            if self._fights.healed(key, drift.manager, clock.monotonic()):
                who = drift.manager or "somebody"
                self._world.say(
                    Level.WARNING,
                    f"{who} keeps changing {key}: it is healed less often now",
                    object=str(key),
                    manager=drift.manager,
                )
