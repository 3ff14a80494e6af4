"""What stands between a commit and a deletion, against the real API server."""

import pytest

from envctl.errors import ClusterError, InputError
from envctl.model.cluster import ResourceType

DEFINITIONS = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
EVENTS = ResourceType("events.k8s.io", "v1", "Event", "events", namespaced=True)


def shown(result):
    return {each.id.name: str(each.action) for each in result.results}


def guards(result):
    return sorted({each.guard for each in result.refused})


def objects(rig, cm, *numbers):
    return [cm(f"o{number}", rig.namespace) for number in numbers]


def tree(rig):
    return rig.branch.git("rev-parse", f"{rig.branch.tip}^{{tree}}")


def definition(name, *versions, scope="Namespaced"):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    found = [
        {"name": each, "served": True, "storage": each == versions[-1], "schema": {"openAPIV3Schema": schema}}
        for each in versions
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{name}.example.com"},
        "spec": {
            "group": f"{name}.example.com",
            "scope": scope,
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": found,
        },
    }


def widget(rig, name, version="v1", **content):
    return {
        "apiVersion": f"{rig.options.environment}.example.com/{version}",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": rig.namespace},
        **content,
    }


@pytest.fixture
def widgets(make_rig):
    """An environment whose agent may do everything, for kinds that come and go; they go after the test."""
    rig = make_rig(almighty=True, namespaced=False, prune_wait=2)
    yield rig
    rig.kube.delete(DEFINITIONS, "", f"widgets.{rig.options.environment}.example.com")


def test_three_commits_cannot_take_what_one_may_not(rig, cm) -> None:
    """Agent's fault row 42: 19 % thrice, each by an agent that was just started; then a permission for that tree."""
    rig.branch.publish({"web": objects(rig, cm, *range(60))})
    rig.once()
    rig.branch.publish({"web": objects(rig, cm, *range(11, 60))})
    assert list(shown(rig.once()).values()) == ["deleted"] * 11
    rig.branch.publish({"web": objects(rig, cm, *range(20, 60))})
    result = rig.once()
    assert (shown(result), guards(result), len(result.refused)) == ({}, ["too-many"], 9)
    assert result.refused[0].reason == (
        "9 of 60 objects left the branch shortly after 11 others: together more than the 12 that may go "
        "within an hour"
    )
    rig.options = rig.options.__class__(**{**_fields(rig.options), "prune_window": 0})
    before = rig.everything()
    assert (len(rig.once().refused), rig.everything()) == (9, before)  # time alone deletes nothing
    rest = objects(rig, cm, *range(20, 60))
    rig.branch.publish({"web": rest}, trailers=[f"Envctl-Allow-Prune: too-many@{'0' * 12}"])
    assert len(rig.once().refused) == 9
    assert any("it permits nothing" in each.message for each in rig.log)
    rig.branch.publish({"web": rest}, trailers=[f"Envctl-Allow-Prune: too-many@{tree(rig)}"])
    assert list(shown(rig.once()).values()) == ["deleted"] * 9


def _fields(options):
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


def test_a_kind_stays_while_its_objects_live(widgets) -> None:
    """Agent's fault row 27: somebody else's object of that kind keeps it, whatever is allowed; its name lets it go."""
    rig = widgets
    name = rig.options.environment
    crd = definition(name, "v1")
    keep = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keep", "namespace": rig.namespace}}
    rig.branch.publish({"web": [crd, widget(rig, "ours"), keep]})
    assert rig.once().succeeded
    kind = rig.kube.resource_type(f"{name}.example.com", "Widget")
    rig.kube.create(kind, widget(rig, "theirs"))
    rig.branch.publish({"web": [keep]}, trailers=["Envctl-Allow-Prune: all"])
    result = rig.once()
    assert (shown(result)["ours"], guards(result)) == ("deleted", ["custom-objects"])
    assert result.refused[0].reason == "1 object of its kind live, and would be deleted with it"
    assert rig.kube.get(kind, rig.namespace, "theirs")
    said = result.refused[0].subject
    rig.branch.publish({"web": [keep]}, trailers=[f"Envctl-Allow-Prune: {said}@{tree(rig)}"])
    assert shown(rig.once())[crd["metadata"]["name"]] in {"deleted", "deleting"}


