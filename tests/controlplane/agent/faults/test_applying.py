"""Objects that cannot simply be applied: new kinds, other managers, what may not change, what is on its way out."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from envctl.kube.connection import Request
from envctl.model.cluster import ResourceType
from tests.controlplane.agent.faults.conftest import Faulty, small
from tests.support.oracle import KINDS

DEFINITIONS = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
NAMESPACES = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)
DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
SERVICE = ResourceType("", "v1", "Service", "services", namespaced=True)
STATEFUL_SET = ResourceType("apps", "v1", "StatefulSet", "statefulsets", namespaced=True)
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
REPLACE = {"envctl.dev/replace": "immutable"}


def shown(result: Any) -> dict[str, str]:
    return {each.id.name: str(each.action) for each in result.results}


def reasons(result: Any) -> dict[str, str]:
    return {each.id.name: each.reason for each in result.failures}


def annotated(value: dict[str, Any], **annotations: str) -> dict[str, Any]:
    return {**value, "metadata": {**value["metadata"], "annotations": annotations}}


def workload(kind: str, name: str, label: str, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": label}}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    selector = {"matchLabels": {"app": label}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": selector, "template": template, **spec},
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}], **spec},
    }


CHANGES = [
    pytest.param(
        workload("Deployment", "it", "a"), workload("Deployment", "it", "b"), DEPLOYMENT, id="selector"
    ),
    pytest.param(service("it"), service("it", clusterIP="None"), SERVICE, id="cluster IP"),
    pytest.param(
        small("it", x="1") | {"immutable": True},
        small("it", x="2") | {"immutable": True},
        KINDS[0],
        id="data",
    ),
]


@pytest.mark.parametrize(("before", "after", "kind"), CHANGES)
def test_what_cannot_change_is_named_and_replaced_only_where_that_is_said(
    faulty: Faulty, before: dict[str, Any], after: dict[str, Any], kind: ResourceType
) -> None:
    """Agent's fault row 28: fail by name, replace by opt-in; the dry run says so, and writes nothing."""
    rig = faulty.rig
    faulty.publish(before, small("other"))
    rig.once()
    uid = rig.live("it", kind=kind)["metadata"]["uid"]
    faulty.publish(after, small("other", x="2"))
    result = rig.once()
    assert shown(result) == {"it": "failed", "other": "configured"}
    (failure,) = result.failures
    assert "envctl.dev/replace: immutable" in failure.hint
    assert rig.live("it", kind=kind)["metadata"]["uid"] == uid

    faulty.publish(annotated(after, **REPLACE), small("other", x="2"))
    assert shown(rig.once(dry_run=True)) == {"it": "replaced"}
    assert rig.live("it", kind=kind)["metadata"]["uid"] == uid
    assert shown(rig.once()) == {"it": "replaced"}
    assert rig.live("it", kind=kind)["metadata"]["uid"] != uid
    assert rig.once().results == ()
    faulty.check(replaced=[f"{kind.plural}/it"])


def test_a_replacement_waits_for_finalizers_and_stops_nobody(faulty: Faulty) -> None:
    """Agent's fault row 28: its deletion has not ended; others go on, and it is created as soon as it is gone."""
    rig = faulty.rig
    held = small("it", x="1") | {"immutable": True}
    faulty.publish(held)
    rig.once()
    live = rig.live("it")
    rig.kube.replace(
        rig.config_map_type,
        {**live, "metadata": {**live["metadata"], "finalizers": ["example.com/hold"]}},
    )
    faulty.publish(annotated(small("it", x="2") | {"immutable": True}, **REPLACE), small("other"))
    result = rig.once()
    assert shown(result) == {"it": "failed", "other": "created"}
    assert reasons(result)["it"] == (
        "it is being replaced, and its deletion has not ended yet, it waits for its finalizers example.com/hold"
    )
    live = rig.live("it")
    rig.kube.replace(rig.config_map_type, {**live, "metadata": {**live["metadata"], "finalizers": []}})
    assert shown(rig.once())["it"] in ("created", "replaced")
    assert rig.data("it") == {"x": "2"}
    faulty.check(replaced=["configmaps/it"])


def test_data_is_not_replaced_without_a_permit(faulty: Faulty) -> None:
    """Agent's fault row 28: a StatefulSet is a protected kind; its own name in a permit lets it go."""
    rig = faulty.rig
    faulty.publish(workload("StatefulSet", "it", "a", serviceName="one"))
    rig.once()
    uid = rig.live("it", kind=STATEFUL_SET)["metadata"]["uid"]
    after = annotated(workload("StatefulSet", "it", "a", serviceName="two"), **REPLACE)
    faulty.publish(after)
    (reason,) = reasons(rig.once()).values()
    assert reason.endswith(
        "it is not replaced: a StatefulSet is not deleted: data would be lost [protected-kind]"
    )
    assert rig.live("it", kind=STATEFUL_SET)["metadata"]["uid"] == uid
    permit = f"Envctl-Allow-Prune: StatefulSet.apps {rig.namespace}/it"
    rig.branch.publish(
        {"web": [{**after, "metadata": {**after["metadata"], "namespace": rig.namespace}}]}, trailers=[permit]
    )
    assert shown(rig.once()) == {"it": "replaced"}
    assert rig.live("it", kind=STATEFUL_SET)["metadata"]["uid"] != uid


