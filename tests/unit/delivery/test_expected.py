"""What a deploy commit says of itself against what it should say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.delivery.deploy import DeployRecord, deploy_draft
from envctl.delivery.expected import draft_problems, instant, message_problems
from envctl.delivery.trailers import Trailer, compose
from envctl.model.git import Commit, Signature

ANN = Signature("Ann", "ann@example.com", 1_767_323_045, 3600)
BOB = Signature("Bob", "bob@example.com", 1_767_323_045, 0)
SOURCE = Commit("a" * 40, "b" * 40, (), ANN, BOB, "Double the replicas\n")
DRAFT = deploy_draft(DeployRecord("prod", 7, "a" * 40, ("web",), "envctl 1.0"), "c" * 40, None, SOURCE)
COMMIT = Commit("d" * 40, DRAFT.tree, (), DRAFT.author, DRAFT.committer, DRAFT.message)

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
TRAILERS = st.lists(
    st.tuples(st.from_regex(r"[A-Z][a-z]{0,5}", fullmatch=True), TEXT), min_size=1, max_size=5
)


def test_the_draft_itself_has_no_problem() -> None:
    """Byte by byte the same."""
    assert draft_problems(COMMIT, DRAFT, "aaaa") == ()


def test_all_that_is_wrong_is_told_at_once() -> None:
    """People, dates, trailers and the subject, each in a sentence of its own."""
    message = DRAFT.message.replace("Double", "Halve").replace(": 7", ": 8")
    found = replace(COMMIT, author=replace(ANN, name="Eve"), committer=replace(BOB, time=0), message=message)
    assert draft_problems(found, DRAFT, "aaaa") == (
        "its author is Eve <ann@example.com>, expected Ann <ann@example.com> as in the source commit aaaa",
        "its committer date is 1970-01-01T00:00:00Z, expected 2026-01-02T03:04:05Z as in the source commit aaaa",
        "Envctl-Sequence is 8, expected 7",
        "its subject is 'prod: Halve the replicas', expected 'prod: Double the replicas'",
    )


@pytest.mark.parametrize(
    ("time", "zone", "expected"),
    [
        pytest.param(0, 0, "1970-01-01T00:00:00Z", id="the first second"),
        pytest.param(1_767_323_045, 20_700, "2026-01-02T08:49:05+05:45", id="Kathmandu"),
        pytest.param(-1, -3600, "1969-12-31T22:59:59-01:00", id="before the first second"),
        pytest.param(10**18, 0, "1000000000000000000 +0", id="no year that a calendar has"),
        pytest.param(0, 900_000, "0 +900000", id="no zone that a clock has"),
    ],
)
def test_an_instant_is_told_as_its_commit_has_it(time: int, zone: int, expected: str) -> None:
    """In its own time zone; a number where no calendar goes."""
    assert instant(Signature("Ann", "ann@example.com", time, zone)) == expected


@given(TEXT, TRAILERS, TEXT, TRAILERS)
def test_messages_differ_exactly_where_problems_are_told(
    subject: str, trailers: list[Trailer], other: str, others: list[Trailer]
) -> None:
    """No difference without a problem, and no problem without a difference."""
    found, expected = compose(subject, (), trailers), compose(other, (), others)
    assert bool(message_problems(found, expected)) is (found != expected)
    assert message_problems(expected, expected) == ()


@given(TRAILERS, st.data())
def test_a_dropped_trailer_is_named(trailers: list[Trailer], data: st.DataObject) -> None:
    """Whichever it is, by its key."""
    gone = data.draw(st.sampled_from(trailers))
    left = [each for each in trailers if each is not gone]
    problems = message_problems(compose("x", (), left), compose("x", (), trailers))
    assert any(each.startswith(f"{gone[0]} ") for each in problems)
