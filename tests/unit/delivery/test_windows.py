"""Recurring windows: when they are open, what is refused, and how much work a rule can make."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.delivery.windows import OpenWindow, open_window
from envctl.model.gates import Window
from envctl.model.recurrence import RecurrenceError, recurrence_problems, starts
from envctl.model.times import duration_text, parse_duration, parse_time, time_text

ZURICH = "Europe/Zurich"
WEEKEND = Window("FREQ=WEEKLY;BYDAY=FR", "2026-01-02T16:00", 62 * 3600, ZURICH, "weekend")


def at(text: str) -> int:
    seconds = parse_time(text)
    assert seconds is not None
    return seconds


OPEN = {
    # name: (window, time, the end of the window that is open then)
    "a weekend has not begun on Friday at noon": (WEEKEND, "2026-03-06T12:00:00+01:00", None),
    "it is open from its very start": (WEEKEND, "2026-03-06T16:00:00+01:00", "2026-03-09T06:00:00+01:00"),
    "a second before it is not": (WEEKEND, "2026-03-06T15:59:59+01:00", None),
    "it is open to its last second": (
        WEEKEND,
        "2026-03-09T05:59:59+01:00",
        "2026-03-09T06:00:00+01:00",
    ),
    "at its end it is closed": (WEEKEND, "2026-03-09T06:00:00+01:00", None),
    "clocks go forward in it: it lasts as long, and ends an hour later by them": (
        WEEKEND,
        "2026-03-29T12:00:00+02:00",
        "2026-03-30T07:00:00+02:00",
    ),
    "clocks go back in it": (WEEKEND, "2026-10-25T12:00:00+01:00", "2026-10-26T05:00:00+01:00"),
    "in summer it starts at the same time of the day": (
        WEEKEND,
        "2026-07-03T16:00:00+02:00",
        "2026-07-06T06:00:00+02:00",
    ),
    "nothing before the first start": (WEEKEND, "2025-12-26T17:00:00+01:00", None),
    "a start in the hour that is skipped counts from the time before": (
        Window("FREQ=DAILY", "2026-03-01T02:30", 3600, ZURICH),
        "2026-03-29T03:30:00+02:00",
        "2026-03-29T04:30:00+02:00",
    ),
    "of an hour that comes twice the first one counts": (
        Window("FREQ=DAILY", "2026-03-01T02:30", 3600, ZURICH),
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
    ),
    "and not the second one": (
        Window("FREQ=DAILY", "2026-03-01T02:30", 3600, ZURICH),
        "2026-10-25T02:30:00+01:00",
        None,
    ),
    "COUNT ends a rule": (
        Window("FREQ=DAILY;COUNT=2", "2026-01-01T00:00", 3600, "UTC"),
        "2026-01-03T00:10:00Z",
        None,
    ),
    "the last of COUNT is one": (
        Window("FREQ=DAILY;COUNT=2", "2026-01-01T00:00", 3600, "UTC"),
        "2026-01-02T00:10:00Z",
        "2026-01-02T01:00:00Z",
    ),
    "UNTIL is included": (
        Window("FREQ=DAILY;UNTIL=20260102T230000Z", "2026-01-01T00:00", 3600, ZURICH),
        "2026-01-03T00:10:00+01:00",
        "2026-01-03T01:00:00+01:00",
    ),
    "UNTIL ends a rule": (
        Window("FREQ=DAILY;UNTIL=20260102T225959Z", "2026-01-01T00:00", 3600, ZURICH),
        "2026-01-03T00:10:00+01:00",
        None,
    ),
    "every second week, counted from the start": (
        Window("FREQ=WEEKLY;INTERVAL=2", "2020-01-06T00:00", 3600, "UTC"),
        "2026-01-05T00:00:00Z",
        None,
    ),
    "the other week": (
        Window("FREQ=WEEKLY;INTERVAL=2", "2020-01-06T00:00", 3600, "UTC"),
        "2026-01-12T00:00:00Z",
        "2026-01-12T01:00:00Z",
    ),
    "the last working day of a month": (
        Window("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-01-01T08:00", 86400, "UTC"),
        "2026-05-29T09:00:00Z",
        "2026-05-30T08:00:00Z",
    ),
    "the end of the year, in the next one": (
        Window("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=20", "2025-12-20T00:00", 15 * 86400, "UTC"),
        "2027-01-01T00:00:00Z",
        "2027-01-04T00:00:00Z",
    ),
    "a leap day": (
        Window("FREQ=YEARLY", "1972-02-29T00:00", 86400, "UTC"),
        "2028-02-29T12:00:00Z",
        "2028-03-01T00:00:00Z",
    ),
    "starts that overlap: the newest counts": (
        Window("FREQ=DAILY;BYHOUR=0,6", "2026-01-01T00:00", 12 * 3600, "UTC"),
        "2026-01-05T07:00:00Z",
        "2026-01-05T18:00:00Z",
    ),
}


@pytest.mark.parametrize(("window", "time", "ends"), OPEN.values(), ids=OPEN)
def test_windows_are_open_when_their_rule_says_so(window: Window, time: str, ends: str | None) -> None:
    """By the wall clock for the start, in real time for the duration."""
    expected = None if ends is None else OpenWindow(window, at(ends))
    assert open_window((window,), at(time)) == expected


def test_of_several_open_windows_the_one_that_ends_last_is_told() -> None:
    """Waiting for the first end would be in vain."""
    night = Window("FREQ=DAILY", "2026-01-01T20:00", 10 * 3600, "UTC", "night")
    time = at("2026-03-06T21:00:00Z")
    assert open_window((night, WEEKEND), time) == open_window((WEEKEND, night), time)
    assert open_window((night, WEEKEND), time) == OpenWindow(WEEKEND, at("2026-03-09T06:00:00+01:00"))


REFUSED = {
    # name: (what is changed, the key at fault, the reason)
    "a rule for every second": (
        {"rule": "FREQ=SECONDLY"},
        "rule",
        "FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY, is SECONDLY",
    ),
    "a rule for every hour": (
        {"rule": "FREQ=HOURLY;INTERVAL=1"},
        "rule",
        "FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY, is HOURLY",
    ),
    "a thousand million times": (
        {"rule": "FREQ=DAILY;COUNT=1000000000"},
        "rule",
        "COUNT must be from 1 to 10000, is 1000000000",
    ),
    "no rule": ({"rule": ""}, "rule", "`` is no part of a recurrence rule"),
    "the name of the property": (
        {"rule": "RRULE:FREQ=DAILY"},
        "rule",
        "`RRULE:FREQ=DAILY` is no part of a recurrence rule",
    ),
    "a second rule": (
        {"rule": "FREQ=DAILY\nRRULE:FREQ=SECONDLY"},
        "rule",
        "FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY, is DAILY\nRRULE:FREQ=SECONDLY",
    ),
    "without a frequency": ({"rule": "BYDAY=FR"}, "rule", "the part FREQ is missing"),
    "a part given twice": ({"rule": "FREQ=DAILY;FREQ=WEEKLY"}, "rule", "the part FREQ is given twice"),
    "both ends": (
        {"rule": "FREQ=DAILY;COUNT=1;UNTIL=20260101T000000Z"},
        "rule",
        "COUNT and UNTIL exclude each other",
    ),
    "an end by the wall clock": (
        {"rule": "FREQ=DAILY;UNTIL=20260101T000000"},
        "rule",
        "UNTIL must be in UTC, is 20260101T000000",
    ),
    "an end that no calendar has": (
        {"rule": "FREQ=DAILY;UNTIL=20260231T000000Z"},
        "rule",
        "UNTIL=20260231T000000Z is no date and time that can be used",
    ),
    "a day that is none": ({"rule": "FREQ=WEEKLY;BYDAY=FRI"}, "rule", "BYDAY=FRI names no days"),
    "month 13": ({"rule": "FREQ=YEARLY;BYMONTH=13"}, "rule", "BYMONTH must be from 1 to 12, is 13"),
    "day 0": (
        {"rule": "FREQ=MONTHLY;BYMONTHDAY=0"},
        "rule",
        "BYMONTHDAY must be from -31 to 31, and not 0, is 0",
    ),
    "the second Friday of a week": (
        {"rule": "FREQ=WEEKLY;BYDAY=2FR"},
        "rule",
        "days with a number need FREQ=MONTHLY, or FREQ=YEARLY without BYWEEKNO",
    ),
    "a choice from nothing": (
        {"rule": "FREQ=DAILY;BYSETPOS=1"},
        "rule",
        "BYSETPOS needs another BY… part to choose from",
    ),
    "a week of a month": (
        {"rule": "FREQ=MONTHLY;BYWEEKNO=3"},
        "rule",
        "BYWEEKNO cannot be used with FREQ=MONTHLY",
    ),
    "30 February": (
        {"rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"},
        "rule",
        "the rule never has a start",
    ),
    "the 300th hour of a day": (
        {"rule": "FREQ=DAILY;BYHOUR=1,2;BYSETPOS=300"},
        "rule",
        "the rule never has a start",
    ),
    "every seventh day from a Friday, on Mondays": (
        {"rule": "FREQ=DAILY;INTERVAL=7;BYDAY=MO"},
        "rule",
        "the rule never has a start",
    ),
    "an end before the start": (
        {"rule": "FREQ=DAILY;UNTIL=20200101T000000Z"},
        "rule",
        "the rule never has a start",
    ),
    "too often": (
        {"rule": "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,10,20,30,40"},
        "rule",
        "25 starts a day are more than 24",
    ),
    "a start with an offset": (
        {"start": "2026-01-02T16:00+01:00"},
        "start",
        "2026-01-02T16:00+01:00 is no date and time by the wall clock",
    ),
    "a start that is no time": ({"start": "Friday"}, "start", "Friday is no date and time by the wall clock"),
    "a start that no calendar has": (
        {"start": "2026-02-31T00:00"},
        "start",
        "2026-02-31T00:00 is no date and time of the calendar",
    ),
    "a start long ago": ({"start": "1969-12-31T00:00"}, "start", "the year must be 1970 to 2399, is 1969"),
    "a zone that is none": (
        {"timezone": "Europe/Zuerich"},
        "timezone",
        "there is no time zone Europe/Zuerich",
    ),
    "a folder of zones": ({"timezone": "Europe"}, "timezone", "there is no time zone Europe"),
    "a way out": ({"timezone": "../etc/passwd"}, "timezone", "there is no time zone ../etc/passwd"),
    "the zone of this machine": ({"timezone": "localtime"}, "timezone", "there is no time zone localtime"),
}


@pytest.mark.parametrize(("changes", "key", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_judged_is_refused(changes: dict[str, str], key: str, reason: str) -> None:
    """With the key at fault."""
    window = replace(WEEKEND, **changes)
    found = recurrence_problems(window.rule, window.start, window.timezone)
    assert [(each.key, each.reason) for each in found] == [(key, reason)]


def test_a_near_time_zone_is_named() -> None:
    """As for every misspelt word."""
    (found,) = recurrence_problems("FREQ=DAILY", "2026-01-01T00:00", "Europe/Zuerich")
    assert found.hint == "did you mean `Europe/Zurich`?"


@pytest.mark.parametrize("time", [-1, 10**11, 10**30, -(10**30)])
def test_a_time_that_cannot_be_is_no_time_without_windows(time: int) -> None:
    """Writer's fault row 17: what is asked for in the far past or future is an error, never "closed"."""
    with pytest.raises(RecurrenceError):
        open_window((WEEKEND,), time)


