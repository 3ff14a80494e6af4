"""Field-level differences between two states of one object."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.manifests.compare import compare
from envctl.model.changes import FieldAction, FieldChange, ObjectAction, ObjectDiff

ADDED, REMOVED, CHANGED, REORDERED = FieldAction


def web(name: str = "web", **rest: Any) -> dict[str, Any]:
    return {"name": name, **rest}


def changes(old: Any, new: Any) -> list[tuple[Any, ...]]:
    """The field changes of two values that stand below `a`, with paths relative to it."""
    diff = compare({"a": old}, {"a": new})
    assert diff.action == (ObjectAction.CHANGED if diff.fields else ObjectAction.UNCHANGED)
    return [(each.path.removeprefix("$.a"), each.action, each.old, each.new) for each in diff.fields]


CASES = [
    pytest.param({"x": 1}, {"x": 1}, [], id="nothing"),
    pytest.param({"x": 1}, {"x": 2}, [(".x", CHANGED, 1, 2)], id="a field changed"),
    pytest.param({"x": 1}, {"x": 1, "y": None}, [(".y", ADDED, None, None)], id="a null field added"),
    pytest.param(
        {"x": {"y": 1}, "z": 1}, {"z": 1}, [(".x", REMOVED, {"y": 1}, None)], id="a mapping removed"
    ),
    pytest.param({"x": 1}, {"x": True}, [(".x", CHANGED, 1, True)], id="1 is not true"),
    pytest.param(
        {"x": [0]}, {"x": [False]}, [(".x[0]", CHANGED, 0, False)], id="0 is not false, in lists neither"
    ),
    pytest.param({"x": 1}, {"x": 1.0}, [], id="1 is 1.0"),
    pytest.param({"x": 1}, {"x": "1"}, [(".x", CHANGED, 1, "1")], id="1 is not text"),
    pytest.param({"x": {"y": 1}}, {"x": {}}, [(".x", CHANGED, {"y": 1}, {})], id="a mapping emptied"),
    pytest.param({"x": [1]}, {"x": {"0": 1}}, [(".x", CHANGED, [1], {"0": 1})], id="another type"),
    pytest.param(
        {"o.k": {"b c": 1}}, {"o.k": {"b c": 2}}, [('["o.k"]["b c"]', CHANGED, 1, 2)], id="odd keys"
    ),
    pytest.param(
        [web("a", x=1), web("b", x=1)],
        [web("a", x=1), web("b", x=2)],
        [('[name="b"].x', CHANGED, 1, 2)],
        id="by name",
    ),
    pytest.param(
        [web("b", x=1)],
        [web("a"), web("b", x=2)],
        [('[name="b"].x', CHANGED, 1, 2), ('[name="a"]', ADDED, None, web("a"))],
        id="one put in front",
    ),
    pytest.param(
        [web("a"), web("b"), web("c")],
        [web("c"), web("a")],
        [
            ('[name="b"]', REMOVED, web("b"), None),
            ("", REORDERED, ['name="a"', 'name="c"'], ['name="c"', 'name="a"']),
        ],
        id="reordered",
    ),
    pytest.param(
        [{"containerPort": 80, "x": 1}, {"containerPort": 81}],
        [{"containerPort": 80, "x": 2}, {"containerPort": 81}],
        [("[containerPort=80].x", CHANGED, 1, 2)],
        id="by port",
    ),
    pytest.param(
        [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP", "x": 1}],
        [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP", "x": 2}],
        [('[port=53,protocol="TCP"].x', CHANGED, 1, 2)],
        id="by port and protocol",
    ),
    pytest.param(
        [web("a", x=1), web("a", x=2)], [web("a", x=1), web("a", x=3)], [("[1].x", CHANGED, 2, 3)], id="twice"
    ),
    pytest.param(
        [web("a"), {}], [web("a"), {"x": 1}], [("[1]", CHANGED, {}, {"x": 1})], id="one without a name"
    ),
    pytest.param(["a", "c"], ["a", "b", "c"], [("[1]", ADDED, None, "b")], id="a word put in between"),
    pytest.param(
        ["a", "b", "c"], ["c"], [("[0]", REMOVED, "a", None), ("[1]", REMOVED, "b", None)], id="words gone"
    ),
    pytest.param(
        ["a", "b"], ["a", "x", "y"], [("[1]", CHANGED, "b", "x"), ("[2]", ADDED, None, "y")], id="words"
    ),
    pytest.param(["a"], [], [("", CHANGED, ["a"], [])], id="a list emptied"),
    pytest.param([[1, 2]], [[1, 3]], [("[0][1]", CHANGED, 2, 3)], id="lists in lists"),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_fields_are_compared_as_kubernetes_merges_them(
    old: Any, new: Any, expected: list[tuple[Any, ...]]
) -> None:
    """Paths, actions and both values; in both directions there is a difference or none."""
    assert changes(old, new) == expected
    assert bool(changes(new, old)) == bool(expected)


def test_top_level_fields_come_in_the_order_of_the_text() -> None:
    """As a reader of the file meets them."""
    old = {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "data": 1, "spec": 1}
    new = {"apiVersion": "v2", "kind": "B", "metadata": {"name": "b"}, "data": 2, "spec": 2}
    assert [each.path for each in compare(old, new).fields] == [
        "$.apiVersion",
        "$.kind",
        "$.metadata.name",
        "$.data",
        "$.spec",
    ]


def test_a_created_object_lists_its_fields_and_a_deleted_one_too() -> None:
    """So that a printer can show it whole."""
    value = {"kind": "A", "spec": {"x": 1}}
    kind, spec = ("$.kind", "A"), ("$.spec", {"x": 1})
    assert compare(None, value) == ObjectDiff(
        ObjectAction.CREATED, tuple(FieldChange(path, ADDED, new=each) for path, each in (kind, spec))
    )
    assert compare(value, None) == ObjectDiff(
        ObjectAction.DELETED, tuple(FieldChange(path, REMOVED, old=each) for path, each in (kind, spec))
    )
    assert (compare(None, None), compare(value, value)) == (ObjectDiff(ObjectAction.UNCHANGED),) * 2
    assert compare(None, {}) == ObjectDiff(ObjectAction.CREATED)


def test_a_text_of_lines_keeps_both_sides_for_a_line_diff() -> None:
    """The printer decides how much of it to show."""
    fields = compare({"data": {"a": "x\ny\n", "b": "1"}}, {"data": {"a": "x\nz\n", "b": "2"}}).fields
    assert [(each.path, each.old, each.new, each.is_text) for each in fields] == [
        ("$.data.a", "x\ny\n", "x\nz\n", True),
        ("$.data.b", "1", "2", False),
    ]


SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "b"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "port", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["kind", "metadata", "spec"]), VALUES)


def key(value: Any) -> Any:
    """A value in which true and 1 differ."""
    if isinstance(value, dict):
        return {name: key(each) for name, each in value.items()}
    return [key(each) for each in value] if isinstance(value, list) else (type(value), value)


@given(OBJECTS, OBJECTS)
def test_there_are_differences_exactly_where_the_values_differ(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    """Nothing is overlooked, nothing is made up, nothing given is touched, and it can be turned round."""
    before = deepcopy((old, new))
    diff, reverse = compare(old, new), compare(new, old)
    assert (diff.action is ObjectAction.UNCHANGED) == (key(old) == key(new)) == (not diff.fields)
    assert (old, new) == before
    swap = {ADDED: REMOVED, REMOVED: ADDED, CHANGED: CHANGED, REORDERED: REORDERED}
    turned = {(each.path, swap[each.action], str(each.new), str(each.old)) for each in reverse.fields}
    assert {(each.path, each.action, str(each.old), str(each.new)) for each in diff.fields} == turned
