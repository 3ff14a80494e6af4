"""Fights: an object that somebody else changes again each time that it was healed.

Each object has a budget of heals. It is large, so that a person or a script that changes an object over
and over never waits for a heal; a loop of two machines empties it in seconds. Then the object is left alone
for a while, each time for longer, and comes back with a small budget (ADR 0011).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from envctl.model.objects import ObjectId

MINUTE = 60.0
HEALS_A_MINUTE = 5
"""More than so many within a minute are told as a fight (Config Sync's KNV2005)."""

BUDGET, AFTER_TRUCE = 240.0, 5.0
# So slowly that no pace gets by: at one a second a loop of that pace was healed 3,600 times an hour.
_A_SECOND, _A_SECOND_AFTER_TRUCE = 0.1, 0.05
_FIRST_TRUCE, _LONGEST_TRUCE = 10.0, 300.0
_FORGOTTEN = 600.0


class Fight(StrEnum):
    """What one more heal means. BEGUN is told once in a fight, TRUCE each time that one begins."""

    NONE = "none"
    BEGUN = "begun"
    TRUCE = "truce"


@dataclass(slots=True)
class _Record:
    """The last heals of one object, what is left of its budget, and how often it was left alone."""

    budget: float = BUDGET
    heals: deque[float] = field(default_factory=lambda: deque(maxlen=HEALS_A_MINUTE + 1))
    fought: bool = False
    truces: int = 0
    until: float = 0.0
    manager: str = ""

    def refill(self, now: float) -> None:
        """What came back since the last heal."""
        passed = now - self.heals[-1] if self.heals else 0.0
        rate, most = (_A_SECOND_AFTER_TRUCE, AFTER_TRUCE) if self.truces else (_A_SECOND, BUDGET)
        self.budget = min(self.budget + rate * passed, most)


class Fights:
    """Counts heals, and says when an object is left alone. Times are monotonic, in seconds."""

    def __init__(self) -> None:
        self._records: dict[ObjectId, _Record] = {}

    def healed(self, key: ObjectId, manager: str, now: float) -> Fight:
        """Note a heal."""
        record = self._records.setdefault(key, _Record())
        record.refill(now)
        record.budget -= 1
        record.heals.append(now)
        record.manager = manager or record.manager
        often = len(record.heals) > HEALS_A_MINUTE and now - record.heals[0] <= MINUTE
        if record.budget < 1:
            record.until = now + min(_FIRST_TRUCE * 2.0 ** min(record.truces, 16), _LONGEST_TRUCE)
            record.truces, record.fought, record.budget = record.truces + 1, True, AFTER_TRUCE
            return Fight.TRUCE
        begun = often and not record.fought
        record.fought = record.fought or often
        return Fight.BEGUN if begun else Fight.NONE

    def waits_until(self, key: ObjectId, now: float) -> float | None:
        """When the object may be healed again; None for at once."""
        record = self._records.get(key)
        return record.until if record and record.until > now else None

    def running(self, now: float) -> Mapping[ObjectId, str]:
        """The objects that are fought over, each with the manager that was seen last."""
        self._forget(now)
        return {key: record.manager for key, record in self._records.items() if record.fought}

    def _forget(self, now: float) -> None:
        over = [
            key
            for key, record in self._records.items()
            if now > max(record.until, *record.heals, 0.0) + (_FORGOTTEN if record.truces else MINUTE)
        ]
        for key in over:
            del self._records[key]
