"""Objects that no API server could have fail by name, and leave no trace when the branch has them no more."""

from typing import Any

import pytest


def named(name: str, namespace: str, api: str = "v1", kind: str = "ConfigMap") -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


IMPOSSIBLE = [
    pytest.param(named("..", "{}"), id="a name of the folder above"),
    pytest.param(named(".", "{}"), id="a name of this folder"),
    pytest.param(named("a/b", "{}"), id="a name with a slash"),
    pytest.param(named("a%2Fb", "{}"), id="a name with a percent sign"),
    pytest.param(named("a?b#c", "{}"), id="a name with marks of a query"),
    pytest.param(named("é", "{}"), id="a name outside ASCII"),
    pytest.param(named("a\nb", "{}"), id="a name of two lines"),
    pytest.param(named("a", ".."), id="a namespace of the folder above"),
    pytest.param(named("a", "kube-system/configmaps"), id="a namespace with a slash"),
    pytest.param(named("a", "éé"), id="a namespace outside ASCII"),
    pytest.param(named("a", ""), id="no namespace"),
    pytest.param(named("a", "{}", kind="Nothing"), id="no kind"),
    pytest.param(named("a", "{}", kind="ConfigMap/../Secret"), id="a kind with slashes"),
    pytest.param(named("a", "{}", kind="Kñ,ind"), id="a kind outside ASCII"),
    pytest.param(named("a", "{}", kind="ConfigMapList"), id="a list"),
    pytest.param(named("a", "{}", api="no-such.example.com/v1"), id="no group"),
    pytest.param(
        named("a", "{}", api="authorization.k8s.io/v1", kind="SubjectAccessReview"), id="a question"
    ),
    pytest.param(named("a", "", api="authentication.k8s.io/v1", kind="TokenReview"), id="another question"),
    pytest.param(named("a", "{}", kind="Binding"), id="a kind that is only created"),
]


@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_what_cannot_be_fails_alone_and_is_forgotten(value: dict[str, Any], make_rig: Any, cm: Any) -> None:
    """With the drift of others healed meanwhile, by the same reconcile."""
    rig = make_rig(almighty=True)
    metadata = value["metadata"]
    place = {"namespace": metadata["namespace"].format(rig.namespace)} if "namespace" in metadata else {}
    bad = {**value, "metadata": {**metadata, **place}}
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    assert rig.once().succeeded
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1"), cm("b", rig.namespace), bad]})
    assert [each.id.name for each in rig.once().failures] == [metadata["name"]]
    assert rig.data("b") == {}
    rig.kube.apply(rig.config_map_type, cm("a", rig.namespace, x="drifted"), force=True)
    assert [each.id.name for each in rig.once().failures] == [metadata["name"]]
    assert rig.data("a") == {"x": "1"}
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    assert rig.once().failures == ()
    status = rig.status()
    assert (status.ready, status.objects) == (True, 1)