def test_nothing_is_deleted_for_an_object_that_would_be_refused(faulty: Faulty, admission: Any) -> None:
    """Agent's fault row 28: a policy refuses the new one with the very words of an immutable field; the old one stays."""
    rig = faulty.rig
    name = f"false-{rig.options.environment}"
    rules = [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"],
        }
    ]
    namespaces = {"matchLabels": {"kubernetes.io/metadata.name": rig.namespace}}
    checks = [
        {"expression": "!has(object.data) || object.data['x'] != 'bad'", "message": "field is immutable"}
    ]
    faulty.publish(small("it", x="1"), small("held", x="1") | {"immutable": True})
    rig.once()
    uids = {each: rig.live(each)["metadata"]["uid"] for each in ("it", "held")}
    admission(
        POLICY,
        name,
        spec={
            "matchConstraints": {"resourceRules": rules, "namespaceSelector": namespaces},
            "validations": checks,
        },
    )
    admission(BINDING, name, spec={"policyName": name, "validationActions": ["Deny"]})
    probe = {**small("probe", x="bad"), "metadata": {"name": "probe", "namespace": rig.namespace}}
    faulty.wait(lambda: refused(rig, probe))
    faulty.publish(
        annotated(small("it", x="bad"), **REPLACE),
        annotated(small("held", x="bad") | {"immutable": True}, **REPLACE),
    )
    result = rig.once()
    assert shown(result) == {"it": "failed", "held": "failed"}
    assert {each: rig.live(each)["metadata"]["uid"] for each in uids} == uids


def refused(rig: Any, value: dict[str, Any]) -> bool:
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"))
    path = f"/api/v1/namespaces/{rig.namespace}/configmaps?dryRun=All"
    answer = rig.kube._transport.send(Request("POST", path, json.dumps(value).encode(), headers))
    return bool(answer.status >= 400)


@pytest.fixture
def admission(faulty: Faulty) -> Iterator[Callable[..., None]]:
    """Adds objects of the admission's API; gone after the test."""
    added = []

    def add(kind: str, name: str, **content: Any) -> None:
        group = "admissionregistration.k8s.io"
        found = faulty.rig.kube.resource_type(group, kind, "v1")
        faulty.rig.kube.apply(
            found, {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name}, **content}
        )
        added.append((found, name))

    yield add
    for kind, name in added:
        faulty.rig.kube.delete(kind, "", name)


def applied_by(rig: Any, manager: str, value: dict[str, Any], *, force: bool = False) -> None:
    """Server-side apply as somebody else."""
    metadata = {**value["metadata"], "namespace": rig.namespace}
    path = f"/api/v1/namespaces/{rig.namespace}/configmaps/{metadata['name']}"
    target = f"{path}?fieldManager={manager}&force={str(force).lower()}"
    rig.raw("PATCH", target, {**value, "metadata": metadata})


def test_a_field_of_another_manager_is_taken_only_where_that_is_said(faulty: Faulty) -> None:
    """Agent's fault row 32: manager and field are named; the annotation takes just the fields that it lists."""
    rig = faulty.rig
    faulty.publish(small("it", x="1"), small("other"))
    rig.once()
    applied_by(rig, "someone", small("it", y="theirs", z="theirs"))
    both = small("it", x="1", y="ours", z="ours")
    faulty.publish(both, small("other", x="2"))
    result = rig.once()
    assert shown(result) == {"it": "failed", "other": "configured"}
    assert reasons(result)["it"] == "other field managers own .data.y (someone), .data.z (someone)"
    assert rig.data("it") == {"x": "1", "y": "theirs", "z": "theirs"}
    faulty.publish(annotated(both, **{"envctl.dev/force-fields": "/data/y"}), small("other", x="2"))
    assert shown(rig.once()) == {"it": "failed"}
    assert rig.data("it")["y"] == "theirs"
    faulty.publish(annotated(both, **{"envctl.dev/force-fields": "/data/y, /data/z"}), small("other", x="2"))
    assert shown(rig.once(dry_run=True)) == {"it": "configured"}
    assert shown(rig.once()) == {"it": "configured"}
    assert rig.data("it") == {"x": "1", "y": "ours", "z": "ours"}
    faulty.check()


def test_an_object_without_our_label_is_adopted_only_where_that_is_said(faulty: Faulty) -> None:
    """Agent's fault row 35: it is refused and stays as it was, also in the very moment when it would be created."""
    rig = faulty.rig
    applied_by(rig, "someone", small("it", theirs="1"))
    version = rig.live("it")["metadata"]["resourceVersion"]
    faulty.publish(small("it", ours="1"), small("other"))
    result = rig.once()
    assert shown(result) == {"it": "failed", "other": "created"}
    assert reasons(result)["it"] == "it exists already and was never ours: its fields were set by someone"
    assert rig.live("it")["metadata"]["resourceVersion"] == version
    rig.branch.publish(
        {"web": [_here(rig, annotated(small("it", ours="1"), **{"envctl.dev/adopt": "true"}))]}
    )
    assert shown(rig.once())["it"] == "configured"
    assert rig.data("it") == {"theirs": "1", "ours": "1"}


