"""Which refusals say that a field cannot be changed, and nothing else: on their word objects are replaced."""

import pytest

from envctl.errors import ClusterError
from envctl.planning.immutable import is_immutable, is_only_taken

# The words of kube-apiserver 1.35, as it says them.
IMMUTABLE = [
    ("spec.selector", 'Invalid value: {"matchLabels":{"app":"b"}}: field is immutable'),
    ("data", "Forbidden: field is immutable when `immutable` is set"),
    ("roleRef", 'Invalid value: {"Kind":"ClusterRole","Name":"edit"}: cannot change roleRef'),
    ("provisioner", "Forbidden: updates to provisioner are forbidden."),
    ("value", "Forbidden: may not be changed in an update."),
    ("spec.clusterIPs[0]", 'Invalid value: ["None"]: may not change once set'),
    (
        "spec",
        (
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
            "'minReadySeconds' are forbidden"
        ),
    ),
    (
        "spec",
        (
            "Forbidden: spec is immutable after creation except resources.requests and "
            'volumeAttributesClassName for bound claims\n@@ -1,6 +1,6 @@\n {\n- "ReadWriteOnce"\n+ "ReadWriteMany"'
        ),
    ),
    ("type", "field is immutable"),  # of a Secret: the rest is withheld
    ("spec.size", 'Invalid value: "integer": Value is immutable'),  # a rule of a custom kind
]
OTHER = [
    ("", "field is immutable"),  # a policy says that: no field
    (
        "data[not/a/key]",
        'Invalid value: "not/a/key": a valid config key must consist of alphanumeric characters',
    ),
    ("spec.containers[0].image", "Required value"),
    ("spec.x", "Invalid value: 1: must be immutable or at least 2"),
    ("spec.x", "Forbidden: not allowed"),
    ("spec", "Invalid value: field is immutable: must be less than 3"),
]


def refused(*causes: tuple[str, str], status: int = 422, reason: str = "Invalid") -> ClusterError:
    return ClusterError("it is invalid", status=status, reason=reason, causes=causes)


@pytest.mark.parametrize("cause", IMMUTABLE, ids=[f"{field}: {text[:30]}" for field, text in IMMUTABLE])
def test_the_servers_own_words_count(cause: tuple[str, str]) -> None:
    """Each kind says it in its own way."""
    assert is_immutable(refused(cause))


@pytest.mark.parametrize("cause", OTHER, ids=[f"{field}: {text[:30]}" for field, text in OTHER])
def test_nothing_else_counts_not_even_along_with_them(cause: tuple[str, str]) -> None:
    """Agent's fault row 28: a false positive must not delete."""
    assert not is_immutable(refused(cause))
    assert not is_immutable(refused(IMMUTABLE[0], cause))


def test_only_a_refusal_of_the_objects_own_validation_counts() -> None:
    """Another status or reason, or one without causes."""
    assert not is_immutable(refused())
    assert not is_immutable(refused(IMMUTABLE[0], status=409))
    assert not is_immutable(refused(IMMUTABLE[0], reason="Forbidden"))


def test_an_address_that_the_live_object_holds_does_not_speak_against_the_new_one() -> None:
    """A trial under another name cannot have the same cluster IP or node port."""
    taken = [
        ("spec.clusterIPs", 'Invalid value: ["10.0.0.9"]: provided IP is already allocated'),
        ("spec.ports[0].nodePort", "Invalid value: 30080: provided port is already allocated"),
    ]
    assert is_only_taken(refused(*taken))
    assert not is_only_taken(refused(*taken, ("spec.ports", "Required value")))
