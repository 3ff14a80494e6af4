"""Steps against the real control plane: who waits for whose health, what is reported, and what ends the waiting."""

from typing import Any

import pytest

from envctl.errors import InputError
from envctl.model.cluster import ResourceType

DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
HOUR = 3600.0


def deployment(name: str, namespace: str, image: str = "nginx:1", **annotations: str) -> dict[str, Any]:
    """Healthy within two seconds with the kwok pods of the test cluster, unless its image is `absent`."""
    container = {"name": "main", "image": image}
    absent = {"kwok.x-k8s.io/usage": "none"}
    template: dict[str, Any] = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    if image == "absent":
        # No node takes it, so it never gets ready, and that is Degraded after its deadline.
        template["spec"]["nodeSelector"] = absent
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {
            "replicas": 1,
            "progressDeadlineSeconds": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
    }


def waved(value: dict[str, Any], wave: int) -> dict[str, Any]:
    """The object in a wave."""
    annotations = value["metadata"].get("annotations", {}) | {"envctl.dev/wave": str(wave)}
    return {**value, "metadata": {**value["metadata"], "annotations": annotations}}


def test_a_component_waits_until_what_it_needs_is_healthy(rig, cm) -> None:
    """It is created after the Deployment was available; the unrelated one did not wait."""
    rig.branch.publish(
        {
            "db": [deployment("db", rig.namespace)],
            "web": [cm("web", rig.namespace)],
            "other": [cm("other", rig.namespace)],
        },
        depends_on={"db": [], "other": [], "web": ["db"]},
    )
    with rig.running():
        rig.await_applied(rig.branch.tip)
        told = [each.message for each in rig.log if "waits for" in each.message]
        assert told[0].startswith(
            f"component web waits for component db: Deployment.apps {rig.namespace}/db is Progressing: "
        )
        assert rig.live("db", kind=DEPLOYMENT)["status"]["availableReplicas"] == 1
        before = rig.writes()
    # A restart finds all of it as it should be: nothing is sent, and nobody waits.
    rig.log.clear()
    with rig.running():
        rig.await_applied(rig.branch.tip)
    assert rig.writes() - before <= 1
    assert not any("waits for" in each.message for each in rig.log)


