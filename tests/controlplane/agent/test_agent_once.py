"""One reconcile against the real API server: apply, order, failures, ownership, dry run."""

import pytest

from envctl.errors import InputError, RefusedError
from envctl.model.cluster import ResourceType
from envctl.model.plan import Action

JOB = ResourceType("batch", "v1", "Job", "jobs", namespaced=True)
MANAGED = "applyset.kubernetes.io/part-of"


def shown(result):
    return {each.id.name: str(each.action) for each in result.results}


def reasons(result):
    return {each.id.name: each.reason for each in result.failures}


def widget_definition(group):
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    }


def widget(group, name, namespace):
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"size": 1},
    }


def job(name, namespace, image):
    container = {"name": "main", "image": image}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"suspend": True, "template": template},
    }


def test_a_commit_is_applied_and_a_second_pass_writes_nothing(rig, cm) -> None:
    """Objects appear with their data and our label; then no object is sent any more."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1"), cm("b", rig.namespace, x="2")]})
    assert shown(rig.once()) == {"a": "created", "b": "created"}
    assert rig.data("a") == {"x": "1"}
    assert rig.live("a")["metadata"]["labels"] == {MANAGED: rig.options.set_id}
    before = rig.writes()
    again = rig.once()
    assert (again.results, again.succeeded) == ((), True)
    # Two server-side applies that change nothing: the definition's and the Environment object's.
    assert rig.writes() - before == 2
    status = rig.status()
    assert (status.objects, status.failed, status.ready, status.applied) == (2, 0, True, rig.branch.tip)


def test_only_what_changed_is_sent(rig, cm) -> None:
    """Of three objects one changes, and the others keep their version."""
    objects = [cm(name, rig.namespace, x="1") for name in ("a", "b", "c")]
    rig.branch.publish({"web": objects})
    rig.once()
    versions = [rig.live(name)["metadata"]["resourceVersion"] for name in ("a", "c")]
    rig.branch.publish({"web": [objects[0], cm("b", rig.namespace, x="2"), objects[2]]})
    assert shown(rig.once()) == {"b": "configured"}
    assert rig.data("b") == {"x": "2"}
    assert [rig.live(name)["metadata"]["resourceVersion"] for name in ("a", "c")] == versions


def test_a_field_that_leaves_the_branch_leaves_the_object(rig, cm) -> None:
    """Server-side apply takes away what we no longer say."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1", y="2")]})
    rig.once()
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    rig.once()
    assert rig.data("a") == {"x": "1"}


def test_namespace_definition_and_custom_resource_come_in_one_commit(almighty, cm, unique_name) -> None:
    """Each waits for what it needs, although their paths sort the other way round."""
    rig = almighty
    group = f"{unique_name('x')}.example.com"
    inner = unique_name("inner")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}
    rig.branch.publish(
        {"a": [widget(group, "w", inner), cm("c", inner)], "b": [widget_definition(group), namespace]},
        depends_on={"a": [], "b": []},
    )
    assert set(shown(rig.once()).values()) == {"created"}
    assert rig.once().results == ()


def test_a_component_waits_for_those_it_depends_on(rig, cm) -> None:
    """The order of results follows dependsOn, against the order of names."""
    rig.branch.publish(
        {"a": [cm("a", rig.namespace)], "b": [cm("b", rig.namespace)], "c": [cm("c", rig.namespace)]},
        depends_on={"a": ["b"], "b": ["c"], "c": []},
    )
    assert list(shown(rig.once())) == ["c", "b", "a"]


