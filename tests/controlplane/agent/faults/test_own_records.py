"""What agents keep their own records in is never written from a branch, whatever the branch says."""

import base64
from typing import Any

import pytest

from envctl.agent.resource import ENVIRONMENT
from envctl.model.cluster import ResourceType
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.planning.inventory import Header, encode_header, encode_shard

LEASE = ResourceType("coordination.k8s.io", "v1", "Lease", "leases", namespaced=True)
REASON = "agents keep their own records in it, and no branch writes these"
HINT = "take it out of the source"


def taking(value: dict[str, Any], fields: str) -> dict[str, Any]:
    """An object that says everything with which a branch may take what it finds."""
    annotations = {"envctl.dev/adopt": "true", "envctl.dev/force-fields": fields}
    metadata = value["metadata"]
    return {
        **value,
        "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}},
    }


def test_a_branch_cannot_make_another_agent_delete_what_is_nobodys(make_rig: Any, cm: Any) -> None:
    """Who writes the inventory of another environment decides what its agent deletes."""
    victim = make_rig()
    agents = victim.options.namespace
    attacker = make_rig(agents=agents)
    victim.branch.publish({"web": [cm("a", victim.namespace), cm("b", victim.namespace)]})
    assert victim.once().succeeded
    theirs = victim.kube.create(victim.config_map_type, cm("theirs", victim.namespace, precious="1"))
    name = f"envctl-inventory-{victim.options.environment}-0"
    before = victim.live(name, agents)
    key = ObjectId("", "ConfigMap", victim.namespace, "theirs")
    forged = InventoryEntry(key, "web", "", "1" * 40, uid=theirs["metadata"]["uid"], prunable="named")
    value = cm(name, agents, header=encode_header(Header(None, 1)))
    value["binaryData"] = {"entries.json.gz": base64.b64encode(encode_shard([forged])).decode()}
    attacker.branch.publish({"x": [taking(value, "/data, /binaryData"), cm("c", attacker.namespace)]})
    (failure,) = attacker.once().failures
    assert (str(failure.id), failure.reason, failure.hint) == (f"ConfigMap {agents}/{name}", REASON, HINT)
    assert attacker.data("c") == {}
    assert victim.live(name, agents) == before
    victim.branch.publish({"web": [cm("a", victim.namespace)]})
    assert victim.once().succeeded
    assert (victim.data("b"), victim.data("theirs")) == (None, {"precious": "1"})


@pytest.mark.parametrize("own", [True, False])
def test_a_branch_cannot_write_what_people_allow_the_agent(
    rig: Any, make_rig: Any, cm: Any, *, own: bool
) -> None:
    """A permit is an annotation of the `Environment` object, of this environment or of another."""
    agents = rig.options.namespace
    other = rig if own else make_rig(agents=agents)
    other.branch.publish({"web": [cm("a", other.namespace)]})
    assert other.once().succeeded
    name = other.options.environment
    forged = {
        "apiVersion": "envctl.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {
            "name": name,
            "namespace": agents,
            "annotations": {"envctl.dev/accept-rewrite": "1" * 40},
        },
        "spec": {"repository": "elsewhere", "branch": "main"},
    }
    rig.branch.publish({"web": [cm("a", rig.namespace), taking(forged, "/metadata/annotations")]})
    (failure,) = rig.once().failures
    assert (failure.reason, failure.hint) == (REASON, HINT)
    live = rig.live(name, agents, ENVIRONMENT)
    assert "envctl.dev/accept-rewrite" not in live["metadata"]["annotations"]


def test_a_branch_cannot_hold_the_lead(rig: Any, cm: Any) -> None:
    """A Lease that names somebody else as its holder would keep every agent waiting."""
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": f"envctl-{rig.options.environment}", "namespace": rig.options.namespace},
        "spec": {"holderIdentity": "nobody", "leaseDurationSeconds": 2000000000},
    }
    rig.branch.publish({"web": [cm("a", rig.namespace), lease]})
    (failure,) = rig.once().failures
    assert (failure.reason, failure.hint) == (REASON, HINT)
    assert rig.live(lease["metadata"]["name"], rig.options.namespace, LEASE) is None
