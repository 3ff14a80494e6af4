"""What the rules say of objects, and that no object can break them."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.health.rules import assess, needs_status
from envctl.model.health import SEVERITY, Assessment, worst
from envctl.model.observed import Health
from envctl.rulefiles.packaged import read_rules
from envctl.wiring import health_rules

RULES = health_rules()


def deployment(status: Any = None, generation: int = 2, **spec: Any) -> dict[str, Any]:
    counts = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": generation},
        "spec": {"replicas": 3, **spec},
        "status": {**counts, **(status or {})},
    }


def custom(*conditions: dict[str, Any], observed: int = 2, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Model",
        "metadata": {"generation": 2, **metadata},
        "status": {"observedGeneration": observed, "conditions": list(conditions)},
    }


def kind(version: str, name: str, **parts: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": name, "metadata": {"name": "web"}, **parts}


CASES = {
    "all replicas": (deployment(), "Healthy: 3 of 3 replicas are available"),
    "no status yet": (
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 1}},
        "Progressing: generation 1 is not observed yet, only 0",
    ),
    "rolling": (deployment({"updatedReplicas": 2}), "Progressing: 2 of 3 replicas are updated"),
    "old replicas": (deployment({"replicas": 4}), "Progressing: 1 old replicas are still there"),
    "unavailable": (
        deployment({"availableReplicas": 1}),
        "Progressing: 1 of 3 updated replicas are available",
    ),
    "paused": (deployment(paused=True), "Suspended: the rollout is paused"),
    "bad image": (
        deployment(
            {
                "updatedReplicas": 1,
                "conditions": [
                    {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "late"}
                ],
            }
        ),
        "Degraded: 1 of 3 replicas are updated, 3 are available: late",
    ),
    "odd number": (
        deployment({"updatedReplicas": "3"}),
        "Unknown: status.updatedReplicas is a text, where a number should be",
    ),
    "odd status": (
        {**deployment(), "status": [1]},
        "Unknown: status.observedGeneration leads through a list",
    ),
    "odd generation": (
        {
            **kind(
                "example.dev/v1", "Thing", status={"conditions": [{"type": "Ready", "observedGeneration": 1}]}
            ),
            "metadata": {"name": "a", "generation": "x"},
        },
        "Unknown: metadata.generation is a text, where a number should be",
    ),
    "partition": (
        kind(
            "apps/v1",
            "StatefulSet",
            spec={
                "replicas": 3,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
            },
            status={"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 0},
        ),
        "Progressing: 0 of the 1 replicas from partition 2 on are updated",
    ),
    "stalled": (
        custom({"type": "Stalled", "status": "True", "reason": "Bad", "message": "no\nway"}),
        "Degraded: stalled: Bad: no way",
    ),
    "reconciling": (custom({"type": "Reconciling", "status": "True"}), "Progressing: reconciling"),
    "not ready": (custom({"type": "Ready", "status": "False", "message": "x"}), "Progressing: not ready: x"),
    "ready": (custom({"type": "Ready", "status": "True"}), "Healthy: "),
    "ready, of an older generation": (
        custom({"type": "Ready", "status": "True", "observedGeneration": 1}),
        "Progressing: generation 2 is not observed yet, only 1",
    ),
    "unobserved": (custom(observed=1), "Progressing: generation 2 is not observed yet, only 1"),
    "deleted": (custom(deletionTimestamp="2026-01-01T00:00:00Z"), "Progressing: pending deletion"),
    "not looked at": (
        custom(observed=1, annotations={"envctl.dev/health": "ignore"}),
        "Healthy: its health is not looked at (envctl.dev/health: ignore)",
    ),
    "without status": (kind("v1", "ConfigMap"), "Healthy: "),
    "nothing at all": ({}, "Healthy: "),
    "load balancer": (
        kind("v1", "Service", spec={"type": "LoadBalancer"}, status={"loadBalancer": {}}),
        "Progressing: waits for the address of a load balancer",
    ),
    "job": (
        kind("batch/v1", "Job", spec={"completions": 4}, status={"succeeded": 1}),
        "Progressing: 1 of 4 completions are reached",
    ),
    "pod that cannot start": (
        kind(
            "v1",
            "Pod",
            spec={"restartPolicy": "Always"},
            status={
                "phase": "Pending",
                "containerStatuses": [
                    {"name": "fine", "state": {"running": {}}},
                    {"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message": "gone"}}},
                ],
            },
        ),
        "Degraded: container main: ErrImagePull: gone",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_object_is_as_healthy_as_its_status_says(name: str) -> None:
    """Health and reason, by kind."""
    live, said = CASES[name]
    found = assess(RULES, live)
    assert f"{found.health}: {found.reason}" == said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS = [*RULES.kinds, ("example.com", "Model"), ("", "ConfigMap")]


def paths_of(live: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = live.items() if isinstance(live, dict) else enumerate(live) if isinstance(live, list) else ()
    return [path, *(each for key, value in below for each in paths_of(value, (*path, key)))]


@given(st.sampled_from(sorted(CASES)), st.data())
def test_no_odd_field_can_break_the_rules(name: str, data: Any) -> None:
    """Any value at any place of an object, and any kind: always an assessment, and the object as it was."""
    live = copy.deepcopy(CASES[name][0])
    path = data.draw(st.sampled_from(paths_of(live)))
    odd = data.draw(JSON)
    if path:
        at: Any = live
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = odd
    group, kind_name = data.draw(st.sampled_from(KINDS))
    live = data.draw(st.sampled_from([live, {**live, "apiVersion": f"{group}/v1", "kind": kind_name}]))
    before = copy.deepcopy(live)
    found = assess(RULES, live)
    assert isinstance(found, Assessment)
    assert found == assess(RULES, live)
    assert live == before


@given(
    st.sampled_from(sorted(CASES)), st.dictionaries(st.text(max_size=5).map("x{}".format), JSON, max_size=3)
)
def test_fields_that_no_rule_names_never_matter(name: str, more: dict[str, Any]) -> None:
    """At the top, in the specification and in the status."""
    live = CASES[name][0]
    wider = {**more, **live}
    wider.update(
        {part: {**more, **live[part]} for part in ("spec", "status") if isinstance(live.get(part), dict)}
    )
    assert assess(RULES, wider) == assess(RULES, live)


@given(st.lists(st.sampled_from(SEVERITY)), st.lists(st.sampled_from(SEVERITY)))
def test_the_worst_health_does_not_depend_on_the_order(left: list[Health], right: list[Health]) -> None:
    """One total order of all healths."""
    assert sorted(SEVERITY) == sorted(Health)
    assert worst([*left, *right]) == worst([worst(right), worst(left)])


def test_kinds_without_status_are_watched_by_metadata_only() -> None:
    """Secrets above all: the agent need not read them."""
    quiet = [("", "Secret"), ("", "ConfigMap"), ("rbac.authorization.k8s.io", "Role")]
    assert [needs_status(RULES, *each) for each in quiet] == [False, False, False]
    assert needs_status(RULES, "apps", "Deployment")
    assert needs_status(RULES, "example.com", "Model")


def test_a_bad_rule_is_told_with_file_and_line() -> None:
    """By the schema, and by the compiler of paths and reasons."""
    text = b'groups: [x]\nkinds:\n  Y:\n    cases:\n    - {health: Healthy, reason: "{a..b}"}\n    - when: {a[: 1}\n      health: Healthy\n'
    with pytest.raises(InputError) as caught:
        read_rules([("x.yaml", text.replace(b"a[: 1", b"'a[': 1"))])
    assert [str(each) for each in caught.value.problems] == [
        "x.yaml:5: a..b is no path of a field",
        "x.yaml:6: a[ is no path of a field",
    ]
    with pytest.raises(InputError) as caught:
        read_rules([("x.yaml", b"groups: [x]\nkinds:\n  Y:\n    cases:\n    - health: Fine\n")])
    assert "x.yaml:5" in str(caught.value)
