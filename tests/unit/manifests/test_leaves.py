"""Leaf fields: one name a field from version to version, in the order of the text, nothing of a secret."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.manifests.leaves import is_at, leaf_path, leaves, same_value

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "b", "canary"])
KEYS = st.sampled_from(["name", "kind", "port", "a.b", "c d", "data", "items"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)
PODS = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "labels": {}},
    "spec": {
        "containers": [
            {"name": "b", "args": ["x", "y", "x"], "ports": [{"containerPort": 80}]},
            {"name": "a", "command": []},
        ],
        "matrix": [[1], [2]],
    },
}


def test_each_leaf_has_a_path_by_keys_and_one_by_places() -> None:
    """In the order of the canonical text."""
    assert [(each.path, each.place, each.shown) for each in leaves(PODS)] == [
        ("$.apiVersion", "$.apiVersion", "v1"),
        ("$.kind", "$.kind", "Pod"),
        ("$.metadata.labels", "$.metadata.labels", {}),
        ("$.metadata.name", "$.metadata.name", "p"),
        ('$.spec.containers[name="b"].args[0]', "$.spec.containers[0].args[0]", "x"),
        ('$.spec.containers[name="b"].args[1]', "$.spec.containers[0].args[1]", "y"),
        ('$.spec.containers[name="b"].args[2]', "$.spec.containers[0].args[2]", "x"),
        ('$.spec.containers[name="b"].name', "$.spec.containers[0].name", "b"),
        (
            '$.spec.containers[name="b"].ports[containerPort=80].containerPort',
            "$.spec.containers[0].ports[0].containerPort",
            80,
        ),
        ('$.spec.containers[name="a"].command', "$.spec.containers[1].command", []),
        ('$.spec.containers[name="a"].name', "$.spec.containers[1].name", "a"),
        ("$.spec.matrix[0][0]", "$.spec.matrix[0][0]", 1),
        ("$.spec.matrix[1][0]", "$.spec.matrix[1][0]", 2),
    ]


@given(OBJECTS)
def test_no_two_leaves_have_one_key_or_one_place(value: dict[str, Any]) -> None:
    """Otherwise one would hide the other."""
    found = leaves(value)
    assert len({each.key for each in found}) == len({each.place for each in found}) == len(found)


@given(OBJECTS, st.randoms())
def test_the_order_of_keys_and_of_keyed_items_makes_no_other_leaf(
    value: dict[str, Any], chance: random.Random
) -> None:
    """A field stays the same field wherever it is written."""
    shuffled = dict(chance.sample(list(value.items()), len(value)))
    assert [(each.key, each.value) for each in leaves(shuffled)] == [(e.key, e.value) for e in leaves(value)]
    items = [{"name": name, "value": each} for name, each in value.items()]
    moved = chance.sample(items, len(items))
    assert {(e.key, repr(e.value)) for e in leaves({"x": items})} == {
        (e.key, repr(e.value)) for e in leaves({"x": moved})
    }


@given(OBJECTS)
def test_nothing_of_a_secret_is_shown(data: dict[str, Any]) -> None:
    """Neither values nor what stands in lists of them; keys are no secrets."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data, "odd": [data]}
    for each in (*leaves(secret), *leaves({"x": {"inner": [secret]}}), *leaves(secret, is_secret=True)):
        assert "canary" not in each.path + each.place + repr(each.shown)


def test_a_masked_value_still_tells_another_one_apart() -> None:
    """What is compared is never shown."""
    one, other = (
        leaves({"apiVersion": "v1", "kind": "Secret", "data": {"word": word}})[-1] for word in ("a", "b")
    )
    assert (one.shown, other.shown) == ("***", "***")
    assert not same_value(one.value, other.value)


@pytest.mark.parametrize(
    ("text", "fits"),
    {
        "whole": ("$", True),
        "parent": ("spec", True),
        "dotted": (".spec.containers", True),
        "by key": ('spec.containers[name="b"]', True),
        "by place": ("$.spec.containers[0].args[1]", True),
        "another item": ("spec.containers[1]", False),
        "half a word": ("spec.cont", False),
        "deeper": ("spec.containers[0].args[1].x", False),
    }.values(),
    ids=str,
)
def test_a_path_fits_all_that_stands_below_it(text: str, fits: bool) -> None:  # noqa: FBT001
    """As people write paths."""
    leaf = next(each for each in leaves(PODS) if each.value == "y")
    assert is_at(leaf, leaf_path(text)) is fits
