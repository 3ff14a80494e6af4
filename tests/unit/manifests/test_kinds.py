"""Which kinds live in a namespace."""

import pytest

from envctl.manifests.kinds import Scopes, scopes_of

RBAC = "rbac.authorization.k8s.io"


def crd(group: str, kind: str, scope: str) -> dict[str, object]:
    spec = {"group": group, "names": {"kind": kind}, "scope": scope}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}


@pytest.mark.parametrize(
    ("group", "kind", "namespaced"),
    [
        pytest.param("", "ConfigMap", True, id="core"),
        pytest.param("", "Namespace", False, id="cluster-scoped core"),
        pytest.param("apps", "Deployment", True, id="apps"),
        pytest.param(RBAC, "Role", True, id="Role"),
        pytest.param(RBAC, "ClusterRole", False, id="ClusterRole"),
        pytest.param("storage.k8s.io", "StorageClass", False, id="StorageClass"),
        pytest.param("gateway.networking.k8s.io", "GatewayClass", False, id="a CRD of a SIG"),
        pytest.param("example.com", "ConfigMap", None, id="the same kind in another group"),
        pytest.param("", "Deployment", None, id="the same kind without its group"),
    ],
)
def test_built_in_kinds_are_known(group: str, kind: str, *, namespaced: bool | None) -> None:
    """By group and kind; nothing is guessed from a name."""
    assert Scopes().is_namespaced(group, kind) is namespaced


def test_the_definitions_of_a_render_make_their_kinds_known() -> None:
    """A CRD in the same render says where its objects live; it never overrules a built-in kind."""
    scopes = scopes_of(
        [crd("a.io", "Tree", "Cluster"), crd("a.io", "Leaf", "Namespaced"), crd("", "Pod", "Cluster")]
    )
    found = [
        scopes.is_namespaced(*key)
        for key in (("a.io", "Tree"), ("a.io", "Leaf"), ("b.io", "Tree"), ("", "Pod"))
    ]
    assert found == [False, True, None, True]


def test_a_definition_without_a_spec_is_passed_over() -> None:
    """It is refused elsewhere, if at all; looking at it must not fail."""
    broken = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": None}
    assert scopes_of([broken]).is_namespaced("a.io", "Tree") is None
