"""Fights: an object that somebody else changes again each time that it was healed."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from envctl.model.objects import ObjectId

MINUTE = 60.0
HEALS_A_MINUTE = 5
_FIRST_TRUCE, _LONGEST_TRUCE = 10.0, 300.0
_FORGOTTEN = 600.0


@dataclass(slots=True)
class _Record:
    """The heals of one object, newest last, and how often it was left alone for a while."""

    heals: deque[float] = field(default_factory=lambda: deque(maxlen=HEALS_A_MINUTE + 1))
    truces: int = 0
    until: float = 0.0
    manager: str = ""


class Fights:
    """Counts heals. Heals are immediate until there are more than five a minute of one object."""

    def __init__(self) -> None:
        self._records: dict[ObjectId, _Record] = {}

    def healed(self, key: ObjectId, manager: str, now: float) -> bool:
        """Note a heal. Returns whether the object is left alone for a while from now on."""
        record = self._records.setdefault(key, _Record())
        record.heals.append(now)
        record.manager = manager or record.manager
        often = len(record.heals) > HEALS_A_MINUTE and now - record.heals[0] <= MINUTE
        if often:
            record.until = now + min(_FIRST_TRUCE * 2**record.truces, _LONGEST_TRUCE)
            record.truces += 1
            record.heals.clear()
        return often

    def waits_until(self, key: ObjectId, now: float) -> float | None:
        """When the object may be healed again; None for at once."""
        record = self._records.get(key)
        return record.until if record and record.until > now else None

    def running(self, now: float) -> Mapping[ObjectId, str]:
        """The objects that are fought over, each with the manager that was seen last."""
        self._forget(now)
        return {key: record.manager for key, record in self._records.items() if record.truces}

    def _forget(self, now: float) -> None:
        over = [
            key
            for key, record in self._records.items()
            if now > max(record.until, *record.heals, 0.0) + (_FORGOTTEN if record.truces else MINUTE)
        ]
        for key in over:
            del self._records[key]
