"""Fields that are left to others: an autoscaler's replicas, and those that the branch names."""

import threading
from typing import Any

import pytest

from envctl.model.cluster import ResourceType
from envctl.model.keeping import IGNORE_FIELDS

HOUR = 3600
DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)


@pytest.fixture
def quiet(make_rig: Any) -> Any:
    """An environment whose agent asks for its branch once an hour: what is seen is seen by watch."""
    return make_rig(interval=HOUR)


def deployment(namespace: str, replicas: int, image: str = "web:1", **annotations: str) -> dict[str, Any]:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace, "annotations": annotations},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod},
    }


def autoscaler(namespace: str, fewest: int) -> dict[str, Any]:
    """It scales up to its fewest replicas without any metrics."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": fewest,
            "maxReplicas": 5,
        },
    }


def scale(rig: Any, replicas: int, manager: str) -> None:
    """Somebody else sets the replicas by the scale subresource, as an autoscaler or `kubectl scale` does."""
    value = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "web", "namespace": rig.namespace},
        "spec": {"replicas": replicas},
    }
    target = (
        f"/apis/apps/v1/namespaces/{rig.namespace}/deployments/web/scale?fieldManager={manager}&force=true"
    )
    rig.raw("PATCH", target, value)


def replicas(rig: Any) -> int:
    live: Any = rig.live("web", kind=DEPLOYMENT)
    return int(live["spec"]["replicas"]) if live else 0


def image(rig: Any) -> str:
    live: Any = rig.live("web", kind=DEPLOYMENT)
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"])


def test_the_replicas_that_an_autoscaler_has_set_are_its_own(rig: Any, wait_for: Any) -> None:
    """Agent's fault row 33: a real HorizontalPodAutoscaler; neither its scaling nor a new image starts a tug of war.

    The Deployment says one replica, the autoscaler three at least.
    """
    rig.branch.publish({"web": [deployment(rig.namespace, 1), autoscaler(rig.namespace, 3)]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        wait_for(lambda: replicas(rig) == 3)
        rig.branch.publish({"web": [deployment(rig.namespace, 1, "web:2"), autoscaler(rig.namespace, 3)]})
        status = rig.await_applied(rig.branch.tip)
        wait_for(lambda: image(rig) == "web:2")
        assert (replicas(rig), status.healed, status.fought) == (3, 0, 0)
        taken = deployment(rig.namespace, 1, "web:9")
        del taken["spec"]["replicas"]
        target = f"/apis/apps/v1/namespaces/{rig.namespace}/deployments/web?fieldManager=kubectl&force=true"
        rig.raw("PATCH", target, taken)
        wait_for(lambda: rig.status().healed == 1)
        assert (replicas(rig), image(rig)) == (3, "web:2")


def test_what_people_scale_by_hand_is_drift(quiet: Any, wait_for: Any) -> None:
    """The branch says two, and nobody is told to keep another number."""
    quiet.branch.publish({"web": [deployment(quiet.namespace, 2)]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        scale(quiet, 4, "kubectl")
        wait_for(lambda: quiet.status().healed == 1)
        assert replicas(quiet) == 2


def test_a_named_field_is_left_to_whoever_sets_it(quiet: Any, wait_for: Any) -> None:
    """Agent's fault row 33: ignore-fields; a second manager scales again and again, and nothing is written for it."""
    left = {IGNORE_FIELDS: "/spec/replicas"}
    quiet.branch.publish({"web": [deployment(quiet.namespace, 2, **left)]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        scale(quiet, 4, "own-scaler")
        # The first time the agent notes that the field is another's; from then on it is no news.
        wait_for(lambda: quiet.agent.requests().get("GET", 0) and settled(quiet))
        before = quiet.writes()
        for number in (5, 1, 3):
            scale(quiet, number, "own-scaler")
        threading.Event().wait(1)
        assert (replicas(quiet), quiet.status().healed) == (3, 0)
        assert quiet.writes() == before


def settled(rig: Any) -> bool:
    """Whether the agent has written nothing for a moment."""
    before = rig.writes()
    threading.Event().wait(0.5)
    return bool(rig.writes() == before)


def test_a_named_field_is_sent_at_creation_and_never_again(rig: Any) -> None:
    """Also where nobody has touched it: a new commit changes the rest, and leaves the field as it is."""
    left = {IGNORE_FIELDS: "/spec/replicas"}
    rig.branch.publish({"web": [deployment(rig.namespace, 2, **left)]})
    assert [str(each.action) for each in rig.once().results] == ["created"]
    assert replicas(rig) == 2
    rig.branch.publish({"web": [deployment(rig.namespace, 4, "web:2", **left)]})
    assert [str(each.action) for each in rig.once().results] == ["configured"]
    assert (replicas(rig), image(rig)) == (2, "web:2")
    scale(rig, 3, "own-scaler")
    rig.branch.publish({"web": [deployment(rig.namespace, 5, "web:3", **left)]})
    assert [str(each.action) for each in rig.once(dry_run=True).results] == ["configured"]
    rig.once()
    assert (replicas(rig), image(rig)) == (3, "web:3")
    rig.branch.publish({"web": [deployment(rig.namespace, 5, "web:3")]})
    rig.once()
    assert replicas(rig) == 5


def test_an_annotation_that_names_no_field_refuses_the_commit(rig: Any) -> None:
    """Before anything is written, with the place and what is right."""
    rig.branch.publish({"web": [deployment(rig.namespace, 2, **{IGNORE_FIELDS: "spec.replicas"})]})
    with pytest.raises(Exception, match="which is no JSON pointer to a field"):
        rig.once()
    assert rig.live("web", kind=DEPLOYMENT) is None
