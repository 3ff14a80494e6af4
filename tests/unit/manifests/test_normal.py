"""One found object, checked, cleaned and put into its namespace."""

from typing import Any

import pytest

from envctl.manifests.kinds import Scopes
from envctl.manifests.normal import Normal, normalize
from envctl.model.objects import ObjectId

RBAC = "rbac.authorization.k8s.io"
SCOPES = Scopes({("a.io", "Tree"): False, ("a.io", "Leaf"): True})
CLUSTER = {"envctl.dev/scope": "cluster"}
LEAVE = "leave it out"


def obj(kind: str, api_version: str = "v1", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", **metadata}}


def normal(value: dict[str, Any], default: str = "prod") -> Normal:
    result = normalize(value, SCOPES, default)
    assert isinstance(result, Normal)
    return result


@pytest.mark.parametrize(
    ("value", "namespace"),
    [
        pytest.param(obj("ConfigMap"), "prod", id="a namespaced kind gets the default"),
        pytest.param(obj("ConfigMap", namespace="kube-system"), "kube-system", id="its own namespace wins"),
        pytest.param(obj("ConfigMap", namespace=""), "prod", id="an empty one is none"),
        pytest.param(obj("ConfigMap", namespace=None), "prod", id="a null one is none"),
        pytest.param(obj("ClusterRole", f"{RBAC}/v1"), "", id="a cluster-scoped kind gets none"),
        pytest.param(
            obj("ClusterRole", f"{RBAC}/v1", namespace="prod"), "", id="and loses one, as on the server"
        ),
        pytest.param(
            obj("Tree", "a.io/v1"), "", id="a custom kind that its definition says is cluster-scoped"
        ),
        pytest.param(
            obj("Leaf", "a.io/v1"), "prod", id="a custom kind that its definition says is namespaced"
        ),
        pytest.param(obj("Thing", "b.io/v1"), "prod", id="an unknown kind counts as namespaced"),
        pytest.param(
            obj("Thing", "b.io/v1", annotations=CLUSTER), "", id="unless an annotation says otherwise"
        ),
        pytest.param(obj("Tree", "a.io/v1", annotations=CLUSTER), "", id="which may also say what is known"),
    ],
)
def test_objects_get_the_namespace_of_their_kind(value: dict[str, Any], namespace: str) -> None:
    """In the identity and in the value alike."""
    result = normal(value)
    assert (result.id.namespace, result.value["metadata"].get("namespace", "")) == (namespace, namespace)


def test_an_unknown_kind_without_any_namespace_stays_without() -> None:
    """There is no default to give, and it may be cluster-scoped."""
    assert normal(obj("Thing", "b.io/v1"), default="").id == ObjectId("b.io", "Thing", "", "x")


def test_what_generated_libraries_leave_behind_is_dropped() -> None:
    """Null server fields and statuses that say nothing; the given value is not touched."""
    value = {
        **obj("ConfigMap", creationTimestamp=None, managedFields=None, labels={"a": "b"}),
        "data": {"k": None},
        "status": {
            "loadBalancer": {},
            "acceptedNames": {"kind": "", "plural": ""},
            "conditions": [],
            "x": None,
        },
    }
    kept = str(value)
    assert normal(value).value == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "namespace": "prod", "labels": {"a": "b"}},
        "data": {"k": None},
    }
    assert str(value) == kept


COMPLAINTS = [
    pytest.param({"metadata": None}, [("has no metadata", "add metadata with a name")], id="no metadata"),
    pytest.param({"metadata": {}}, [("has no metadata.name", "set metadata.name")], id="no name"),
    pytest.param(
        {"metadata": {"name": 5}}, [("has no metadata.name", "set metadata.name")], id="a number as name"
    ),
    pytest.param(
        {"metadata": {"generateName": "x-"}},
        [("has generateName: a declared object needs a name that stays", "set metadata.name")],
        id="generateName",
    ),
    pytest.param(
        {"metadata": {"name": "X"}},
        [
            (
                (
                    "metadata.name 'X' is not allowed; the API server wants lower-case letters, digits, - and ., "
                    "with letters or digits at the ends"
                ),
                "",
            )
        ],
        id="a name that is none",
    ),
    pytest.param(
        {"metadata": {"name": "x", "namespace": "a.b"}},
        [("metadata.namespace 'a.b' is no name of a namespace", "")],
        id="a namespace that is none",
    ),
    pytest.param(
        {"metadata": {"name": "x", "namespace": 5}},
        [("metadata.namespace '(not a string)' is no name of a namespace", "")],
        id="a number as namespace",
    ),
    pytest.param(
        {"apiVersion": "a/b/c", "kind": "Config.Map"},
        [
            ("apiVersion 'a/b/c' is neither a version (v1) nor a group and a version (apps/v1)", ""),
            ("kind 'Config.Map' is not a word of ASCII letters and digits", ""),
        ],
        id="apiVersion and kind",
    ),
    pytest.param(
        {
            "metadata": {
                "name": "x",
                "uid": "1",
                "resourceVersion": "2",
                "creationTimestamp": "2026-01-01T00:00:00Z",
            }
        },
        [
            ("has metadata.creationTimestamp, which only the API server sets", LEAVE),
            ("has metadata.resourceVersion, which only the API server sets", LEAVE),
            ("has metadata.uid, which only the API server sets", LEAVE),
        ],
        id="dumped from a cluster",
    ),
    pytest.param(
        {"status": {"replicas": 0}},
        [("has a status, which only controllers set", LEAVE)],
        id="a status that says something",
    ),
    pytest.param(
        {"metadata": {"name": "x", "labels": {"a": 1, "b": True}, "annotations": ["c"]}},
        [
            ("metadata.labels has a with a value that is no string", "quote the value"),
            ("metadata.labels has b with a value that is no string", "quote the value"),
            ("metadata.annotations is no mapping", ""),
        ],
        id="labels and annotations that are no strings",
    ),
    pytest.param(
        {"metadata": {"name": "x", "annotations": {"a": "x" * 262_144}}},
        [("has annotations of 262,145 bytes; the API server takes 262,144", "")],
        id="too many annotations",
    ),
    pytest.param(
        {"metadata": {"name": "x", "annotations": {"envctl.dev/scope": "Cluster"}}},
        [("annotation envctl.dev/scope is 'Cluster'; only cluster is known", "")],
        id="an unknown scope",
    ),
    pytest.param(
        {"metadata": {"name": "x", "annotations": CLUSTER}},
        [("annotation envctl.dev/scope says cluster, but the kind is namespaced", "")],
        id="a wrong scope",
    ),
]


@pytest.mark.parametrize(("change", "complaints"), COMPLAINTS)
def test_everything_wrong_with_an_object_is_said_at_once(
    change: dict[str, Any], complaints: list[tuple[str, str]]
) -> None:
    """Each reason with its next step, where there is one."""
    assert normalize({**obj("ConfigMap"), **change}, SCOPES, "prod") == tuple(complaints)


def test_a_namespaced_object_needs_a_namespace() -> None:
    """From itself or from its environment; envctl never falls back to one called default."""
    assert normalize(obj("ConfigMap"), SCOPES, "") == (
        ("has no namespace, and the environment sets no default", "set metadata.namespace"),
    )