def test_one_bad_object_does_not_stop_the_others(almighty, cm, unique_name) -> None:
    """A failure names the object and the reason, is in the status, and is tried again."""
    rig = almighty
    bad = cm("bad", rig.namespace) | {"data": {"not/a/key": "x"}}
    unknown = widget(f"{unique_name('x')}.example.com", "nokind", rig.namespace)
    lost = cm("lost", "no-such-namespace")
    rig.branch.publish({"web": [cm("a", rig.namespace), bad, unknown, lost, cm("z", rig.namespace)]})
    result = rig.once()
    assert not result.succeeded
    assert shown(result) == {
        "a": "created",
        "bad": "failed",
        "lost": "failed",
        "z": "created",
        "nokind": "failed",
    }
    assert "data[not/a/key]" in reasons(result)["bad"]
    assert "does not serve Widget" in reasons(result)["nokind"]
    assert reasons(result)["lost"] == "the namespace 'no-such-namespace' does not exist"
    status = rig.status()
    assert (status.failed, status.ready, status.condition("Ready").reason) == (3, False, "ObjectsFailed")
    assert sorted(shown(rig.once())) == ["bad", "lost", "nokind"]
    rig.branch.publish(
        {"web": [cm("a", rig.namespace), cm("bad", rig.namespace, ok="1"), cm("z", rig.namespace)]}
    )
    assert shown(rig.once()) == {"bad": "created", "lost": "deleted", "nokind": "deleted"}
    assert rig.status().ready


def test_objects_in_the_wrong_scope_fail_by_name(rig, cm) -> None:
    """A namespace on what has none, and none on what needs one."""
    misplaced = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "x", "namespace": rig.namespace},
    }
    homeless = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "y"}}
    rig.branch.publish({"web": [misplaced, homeless, cm("a", rig.namespace)]})
    found = reasons(rig.once())
    assert found["x"] == f"Namespace objects belong to no namespace, and this one names {rig.namespace}"
    assert "namespace" in found["y"]
    assert rig.data("a") == {}


def test_an_immutable_field_fails_by_name_and_nothing_is_deleted(rig) -> None:
    """A changed Job template is the classic; the Job stays as it is."""
    rig.branch.publish({"web": [job("j", rig.namespace, "a:1")]})
    rig.once()
    uid = rig.live("j", kind=JOB)["metadata"]["uid"]
    rig.branch.publish({"web": [job("j", rig.namespace, "a:2")]})
    (failure,) = rig.once().failures
    assert str(failure.id) == f"Job.batch {rig.namespace}/j"
    assert "immutable" in failure.reason
    assert (
        failure.hint == "this field cannot be changed: delete the object once, render it under a new name, "
        "or let it be replaced by the annotation envctl.dev/replace: immutable"
    )
    assert rig.live("j", kind=JOB)["metadata"]["uid"] == uid


def test_an_object_that_moves_between_components_is_not_touched(rig, cm) -> None:
    """A renamed component deletes and applies nothing."""
    rig.branch.publish({"old": [cm("a", rig.namespace, x="1")]})
    rig.once()
    version = rig.live("a")["metadata"]["resourceVersion"]
    rig.branch.publish({"new": [cm("a", rig.namespace, x="1")]})
    assert rig.once().results == ()
    assert rig.live("a")["metadata"]["resourceVersion"] == version
    rig.branch.publish({})
    with pytest.raises(RefusedError):
        rig.once()


def apply_as(rig, manager, value, *, force=False):
    """Apply as another field manager would."""
    path = f"/api/v1/namespaces/{value['metadata']['namespace']}/configmaps/{value['metadata']['name']}"
    return rig.raw("PATCH", f"{path}?fieldManager={manager}&force={str(force).lower()}", value)