def test_a_definition_never_loses_objects(widgets) -> None:
    """Agent's fault row 26: another scope, and a version dropped in which objects are stored; nothing is sent."""
    rig = widgets
    name = rig.options.environment
    rig.branch.publish({"web": [definition(name, "v1alpha1", "v1")]})
    assert rig.once().succeeded
    live = rig.kube.get(DEFINITIONS, "", f"widgets.{name}.example.com")
    for changed, says in (
        (definition(name, "v1alpha1", "v1", scope="Cluster"), "its scope would change"),
        (definition(name, "v2"), "it would drop v1, in which objects may be stored"),
    ):
        rig.branch.publish({"web": [changed]})
        result = rig.once()
        assert [str(each.action) for each in result.results] == ["failed"]
        assert result.results[0].reason.startswith(says)
    found = rig.kube.get(DEFINITIONS, "", f"widgets.{name}.example.com")
    assert found["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


def test_another_version_is_the_same_object(widgets) -> None:
    """Agent's fault row 64: v1alpha1 becomes v1; nothing is deleted, and the object keeps its UID."""
    rig = widgets
    crd = definition(rig.options.environment, "v1alpha1", "v1")
    rig.branch.publish({"web": [crd, widget(rig, "a", "v1alpha1")]})
    assert rig.once().succeeded
    kind = rig.kube.resource_type(f"{rig.options.environment}.example.com", "Widget")
    uid = rig.kube.get(kind, rig.namespace, "a")["metadata"]["uid"]
    rig.branch.publish({"web": [crd, widget(rig, "a", "v1")]})
    assert "deleted" not in shown(rig.once()).values()
    assert rig.kube.get(kind, rig.namespace, "a")["metadata"]["uid"] == uid


def test_one_object_under_two_groups_is_not_deleted(rig) -> None:
    """Agent's fault row 64: an Event of the core group moves to events.k8s.io, as Ingresses did: one live object."""
    told = {
        "reason": "Tested", "type": "Normal", "action": "test", "eventTime": "2026-01-02T03:04:05.000000Z",
        "reportingInstance": "one", "metadata": {"name": "moved", "namespace": rig.namespace},
    }  # fmt: skip
    about = {"apiVersion": "v1", "kind": "Pod", "name": "x", "namespace": rig.namespace}
    old = {**told, "apiVersion": "v1", "kind": "Event", "involvedObject": about, "message": "m"}
    old |= {"reportingComponent": "example.com/test"}
    new = {**told, "apiVersion": "events.k8s.io/v1", "kind": "Event", "regarding": about, "note": "m"}
    new |= {"reportingController": "example.com/test"}
    rig.branch.publish({"web": [old]})
    assert rig.once().succeeded, rig.once().failures
    uid = rig.kube.get(EVENTS, rig.namespace, "moved")["metadata"]["uid"]
    rig.branch.publish({"web": [new]})
    result = rig.once()
    reason = f"it is the same object as Event.events.k8s.io {rig.namespace}/moved, which the branch holds; it stays"
    assert [each.reason for each in result.results if str(each.action) == "skipped"] == [reason]
    assert rig.kube.get(EVENTS, rig.namespace, "moved")["metadata"]["uid"] == uid
    assert rig.status().objects == 1
    assert rig.once().results == ()


def test_what_is_renamed_is_created_before_the_old_one_goes(rig, cm) -> None:
    """Agent's fault row 63: the new object cannot be created, so the old one stays; then it goes."""
    rig.branch.publish({"web": [cm("old", rig.namespace), cm("keep", rig.namespace)]})
    rig.once()
    bad = cm("new", rig.namespace) | {"data": {"not/a/key": "x"}}
    rig.branch.publish({"web": [bad, cm("keep", rig.namespace)]})
    result = rig.once()
    assert shown(result) == {"new": "failed", "old": "skipped"}
    assert {each.reason for each in result.results if each.id.name == "old"} == {
        f"it stays until ConfigMap {rig.namespace}/new stands, which may replace it"
    }
    rig.branch.publish({"web": [cm("new", rig.namespace), cm("keep", rig.namespace)]})
    assert list(shown(rig.once()).items()) == [("new", "created"), ("old", "deleted")]


def test_a_component_that_is_renamed_moves_nothing(rig, cm) -> None:
    """Agent's fault row 63: the same objects in another folder: no apply, no delete."""
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    rig.once()
    versions = {name: rig.live(name)["metadata"]["resourceVersion"] for name in "ab"}
    rig.branch.publish({"shop": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    assert rig.once().results == ()
    assert {name: rig.live(name)["metadata"]["resourceVersion"] for name in "ab"} == versions


def test_an_object_of_two_environments_is_neither_taken_nor_pruned(make_rig, cm) -> None:
    """Agent's fault row 34: who had it first keeps it; the other one leaves it alone, also when it prunes."""
    first = make_rig()
    second = make_rig(namespace=first.namespace, agents=first.options.namespace)
    first.branch.publish({"web": [cm("shared", first.namespace), cm("one", first.namespace)]})
    assert first.once().succeeded
    second.branch.publish({"web": [cm("shared", first.namespace), cm("two", first.namespace)]})
    result = second.once()
    assert shown(result) == {"shared": "failed", "two": "created"}
    assert result.failures[0].reason == f"it belongs to the environment {first.options.environment}"
    before = first.live("shared")
    second.branch.publish({"web": [cm("two", first.namespace)]})
    assert shown(second.once()) == {"shared": "skipped"}
    assert first.live("shared") == before
    first.branch.publish({"web": [cm("one", first.namespace)]})
    assert shown(first.once()) == {"shared": "deleted"}


BAD_TREES = {
    "an object in two components": (
        {"web": ["a"], "shop": ["a"]}, {}, "the deploy tree holds objects twice",
    ),
    "two names that differ by case": ({"web": ["a", "A"]}, {}, "differs by case only"),
    "another object in the file": (
        {"web": ["a"]}, {"web/NS/ConfigMap_b.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n"},
        "web/NS/ConfigMap_b.yaml: the file holds ConfigMap c",
    ),
    "a tab": ({"web": ["a"]}, {"web/NS/ConfigMap_b.yaml": b"a:\n\tb: 1\n"}, "web/NS/ConfigMap_b.yaml:2"),
    "a boolean of YAML 1.1": (
        {"web": ["a"]}, {"web/NS/ConfigMap_b.yaml": b"apiVersion: v1\nkind: ConfigMap\ndata:\n  on: yes\n"},
        "web/NS/ConfigMap_b.yaml:4",
    ),
    "a file of 10 MB": (
        {"web": ["a"]}, {"web/NS/ConfigMap_b.yaml": b"a: " + b"x" * 10_000_000},
        "is 10,000,003 bytes long; the limit is 8,388,608",
    ),
    "more than 1 MiB of data": (
        {"web": ["a"]},
        {"web/NS/ConfigMap_b.yaml": (
            b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  namespace: NS\ndata:\n  a: "
            + b"x" * (1 << 20) + b"\n"
        )},
        "has data of 1,048,577 bytes; the API server takes 1,048,576",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TREES)
def test_a_commit_with_a_bad_file_is_refused_before_any_write(name, rig, cm) -> None:
    """Agent's fault rows 65, 66, and 67: the whole commit, by file and line or limit; nothing is written."""
    components, files, says = BAD_TREES[name]
    rig.branch.publish({"web": [cm("keep", rig.namespace)]})
    rig.once()
    before = rig.everything()
    where = {
        path.replace("NS", rig.namespace): data.replace(b"NS", rig.namespace.encode())
        for path, data in files.items()
    }
    placed = {each: [cm(one, rig.namespace) for one in names] for each, names in components.items()}
    rig.branch.publish(placed, files=where)
    with pytest.raises(InputError) as caught:
        rig.once()
    assert says.replace("NS", rig.namespace) in str(caught.value)
    assert rig.everything() == before
    assert rig.data("a") is None


def test_a_lost_inventory_prunes_only_after_one_clean_reconcile(rig, cm) -> None:
    """It is deleted while an object leaves the branch: found again by label, and pruned after a clean reconcile.

    An apply goes on by itself then, so that one is enough.
    """
    rig.branch.publish({"web": objects(rig, cm, 1, 2, 3)})
    rig.once()
    for each in rig.kube.list(rig.config_map_type, namespace=rig.options.namespace).items:
        if each["metadata"]["name"].startswith("envctl-inventory"):
            rig.kube.delete(rig.config_map_type, rig.options.namespace, each["metadata"]["name"])
    rig.kube.create(rig.config_map_type, cm("theirs", rig.namespace))
    bad = cm("bad", rig.namespace) | {"data": {"not/a/key": "x"}}
    rig.branch.publish({"web": [*objects(rig, cm, 1, 2), bad]})
    for _ in range(2):  # it failed, so it was not clean
        result = rig.once()
        assert (guards(result), rig.data("o3")) == (["found-again"], {})
    rig.branch.publish({"web": objects(rig, cm, 1, 2)})
    assert shown(rig.once())["o3"] == "deleted"
    assert (rig.data("o3"), rig.data("theirs")) == (None, {})
    old = rig.branch.git("rev-parse", f"{rig.branch.tip}~2")
    rig.branch.move(old)
    with pytest.raises(Exception, match="does not follow the accepted commit"):
        rig.once()


def test_an_edited_inventory_is_not_believed(rig, cm) -> None:
    """Somebody writes into it that a foreign object is ours and left the branch: it is not touched."""
    rig.branch.publish({"web": objects(rig, cm, 1, 2)})
    rig.once()
    rig.kube.create(rig.config_map_type, cm("theirs", rig.namespace))
    name = f"envctl-inventory-{rig.options.environment}-0"
    live = rig.kube.get(rig.config_map_type, rig.options.namespace, name)
    edited = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "binaryData": live["binaryData"],
    }
    path = f"/api/v1/namespaces/{rig.options.namespace}/configmaps/{name}?fieldManager=somebody&force=true"
    edited["binaryData"] = {"entries.json.gz": "H4sIAAAAAAAAAwMAAAAAAAAAAAA="}
    rig.raw("PATCH", path, edited)
    rig.branch.publish({"web": objects(rig, cm, 1)})
    assert shown(rig.once())["o2"] == "deleted"
    assert any("somebody edited it" in each.message for each in rig.log)
    assert rig.data("theirs") == {}


def test_a_policy_that_denies_a_deletion_loses_nothing(rig, cm, unique_name, wait_for) -> None:
    """Agent's fault row 22: a ValidatingAdmissionPolicy on DELETE: the survivor stays known and goes later."""
    name, group = unique_name("deny"), "admissionregistration.k8s.io"
    rules = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["configmaps"]}
    labels = {"matchLabels": {"kubernetes.io/metadata.name": rig.namespace}}
    policy = {
        "matchConstraints": {"resourceRules": [rules], "namespaceSelector": labels},
        "validations": [
            {"expression": "!oldObject.metadata.name.startsWith('held')", "message": "not today"}
        ],
    }
    specs = {"": policy, "Binding": {"policyName": name, "validationActions": ["Deny"]}}
    rig.branch.publish({"web": [cm("held", rig.namespace), cm("a", rig.namespace), cm("b", rig.namespace)]})
    rig.once()
    rig.kube.create(rig.config_map_type, cm("held-probe", rig.namespace))
    kinds = {}
    for suffix, spec in specs.items():
        kind = kinds[suffix] = rig.kube.resource_type(group, f"ValidatingAdmissionPolicy{suffix}", "v1")
        value = {"apiVersion": f"{group}/v1", "kind": kind.kind, "metadata": {"name": name}, "spec": spec}
        rig.kube.apply(kind, value)
    wait_for(lambda: _is_denied(rig, cm))
    rig.branch.publish({"web": [cm("b", rig.namespace)]})
    result = rig.once()
    assert shown(result) == {"a": "deleted", "held": "failed"}
    assert "not today" in result.failures[0].reason
    assert rig.status().objects == 2
    for kind in kinds.values():
        rig.kube.delete(kind, "", name)
    wait_for(lambda: not _is_denied(rig, cm))
    assert shown(rig.once()) == {"held": "deleted"}


def _is_denied(rig, cm) -> bool:
    try:
        rig.kube.delete(rig.config_map_type, rig.namespace, "held-probe")
    except ClusterError:
        return True
    rig.kube.create(rig.config_map_type, cm("held-probe", rig.namespace))
    return False
