"""The file status.json: what is written reads back, and nothing wrong is believed."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.delivery.observed import MOST_BYTES, observed_text, parse_observed
from envctl.errors import InputError
from envctl.model.observed import ComponentHealth, Health, Observed

PLACE = "refs/envctl/status/prod (0123456789ab)"
REVISION = "0123456789" * 4
OBSERVED = Observed(
    environment="prod",
    revision=REVISION,
    sequence=41,
    health=Health.DEGRADED,
    since=1_769_860_800,
    reported=1_769_862_896,
    components={"web": ComponentHealth(Health.DEGRADED, 1_769_860_801)},
    drifted=2,
)
TEXT = """{
  "environment": "prod",
  "revision": "0123456789012345678901234567890123456789",
  "sequence": 41,
  "health": "Degraded",
  "since": "2026-01-31T12:00:00Z",
  "reported": "2026-01-31T12:34:56Z",
  "components": {
    "web": {
      "health": "Degraded",
      "since": "2026-01-31T12:00:01Z"
    }
  },
  "drifted": 2
}
"""
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
TIMES = st.integers(0, 253_402_300_799)
HEALTHS = st.sampled_from(Health)


@st.composite
def reports(draw: st.DrawFn) -> Observed:
    reported = draw(TIMES)
    before = st.integers(0, reported)
    return Observed(
        environment=draw(NAMES),
        revision=draw(st.text("0123456789abcdef", min_size=40, max_size=40)),
        sequence=draw(st.integers(0, 2**53)),
        health=draw(HEALTHS),
        since=draw(before),
        reported=reported,
        components=draw(st.dictionaries(NAMES, st.builds(ComponentHealth, HEALTHS, before), max_size=5)),
        drifted=draw(st.none() | st.integers(0, 2**53)),
    )


def changed(**values: Any) -> bytes:
    return json.dumps(json.loads(TEXT) | values).encode()


def without(key: str) -> bytes:
    content = json.loads(TEXT)
    del content[key]
    return json.dumps(content).encode()


def test_a_report_is_a_file_that_people_can_read() -> None:
    """The whole text."""
    assert observed_text(OBSERVED).decode() == TEXT


@given(reports())
def test_what_is_written_reads_back(observed: Observed) -> None:
    """Writing and reading are inverse."""
    assert parse_observed(observed_text(observed), PLACE, observed.environment) == observed


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_at_all_do_more_than_be_refused(data: bytes) -> None:
    """Whatever is in the file, it is an error that says where."""
    with pytest.raises(InputError) as caught:
        parse_observed(data, PLACE)
    assert caught.value.place == PLACE


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(changed(later={"a": 1}), OBSERVED, id="keys of newer writers"),
        pytest.param(without("drifted"), replace(OBSERVED, drifted=None), id="no drift is told"),
        pytest.param(
            changed(drifted=None), replace(OBSERVED, drifted=None), id="drift is told to be unknown"
        ),
        pytest.param(without("components"), replace(OBSERVED, components={}), id="no components"),
        pytest.param(changed(since="2026-01-31T13:00:00.999+01:00"), OBSERVED, id="an offset and a fraction"),
        pytest.param(changed(since="2026-01-31t12:00:00z"), OBSERVED, id="small letters"),
    ],
)
def test_other_writers_may_say_less_or_more(data: bytes, expected: Observed) -> None:
    """What is optional, and the other ways to write a time."""
    assert parse_observed(data, PLACE) == expected


WRONG = {
    "no JSON": (b"{", "the status is no JSON: Expecting property name enclosed in double quotes: line 1"),
    "no text": (b"\xff", "the status is no JSON: 'utf-8' codec can't decode byte 0xff in position 0"),
    "a list": (b"[]", "the status is no JSON object"),
    "very deep": (b"[" * 100_000, "the status is no JSON: "),
    "very long": (b" " * (MOST_BYTES + 1), "the status has 1048577 bytes, and 1048576 are the most"),
    "a key twice": (b'{"a": 1, "a": 2}', "the status is no JSON: the key 'a' stands twice in one object"),
    "no number": (b'{"a": NaN}', "the status is no JSON: NaN is no number that JSON knows"),
    "a very long number": (b'{"a": ' + b"9" * 5000 + b"}", "the status is no JSON: Exceeds the limit"),
    "unknown health": (
        changed(health="Fine"),
        (
            'the status is wrong: health: "Fine" is none of '
            "Healthy, Progressing, Degraded, Suspended, Missing, Unknown"
        ),
    ),
    "a list as health": (changed(health=[]), "the status is wrong: health: [] is none of Healthy"),
    "no health": (without("health"), "the status is wrong: health: it is missing"),
    "a short revision": (
        changed(revision="0123"),
        'the status is wrong: revision: "0123" is no commit id of 40 hex digits',
    ),
    "a number as text": (
        changed(sequence="41"),
        'the status is wrong: sequence: "41" is no count: a whole number from 0 to 2^53',
    ),
    "true as a number": (changed(sequence=True), "the status is wrong: sequence: true is no count"),
    "a fraction": (changed(sequence=1.5), "the status is wrong: sequence: 1.5 is no count"),
    "a negative number": (changed(drifted=-1), "the status is wrong: drifted: -1 is no count"),
    "a huge number": (changed(drifted=2**60), "the status is wrong: drifted: 1152921504606846976 is no"),
    "a naive time": (
        changed(since="2026-01-31T12:00:00"),
        (
            'the status is wrong: since: "2026-01-31T12:00:00" is no time with its offset, '
            "like 2026-01-31T12:00:00Z"
        ),
    ),
    "a day alone": (changed(reported="2026-01-31"), 'the status is wrong: reported: "2026-01-31" is no'),
    "a day that never is": (
        changed(since="2026-02-31T12:00:00Z"),
        'the status is wrong: since: "2026-02-31T12:00:00Z" is no time: day is out of range for month',
    ),
    "a time before all": (
        changed(since="1969-12-31T23:59:59Z"),
        'the status is wrong: since: "1969-12-31T23:59:59Z" is not from 1970 to 9999',
    ),
    "a time after all": (
        changed(since="9999-12-31T23:59:59-01:00"),
        'the status is wrong: since: "9999-12-31T23:59:59-01:00" is not from 1970 to 9999',
    ),
    "digits of another script": (changed(since="\u0662026-01-31T12:00:00Z"), "the status is wrong: since: "),
    "a state after its report": (
        changed(since="2026-01-31T12:34:57Z"),
        (
            "the status is wrong: since: 2026-01-31T12:34:57Z is later than the report, "
            "which is of 2026-01-31T12:34:56Z"
        ),
    ),
    "components as a list": (changed(components=[1]), "the status is wrong: components: [1] is no object"),
    "a component as a word": (
        changed(components={"web": "Healthy"}),
        'the status is wrong: components.web: "Healthy" is no object',
    ),
    "a component without a health": (
        changed(components={"web": {"since": "2026-01-31T12:00:00Z"}}),
        "the status is wrong: components.web.health: it is missing",
    ),
    "a component with no name": (
        changed(components={"\x1b[2J": {}}),
        "the status is wrong: components.\x1b[2J: this is no name of a component",
    ),
    "another environment": (
        changed(environment="dev"),
        "the status is about environment dev, not prod",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_report_is_refused_as_a_whole(name: str) -> None:
    """Place, reason and what to do, for each way to be wrong."""
    data, summary = WRONG[name]
    with pytest.raises(InputError) as caught:
        parse_observed(data, PLACE, "prod")
    assert caught.value.summary.startswith(summary)
    assert (caught.value.place, bool(caught.value.hint)) == (PLACE, True)


def test_all_that_is_wrong_is_said_at_once() -> None:
    """The first problem in the summary, the others behind it."""
    with pytest.raises(InputError) as caught:
        parse_observed(changed(sequence=-1, health="", since=0), PLACE)
    assert [problem.place for problem in caught.value.problems] == ["health", "since"]


def test_half_of_a_character_is_told_in_words_that_can_be_printed() -> None:
    """JSON can hold it, and no terminal: whoever pushes a status must not end the command that shows it."""
    with pytest.raises(InputError) as caught:
        parse_observed(b'{"components": {"\\ud800": {}}}', "the status")
    "".join(f"{each.place}{each.reason}" for each in caught.value.problems).encode()
