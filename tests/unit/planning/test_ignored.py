"""Fields that are left to others: what is sent instead, so that server-side apply leaves them as they are."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.planning.ignored import REPLICAS, autoscaled, with_ignored

OURS = {"manager": "envctl", "operation": "Apply"}
HPA = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"}
SCALE = {"fieldsV1": {"f:spec": {"f:replicas": {}}}}
WANTED: Mapping[str, Any] = {"spec": {"replicas": 3, "paused": False}}


def live(spec: Mapping[str, Any], *entries: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"metadata": {"managedFields": list(entries)}, "spec": spec}


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        pytest.param(
            live({"replicas": 7}, OURS | SCALE),
            {"spec": {"replicas": 7, "paused": False}},
            id="still ours alone: sent as it is, or it would be deleted",
        ),
        pytest.param(
            live({"replicas": 7}, OURS, HPA | SCALE),
            {"spec": {"paused": False}},
            id="another's: not sent, or it would be a conflict",
        ),
        pytest.param(live({}, OURS), {"spec": {"paused": False}}, id="not there at all"),
    ],
)
def test_a_field_that_is_ignored_stays_as_it_is(found: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """Whoever owns it."""
    assert with_ignored(WANTED, found, [REPLICAS]) == sent


@pytest.mark.parametrize(
    ("pointer", "sent"),
    [
        (("webhooks", "0", "clientConfig", "caBundle"), [{"name": "a", "clientConfig": {"caBundle": "CA"}}]),
        (("webhooks", "0", "clientConfig", "service"), [{"name": "a", "clientConfig": {}}]),
        (("webhooks", "5", "clientConfig"), [{"name": "a", "clientConfig": {}}]),
        (("webhooks", "x"), [{"name": "a", "clientConfig": {}}]),
    ],
)
def test_inside_a_list_what_is_there_is_sent(pointer: tuple[str, ...], sent: Any) -> None:
    """Owners of list items have no positions; the same value is no conflict. A pointer to nothing changes nothing."""
    wanted = {"webhooks": [{"name": "a", "clientConfig": {}}]}
    found = {"webhooks": [{"name": "a", "clientConfig": {"caBundle": "CA"}}]}
    assert with_ignored(wanted, found, [pointer]) == {"webhooks": sent}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([OURS | SCALE, HPA | SCALE], True),
        ([OURS | SCALE], False),
        ([HPA | SCALE | {"manager": "kubectl"}], False),
        ([HPA], False),
        ([{"manager": "kube-controller-manager"} | SCALE], False),
    ],
)
def test_replicas_are_an_autoscalers_where_it_has_set_them(entries: list[Any], *, expected: bool) -> None:
    """`kubectl scale` is drift; what the controller manager scales is meant so."""
    assert autoscaled(live({}, *entries)) is expected


values = st.recursive(
    st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2) | st.lists(inner, max_size=2),
)
objects = st.dictionaries(st.sampled_from("ab"), values, max_size=2)
pointers = st.lists(st.sampled_from(["a", "b", "0", "1"]), min_size=1, max_size=3).map(tuple)


@given(objects, objects, st.lists(pointers, max_size=2))
def test_no_other_field_is_touched(wanted: Any, found: Any, ignored: list[tuple[str, ...]]) -> None:
    """Neither in the result nor in what was given; and to do it twice is to do it once."""
    before = repr((wanted, found))
    once = with_ignored(wanted, found, ignored)
    assert repr((wanted, found)) == before
    assert with_ignored(once, found, ignored) == once
    heads = {pointer[0] for pointer in ignored}
    assert {key: each for key, each in once.items() if key not in heads} == {
        key: each for key, each in wanted.items() if key not in heads
    }