def _here(rig: Any, value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "metadata": {**value["metadata"], "namespace": rig.namespace}}


def test_what_kubectl_applied_from_the_client_is_taken_over_once(faulty: Faulty) -> None:
    """Agent's fault row 36: after adoption a field that the branch does not say goes, and kubectl's copy with it."""
    rig = faulty.rig
    last = "kubectl.kubernetes.io/last-applied-configuration"
    value = annotated(small("it", x="1", old="1"), **{last: '{"a":1}'})
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"))
    path = f"/api/v1/namespaces/{rig.namespace}/configmaps?fieldManager=kubectl-client-side-apply"
    body = json.dumps(_here(rig, value)).encode()
    assert rig.kube._transport.send(Request("POST", path, body, headers)).status == 201
    faulty.publish(annotated(small("it", x="2"), **{"envctl.dev/adopt": "true"}))
    assert shown(rig.once()) == {"it": "configured"}
    assert rig.data("it") == {"x": "2"}
    metadata = rig.live("it")["metadata"]
    assert [each["manager"] for each in metadata["managedFields"]] == ["envctl"]
    assert metadata["annotations"] == {"envctl.dev/adopt": "true"}
    assert rig.once().results == ()
    faulty.check()


def definition(group: str, plural: str, kind: str = "Thing") -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": plural[:-1], "listKind": f"{kind}List"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def thing(group: str, name: str, namespace: str, kind: str = "Thing") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "spec": {"size": 1}}


def test_a_kind_and_its_objects_come_in_one_commit(almighty: Any, cm: Any, unique_name: Any) -> None:
    """Agent's fault row 24: the definition first, its object when the kind is served, all in one reconcile."""
    rig, group = almighty, f"{unique_name('x')}.example.com"
    rig.branch.publish(
        {
            "a": [thing(group, "t", rig.namespace), cm("c", rig.namespace)],
            "b": [definition(group, "things")],
        }
    )
    assert list(shown(rig.once()).items()) == [
        (f"things.{group}", "created"),
        ("c", "created"),
        ("t", "created"),
    ]
    assert rig.once().results == ()


def test_a_kind_that_never_comes_fails_its_own_objects_only(make_rig: Any, cm: Any, unique_name: Any) -> None:
    """Agent's fault row 25: names that another definition has; its objects wait and fail by name, others go on."""
    rig = make_rig(definition_wait=0.5, almighty=True, namespaced=False)
    group = f"{unique_name('x')}.example.com"
    rig.kube.create(DEFINITIONS, definition(group, "things"))
    rig.branch.publish(
        {
            "a": [thing(group, "t", rig.namespace, "Other"), cm("c", rig.namespace)],
            "b": [
                {**definition(group, "others", "Other"), "spec": conflicting(group)},
                cm("late", rig.namespace),
            ],
        }
    )
    result = rig.once()
    assert shown(result) == {
        f"others.{group}": "failed",
        "c": "created",
        "late": "created",
        "t": "failed",
    }
    found = reasons(result)
    assert found[f"others.{group}"].startswith("its kind is not served after 0.5 seconds: its names are not")
    assert found["t"].startswith(
        f"it waits for CustomResourceDefinition.apiextensions.k8s.io others.{group}: its"
    )
    rig.kube.delete(DEFINITIONS, "", f"things.{group}")


def conflicting(group: str) -> dict[str, Any]:
    """The list kind of another definition."""
    spec: dict[str, Any] = definition(group, "others", "Other")["spec"]
    return {**spec, "names": {**spec["names"], "listKind": "ThingList"}}


def test_a_namespace_on_its_way_out_is_named_and_waited_for(almighty: Any, cm: Any, unique_name: Any) -> None:
    """Agent's fault row 30: no namespace controller runs, so it stays for ever; only what is in it fails."""
    rig, inner = almighty, unique_name("inner")
    rig.kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}})
    rig.kube.delete(NAMESPACES, "", inner)
    rig.branch.publish({"web": [cm("inside", inner), cm("outside", rig.namespace)]})
    result = rig.once()
    assert shown(result) == {"inside": "failed", "outside": "created"}
    assert reasons(result)["inside"] == f"the namespace {inner} is being deleted"


def test_a_namespace_that_is_missing_is_named_or_comes_first(
    almighty: Any, cm: Any, unique_name: Any
) -> None:
    """Agent's fault row 31: without it a clear error; with it the order is namespace, rights, the rest."""
    rig, inner = almighty, unique_name("inner")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "r", "namespace": inner},
        "rules": [],
    }
    rig.branch.publish({"web": [cm("inside", inner), role]})
    assert set(reasons(rig.once()).values()) == {f"the namespace {inner!r} does not exist"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}
    rig.branch.publish({"a": [cm("inside", inner), role], "z": [namespace]})
    assert list(shown(rig.once()).items()) == [(inner, "created"), ("r", "created"), ("inside", "created")]