HOURS = ",".join(map(str, range(24)))
HOSTILE = {
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30": False,
    "FREQ=DAILY;INTERVAL=7;BYDAY=MO": False,
    "FREQ=DAILY;BYHOUR=1,2;BYSETPOS=366": False,
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=366": False,
    "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=31;BYMONTH=2": False,
    "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6": False,
    "FREQ=DAILY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO": False,
    f"FREQ=DAILY;COUNT=10000;BYHOUR={HOURS}": False,
    f"FREQ=DAILY;BYHOUR={HOURS}": True,
}


@pytest.mark.parametrize("rule", HOSTILE)
def test_no_rule_makes_work_without_end(rule: str) -> None:
    """Judging ends; python-dateutil alone would go through 8,000 years of days for some of these."""
    window = Window(rule, "1970-01-02T00:00", 999 * 86400, ZURICH)
    assert (open_window((window,), at("2026-11-26T00:00:00Z")) is not None) is HOSTILE[rule]


NOW = st.integers(at("1971-01-01T00:00:00Z"), at("2200-01-01T00:00:00Z"))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["UTC", ZURICH, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.integers(0, 6),
    st.integers(0, 23),
    st.integers(1, 7 * 86400),
    NOW,
)
def test_weekly_windows_are_what_counting_weeks_gives(
    zone: str, weekday: int, hour: int, duration: int, time: int
) -> None:
    """The same answer as walking back day by day, in any zone and year."""
    days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
    window = Window(f"FREQ=WEEKLY;BYDAY={days[weekday]};BYHOUR={hour}", "1970-01-01T00:00", duration, zone)
    wall = datetime.fromtimestamp(time, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    ends = []
    for back in range(-2, 10):
        day = wall.date() - timedelta(days=back)
        if day.weekday() == weekday:
            start = datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone)).timestamp()
            ends += [int(start) + duration] if start <= time < start + duration else []
    found = open_window((window,), time)
    assert (found.ends if found else None) == max(ends, default=None)


