"""What is sent of an object that exists: fields that are left to others stay as they are."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.model.keeping import IGNORE_FIELDS
from envctl.planning.yielding import is_scaled, is_yielded, sent


def entry(manager: str, fields: Mapping[str, Any], **more: str) -> dict[str, Any]:
    operation = "Apply" if manager == "envctl" else "Update"
    return {"manager": manager, "operation": operation, "fieldsV1": dict(fields), **more}


def thing(spec: Any, ignore: str = "", managers: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "a"}
    metadata |= {"annotations": {IGNORE_FIELDS: ignore}} if ignore else {}
    metadata |= {"managedFields": list(managers)} if managers else {}
    return {"kind": "Thing", "metadata": metadata, "spec": spec}


OURS = entry("envctl", {"f:spec": {"f:replicas": {}, "f:image": {}}})
IMAGE = entry("envctl", {"f:spec": {"f:image": {}}})
SCALED = entry("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, subresource="scale")
BY_HAND = entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale")
NESTED = entry("envctl", {"f:spec": {"f:map": {"f:a": {}}, "f:list": {'k:{"name":"x"}': {".": {}}}}})
ATOMIC = entry("envctl", {"f:spec": {"f:map": {}}})

# What the branch says, what is live, who holds what, the fields left to others; what is sent.
CASES: dict[str, tuple[Any, Any, tuple[dict[str, Any], ...], str, Any]] = {
    "nothing is left": ({"replicas": 2}, {"replicas": 5}, (OURS,), "", {"replicas": 2}),
    "ours alone: kept": (
        *({"replicas": 2, "image": "n"}, {"replicas": 5, "image": "o"}),
        *((OURS,), "/spec/replicas", {"replicas": 5, "image": "n"}),
    ),
    "not ours any more: not sent": (
        *({"replicas": 2, "image": "n"}, {"replicas": 5, "image": "o"}),
        *((IMAGE,), "/spec/replicas", {"image": "n"}),
    ),
    "taken away: stays away": (
        *({"replicas": 2, "image": "n"}, {"image": "o"}, (IMAGE,), "/spec/replicas", {"image": "n"}),
    ),
    "never applied by us": ({"replicas": 2}, {"replicas": 5}, (), "/spec/replicas", None),
    "an autoscaler's": (
        *({"replicas": 2, "image": "n"}, {"replicas": 5, "image": "o"}),
        *((IMAGE, SCALED), "", {"image": "n"}),
    ),
    "scaled by hand: taken back": (
        *({"replicas": 2}, {"replicas": 5}, (IMAGE, BY_HAND), "", {"replicas": 2}),
    ),
    "a key of a mapping": (
        *({"map": {"a": 1, "b": 2}}, {"map": {"a": 3, "b": 4}}, (NESTED,), "/spec/map/b", {"map": {"a": 1}}),
    ),
    "a mapping, key by key": (
        *({"map": {"a": 1, "b": 2}}, {"map": {"a": 3, "b": 4, "c": 5}}),
        *((NESTED,), "/spec/map", {"map": {"a": 3}}),
    ),
    "a mapping that is one value": (
        *({"map": {"a": 1}}, {"map": {"a": 3}}, (ATOMIC,), "/spec/map", {"map": {"a": 3}}),
    ),
    "a list": (
        *({"list": [{"name": "x"}]}, {"list": [{"name": "x", "n": 1}]}),
        *((NESTED,), "/spec/list", {"list": [{"name": "x", "n": 1}]}),
    ),
    "one value where a mapping stands now": (
        *({"map": 1}, {"map": {"a": 3, "b": {"c": 4, "d": 5}}}),
        *((entry("envctl", {"f:spec": {"f:map": {"f:b": {"f:c": {}}}}}),), "/spec/map"),
        {"map": {"b": {"c": 4}}},
    ),
    "two pointers": (
        *({"replicas": 2, "image": "n"}, {"replicas": 5, "image": "o"}),
        *((OURS,), "/spec/replicas, /spec/image", {"replicas": 5, "image": "o"}),
    ),
    "a pointer to nothing": ({"replicas": 2}, {"replicas": 5}, (OURS,), "/spec/replicas/x", {"replicas": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_to_others_stays_as_it_is(name: str) -> None:
    """A field that only we own would go away if it were not sent, so its live value is; others are left out."""
    spec, live, managers, ignore, expected = CASES[name]
    wanted = thing(spec, ignore)
    found = sent(wanted, thing(live, managers=managers))
    assert found.get("spec") == expected
    assert found.get("metadata") == wanted["metadata"]


@pytest.mark.parametrize(
    ("manager", "path", "expected"),
    [
        ("kube-controller-manager", ".spec.replicas", True),
        ("keda", ".spec.replicas", True),
        ("kubectl", ".spec.replicas", False),
        ("kube-controller-manager", ".spec.template", False),
        ("kube-controller-manager", ".spec.replicasX", False),
    ],
)
def test_only_replicas_and_only_to_autoscalers(manager: str, path: str, *, expected: bool) -> None:
    """Anybody else's scaling is drift, unless the branch says that it is not."""
    assert is_yielded(manager, path) is expected


def test_who_scaled_is_read_from_the_metadata_alone() -> None:
    """A metadata-only watch tells it."""
    assert is_scaled({"metadata": {"managedFields": [OURS, SCALED]}})
    assert not is_scaled({"metadata": {"managedFields": [OURS, BY_HAND]}})
    assert not is_scaled(
        {"metadata": {"managedFields": [entry("keda", {"f:spec": {"f:x": {}}}, subresource="scale")]}}
    )
    assert not is_scaled({})


names = st.sampled_from(["a", "b", "c"])
values = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3), max_leaves=8
)
specs = st.dictionaries(names, values, min_size=1)


def owned(value: Any, keep: st.DataObject) -> Any:
    """Some of the fields of a value, as FieldsV1."""
    if not isinstance(value, dict):
        return {}
    kept = {key: each for key, each in value.items() if keep.draw(st.booleans())}
    return {f"f:{key}": owned(each, keep) for key, each in kept.items()}


def at(value: Any, pointer: tuple[str, ...]) -> Any:
    for name in pointer:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def removed(value: Any, pointer: tuple[str, ...]) -> Any:
    """A value without a field and without what is empty then."""
    if not isinstance(value, dict) or pointer[0] not in value:
        return value
    rest = {key: each for key, each in value.items() if key != pointer[0]}
    inner = removed(value[pointer[0]], pointer[1:]) if pointer[1:] else None
    return rest if inner in (None, {}) else {**rest, pointer[0]: inner}


@given(specs, specs, st.lists(names, min_size=1, max_size=2), st.data())
def test_ignored_fields_never_change_and_all_others_are_sent(
    spec: Any, live: Any, path: list[str], data: st.DataObject
) -> None:
    """Whatever is owned: of an ignored field only live values are sent; the rest is sent as it is written."""
    pointer = ("spec", *path)
    ours = entry("envctl", {"f:spec": owned(live, data)})
    wanted = thing(spec, "/" + "/".join(pointer))
    before = copy.deepcopy(wanted)
    found = sent(wanted, thing(live, managers=(ours,)))
    assert wanted == before
    assert removed(found, pointer) == removed(wanted, pointer)
    assert _within(at(found, pointer), at({"spec": live}, pointer))
    assert sent(found, thing(live, managers=(ours,))) == found


def _within(value: Any, live: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, dict) and isinstance(live, dict):
        return all(key in live and _within(each, live[key]) for key, each in value.items())
    return bool(value == live)