def test_a_field_of_another_manager_is_a_conflict_that_names_both(rig, cm) -> None:
    """Nothing is forced that was never ours; the rest of the commit is applied."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1"), cm("b", rig.namespace)]})
    rig.once()
    apply_as(rig, "someone", cm("a", rig.namespace, y="theirs"))
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1", y="ours"), cm("b", rig.namespace, z="2")]})
    result = rig.once()
    assert shown(result) == {"a": "failed", "b": "configured"}
    assert reasons(result)["a"] == "other field managers own .data.y (someone)"
    assert rig.data("a") == {"x": "1", "y": "theirs"}


def test_a_field_that_was_ours_is_taken_back(rig, cm) -> None:
    """Somebody took a field by force; the next change of that very object takes it back."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1", y="1")]})
    rig.once()
    apply_as(rig, "someone", cm("a", rig.namespace, x="theirs"), force=True)
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1", y="2")]})
    assert shown(rig.once()) == {"a": "configured"}
    assert rig.data("a") == {"x": "1", "y": "2"}


def test_what_was_never_ours_is_not_taken_over(rig, cm) -> None:
    """An object that exists is refused, and stays as it is, until the branch says to adopt it."""
    apply_as(rig, "someone", cm("a", rig.namespace, theirs="1"))
    rig.branch.publish({"web": [cm("a", rig.namespace, ours="1")]})
    (failure,) = rig.once().failures
    assert (failure.reason, failure.hint) == (
        "it exists already and was never ours: its fields were set by someone",
        "to adopt it, give the object the annotation envctl.dev/adopt: 'true'",
    )
    assert rig.data("a") == {"theirs": "1"}
    adopting = cm("a", rig.namespace, ours="1")
    adopting["metadata"]["annotations"] = {"envctl.dev/adopt": "true"}
    rig.branch.publish({"web": [adopting]})
    assert shown(rig.once()) == {"a": "configured"}
    assert rig.data("a") == {"theirs": "1", "ours": "1"}


def test_what_was_never_applied_is_never_pruned(rig, cm) -> None:
    """An object that was refused to be taken over leaves the branch, and the live one stays."""
    apply_as(rig, "someone", cm("a", rig.namespace, theirs="1"))
    rig.branch.publish({"web": [cm("a", rig.namespace, ours="1"), cm("b", rig.namespace)]})
    rig.once()
    rig.branch.publish({"web": [cm("b", rig.namespace)]})
    (result,) = rig.once().results
    assert (result.action, result.reason) == (
        Action.SKIPPED,
        "somebody else's object has its name now; it is left alone and forgotten",
    )
    assert rig.data("a") == {"theirs": "1"}
    assert rig.status().objects == 1


def test_an_object_of_another_environment_is_refused_whatever_it_says(make_rig, cm) -> None:
    """Two environments with one object: the second one fails by name and changes nothing."""
    first, second = make_rig(), make_rig()
    second.namespace = first.namespace
    first.branch.publish({"web": [cm("a", first.namespace, x="first")]})
    first.once()
    taken = cm("a", first.namespace, x="second")
    taken["metadata"]["annotations"] = {"envctl.dev/adopt": "true"}
    second.branch.publish({"web": [taken, cm("b", first.namespace)]})
    result = second.once()
    assert (
        reasons(result)["a"]
        == f"it belongs to another environment or tool ({MANAGED}: {first.options.set_id})"
    )
    assert first.data("a") == {"x": "first"}
    second.branch.publish({"web": [cm("b", first.namespace)]})
    second.once()
    assert first.data("a") == {"x": "first"}


def test_drift_is_put_back_by_one_reconcile_too(rig, cm) -> None:
    """A changed, a deleted and an unlabelled object, without any change on the branch."""
    rig.branch.publish({"web": [cm(name, rig.namespace, x="1") for name in "abcd"]})
    rig.once()
    edited = rig.live("a") | {"data": {"x": "changed"}}
    rig.kube.replace(rig.config_map_type, edited)
    rig.kube.delete(rig.config_map_type, rig.namespace, "b")
    unlabelled = rig.live("c")
    rig.kube.replace(rig.config_map_type, unlabelled | {"metadata": unlabelled["metadata"] | {"labels": {}}})
    assert shown(rig.once()) == {"a": "configured", "b": "created", "c": "configured"}
    assert [rig.data(name) for name in "abcd"] == [{"x": "1"}] * 4
    assert rig.live("c")["metadata"]["labels"] == {MANAGED: rig.options.set_id}
    assert rig.once().results == ()


