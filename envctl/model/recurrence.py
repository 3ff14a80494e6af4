"""Recurrence rules (RFC 5545, 3.3.10) by the clocks of a time zone: what they may be, and when they start.

Rules are read by python-dateutil, which goes on from the first start, one period after the other, until it
finds one. So that no rule takes long: periods are days or longer, counts and times of a day are
bounded, rules without a count are entered near the time asked about, and dates are moved to
the last centuries that Python knows. There a rule that never comes back ends soon; the calendar, with its
weekdays, is the same every 400 years.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from envctl.model.times import time_text

FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
MAX_COUNT: Final = 10_000
MAX_TIMES_A_DAY: Final = 24
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2399
_SHIFT: Final = 7600  # a multiple of 400: the year 2399 becomes 9999
_DAY = timedelta(days=1)
_DAYS = {"DAILY": 1, "WEEKLY": 7}
_RANGES: Final = {
    "INTERVAL": (1, 1000),
    "COUNT": (1, MAX_COUNT),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
}
PARTS: Final = ("FREQ", "UNTIL", "WKST", "BYDAY", *_RANGES)
# RFC 5545, page 44: parts that make no sense in a period, or that are only for longer ones.
_MISPLACED: Final = {
    "BYWEEKNO": {"DAILY", "WEEKLY", "MONTHLY"},
    "BYYEARDAY": {"DAILY", "WEEKLY", "MONTHLY"},
    "BYMONTHDAY": {"WEEKLY"},
}
_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?")
_UNTIL = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_NUMBER = re.compile(r"[+-]?[0-9]{1,5}")
_WEEKDAY = re.compile(r"(?P<n>[+-]?[0-9]{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
# Not the same on every machine, or with leap seconds, which Git's times do not have.
_NO_ZONES = re.compile(r"(?:right|posix)/.*|localtime|posixrules|Factory")


class RecurrenceError(ValueError):
    """A rule, start or time zone that cannot be used. `key` names which; `hint` says what to write."""

    def __init__(self, key: str, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.key = key
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True)
class _Recurrence:
    """A rule that was read; dates are in the moved calendar, by the wall clock of the zone."""

    parts: Mapping[str, str]
    start: datetime
    until: datetime | None
    zone: tzinfo


def recurrence_problems(rule: str, start: str, timezone: str) -> tuple[RecurrenceError, ...]:
    """What cannot be used, one error a key; also of a rule that never has a start."""
    checks = ((_parts, rule), (_parse_start, start), (find_zone, timezone))
    found = [error for check, text in checks if (error := _error_of(check, text))]
    error = None if found else _error_of(_require_some, rule, start, timezone)
    return (*found, error) if error else tuple(found)


def _error_of(check: Callable[..., object], *texts: str) -> RecurrenceError | None:
    try:
        check(*texts)
    except RecurrenceError as error:
        return error
    return None


def _require_some(rule: str, start: str, timezone: str) -> None:
    recurrence = _read(rule, start, timezone)
    if next(_walls(recurrence, recurrence.start), None) is None:
        raise RecurrenceError("rule", "the rule never has a start", "correct it, or remove the window")


def starts(rule: str, start: str, timezone: str, since: int, upto: int) -> Iterator[int]:
    """Every start from `since` to `upto` (both included, seconds since 1970), oldest first.

    A start in the hour that is skipped in spring counts from what the clock would have shown
    before; of an hour that comes twice, the first one (RFC 5545, 3.3.5). Raises RecurrenceError.
    """
    recurrence = _read(rule, start, timezone)
    first = _wall(since, recurrence.zone) - _DAY
    last = _wall(upto, recurrence.zone) + _DAY
    for wall in _walls(recurrence, first):
        if wall > last:
            return
        at = int(_real(wall).replace(tzinfo=recurrence.zone).timestamp())
        if since <= at <= upto:
            yield at


def local_text(seconds: int, timezone: str) -> str:
    """A point in time by the clocks of a time zone. Raises RecurrenceError for an unknown one."""
    return f"{time_text(seconds, find_zone(timezone))} ({timezone})"


@lru_cache(maxsize=64)
def find_zone(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises RecurrenceError."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  most repositories have no windows

    if _ZONE.fullmatch(name) and not _NO_ZONES.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise RecurrenceError("timezone", f"there is no time zone {name}", _near_zone(name))


def _near_zone(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415
    from zoneinfo import available_timezones  # noqa: PLC0415

    near = get_close_matches(name, sorted(available_timezones()), n=1, cutoff=0.7)
    return f"did you mean `{near[0]}`?" if near else "use a name such as Europe/Zurich or UTC"


def _walls(recurrence: _Recurrence, since: datetime) -> Iterator[datetime]:
    """Starts in the moved calendar: all that are not before `since`, and perhaps some that are."""
    from dateutil.rrule import rrulestr  # noqa: PLC0415  most repositories have no windows

    text = ";".join(f"{key}={value}" for key, value in recurrence.parts.items() if key != "UNTIL")
    rule = rrulestr(text, dtstart=_entry(recurrence, since))
    for wall in rule:
        if recurrence.until is not None and wall > recurrence.until:
            return
        if wall >= since:
            yield wall


def _entry(recurrence: _Recurrence, since: datetime) -> datetime:
    """Where to begin: at the start, or at a later period that a rule without a count goes through as well."""
    days = _DAYS.get(recurrence.parts["FREQ"], 0) * int(recurrence.parts.get("INTERVAL", "1"))
    if not days or "COUNT" in recurrence.parts:
        return recurrence.start
    periods = (since - recurrence.start).days // days - 1
    return recurrence.start + timedelta(days=days * max(0, periods))


@lru_cache(maxsize=256)
def _read(rule: str, start: str, timezone: str) -> _Recurrence:
    parts = _parts(rule)
    zone = find_zone(timezone)
    until = _until(parts["UNTIL"], zone) if "UNTIL" in parts else None
    # The default of the standard; dateutil's is whatever the process has set.
    return _Recurrence({"WKST": "MO", **parts}, _moved(_parse_start(start)), until, zone)


def _parse_start(text: str) -> datetime:
    if _START.fullmatch(text):
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise RecurrenceError("start", f"{text} is no date and time of the calendar") from error
        if FIRST_YEAR <= found.year <= LAST_YEAR:
            return found
        raise RecurrenceError("start", f"the year must be {FIRST_YEAR} to {LAST_YEAR}, is {found.year}")
    raise RecurrenceError(
        "start",
        f"{text} is no date and time by the wall clock",
        "write it without an offset, as 2026-01-02T16:00: `timezone` says whose clock it is",
    )


def _until(text: str, zone: tzinfo) -> datetime:
    if not _UNTIL.fullmatch(text):
        hint = "write it as 20261231T230000Z, as RFC 5545 has it for a start in a time zone"
        raise RecurrenceError("rule", f"UNTIL must be in UTC, is {text}", hint)
    try:
        found = datetime.fromisoformat(text)
        return _moved(found.astimezone(zone).replace(tzinfo=None))
    except (ValueError, OverflowError) as error:
        raise RecurrenceError("rule", f"UNTIL={text} is no date and time that can be used") from error


def _parts(rule: str) -> dict[str, str]:
    """The parts of a rule, checked one by one and together."""
    parts: dict[str, str] = {}
    for each in rule.split(";"):
        key, equals, value = each.partition("=")
        if not equals or key not in PARTS:
            hint = f"parts: {', '.join(PARTS)}, divided by `;`"
            raise RecurrenceError("rule", f"`{each}` is no part of a recurrence rule", hint)
        if key in parts:
            raise RecurrenceError("rule", f"the part {key} is given twice", "keep one of them")
        parts[key] = value
        _check_value(key, value)
    _check_together(parts)
    return parts


def _check_value(key: str, value: str) -> None:
    if key in _RANGES:
        low, high = _RANGES[key]
        listed = value.split(",") if key.startswith("BY") else [value]
        for each in listed:
            if not _NUMBER.fullmatch(each) or not low <= int(each) <= high or (low < 0 and int(each) == 0):
                wanted = f"from {low} to {high}" + (", and not 0" if low < 0 else "")
                raise RecurrenceError("rule", f"{key} must be {wanted}, is {each}")
    elif key == "BYDAY" and not all(_WEEKDAY.fullmatch(each) for each in value.split(",")):
        hint = "write days as MO, TU, WE, TH, FR, SA, SU; 1FR is the first Friday, -1FR the last one"
        raise RecurrenceError("rule", f"BYDAY={value} names no days", hint)
    elif key == "WKST" and value not in {"MO", "TU", "WE", "TH", "FR", "SA", "SU"}:
        raise RecurrenceError("rule", f"WKST={value} is no day", "write it as MO or SU")
    elif key == "FREQ" and value not in FREQUENCIES:
        hint = "for several times a day, write FREQ=DAILY;BYHOUR=8,12,16"
        raise RecurrenceError("rule", f"FREQ must be one of {', '.join(FREQUENCIES)}, is {value}", hint)


def _check_together(parts: Mapping[str, str]) -> None:
    if "FREQ" not in parts:
        raise RecurrenceError("rule", "the part FREQ is missing", f"FREQ is one of {', '.join(FREQUENCIES)}")
    frequency = parts["FREQ"]
    if "COUNT" in parts and "UNTIL" in parts:
        raise RecurrenceError("rule", "COUNT and UNTIL exclude each other", "keep one of them")
    for key, misplaced in _MISPLACED.items():
        if key in parts and frequency in misplaced:
            raise RecurrenceError("rule", f"{key} cannot be used with FREQ={frequency}")
    numbered = any(
        found["n"] for each in parts.get("BYDAY", "").split(",") if (found := _WEEKDAY.fullmatch(each))
    )
    if numbered and (frequency in _DAYS or "BYWEEKNO" in parts):
        reason = "days with a number need FREQ=MONTHLY, or FREQ=YEARLY without BYWEEKNO"
        raise RecurrenceError("rule", reason)
    if "BYSETPOS" in parts and not any(key.startswith("BY") and key != "BYSETPOS" for key in parts):
        raise RecurrenceError("rule", "BYSETPOS needs another BY… part to choose from")
    times = len(parts.get("BYHOUR", "").split(",")) * len(parts.get("BYMINUTE", "").split(","))
    if times > MAX_TIMES_A_DAY:
        raise RecurrenceError("rule", f"{times} starts a day are more than {MAX_TIMES_A_DAY}")


def _wall(seconds: int, zone: tzinfo) -> datetime:
    """What the clocks of a zone show, in the moved calendar."""
    try:
        return _moved(datetime.fromtimestamp(seconds, UTC).astimezone(zone).replace(tzinfo=None))
    except (OverflowError, OSError, ValueError) as error:
        raise RecurrenceError("", f"{seconds} seconds since 1970 is no time that can be judged") from error


def _moved(wall: datetime) -> datetime:
    if wall.year > LAST_YEAR:
        raise ValueError(f"the year {wall.year} is later than {LAST_YEAR}")
    return wall.replace(year=wall.year + _SHIFT)


def _real(wall: datetime) -> datetime:
    return wall.replace(year=wall.year - _SHIFT, fold=0)
