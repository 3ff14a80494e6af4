"""Trailers: what is written is what is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.delivery.trailers import compose, parse_trailers, trailer

KEYS = st.from_regex(r"[A-Z][A-Za-z0-9]{0,8}(-[A-Za-z0-9]{1,8}){0,2}", fullmatch=True)
VALUES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(KEYS, VALUES), min_size=1), VALUES)
def test_what_is_composed_is_what_is_parsed(pairs: list[tuple[str, str]], subject: str) -> None:
    """Composing and parsing are inverse, in order, repeated keys included."""
    assert parse_trailers(compose(subject, ("Body.",), pairs)) == tuple(pairs)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("Subject\n", (), id="a subject alone has none"),
        pytest.param("Key: value\n", (), id="a subject that looks like a trailer is none"),
        pytest.param("Subject\n\nA: 1\nB: 2\n", (("A", "1"), ("B", "2")), id="the last paragraph"),
        pytest.param("Subject\n\nText.\n\nA: 1\n", (("A", "1"),), id="after a body"),
        pytest.param("Subject\n\nA: 1\nplain text\n", (), id="a paragraph with any other line is text"),
        pytest.param("Subject\n\nA: 1\n\nText.\n", (), id="trailers that are not last are text"),
        pytest.param("Subject\n\nA:\n", (("A", ""),), id="an empty value"),
        pytest.param("Subject\n\nA: 1\r\nB: 2\r\n", (("A", "1"), ("B", "2")), id="line ends of Windows"),
        pytest.param(
            "Subject\n\nA: 1\u2028B: 2\x85C: 3\n", (("A", "1\u2028B: 2\x85C: 3"),), id="lines are Git's lines"
        ),
    ],
)
def test_only_a_last_paragraph_of_trailers_counts(
    message: str, expected: tuple[tuple[str, str], ...]
) -> None:
    """The grammar of the last paragraph, case by case."""
    assert parse_trailers(message) == expected


def test_the_last_value_of_a_key_wins() -> None:
    """A repeated key is read by its last line."""
    assert trailer("Subject\n\nA: 1\nA: 2\n", "A") == "2"


def test_a_value_cannot_smuggle_in_another_trailer() -> None:
    """Line breaks inside values become spaces, so a value stays one line."""
    message = compose("Sub\nject", (), [("Envctl-Reason", "ok\nEnvctl-Sequence: 99")])
    assert message == "Sub ject\n\nEnvctl-Reason: ok Envctl-Sequence: 99\n"
    assert parse_trailers(message) == (("Envctl-Reason", "ok Envctl-Sequence: 99"),)
