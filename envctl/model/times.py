"""Points in time and durations as people write them. Both are whole seconds; points count from 1970."""

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LAST: Final = 253_402_300_799  # the end of 9999, in UTC
_DURATION = re.compile(r"(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,5})s)?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[-+][0-9]{2}:[0-9]{2})")


def parse_duration(text: str) -> int | None:
    """The seconds of ``90s``, ``30m``, ``2h`` or ``1d12h``; None for any other text."""
    found = _DURATION.fullmatch(text)
    if not text or not found:
        return None
    return sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS.values(), strict=True))


def duration_text(seconds: int) -> str:
    """Seconds as `parse_duration` reads them, in the largest units that fit: ``1d12h``, ``0s``."""
    parts = []
    for name, unit in _UNITS.items():
        number, seconds = divmod(seconds, unit)
        if number:
            parts.append(f"{number}{name}")
    return "".join(parts) or "0s"


def parse_time(text: str) -> int | None:
    """The point in time of an RFC 3339 text with its offset, to the second; None for any other text."""
    if not _TIME.fullmatch(text):
        return None
    try:
        seconds = int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds if seconds <= _LAST else None


def time_text(seconds: int, zone: tzinfo = UTC) -> str:
    """A point in time as RFC 3339, in UTC or another zone. Raises ValueError beyond the year 9999."""
    try:
        text = datetime.fromtimestamp(seconds, zone).isoformat()
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} seconds since 1970 is no time that has a date") from error
    return text.replace("+00:00", "Z") if zone is UTC else text
