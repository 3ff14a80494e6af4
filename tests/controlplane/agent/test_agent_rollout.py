"""Deployments with pods that the controllers make and kwok plays: healthy, Degraded by a bad image, and mended.

`--deployments 500` is the full size.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from envctl.model.cluster import ResourceType
from envctl.model.health import Health
from tests.support.deployments import deployment

DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
SHARE = 20
PATIENCE = 300.0


def fleet(count: int, namespace: str, tag: str = "1") -> Mapping[str, Sequence[dict[str, Any]]]:
    """So many Deployments in components of twenty; the last of the first component has the tag."""
    found: dict[str, list[dict[str, Any]]] = {}
    for number in range(count):
        odd = number == SHARE - 1
        value = deployment(
            f"web-{number:03}", namespace, tag if odd else "1", 1 if odd and tag != "1" else 600
        )
        found.setdefault(f"fleet-{number // SHARE:02}", []).append(value)
    return found


def test_a_bad_image_is_degraded_with_its_reason_and_the_fix_goes_out_while_the_rest_waits(
    rig, cm, wait_for, request
) -> None:
    """All others stay Healthy; what waits for the bad one is not sent until the fix is there."""
    count = request.config.getoption("--deployments")
    gate = cm("after", rig.namespace, x="1")
    gate["metadata"]["annotations"] = {"envctl.dev/wave": "1"}

    def publish(tag: str, x: str) -> str:
        found = fleet(count, rig.namespace, tag)
        waits = {**gate, "data": {"x": x}}
        return rig.branch.publish({**found, "fleet-00": [*found["fleet-00"], waits]})

    with rig.running():
        status = rig.await_applied(publish("1", "1"), PATIENCE)
        assert (status.health, status.objects) == (Health.HEALTHY, count + 1)
        live = rig.kube.list(DEPLOYMENT, namespace=rig.namespace).items
        assert [each["status"].get("readyReplicas") for each in live] == [1] * count

        bad = publish("missing", "2")
        status = wait_for(
            lambda: (found := rig.status()).health == Health.DEGRADED and found, "Degraded", PATIENCE
        )
        assert status.revision == bad
        assert status.applied != bad
        assert [(each.name, each.health) for each in status.components] == [
            ("fleet-00", Health.DEGRADED),
            *((name, Health.HEALTHY) for name in fleet(count, rig.namespace) if name != "fleet-00"),
        ]
        assert status.components[0].reason.startswith(f"Deployment.apps {rig.namespace}/web-019: ")
        assert "has timed out progressing" in status.components[0].reason
        assert rig.data("after") == {"x": "1"}

        status = rig.await_applied(publish("2", "2"), PATIENCE)
        assert status.health == Health.HEALTHY
        assert rig.data("after") == {"x": "2"}
    assert rig.live("web-019", kind=DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"] == (
        "registry.example.com/web:2"
    )