def test_a_degraded_step_blocks_what_needs_it_and_the_fix_is_applied_at_once(make_rig, cm, wait_for) -> None:
    """Agent's fault row 71: a bad commit, its fix pushed while the next wave waits.

    The unrelated object of the bad commit was applied, drift was healed while waiting, the status
    names who waits for what, and the fix goes on by itself.
    """
    rig = make_rig(health_wait=0.5)
    good, blocked = deployment("db", rig.namespace), waved(cm("next", rig.namespace, x="1"), 1)
    rig.branch.publish({"db": [good], "web": [blocked]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        bad = deployment("db", rig.namespace, "absent")
        changed = waved(cm("next", rig.namespace, x="2"), 1)
        rig.branch.publish({"db": [bad, cm("side", rig.namespace)], "web": [changed]})
        status = rig.await_condition("Stalled", "Waiting")
        wait_for(lambda: "is Degraded: " in rig.status().condition("Reconciling").message)
        assert (
            rig.status()
            .condition("Reconciling")
            .message.startswith(
                f"wave 1 of component web waits for component db: Deployment.apps {rig.namespace}/db is Degraded: "
            )
        )
        assert not status.ready
        assert rig.data("side") == {}
        assert rig.data("next") == {"x": "1"}
        rig.kube.delete(rig.config_map_type, rig.namespace, "side")
        wait_for(lambda: rig.data("side") == {}, "healed while waiting")
        rig.branch.publish({"db": [good, cm("side", rig.namespace)], "web": [changed]})
        rig.await_applied(rig.branch.tip)
        assert rig.data("next") == {"x": "2"}
        assert not rig.status().condition("Stalled").status


def test_what_waits_is_healed_to_what_was_applied_before(make_rig, cm, wait_for) -> None:
    """An object whose new text waits for another step is not left alone while it waits."""
    rig = make_rig()
    blocked = waved(cm("next", rig.namespace, x="1"), 1)
    rig.branch.publish({"db": [deployment("db", rig.namespace)], "web": [blocked]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        changed = waved(cm("next", rig.namespace, x="2"), 1)
        rig.branch.publish({"db": [deployment("db", rig.namespace, "absent")], "web": [changed]})
        rig.await_condition("Reconciling", "Waiting")
        rig.kube.replace(rig.config_map_type, rig.live("next") | {"data": {"x": "edited"}})
        wait_for(lambda: rig.data("next") == {"x": "1"}, "healed")
        rig.branch.publish({"db": [deployment("db", rig.namespace)], "web": [changed]})
        rig.await_applied(rig.branch.tip)
        assert rig.data("next") == {"x": "2"}


def test_a_failed_object_blocks_only_what_needs_it(rig, cm) -> None:
    """The result names who waits and why; with the fix all of it is applied, and what left is pruned then."""
    bad = cm("bad", rig.namespace) | {"data": {"not/a/key": "x"}}
    graph = {"db": [], "other": [], "web": ["db"]}
    rig.branch.publish({"db": [cm("gone", rig.namespace)]}, depends_on=graph)
    rig.once()
    rig.branch.publish(
        {"db": [bad], "web": [cm("web", rig.namespace)], "other": [cm("other", rig.namespace)]},
        depends_on=graph,
    )
    result = rig.once()
    (wait,) = result.waits
    assert str(wait).startswith(
        f"component web waits for component db: ConfigMap {rig.namespace}/bad failed: "
    )
    assert {each.id.name: str(each.action) for each in result.results} == {
        "other": "created",
        "bad": "failed",
    }
    assert (rig.data("web"), rig.data("gone")) == (None, {})
    assert not result.succeeded
    rig.branch.publish(
        {
            "db": [cm("bad", rig.namespace)],
            "web": [cm("web", rig.namespace)],
            "other": [cm("other", rig.namespace)],
        },
        depends_on=graph,
    )
    assert {each.id.name: str(each.action) for each in rig.once().results} == {
        "bad": "created",
        "web": "created",
        "gone": "deleted",
    }


def test_waves_go_in_their_order_also_the_negative_ones(rig, cm) -> None:
    """Across components, and against the order of names."""
    rig.branch.publish(
        {
            "a": [waved(cm("last", rig.namespace), 10), cm("middle", rig.namespace)],
            "b": [waved(cm("first", rig.namespace), -2), waved(cm("next", rig.namespace), 2)],
        }
    )
    assert [each.id.name for each in rig.once().results] == ["first", "middle", "next", "last"]


BAD = [
    pytest.param({"envctl.dev/wave": "1.5"}, "annotation envctl.dev/wave is '1.5'", id="wave"),
    pytest.param({"envctl.dev/wave": ""}, "annotation envctl.dev/wave is ''", id="empty wave"),
    pytest.param({"envctl.dev/replace": "yes"}, "annotation envctl.dev/replace is 'yes'", id="replace"),
    pytest.param(
        {"envctl.dev/force-fields": "spec.x"}, "annotation envctl.dev/force-fields is 'spec.x'", id="fields"
    ),
]


@pytest.mark.parametrize(("annotations", "message"), BAD)
def test_an_annotation_that_cannot_be_obeyed_is_refused_by_name(rig, cm, annotations, message) -> None:
    """The commit as a whole, before anything is written."""
    value = cm("a", rig.namespace)
    value["metadata"]["annotations"] = annotations
    rig.branch.publish({"web": [value, cm("b", rig.namespace)]})
    with pytest.raises(InputError, match=r"ConfigMap_a\.yaml") as caught:
        rig.once()
    assert message in str(caught.value)
    assert rig.data("b") is None


def test_waves_and_dependencies_in_a_circle_are_refused(rig, cm) -> None:
    """The circle is named."""
    rig.branch.publish(
        {"a": [cm("a", rig.namespace)], "b": [waved(cm("b", rig.namespace), 1)]},
        depends_on={"a": ["b"], "b": []},
    )
    with pytest.raises(InputError, match="wave 0 of component a -> wave 1 of component b -> wave 0"):
        rig.once()


def test_an_object_without_a_name_of_its_own_is_refused(rig, cm) -> None:
    """generateName makes another object each time."""
    path = f"web/{rig.namespace}/ConfigMap_a.yaml"
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: a\n  namespace: {rig.namespace}\n"
    rig.branch.publish({"web": [cm("b", rig.namespace)]}, files={path: text.encode()})
    with pytest.raises(InputError, match="generateName: a declared object needs a name that stays"):
        rig.once()
