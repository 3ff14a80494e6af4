"""Paths of the API, and the guards that keep an object's path from being a collection's."""

import pytest

from envctl.errors import InputError
from envctl.kube.paths import collection_path, creation_path, object_path, query, warning_texts
from envctl.model.cluster import ResourceType

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
ROLE = ResourceType("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False)


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        pytest.param(CONFIG_MAP, "web", "a", "/api/v1/namespaces/web/configmaps/a", id="core group"),
        pytest.param(DEPLOYMENT, "web", "a", "/apis/apps/v1/namespaces/web/deployments/a", id="named group"),
        pytest.param(
            ROLE,
            "",
            "system:x",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax",
            id="cluster-scoped",
        ),
        pytest.param(
            ROLE, "web", "a", "/apis/rbac.authorization.k8s.io/v1/clusterroles/a", id="needless namespace"
        ),
        pytest.param(
            CONFIG_MAP,
            "web",
            "a/../b?c#d",
            "/api/v1/namespaces/web/configmaps/a%2F..%2Fb%3Fc%23d",
            id="hostile name",
        ),
    ],
)
def test_an_object_has_one_path(kind: ResourceType, namespace: str, name: str, path: str) -> None:
    """Names are escaped, and a namespace counts only where the kind has one."""
    assert object_path(kind, namespace, name) == path


@pytest.mark.parametrize(
    ("namespace", "name", "message"),
    [
        pytest.param(
            "web",
            "",
            "ConfigMap web/: the object has no name\n"
            "hint: set metadata.name; generateName makes a new object each time and cannot be kept equal",
            id="no name",
        ),
        pytest.param(
            "",
            "a",
            "ConfigMap a: the object has no namespace, and its kind needs one\n"
            "hint: set metadata.namespace, or `namespace` of the environment",
            id="no namespace",
        ),
        pytest.param("web", "..", "'..' is no name of an object or namespace", id="parent as name"),
        pytest.param("..", "a", "'..' is no name of an object or namespace", id="parent as namespace"),
    ],
)
def test_an_object_that_names_nothing_is_refused(namespace: str, name: str, message: str) -> None:
    """A missing name would make the path that of every object of its kind."""
    with pytest.raises(InputError) as caught:
        object_path(CONFIG_MAP, namespace, name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("namespace", "path"),
    [
        pytest.param("", "/apis/apps/v1/deployments", id="everywhere"),
        pytest.param("web", "/apis/apps/v1/namespaces/web/deployments", id="one namespace"),
    ],
)
def test_a_collection_is_of_one_namespace_or_of_all(namespace: str, path: str) -> None:
    """An empty namespace means all."""
    assert collection_path(DEPLOYMENT, namespace) == path


def test_creation_needs_what_the_object_path_needs() -> None:
    """An object is created in its collection, and only if it has a name."""
    assert (
        creation_path(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "web"}})
        == "/api/v1/namespaces/web/configmaps"
    )
    with pytest.raises(InputError, match="has no name"):
        creation_path(CONFIG_MAP, {"metadata": {"generateName": "a-", "namespace": "web"}})


def test_empty_query_fields_are_left_out() -> None:
    """Only what is set is sent, encoded."""
    assert query({"labelSelector": "a=b,c in (d)", "continue": ""}) == "?labelSelector=a%3Db%2Cc+in+%28d%29"
    assert query({"continue": ""}) == ""


@pytest.mark.parametrize(
    ("headers", "texts"),
    [
        pytest.param(['299 - "unknown field \\"spec.x\\""'], ('unknown field "spec.x"',), id="quotes"),
        pytest.param(['299 - "one", 299 - "two"', '299 - "three"'], ("one", "two", "three"), id="several"),
        pytest.param(['299 - "a\x1b[31mb"'], ("a?[31mb",), id="control characters"),
        pytest.param(['199 - "other"', "junk"], (), id="other codes"),
    ],
)
def test_warnings_are_read_from_their_headers(headers: list[str], texts: tuple[str, ...]) -> None:
    """Texts come out plain, without what a terminal would obey."""
    assert warning_texts(headers) == texts
