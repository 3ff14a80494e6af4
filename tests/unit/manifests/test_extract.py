"""Finding objects in evaluated components."""

from typing import Any

import pytest

from envctl.errors import InputError, Problem
from envctl.manifests.extract import Found, extract

HIDE = "hide what is no object with two colons (name:: value)"
EITHER = f"add apiVersion and kind, or {HIDE}"
WHY = "is neither a Kubernetes object nor a collection of them, because of"


def obj(name: str, kind: str = "ConfigMap") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def v1_list(*items: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


A, B, C = obj("a"), obj("b"), obj("c")
ALLOW_LIST = {**obj("x", "AllowList"), "items": ["1.2.3.4"]}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(A, [("$", A)], id="the component is one object"),
        pytest.param({"z": A, "a": B}, [("$.a", B), ("$.z", A)], id="fields in order"),
        pytest.param([A, [B]], [("$[0]", A), ("$[1][0]", B)], id="lists"),
        pytest.param({"a": {"b": {"c": [A]}}}, [("$.a.b.c[0]", A)], id="any depth"),
        pytest.param({"my-app": A, "1": B}, [('$["1"]', B), ('$["my-app"]', A)], id="odd field names"),
        pytest.param(
            {"l": v1_list(A, v1_list(B))}, [("$.l.items[0]", A), ("$.l.items[1].items[0]", B)], id="List"
        ),
        pytest.param(
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleList", "items": [A]},
            [("$.items[0]", A)],
            id="a list of one kind",
        ),
        pytest.param(v1_list(), [], id="an empty List"),
        pytest.param({**v1_list(), "items": None}, [], id="a List of null"),
        pytest.param(ALLOW_LIST, [("$", ALLOW_LIST)], id="a kind that only sounds like a list"),
        pytest.param({"a": None, "b": {}, "c": [], "d": [None, {}]}, [], id="nulls and empty collections"),
        pytest.param(None, [], id="nothing"),
        pytest.param(
            {"kind": A, "apiVersion": B}, [("$.apiVersion", B), ("$.kind", A)], id="fields called kind"
        ),
    ],
)
def test_objects_are_found_wherever_they_are(value: Any, found: list[tuple[str, Any]]) -> None:
    """Each with its path, in the order of the paths."""
    assert extract(value) == tuple(Found(*each) for each in found)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param("text", Problem("$", "is a string, not a Kubernetes object: text", HIDE), id="a string"),
        pytest.param(5, Problem("$", "is a number, not a Kubernetes object: 5", HIDE), id="a number"),
        pytest.param(
            [A, True], Problem("$[1]", "is a boolean, not a Kubernetes object: true", HIDE), id="in a list"
        ),
        pytest.param(
            {"a": A, "version": "1.0"},
            Problem("$", f'{WHY} version:\n      version: "1.0"', EITHER),
            id="beside objects",
        ),
        pytest.param(
            {"deployment": {"spec": {"replicas": 3, "template": {"x": 1}}}},
            Problem("$.deployment.spec", f"{WHY} replicas:\n      replicas: 3", EITHER),
            id="the inside of an object",
        ),
        pytest.param(
            {"a": {"kind": "Pod", "spec": {}}},
            Problem(
                "$.a", "has kind Pod but no apiVersion:\n      kind: Pod\n      spec: {}", "add apiVersion"
            ),
            id="no apiVersion",
        ),
        pytest.param(
            {"a": {"apiVersion": "v1", "kind": ""}},
            Problem(
                "$.a", 'has apiVersion v1 but no kind:\n      apiVersion: v1\n      kind: ""', "add kind"
            ),
            id="an empty kind",
        ),
        pytest.param(
            {**v1_list(), "items": {"a": A}},
            Problem("$", "is a List whose items are a mapping, not a list"),
            id="a List without a list",
        ),
        pytest.param(
            {f"k{index}": index for index in range(7)},
            Problem(
                "$",
                f"{WHY} k0, k1, k2, k3, k4, ...:"
                + "".join(f"\n      k{index}: {index}" for index in range(7)),
                EITHER,
            ),
            id="many",
        ),
    ],
)
def test_whatever_else_is_visible_is_named_with_a_sample(value: Any, problem: Problem) -> None:
    """Its path, why it is no object, what to do."""
    with pytest.raises(InputError) as caught:
        extract(value)
    assert caught.value.summary == "the component holds what is no Kubernetes object"
    assert caught.value.problems == (problem,)


def test_all_problems_are_found_in_one_pass() -> None:
    """Objects in between do not matter."""
    with pytest.raises(InputError) as caught:
        extract({"a": {"x": 1}, "b": A, "c": [2, {"kind": "Pod"}], "d": {"e": "f"}})
    assert [each.place for each in caught.value.problems] == ["$.a", "$.c[0]", "$.c[1]", "$.d"]


def test_a_long_value_is_cut_to_ten_lines() -> None:
    """A message stays readable."""
    with pytest.raises(InputError) as caught:
        extract({"kind": "Pod", "spec": {f"k{index}": "x" * 300 for index in range(100)}})
    lines = caught.value.problems[0].reason.split("\n")
    assert (len(lines), max(map(len, lines)) <= 110, lines[-1].strip()) == (12, True, "...")


def test_endless_nesting_is_a_problem_not_a_crash() -> None:
    """64 levels of containers are enough for everybody."""
    value: Any = A
    for _ in range(5000):
        value = [value]
    with pytest.raises(InputError, match="is nested more than 64 levels deep"):
        extract(value)


def test_the_sample_of_a_secret_is_masked() -> None:
    """Messages end up in logs; a Secret without its apiVersion is one all the same."""
    with pytest.raises(InputError) as caught:
        extract({"kind": "Secret", "stringData": {"password": "canary"}})
    assert caught.value.problems[0].reason == (
        'has kind Secret but no apiVersion:\n      kind: Secret\n      stringData:\n        password: "***"'
    )