@settings(deadline=None)
@given(NOW, st.integers(1, 60), st.sampled_from(["DAILY", "WEEKLY"]))
def test_entering_a_rule_late_changes_nothing(time: int, interval: int, frequency: str) -> None:
    """A rule that is gone through from its start has the same starts."""
    rule, start = f"FREQ={frequency};INTERVAL={interval}", "2000-02-29T10:00"
    late = list(starts(rule, start, ZURICH, time, time + 100 * 86400))
    until = datetime.fromtimestamp(time, UTC) + timedelta(days=200)
    whole = [
        each
        for each in starts(rule, start, ZURICH, 0, int(until.timestamp()))
        if time <= each <= time + 100 * 86400
    ]
    assert late == whole


@given(st.integers(0, 999 * 86400))
def test_durations_are_read_as_they_are_written(seconds: int) -> None:
    """Round trip."""
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "3", "h", "1h2d", "-1h", "1.5h", "1 h", "1w", "30M", "99999d"])
def test_other_texts_are_no_durations(text: str) -> None:
    """None, so that the caller says where."""
    assert parse_duration(text) is None


@given(st.integers(0, 253402300799))
def test_times_are_read_as_they_are_written(seconds: int) -> None:
    """Round trip, to the end of the year 9999."""
    assert parse_time(time_text(seconds)) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-01", "2026-01-01T00:00", "2026-02-31T00:00Z", "2026-01-01 00:00Z", "26-01-01T00:00Z"],
)
def test_other_texts_are_no_times(text: str) -> None:
    """An offset is needed: a time without one is another one for each reader."""
    assert parse_time(text) is None
