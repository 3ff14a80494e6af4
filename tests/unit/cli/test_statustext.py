"""The status as text: what is cut, how ages read, what fits on a screen."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.cli.statustext import age, cut, fitting

WORDS = st.lists(st.text("abc…", min_size=1, max_size=12), max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        pytest.param(24, "Add a header to requests", id="all of it"),
        pytest.param(23, "Add a header to…", id="whole words"),
        pytest.param(16, "Add a header to…", id="a space behind the last word"),
        pytest.param(15, "Add a header…", id="no room for the ellipsis behind the word"),
        pytest.param(4, "Add…", id="one word"),
        pytest.param(3, "Ad…", id="less than one word"),
        pytest.param(1, "…", id="nothing"),
    ],
)
def test_a_subject_is_cut_between_words(width: int, expected: str) -> None:
    """By the table."""
    assert cut("Add a header to requests", width) == expected


@given(WORDS, st.integers(1, 60))
def test_what_is_cut_fits_and_begins_like_the_text(text: str, width: int) -> None:
    """Whatever the text; and a word is only cut where not even one has room."""
    found = cut(text, width)
    assert len(found) <= width
    if found != text:
        kept = found.removesuffix("…") if not text.startswith(found) else found
        assert text.startswith(kept)
        assert not kept or kept in text.split(" ", maxsplit=1)[0] or text[len(kept)] == " "


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "<1m"),
        (0, "<1m"),
        (59, "<1m"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86_399, "23h"),
        (86_400, "1d"),
        (900 * 86_400, "900d"),
    ],
)
def test_ages_are_told_in_their_largest_unit(seconds: int, expected: str) -> None:
    """Down to minutes; a clock that is behind makes no negative age."""
    assert age(seconds) == expected


def test_a_screen_shows_what_it_has_room_for() -> None:
    """Wrapped lines take their rows, colours take none; the last row counts the rest."""
    lines = ["a", click.style("b" * 10, fg="red"), "c" * 11, "d", "e"]
    assert fitting(lines, 10, 8) == lines
    assert [click.unstyle(each) for each in fitting(lines, 10, 6)] == [
        "a",
        "b" * 10,
        "c" * 11,
        "… and 2 lines more",
    ]
    assert fitting(lines[:1], 10, 1) == ["a"]
