"""Objects by the names that people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.manifests.match import matching, object_name, short_name
from envctl.manifests.paths import object_path
from envctl.model.objects import ObjectId

OBJECTS = [
    ObjectId("apps", "Deployment", "web", "api"),
    ObjectId("apps", "Deployment", "shop", "api"),
    ObjectId("", "Service", "web", "api"),
    ObjectId("serving.knative.dev", "Service", "web", "api"),
    ObjectId("rbac.authorization.k8s.io", "ClusterRole", "", "system:web"),
    ObjectId("", "ConfigMap", "web", "a.b"),
]
KNOWN = {object_path("x", each): each for each in OBJECTS}


@pytest.mark.parametrize(
    ("text", "wanted"),
    {
        "kind and name": ("Deployment/api", [0, 1]),
        "any case": ("deployment/api", [0, 1]),
        "namespace": ("web/Deployment/api", [0]),
        "group": ("Service.serving.knative.dev/api", [3]),
        "core group": ("Service./api", [2]),
        "both groups": ("web/Service/api", [2, 3]),
        "cluster": ("_cluster/ClusterRole/system:web", [4]),
        "name with a colon": ("clusterrole/system:web", [4]),
        "name with a dot": ("ConfigMap/a.b", [5]),
        "as diff prints it": ("Deployment.apps web/api", [0]),
        "as diff prints it, cluster-scoped": ("ClusterRole.rbac.authorization.k8s.io system:web", [4]),
        "path": ("x/web/Deployment.apps_api.yaml", [0]),
        "another name": ("Deployment/ap", []),
        "names have a case": ("Deployment/API", []),
        "another group": ("Deployment.batch/api", []),
        "another namespace": ("qa/Deployment/api", []),
        "no kind": ("api", []),
        "too many parts": ("a/b/c/d", []),
        "nothing": ("", []),
    }.values(),
    ids=str,
)
def test_a_name_finds_the_objects_that_it_may_mean(text: str, wanted: list[int]) -> None:
    """All of them, so that nobody guesses."""
    assert matching(text, KNOWN) == tuple(sorted(object_path("x", OBJECTS[at]) for at in wanted))


@given(st.sampled_from(OBJECTS))
def test_an_objects_own_name_finds_it(key: ObjectId) -> None:
    """In each form that envctl prints."""
    assert key in [KNOWN[path] for path in matching(str(key), KNOWN)]
    assert key in [KNOWN[path] for path in matching(object_name(key), KNOWN)]
    assert key in [KNOWN[path] for path in matching(short_name(key), KNOWN)]
