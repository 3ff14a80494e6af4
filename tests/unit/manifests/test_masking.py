"""No secret survives into a difference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.manifests.compare import compare
from envctl.manifests.masking import masked
from envctl.model.changes import FieldAction, FieldChange

ADDED, REMOVED, CHANGED, _ = FieldAction
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def secret(**rest: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque", **rest}


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        pytest.param({"data": {"a": "QQ=="}}, {"data": {"a": "QQ=="}}, [], id="equal values"),
        pytest.param(
            {"data": {"a": "QQ==", "b": "Qg=="}},
            {"data": {"a": "QQ==", "b": "Qw=="}},
            [FieldChange("$.data.b", CHANGED, "*** (before)", "*** (after)")],
            id="a value changed",
        ),
        pytest.param(
            {"data": {"a": "QQ=="}},
            {"data": {"b": "QQ=="}},
            [FieldChange("$.data.a", REMOVED, old="***"), FieldChange("$.data.b", ADDED, new="***")],
            id="a key renamed",
        ),
        pytest.param(
            {}, {"stringData": {"a": "A"}}, [FieldChange("$.stringData", ADDED, new={"a": "***"})], id="a field added"
        ),
        pytest.param(
            {"data": "A"}, {"data": "B"},
            [FieldChange("$.data", CHANGED, "*** (before)", "*** (after)")], id="no mapping",
        ),
        pytest.param(
            {"data": "A"}, {"data": {"a": "B"}},
            [FieldChange("$.data", CHANGED, "*** (before)", {"a": "***"})], id="a mapping now",
        ),
        pytest.param(
            {"stringdata": {"a": {"b": "A"}}}, {"stringdata": {"a": {"b": "B"}}},
            [FieldChange("$.stringdata.a", CHANGED, "*** (before)", "*** (after)")], id="a misspelt field",
        ),
        pytest.param({"data": None}, {"data": {}}, [FieldChange("$.data", CHANGED, None, {})], id="null and empty"),
        pytest.param(
            {"type": "Opaque"}, {"type": "a/b", "immutable": True},
            [FieldChange("$.immutable", ADDED, new=True), FieldChange("$.type", CHANGED, "Opaque", "a/b")],
            id="what is no secret is shown",
        ),
    ],
)  # fmt: skip
def test_values_of_secrets_are_masked_and_their_changes_shown(
    old: dict[str, Any], new: dict[str, Any], fields: list[FieldChange]
) -> None:
    """That something changed is no secret; what it was is one."""
    assert compare(secret(**old), secret(**new)).fields == tuple(fields)


def test_a_created_secret_shows_its_keys_only() -> None:
    """And so does a deleted one."""
    value = secret(data={"a": "QQ=="})
    assert compare(None, value).fields[-2] == FieldChange("$.data", ADDED, new={"a": "***"})
    assert compare(value, None).fields[-2] == FieldChange("$.data", REMOVED, old={"a": "***"})


def test_an_object_that_becomes_a_secret_is_masked_on_both_sides() -> None:
    """The value may have stood in the open before; the difference does not repeat it."""
    old = {**secret(data={"a": "canary"}), "kind": "ConfigMap"}
    assert "canary" not in str(compare(old, secret(data={"a": "canary"})))


def test_kubectls_copy_of_an_object_is_dropped_from_both_sides() -> None:
    """It would repeat a Secret in the clear, and it differs whenever anything does."""
    old = secret(metadata={"name": "s", "annotations": {LAST_APPLIED: "canary", "a": "1"}})
    new = secret(metadata={"name": "s", "annotations": {"a": "1"}})
    assert masked(old, new) == (new, new)


def test_other_kinds_are_left_as_they_are() -> None:
    """A custom kind that is called Secret too is not the API's Secret."""
    values = (
        {"apiVersion": "a.io/v1", "kind": "Secret", "data": {"a": "1"}},
        {"kind": "ConfigMap", "data": {"a": "2"}},
    )
    assert masked(*values) == values


def holding(*secrets: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [{"kind": "ConfigMap", "data": {"a": "open"}}, *secrets],
    }


def named(name: str, value: str) -> dict[str, Any]:
    return {**secret(data={"a": value}), "metadata": {"name": name, "annotations": {LAST_APPLIED: value}}}


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        pytest.param(
            holding(named("s", "canary-1")), holding(named("s", "canary-2")),
            [FieldChange("$.items[1].data.a", CHANGED, "*** (before)", "*** (after)")], id="a value changed",
        ),
        pytest.param(holding(named("s", "canary")), holding(named("s", "canary")), [], id="equal values"),
        pytest.param(
            holding(), holding(named("s", "canary")),
            [FieldChange("$.items[1]", ADDED, new={
                **secret(data={"a": "***"}), "metadata": {"name": "s", "annotations": {}}})],
            id="one added",
        ),
        pytest.param(
            holding(named("s", "canary-1"), named("s", "canary-2")), holding(named("s", "canary-1"), named("s", "canary-3")),
            [FieldChange("$.items[2].data.a", CHANGED, "*** (before)", "*** (after)")], id="two of one name",
        ),
    ],
)  # fmt: skip
def test_secrets_inside_other_objects_are_masked_too(
    old: dict[str, Any], new: dict[str, Any], fields: list[FieldChange]
) -> None:
    """In a List, or in what some controller makes objects of; each against the one of its name."""
    assert compare(old, new).fields == tuple(fields)
    assert "canary" not in str(compare(None, new))


def test_a_file_in_the_place_of_a_secret_is_masked_whatever_it_says() -> None:
    """Somebody may have broken its kind by hand."""
    old, new = ({"kind": "secret", "data": {"a": each}} for each in ("canary-1", "canary-2"))
    assert compare(old, new, is_secret=True).fields == (
        FieldChange("$.data.a", CHANGED, "*** (before)", "*** (after)"),
    )


ENTRIES = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["canary-1", "canary-2"]))
FIELDS = st.dictionaries(
    st.sampled_from(["data", "stringData", "x"]), ENTRIES | st.just("canary-3") | st.none()
)


@given(FIELDS, FIELDS)
def test_no_canary_leaves_and_no_change_is_lost(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Whatever a Secret holds, in whatever shape."""
    diff = compare(secret(**old), secret(**new))
    assert "canary" not in str(diff)
    assert bool(diff.fields) == (old != new)
    inside = compare({"items": [1, secret(**old)]}, {"items": [1, secret(**new)]})
    assert "canary" not in str(inside)
    assert bool(inside.fields) == (old != new)
