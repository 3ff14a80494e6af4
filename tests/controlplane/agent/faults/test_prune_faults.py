"""Prunes and the inventory when rights, reads and sizes are not as they should be."""

import base64
import gzip
import json
import math
from typing import Any

from envctl.model.cluster import ResourceType
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty
from tests.support.apifaults import answered, replayed
from tests.support.apiproxy import Turn

ROLES = ResourceType("rbac.authorization.k8s.io", "v1", "Role", "roles", namespaced=True)


def shown(result):
    return {each.id.name: str(each.action) for each in result.results}


def without(rig: Any, resource: str) -> None:
    """Take the agent's rights to a resource in the namespace of its objects; nothing gives them back by itself."""
    rig.branch.published = lambda: None
    for role in rig.kube.list(ROLES, namespace=rig.namespace).items:
        kept = [
            {**rule, "resources": [each for each in rule["resources"] if each != resource]}
            for rule in role["rules"]
        ]
        rules = [rule for rule in kept if rule["resources"]]
        rig.kube.replace(
            ROLES, {**role, "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": rules}
        )


def test_without_rights_to_a_kind_the_others_go_on_and_nothing_is_forgotten(rig, cm, wait_for) -> None:
    """Agent's fault rows 10, and 11: it fails by name and verb, is not taken for gone, and goes once it may."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": rig.namespace}}
    given, grant = rig.branch.published, rig.namespace
    rig.branch.publish({"web": [secret, cm("a", grant), cm("b", grant)]})
    rig.once()
    without(rig, "secrets")
    rig.branch.publish({"web": [cm("a", grant, x="1")]})
    result = wait_for(lambda: (found := rig.once()).failures and found)
    (failed,) = result.failures
    assert (failed.id.kind, "secrets" in failed.reason, "forbidden" in failed.reason.lower()) == (
        "Secret", True, True,
    ), failed  # fmt: skip
    assert (rig.data("a"), rig.data("b")) == ({"x": "1"}, None)
    assert rig.status().objects == 2
    given()
    wait_for(lambda: shown(rig.once()).get("s") == "deleted")


def test_a_list_that_expires_between_its_pages_is_begun_again(faulty: Faulty) -> None:
    """Agent's fault row 13: the parts of the inventory come one a page; the second page is 410 once."""
    faulty.publish(*FIRST)
    faulty.rig.once()
    fault_seen = []

    def small_pages(turn: Turn) -> None:
        turn.exchange.target = turn.exchange.target.replace("limit=500", "limit=1")
        turn.pass_on()

    def expired(turn: Turn) -> None:
        fault_seen.append(turn.exchange.target)
        answered(410)(turn)

    # A part that is there beside the first one makes two pages.
    name = f"envctl-inventory-{faulty.rig.options.environment}-1"
    labels = {"envctl.dev/inventory": faulty.rig.options.environment}
    spare = {"name": name, "namespace": faulty.rig.options.namespace, "labels": labels}
    faulty.rig.kube.create(
        faulty.rig.config_map_type, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": spare}
    )
    faulty.proxy.fault(expired, "GET", "configmaps[?].*continue=", times=1)
    faulty.proxy.fault(small_pages, "GET", "configmaps[?].*inventory", times=math.inf)
    faulty.publish(*SECOND)
    with faulty.rig.running():
        faulty.rig.await_applied(faulty.rig.branch.tip)
        faulty.check()
    assert len(fault_seen) == 1


def test_a_deletion_is_only_for_what_was_read(faulty: Faulty) -> None:
    """Agent's fault row 17: a server that lags shows an object as it was; its successor is not deleted for it."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    rig.once()
    old = rig.agent.get(rig.config_map_type, rig.namespace, "leave")
    (*_, seen) = [each for each in faulty.proxy.exchanges("GET", "configmaps/leave") if each.answer]
    rig.kube.delete(rig.config_map_type, rig.namespace, "leave")
    again = {**old, "apiVersion": "v1", "kind": "ConfigMap"}
    again["metadata"] = {"name": "leave", "namespace": rig.namespace, "labels": old["metadata"]["labels"]}
    rig.kube.create(rig.config_map_type, again | {"data": {"theirs": "1"}})
    fault = faulty.proxy.fault(replayed(seen.answer), "GET", "configmaps/leave", times=math.inf)
    faulty.publish(*SECOND)
    result = rig.once()
    assert shown(result)["leave"] == "failed"
    assert rig.data("leave") == {"theirs": "1"}
    fault.lift()
    assert shown(rig.once()) == {"leave": "deleted"}


def rewrite(rig: Any, edit: Any) -> None:
    """Store the shard as another version of envctl would."""
    name = f"envctl-inventory-{rig.options.environment}-0"
    live = rig.kube.get(rig.config_map_type, rig.options.namespace, name)
    content = json.loads(gzip.decompress(base64.b64decode(live["binaryData"]["entries.json.gz"])))
    header = json.loads(live["data"]["header"])
    edit(content)
    packed = base64.b64encode(gzip.compress(json.dumps(content).encode(), mtime=0)).decode()
    live |= {"apiVersion": "v1", "kind": "ConfigMap"}
    live |= {
        "binaryData": {"entries.json.gz": packed},
        "data": {"header": json.dumps(header, sort_keys=True)},
    }
    rig.kube.replace(rig.config_map_type, live)


def older(content: Any) -> None:
    """Without the columns that came later."""
    at = content["columns"].index("verdict")
    for row in (content["columns"], *content["rows"]):
        del row[at]


def newer(content: Any) -> None:
    """With a column that nobody knows here."""
    for row, each in ((content["columns"], "later"), *((row, "x") for row in content["rows"])):
        row.append(each)


def test_another_version_of_the_inventory_is_read_and_costs_no_write(rig, cm) -> None:
    """Agent's fault row 61: an upgrade and a downgrade of the agent write nothing where nothing changed."""
    for edit in (older, newer):
        rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace, x=edit.__name__)]})
        rig.once()
        rewrite(rig, edit)
        before = rig.everything()
        result = rig.once()
        assert (result.results, rig.everything()) == ((), before)
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    assert shown(rig.once()) == {"b": "deleted"}


def test_many_objects_are_known_in_small_parts_and_one_change_writes_one(rig, cm, request) -> None:
    """Agent's fault row 68: no part of the inventory comes near 1 MiB, and a change costs as much as it changes."""
    count = request.config.getoption("--objects")
    names = [f"object-with-a-rather-long-name-{number}" for number in range(count)]
    rig.branch.publish({"web": [cm(name, rig.namespace) for name in names]})
    assert rig.once().succeeded
    parts = {name: version for name, version in rig.everything().items() if "envctl-inventory" in name}
    sizes = [
        len(each["binaryData"]["entries.json.gz"])
        for each in rig.kube.list(rig.config_map_type, namespace=rig.options.namespace).items
        if "envctl-inventory" in each["metadata"]["name"]
    ]
    assert (len(sizes) >= count / 1000, max(sizes) < 200_000) == (True, True), sizes
    changed = [cm(name, rig.namespace) for name in names[1:-1]] + [cm(names[-1], rig.namespace, x="1")]
    rig.branch.publish({"web": changed})
    before = rig.writes()
    assert sorted(shown(rig.once()).values()) == ["configured", "deleted"]
    after = {name: version for name, version in rig.everything().items() if "envctl-inventory" in name}
    moved = [name for name in after if after[name] != parts.get(name)]
    assert len(moved) <= 3, moved
    # Two objects, their parts before and after, the part with the header, the definition, the report.
    assert rig.writes() - before <= 12
