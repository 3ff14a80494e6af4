"""The Kubernetes adapter on a real API server: writes, reads, discovery and identity."""

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from envctl.devcluster.cluster import ClusterOptions, DevCluster
from envctl.errors import ClusterError, InputError, Problem, UnavailableError
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.kube.connection import Request
from envctl.model.cluster import Listing, ResourceType, conflicts

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SECRET = ResourceType("", "v1", "Secret", "secrets", namespaced=True)
DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
CRD = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
API_SERVICE = ResourceType("apiregistration.k8s.io", "v1", "APIService", "apiservices", namespaced=False)
CANARY = "hunter2-CANARY"


def config_map(namespace: str, name: str = "a", data: Any = None, **metadata: Any) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": {"k": "v"} if data is None else data,
    }


def secret(namespace: str, **fields: Any) -> Any:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}, **fields}


def by_another_manager(kube: KubeCluster, value: Any, manager: str) -> None:
    """Apply as somebody else, by force."""
    path = f"/api/v1/namespaces/{value['metadata']['namespace']}/configmaps/{value['metadata']['name']}"
    headers = (("Content-Type", "application/apply-patch+yaml"),)
    target = f"{path}?fieldManager={manager}&force=true"
    answer = kube._transport.send(Request("PATCH", target, json.dumps(value).encode(), headers))
    assert answer.status in (200, 201)


def managers(value: Any) -> list[tuple[str, str]]:
    return sorted((entry["manager"], entry["operation"]) for entry in value["metadata"]["managedFields"])


def test_an_apply_is_one_request(kube: KubeCluster, namespace: str) -> None:
    """Creating, changing and keeping an object take one PATCH each, under the manager `envctl`."""
    before = dict(kube.requests())
    first = kube.apply(CONFIG_MAP, config_map(namespace))
    second = kube.apply(CONFIG_MAP, config_map(namespace))
    third = kube.apply(CONFIG_MAP, config_map(namespace, data={"k": "w"}))
    after = dict(kube.requests())
    assert {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)} == {
        "PATCH": 3
    }
    assert managers(first) == [("envctl", "Apply")]
    versions = [each["metadata"]["resourceVersion"] for each in (first, second, third)]  # type: ignore[index,call-overload]
    assert versions[0] == versions[1] != versions[2]


def test_the_server_saw_no_more_requests_than_are_counted(
    start_cluster: Callable[[ClusterOptions], DevCluster], tmp_path: Path
) -> None:
    """The API server's own audit log is the witness, and no read hides in an apply."""
    log = tmp_path / "audit.log"
    dev = start_cluster(ClusterOptions(nodes=0, controllers=False, scheduler=False, audit_log=log))
    kube = connect(dev.kubeconfig)
    for number in range(3):
        kube.apply(CONFIG_MAP, config_map("default", f"a{number}"))
    kube.close()
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    own = [entry for entry in entries if entry.get("userAgent") == "envctl"]
    assert [entry["verb"] for entry in own] == ["patch"] * 3


def test_a_conflict_names_manager_and_field(kube: KubeCluster, namespace: str) -> None:
    """Without force the other manager keeps its fields; with force they are taken."""
    by_another_manager(kube, config_map(namespace, data={"k": "theirs", "other": "x"}), "kubectl")
    with pytest.raises(ClusterError) as caught:
        kube.apply(CONFIG_MAP, config_map(namespace))
    assert (caught.value.status, conflicts(caught.value)) == (409, (("kubectl", ".data.k"),))
    assert str(caught.value) == (
        f"ConfigMap {namespace}/a: other field managers own .data.k (kubectl)\n"
        "hint: take the fields out of the rendered object, or let kubectl give them up"
    )
    stored = kube.apply(CONFIG_MAP, config_map(namespace), force=True)
    assert stored["data"] == {"k": "v", "other": "x"}


@pytest.mark.parametrize(
    "kind", [pytest.param(CONFIG_MAP, id="ConfigMap"), pytest.param(SECRET, id="Secret")]
)
def test_a_conflict_with_an_editor_is_named_too(
    kube: KubeCluster, namespace: str, kind: ResourceType
) -> None:
    """Who edits rather than applies is told with the time of the edit; for Secrets as well."""
    value = config_map(namespace, data={"k": "b2xk"}) | {"kind": kind.kind}
    kube.apply(kind, value)
    edit = json.dumps({"data": {"k": "bmV3"}}).encode()
    path = f"/api/v1/namespaces/{namespace}/{kind.plural}/a?fieldManager=kubectl-edit"
    headers = (("Content-Type", "application/merge-patch+json"),)
    assert kube._transport.send(Request("PATCH", path, edit, headers)).status == 200
    with pytest.raises(ClusterError) as caught:
        kube.apply(kind, value)
    assert conflicts(caught.value) == (("kubectl-edit", ".data.k"),)
    assert caught.value.summary == "other field managers own .data.k (kubectl-edit)"


