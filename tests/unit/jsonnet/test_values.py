"""The engine's JSON text → values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.jsonnet.limits import Limits, size_text
from envctl.jsonnet.values import member_path, parse_value

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_what_json_can_carry_comes_through(value: object) -> None:
    """A round trip through text keeps every value, and whole numbers stay int."""
    parsed = parse_value(json.dumps(value), "gateway in prod", Limits())
    assert parsed == value
    assert json.dumps(parsed) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("1000000", 1000000, id="a million"),
        pytest.param("100000000000000000000", 10**20, id="beyond 64 bits"),
        pytest.param("1e+20", 1e20, id="exponent"),
        pytest.param("0.10000000000000001", 0.1, id="seventeen digits"),
    ],
)
def test_numbers_keep_their_kind(text: str, value: float) -> None:
    """An int never becomes a float, or 1000000 would be written 1e+06 one day."""
    parsed = parse_value(text, "gateway in prod", Limits())
    assert (type(parsed), parsed) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("1e999", "$", id="at the top"),
        pytest.param('{"a": [1, {"b-c": Infinity}]}', "$.a[1].b-c", id="infinity"),
        pytest.param('{"a b": -Infinity}', '$["a b"]', id="minus infinity, odd key"),
        pytest.param('{"x": 1.5, "y": {"z": NaN}}', "$.y.z", id="not a number"),
    ],
)
def test_numbers_that_are_not_finite_are_refused_by_path(text: str, place: str) -> None:
    """Some engines print them, no JSON reader takes them."""
    with pytest.raises(InputError) as caught:
        parse_value(text, "gateway in prod", Limits())
    assert str(caught.value) == (
        f"{place}: gateway in prod has a number that is infinite or not a number, which JSON cannot carry"
    )


def test_nesting_is_limited_by_path() -> None:
    """One level less passes; the path shows where the nesting begins."""
    limits = Limits(depth=3)
    assert parse_value('{"a": [[1]]}', "gateway in prod", limits) == {"a": [[1]]}
    with pytest.raises(InputError) as caught:
        parse_value('{"b": 1, "a": [[[]]]}', "gateway in prod", limits)
    assert str(caught.value) == (
        "$.a[0][0]: the value of gateway in prod is nested deeper than 3 levels\n"
        "hint: no Kubernetes object needs that; look for a recursion that does not end"
    )


@pytest.mark.parametrize("depth", [300, 100_000])
def test_nesting_beyond_the_parser_is_the_same_error(depth: int) -> None:
    """Python's own recursion limit does not show."""
    with pytest.raises(InputError) as caught:
        parse_value("[" * depth + "]" * depth, "gateway in prod", Limits())
    assert caught.value.summary == "the value of gateway in prod is nested deeper than 200 levels"


@pytest.mark.parametrize(
    ("text", "path"), [("inf", "$"), ('{"inf": [1, -inf]}', "$.inf[1]"), ('["\\"inf", nan]', "$[1]")]
)
def test_what_engines_write_for_infinity_is_named_by_its_path(text: str, path: str) -> None:
    """One engine writes words that JSON does not have; the same letters in texts are no numbers."""
    with pytest.raises(InputError) as caught:
        parse_value(text, "gateway in prod", Limits())
    assert str(caught.value) == (
        f"{path}: gateway in prod has a number that is infinite or not a number, which JSON cannot carry"
    )


def test_text_that_is_no_json_is_an_error() -> None:
    """An engine that answers nonsense is not trusted."""
    with pytest.raises(InputError, match="the engine's answer for gateway in prod is not JSON: "):
        parse_value("{a}", "gateway in prod", Limits())


@pytest.mark.parametrize(
    ("key", "path"),
    [("a", "$.a"), ("a-b", "$.a-b"), ("", '$[""]'), ("a.b", '$["a.b"]'), ('"', '$["\\""]'), (3, "$[3]")],
)
def test_members_are_named_plainly_where_that_is_clear(key: str | int, path: str) -> None:
    """Anything else is quoted."""
    assert member_path("$", key) == path


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (64 << 20, "64 MiB"), (3 << 30, "3 GiB")],
)
def test_sizes_read_well(size: int, text: str) -> None:
    """Powers of 1024, four digits."""
    assert size_text(size) == text
