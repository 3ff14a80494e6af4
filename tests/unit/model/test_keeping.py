"""Annotations that say how an object is to be kept."""

from typing import Any

import pytest

from envctl.errors import InputError
from envctl.model.keeping import (
    DRIFT,
    IGNORE_FIELDS,
    DriftPolicy,
    annotation_problems,
    drift_policy,
    ignored_fields,
)


def annotated(**annotations: Any) -> dict[str, Any]:
    names = {"drift": DRIFT, "ignore": IGNORE_FIELDS}
    return {"metadata": {"annotations": {names[key]: value for key, value in annotations.items()}}}


@pytest.mark.parametrize(
    ("value", "default", "policy"),
    [
        (annotated(drift="warn"), DriftPolicy.HEAL, DriftPolicy.WARN),
        (annotated(drift="heal"), DriftPolicy.WARN, DriftPolicy.HEAL),
        (annotated(drift="ignore"), DriftPolicy.HEAL, DriftPolicy.IGNORE),
        (annotated(), DriftPolicy.WARN, DriftPolicy.WARN),
        ({}, DriftPolicy.HEAL, DriftPolicy.HEAL),
    ],
)
def test_an_object_may_say_what_is_done_about_its_drift(
    value: dict[str, Any], default: DriftPolicy, policy: DriftPolicy
) -> None:
    """And says it before its environment."""
    assert drift_policy(value, default) is policy


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ("/spec/replicas", (("spec", "replicas"),)),
        ("/spec/replicas, /data/a~1b~0c", (("spec", "replicas"), ("data", "a/b~c"))),
        ("/metadata/annotations/x.dev~1y", (("metadata", "annotations", "x.dev/y"),)),
        ("/webhooks/0/clientConfig/caBundle", (("webhooks", "0", "clientConfig", "caBundle"),)),
    ],
)
def test_ignored_fields_are_json_pointers(said: str, pointers: tuple[tuple[str, ...], ...]) -> None:
    """Escapes as RFC 6901 has them."""
    assert ignored_fields(annotated(ignore=said)) == pointers


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param(annotated(drift="Warn"), "annotation envctl.dev/drift is 'Warn'", id="capital"),
        pytest.param(annotated(drift=True), "annotation envctl.dev/drift is True", id="no text"),
        pytest.param(
            annotated(ignore="spec.replicas"),
            "annotation envctl.dev/ignore-fields has 'spec.replicas', which is no JSON pointer to a field",
            id="dots",
        ),
        pytest.param(
            annotated(ignore="/spec/replicas,"),
            "annotation envctl.dev/ignore-fields has '', which is no JSON pointer to a field",
            id="a comma too many",
        ),
        *(
            pytest.param(
                annotated(ignore=path),
                f"annotation envctl.dev/ignore-fields names {path}, which tells what the object is",
                id=path,
            )
            for path in ("/kind", "/metadata/name", "/metadata/labels", "/apiVersion/x", "/metadata")
        ),
    ],
)
def test_what_is_wrong_is_told_with_the_annotation(value: dict[str, Any], problem: str) -> None:
    """At render, and by the agent."""
    assert [each.summary for each in annotation_problems(value)] == [problem]
    assert all(each.hint for each in annotation_problems(value))


def test_annotations_that_are_none_are_no_problem_here() -> None:
    """Their form is checked elsewhere."""
    assert [*annotation_problems({"metadata": {"annotations": ["x"]}}), *annotation_problems({})] == []
    with pytest.raises(InputError):
        ignored_fields(annotated(ignore=7))