def test_a_dry_run_changes_nothing(kube: KubeCluster, namespace: str) -> None:
    """It answers with what would be stored, for a new object and for a changed one."""
    assert kube.apply(CONFIG_MAP, config_map(namespace), dry_run=True)["data"] == {"k": "v"}
    assert kube.get(CONFIG_MAP, namespace, "a") is None
    stored = kube.apply(CONFIG_MAP, config_map(namespace))
    assert kube.apply(CONFIG_MAP, config_map(namespace, data={"k": "w"}), dry_run=True)["data"] == {"k": "w"}
    assert kube.get(CONFIG_MAP, namespace, "a") == stored


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"spec": {"q": 1}}, ".spec: field not declared in schema", id="unknown field"),
        pytest.param({"data": {"k": 7}}, ".data.k: expected string, got", id="wrong type"),
    ],
)
def test_a_wrong_field_is_refused_by_name(
    kube: KubeCluster, namespace: str, change: Any, reason: str
) -> None:
    """Fields are validated strictly: a misspelt one is an error, not dropped."""
    with pytest.raises(ClusterError) as caught:
        kube.apply(CONFIG_MAP, config_map(namespace) | change)
    assert caught.value.place == f"ConfigMap {namespace}/a"
    assert reason in caught.value.summary


def test_strict_validation_names_the_unknown_field_of_a_create(kube: KubeCluster, namespace: str) -> None:
    """Creating and replacing are as strict as applying."""
    with pytest.raises(ClusterError) as caught:
        kube.create(CONFIG_MAP, config_map(namespace) | {"dta": {}})
    assert caught.value.status == 400
    assert 'unknown field "dta"' in caught.value.summary


def test_a_missing_namespace_is_told(kube: KubeCluster) -> None:
    """The object is named, and so is what is missing."""
    with pytest.raises(ClusterError) as caught:
        kube.apply(CONFIG_MAP, config_map("nowhere"))
    assert str(caught.value) == (
        "ConfigMap nowhere/a: the namespace 'nowhere' does not exist\n"
        "hint: render the namespace too, or create it first"
    )


def test_warnings_are_collected_once(kube: KubeCluster, namespace: str) -> None:
    """What the server warns of is kept with the object, until somebody asks."""
    container = {"name": "c", "image": "x", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    value: Any = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": pods},
    }
    kube.warnings()
    with pytest.raises(ClusterError):  # the same name twice cannot be merged, but can be created
        kube.apply(DEPLOYMENT, value)
    kube.create(DEPLOYMENT, value)
    text = 'spec.template.spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'
    assert kube.warnings() == (Problem(f"Deployment.apps {namespace}/d", text),)
    assert kube.warnings() == ()


def test_the_status_is_applied_apart(kube: KubeCluster, namespace: str) -> None:
    """The status subresource has its own field set, and the spec stays."""
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "x"}]},
        },
    }
    value: Any = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": namespace},
    }
    kube.apply(DEPLOYMENT, value | {"spec": spec})
    condition = {"type": "X", "status": "True"}
    stored: Any = kube.apply_status(DEPLOYMENT, value | {"status": {"conditions": [condition]}})
    assert condition in [
        {key: each[key] for key in ("type", "status")} for each in stored["status"]["conditions"]
    ]
    assert stored["spec"]["replicas"] == 0
    entries = [each for each in stored["metadata"]["managedFields"] if each["manager"] == "envctl"]
    assert sorted(each.get("subresource", "") for each in entries) == ["", "status"]


def test_creating_what_exists_is_a_conflict(kube: KubeCluster, namespace: str) -> None:
    """A create never overwrites."""
    kube.create(CONFIG_MAP, config_map(namespace))
    with pytest.raises(ClusterError) as caught:
        kube.create(CONFIG_MAP, config_map(namespace, data={"k": "w"}))
    assert (caught.value.status, caught.value.reason) == (409, "AlreadyExists")


def test_replacing_holds_only_at_the_version_that_was_read(kube: KubeCluster, namespace: str) -> None:
    """Compare and swap by resourceVersion; without one nothing is sent."""
    read: Any = kube.create(CONFIG_MAP, config_map(namespace))
    kube.replace(CONFIG_MAP, read | {"data": {"k": "1"}})
    with pytest.raises(ClusterError) as caught:
        kube.replace(CONFIG_MAP, read | {"data": {"k": "2"}})
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    with pytest.raises(InputError) as missing:
        kube.replace(CONFIG_MAP, config_map(namespace))
    assert (
        str(missing.value)
        == f"ConfigMap {namespace}/a: an object is only replaced at the resourceVersion it carries"
    )