def test_a_dry_run_tells_everything_and_writes_nothing(rig, cm, unique_name) -> None:
    """Created, configured, failed, pruned, and what the commit itself will make possible."""
    rig.branch.publish(
        {
            "web": [cm("a", rig.namespace, x="1"), cm("same", rig.namespace)],
            "old": [cm("gone", rig.namespace)],
        }
    )
    rig.once()
    group, inner = f"{unique_name('x')}.example.com", unique_name("inner")
    bad = cm("bad", rig.namespace) | {"data": {"not/a/key": "x"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}
    rig.branch.publish(
        {
            "web": [
                cm("a", rig.namespace, x="2"),
                cm("same", rig.namespace),
                bad,
                namespace,
                cm("inside", inner),
                widget_definition(group),
                widget(group, "w", rig.namespace),
            ]
        }
    )
    before, writes = rig.live("a")["metadata"]["resourceVersion"], rig.everything()
    result = rig.once(dry_run=True)
    assert shown(result) == {
        inner: "created",
        f"widgets.{group}": "created",
        "a": "configured",
        "bad": "failed",
        "inside": "created",
        "w": "created",
        "gone": "deleted",
    }
    assert result.dry_run
    assert rig.live("a")["metadata"]["resourceVersion"] == before
    assert rig.everything() == writes


def test_a_dry_run_needs_nothing_in_the_cluster(make_rig, cm, unique_name) -> None:
    """Before the first reconcile there is no namespace of ours, and the dry run makes none."""
    agents = unique_name("agents")
    rig = make_rig(agents=agents, almighty=True)
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    assert shown(rig.once(dry_run=True)) == {"a": "created"}
    assert (
        rig.kube.get(ResourceType("", "v1", "Namespace", "namespaces", namespaced=False), "", agents) is None
    )
    assert rig.data("a") is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            {"web/x/notes.txt": b"x"}, "web/x/notes.txt: is not named like an object's file", id="name"
        ),
        pytest.param({"web/ns/ConfigMap_a.yaml": b"a: [1\n"}, "web/ns/ConfigMap_a.yaml", id="no YAML"),
        pytest.param(
            {
                "web/ns/ConfigMap_a.yaml": b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  namespace: ns\n"
            },
            "web/ns/ConfigMap_a.yaml: the file holds Secret ns/a",
            id="another object",
        ),
        pytest.param({".envctl/components": b"oops\n"}, ".envctl/components:1", id="components"),
    ],
)
def test_a_commit_with_a_bad_file_is_refused_as_a_whole(rig, cm, files, message) -> None:
    """Nothing is written, and the message names the file."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]}, files=files)
    with pytest.raises(InputError) as caught:
        rig.once()
    assert message in str(caught.value)
    assert rig.data("a") is None


def test_a_commit_with_a_symlink_is_refused_as_a_whole(rig, cm) -> None:
    """Even one whose target would read as an object."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]}, mode="120000")
    with pytest.raises(InputError, match=r"ConfigMap_a\.yaml: is a symlink, which is never followed"):
        rig.once()


def test_one_object_in_two_components_is_refused(rig, cm) -> None:
    """The commit is refused, by name, before anything is sent."""
    rig.branch.publish({"web": [cm("a", rig.namespace)], "api": [cm("a", rig.namespace)]})
    with pytest.raises(InputError, match="is in more than one component: api, web"):
        rig.once()


def test_components_in_a_circle_are_refused(rig, cm) -> None:
    """A circle in dependsOn has no order."""
    rig.branch.publish({"a": [cm("a", rig.namespace)]}, depends_on={"a": ["b"], "b": ["a"]})
    with pytest.raises(InputError, match="in a circle: a -> b -> a"):
        rig.once()
