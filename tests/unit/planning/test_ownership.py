"""The ApplySet label and what it decides."""

from typing import Any

import pytest

from envctl.model.objects import ObjectId
from envctl.planning.ownership import (
    GROUP_KINDS,
    NAMESPACES,
    applyset_id,
    labelled,
    owner,
    parent_annotations,
    takeover_refusal,
)

OURS = applyset_id("prod", "envctl-system")


def test_the_id_is_the_hash_of_the_parent() -> None:
    """KEP-3659: base64url(sha256(name.namespace.kind.group)), which fits into a label value."""
    assert OURS == "applyset--cyxo9ZyHmE9v_8-PhQO5LiUFlDlMKMSspXhkWazLC0-v1"
    assert len(OURS) <= 63


def test_the_label_is_added_and_nothing_else_changes() -> None:
    """Other labels stay, and the object that was given does too."""
    given = {"kind": "Secret", "metadata": {"name": "a", "labels": {"app": "x"}}}
    assert labelled(given, "id") == {
        "kind": "Secret",
        "metadata": {"name": "a", "labels": {"app": "x", "applyset.kubernetes.io/part-of": "id"}},
    }
    assert owner(labelled(given, "id")) == "id"
    assert owner(given) == ""


@pytest.mark.parametrize("annotations", [{}, None])
def test_annotations_that_are_none_are_not_sent(annotations: Any) -> None:
    """They would be owned as one value, and a controller that adds one would change it."""
    given = {"metadata": {"name": "a", "annotations": annotations}}
    assert labelled(given, "id") == {
        "metadata": {"name": "a", "labels": {"applyset.kubernetes.io/part-of": "id"}}
    }


@pytest.mark.parametrize(
    ("annotation", "holder", "known", "reason"),
    [
        pytest.param(None, OURS, False, None, id="ours"),
        pytest.param(None, "", True, None, id="ours once, and its label is gone"),
        pytest.param(None, "", False, "it exists already and was never ours", id="nobody's"),
        pytest.param("true", "", False, None, id="nobody's, to be adopted"),
        pytest.param("yes", "", False, "it exists already and was never ours", id="another value"),
        pytest.param(
            "true",
            "applyset-x-v1",
            True,
            "it belongs to another environment or tool (applyset.kubernetes.io/part-of: applyset-x-v1)",
            id="another set's, even to be adopted",
        ),
    ],
)
def test_what_exists_is_taken_over_only_when_the_object_says_so(
    annotation: str | None, holder: str, reason: str | None, *, known: bool
) -> None:
    """The truth table of adoption."""
    desired = {"metadata": {"annotations": {"envctl.dev/adopt": annotation}}}
    live = {"metadata": {"labels": {"applyset.kubernetes.io/part-of": holder}}}
    refusal = takeover_refusal(desired, live, OURS, known=known)
    assert (refusal[0] if refusal else None) == reason


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        pytest.param(
            "staging",
            "it belongs to the environment staging",
            "take it out of one of them; where this is staging renamed, say --take-over staging",
            id="of the same namespace",
        ),
        pytest.param(
            "ops/staging",
            "it belongs to the environment staging in the namespace ops",
            "take it out of one of them",
            id="of another namespace, which cannot be renamed",
        ),
        pytest.param(
            "",
            "it belongs to another environment or tool (applyset.kubernetes.io/part-of: x)",
            "`kubectl get environments.envctl.dev -A -l applyset.kubernetes.io/id=x` shows which: take it out of "
            "one of them, or, where this is that one renamed, say --take-over OLD",
            id="nobody knows",
        ),
    ],
)
def test_the_environment_that_has_an_object_is_named(name: str, reason: str, hint: str) -> None:
    """With the way past it."""
    live = {"metadata": {"labels": {"applyset.kubernetes.io/part-of": "x"}}}
    assert takeover_refusal({}, live, OURS, known=False, name_of=lambda _: name) == (reason, hint)


def test_the_managers_of_an_object_that_was_never_ours_are_named() -> None:
    """Each once, and no controller that writes the status."""
    managers = [("kubectl", ""), ("helm", ""), ("kubectl", "scale"), ("controller", "status")]
    fields = [{"manager": name, "operation": "Update", "subresource": part} for name, part in managers]
    refusal = takeover_refusal({}, {"metadata": {"managedFields": fields}}, OURS, known=False)
    assert refusal == (
        "it exists already and was never ours: its fields were set by helm, kubectl",
        "to adopt it, give the object the annotation envctl.dev/adopt: 'true'",
    )


def test_the_parent_names_kinds_and_namespaces() -> None:
    """What other tools need to find the members of the set."""
    keys = [
        ObjectId("apps", "Deployment", "b", "x"),
        ObjectId("", "Secret", "a", "x"),
        ObjectId("", "Secret", "envctl-system", "x"),
        ObjectId("", "Namespace", "", "a"),
    ]
    assert parent_annotations(keys, "envctl-system", "envctl/1.0") == {
        "applyset.kubernetes.io/tooling": "envctl/1.0",
        "applyset.kubernetes.io/contains-group-kinds": "Deployment.apps,Namespace,Secret",
        "applyset.kubernetes.io/additional-namespaces": "a,b",
    }


def test_a_parent_says_no_more_than_an_object_can_hold() -> None:
    """256 KiB of annotations: else thousands of namespaces on a branch would leave no status at all."""
    keys = [ObjectId(f"g{n:0250}", "K", f"{n:063}", "x") for n in range(5000)]
    found = parent_annotations(keys, "envctl-system", "envctl/1")
    kinds, namespaces = found[GROUP_KINDS].split(","), found[NAMESPACES].split(",")
    assert (len(kinds), len(namespaces)) == (403, 1600)
    assert (kinds[-1], namespaces[-1]) == (f"K.g{402:0250}", f"{1599:063}")
    assert sum(map(len, found.values())) < 256 << 10