def test_a_delete_needs_its_preconditions(kube: KubeCluster, namespace: str) -> None:
    """Another uid or version is a conflict and deletes nothing; what is gone is False."""
    stored: Any = kube.apply(CONFIG_MAP, config_map(namespace))
    uid, version = stored["metadata"]["uid"], stored["metadata"]["resourceVersion"]
    for wrong in ({"uid": "00000000-0000-0000-0000-000000000000"}, {"uid": uid, "resource_version": "1"}):
        with pytest.raises(ClusterError) as caught:
            kube.delete(CONFIG_MAP, namespace, "a", **wrong)
        assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    assert kube.get(CONFIG_MAP, namespace, "a") == stored
    assert kube.delete(CONFIG_MAP, namespace, "a", uid=uid, resource_version=version)
    assert not kube.delete(CONFIG_MAP, namespace, "a", uid=uid)
    assert kube.get(CONFIG_MAP, namespace, "a") is None


def test_an_object_with_a_finalizer_stays_for_a_while(kube: KubeCluster, namespace: str) -> None:
    """Delete is True, and the object is still there, marked."""
    kube.apply(CONFIG_MAP, config_map(namespace, finalizers=["envctl.test/stay"]))
    assert kube.delete(CONFIG_MAP, namespace, "a")
    left: Any = kube.get(CONFIG_MAP, namespace, "a")
    assert left["metadata"]["deletionTimestamp"]
    kube.apply(CONFIG_MAP, config_map(namespace, finalizers=[]))
    assert kube.get(CONFIG_MAP, namespace, "a") is None


def test_a_list_reads_all_pages(kube: KubeCluster, namespace: str) -> None:
    """Small pages give the same list as one page; selectors and namespaces are the server's."""
    for number in range(7):
        kube.apply(CONFIG_MAP, config_map(namespace, f"a{number}", labels={"part": str(number % 2)}))
    paged = kube.list(CONFIG_MAP, namespace=namespace, selector="part", limit=2)
    whole = kube.list(CONFIG_MAP, namespace=namespace, selector="part")
    assert paged.items == whole.items
    assert [item["metadata"]["name"] for item in paged.items] == [f"a{n}" for n in range(7)]  # type: ignore[index,call-overload]
    assert {(item["apiVersion"], item["kind"]) for item in paged.items} == {("v1", "ConfigMap")}
    assert len(kube.list(CONFIG_MAP, namespace=namespace, selector="part=1").items) == 3
    assert isinstance(kube.list(CONFIG_MAP), Listing)


def test_sixteen_threads_apply_at_once(kube: KubeCluster, namespace: str) -> None:
    """Every object arrives, whole, and answers are never mixed up."""

    def one(number: int) -> str:
        stored: Any = kube.apply(CONFIG_MAP, config_map(namespace, f"t{number}", {"n": str(number)}))
        return str(stored["data"]["n"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(200))) == [str(number) for number in range(200)]
    found = {item["metadata"]["name"] for item in kube.list(CONFIG_MAP, namespace=namespace).items}  # type: ignore[index,call-overload]
    assert {f"t{number}" for number in range(200)} <= found


@pytest.mark.parametrize(
    ("group", "kind", "version", "found"),
    [
        pytest.param("", "ConfigMap", "", CONFIG_MAP, id="core"),
        pytest.param("apps", "Deployment", "", DEPLOYMENT, id="a group"),
        pytest.param("apps", "Deployment", "v1", DEPLOYMENT, id="a version"),
        pytest.param("apps", "Deployment", "v1beta1", None, id="a version of the past"),
        pytest.param("apps", "Teapot", "", None, id="no kind"),
        pytest.param("teapot.test", "Teapot", "", None, id="no group"),
    ],
)
def test_kinds_are_discovered(
    kube: KubeCluster, group: str, kind: str, version: str, found: ResourceType
) -> None:
    """Group, kind and version give path and scope."""
    assert kube.resource_type(group, kind, version) == found


def definition(group: str, *, served: bool = True) -> Any:
    names = {"plural": "carts", "singular": "cart", "kind": "Cart", "listKind": "CartList"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": served, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"carts.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def eventually(check: Callable[[], Any]) -> Any:
    """The first true answer within a minute."""
    deadline = time.monotonic() + 60
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.05)
    return found


