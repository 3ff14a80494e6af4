"""Deep merge of config."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.config.merge import merge, merge_all

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        pytest.param({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, id="objects are merged"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists are replaced"),
        pytest.param({"a": [{"b": 1}]}, {"a": [{"c": 2}]}, {"a": [{"c": 2}]}, id="objects in lists too"),
        pytest.param({"a": {"b": 1}}, {"a": 2}, {"a": 2}, id="a scalar replaces an object"),
        pytest.param({"a": 2}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="an object replaces a scalar"),
        pytest.param({"a": {"b": 1}}, {"a": None}, {"a": None}, id="null is a value"),
        pytest.param({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}, id="an empty object changes nothing"),
    ],
)
def test_config_is_merged_key_by_key(below: Any, above: Any, expected: Any) -> None:
    """Objects merge, everything else replaces."""
    assert merge(below, above) == expected


@settings(deadline=None)
@given(objects, objects, objects)
def test_layers_are_merged_from_the_weakest_to_the_strongest(a: Any, b: Any, c: Any) -> None:
    """Left to right; nothing merged with nothing, or with itself, stays as it is."""
    assert merge_all([a, b, c]) == merge(merge(a, b), c)
    assert merge(a, {}) == a
    assert merge({}, a) == a
    assert merge(a, a) == a