def test_a_new_kind_is_found_and_a_removed_one_is_forgotten(
    kube: KubeCluster, namespace: str, unique_name: Callable[[str], str]
) -> None:
    """No restart is needed for custom resources, and a kind that went away is no absent object."""
    group = f"{unique_name('shop')}.test"
    assert kube.resource_type(group, "Cart") is None
    kube.apply(CRD, definition(group))
    cart = eventually(lambda: kube.resource_type(group, "Cart"))
    assert cart == ResourceType(group, "v1", "Cart", "carts", namespaced=True)
    value: Any = {
        "apiVersion": f"{group}/v1",
        "kind": "Cart",
        "metadata": {"name": "a", "namespace": namespace},
    }
    kube.apply(cart, value)
    kube.delete(CRD, "", f"carts.{group}")

    def refused() -> ClusterError | None:
        try:
            kube.get(cart, namespace, "a")
        except ClusterError as error:
            return error
        return None

    error = eventually(refused)
    assert (error.status, error.place) == (404, f"Cart.{group} {namespace}/a")
    assert error.summary == f"the API server does not serve Cart.{group} v1"
    eventually(lambda: kube.resource_type(group, "Cart") is None)


def test_a_dead_extension_server_leaves_its_kinds_unknown(
    kube: KubeCluster, unique_name: Callable[[str], str]
) -> None:
    """Its group is an error, every other group is told as ever."""
    group = f"{unique_name('dead')}.test"
    value: Any = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{group}"},
        "spec": {
            "group": group,
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "nobody", "namespace": "default"},
        },
    }
    kube.apply(API_SERVICE, value)

    def unknown() -> bool:
        try:
            return kube.resource_type(group, "Thing") is not None
        except UnavailableError as error:
            return f"extension API server behind {group} does not answer" in error.summary

    try:
        eventually(unknown)
        assert kube.resource_type("apps", "Deployment") == DEPLOYMENT
        assert kube.resource_type("apps", "Teapot") is None
    finally:
        kube.delete(API_SERVICE, "", f"v1.{group}")


@pytest.mark.parametrize(
    ("stored", "sent", "reason"),
    [
        pytest.param({}, {"data": {"pw": CANARY}}, "(500) at data.pw", id="no base64"),
        pytest.param({}, {"data": {"pw": {CANARY: 1}}}, "(500) at data.pw", id="wrong type"),
        pytest.param({}, {"stringData": {"pw": 7, "ok": CANARY}}, "(500) at stringData.pw", id="number"),
        pytest.param(
            {}, {"type": "kubernetes.io/tls", "stringData": {"x": CANARY}}, "(Invalid) at ", id="missing keys"
        ),
        pytest.param(
            {"immutable": True, "stringData": {"pw": "old"}},
            {"stringData": {"pw": CANARY}},
            "(Invalid) at immutable (field is immutable), data (field is immutable)",
            id="immutable",
        ),
        pytest.param({}, {"stringData": {CANARY + "/": "x"}}, "(Invalid) at ", id="bad key"),
    ],
)
def test_a_refused_secret_shows_no_value(
    kube: KubeCluster, namespace: str, stored: Any, sent: Any, reason: str
) -> None:
    """Whatever the server says, neither the value nor its base64 comes out; field names do."""
    if stored:
        kube.apply(SECRET, secret(namespace, **stored))
    with pytest.raises(ClusterError) as caught:
        kube.apply(SECRET, secret(namespace, **sent))
    text = str(caught.value) + repr(caught.value.causes)
    assert f"Secret {namespace}/s: the API server refused it {reason}" in text
    values = [
        value for value in sent.get("stringData", {}).values() if isinstance(value, str) and CANARY in value
    ]
    values += [CANARY] if "data" in sent else []
    for value in values:
        assert value not in text
        assert base64.b64encode(value.encode()).decode() not in text


def test_a_restarted_api_server_is_used_again(start_cluster: Callable[[ClusterOptions], DevCluster]) -> None:
    """Dead connections are replaced without a new start of envctl."""
    dev = start_cluster(ClusterOptions(nodes=0, controllers=False, scheduler=False))
    kube = connect(dev.kubeconfig)
    kube.apply(CONFIG_MAP, config_map("default"))
    dev.kill("kube-apiserver")
    with pytest.raises(UnavailableError):
        kube.apply(CONFIG_MAP, config_map("default"))
    dev.restart("kube-apiserver")
    dev.wait_ready()
    kube.ping()
    assert kube.get(CONFIG_MAP, "default", "a") is not None
    kube.close()
