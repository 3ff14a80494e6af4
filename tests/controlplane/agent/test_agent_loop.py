"""The running agent against the real API server: it follows, heals by watch, reports, and stops."""

import contextlib
import threading
from dataclasses import replace

import pytest

from envctl.agent.once import reconcile_once
from envctl.kube.connect import connect
from envctl.model.cluster import ResourceType
from envctl.model.keeping import DriftPolicy
from envctl.model.status import Level

LABELS = "applyset.kubernetes.io/part-of"
HOUR = 3600
NAMESPACES = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)
CUSTOM = ResourceType("envctl.dev", "v1alpha1", "Environment", "environments", namespaced=True)


def edit(rig, name, **fields):
    """Change a live ConfigMap as somebody would."""
    live = rig.live(name)
    rig.kube.replace(rig.config_map_type, live | fields)


def messages(rig, level=None):
    return [entry.message for entry in rig.log if level in (None, entry.level)]


def test_the_agent_follows_its_branch(rig, cm) -> None:
    """The first commit, a change, a removal: each is applied and reported."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1"), cm("b", rig.namespace)]})
    with rig.running():
        status = rig.await_applied(rig.branch.tip)
        assert (status.objects, status.sequence) == (2, 1)
        rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]})
        rig.await_applied(rig.branch.tip)
        assert (rig.data("a"), rig.data("b")) == ({"x": "2"}, None)


def test_the_environment_object_tells_the_whole_story(rig, cm) -> None:
    """Spec, ApplySet parent metadata, and kstatus conditions."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
    live = rig.kube.get(CUSTOM, rig.options.namespace, rig.options.environment)
    assert live["spec"] == {"repository": rig.options.remote, "branch": rig.options.branch}
    assert live["metadata"]["labels"] == {"applyset.kubernetes.io/id": rig.options.set_id}
    annotations = live["metadata"]["annotations"]
    assert annotations["applyset.kubernetes.io/contains-group-kinds"] == "ConfigMap"
    assert annotations["applyset.kubernetes.io/additional-namespaces"] == rig.namespace
    assert {each["type"]: (each["status"], each["reason"]) for each in live["status"]["conditions"]} == {
        "Ready": ("True", "Applied"),
        "Reconciling": ("False", "Idle"),
        "Stalled": ("False", "Free"),
        "SourceReady": ("True", "Read"),
        "Healthy": ("True", "Healthy"),
    }
    assert live["status"]["observedGeneration"] == live["metadata"]["generation"]


def test_a_reconcile_by_hand_leaves_the_agents_spec_alone(rig, cm) -> None:
    """It does not know the agent's URL, and must not take it away."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
    before = rig.kube.get(CUSTOM, rig.options.namespace, rig.options.environment)["spec"]
    local = replace(rig.world(), options=replace(rig.options, remote=""))
    reconcile_once(local, rig.branch.tip)
    assert rig.kube.get(CUSTOM, rig.options.namespace, rig.options.environment)["spec"] == before


@pytest.fixture
def quiet(make_rig):
    """An environment whose agent asks for its branch once an hour: what is healed is healed by watch."""
    return make_rig(interval=HOUR)


def test_an_edit_is_healed_by_watch(quiet, cm, wait_for) -> None:
    """A changed value comes back, and the status says whose it was."""
    quiet.branch.publish({"web": [cm("a", quiet.namespace, x="1")]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        edit(quiet, "a", data={"x": "changed"})
        wait_for(lambda: quiet.data("a") == {"x": "1"})
        wait_for(lambda: quiet.status().healed == 1)
        assert quiet.status().last_healed.startswith(f"ConfigMap {quiet.namespace}/a (changed by ")


def test_a_deletion_is_healed_by_watch(quiet, cm, wait_for) -> None:
    """A deleted object comes back with its label, and can still be pruned later."""
    quiet.branch.publish({"web": [cm("a", quiet.namespace, x="1"), cm("b", quiet.namespace)]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        quiet.kube.delete(quiet.config_map_type, quiet.namespace, "a")
        wait_for(lambda: quiet.data("a") == {"x": "1"})
        assert quiet.live("a")["metadata"]["labels"] == {LABELS: quiet.options.set_id}
    quiet.branch.publish({"web": [cm("b", quiet.namespace)]})
    assert [str(each.action) for each in quiet.once().results] == ["deleted"]


def test_a_stripped_label_is_healed_by_watch(quiet, cm, wait_for) -> None:
    """Without its label an object leaves our watch; that too is noticed."""
    quiet.branch.publish({"web": [cm("a", quiet.namespace, x="1")]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        metadata = quiet.live("a")["metadata"]
        edit(quiet, "a", metadata=metadata | {"labels": {}}, data={"x": "changed"})
        wait_for(lambda: (quiet.live("a")["metadata"].get("labels") or {}).get(LABELS))
        assert quiet.data("a") == {"x": "1"}


def test_drift_is_healed_by_an_agent_with_an_empty_store(quiet, cm, wait_for) -> None:
    """A new pod has no Git objects yet: it fetches, and then heals what it could not before."""
    quiet.branch.publish({"web": [cm("a", quiet.namespace, x="1")]})
    quiet.once()
    edit(quiet, "a", data={"x": "changed"})
    quiet.store = quiet.store.with_name("another.store")
    with quiet.running():
        wait_for(lambda: quiet.data("a") == {"x": "1"})


def test_a_deleted_namespace_comes_back_with_all_that_was_in_it(make_rig, cm, unique_name, wait_for) -> None:
    """While it ends nothing can be created in it; then it is healed, and its objects follow."""
    # With an account of its own the rights in a namespace would be gone with it.
    quiet = make_rig(almighty=True, namespaced=False, interval=HOUR)
    inner = unique_name("inner")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}
    quiet.branch.publish({"web": [namespace, *(cm(name, inner, x="1") for name in "abc")]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        uid = quiet.live(inner, kind=NAMESPACES)["metadata"]["uid"]
        quiet.kube.delete(NAMESPACES, "", inner)
        wait_for(
            lambda: (quiet.live(inner, kind=NAMESPACES) or {}).get("metadata", {}).get("uid", uid) != uid
        )
        wait_for(lambda: all(quiet.live(name, inner) for name in "abc"))
        wait_for(lambda: quiet.status().ready)
    quiet.kube.delete(NAMESPACES, "", inner)


def test_what_others_add_is_left_alone(quiet, cm, wait_for) -> None:
    """A key, a label, an annotation that we never set are not ours to heal."""
    quiet.branch.publish({"web": [cm("a", quiet.namespace, x="1"), cm("b", quiet.namespace, x="1")]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        edit(quiet, "a", data={"x": "1", "theirs": "2"})
        edit(quiet, "b", data={"x": "changed"})
        wait_for(lambda: quiet.data("b") == {"x": "1"})
        assert quiet.data("a") == {"x": "1", "theirs": "2"}


def test_drift_while_the_agent_was_away_is_healed_at_its_start(quiet, cm, wait_for) -> None:
    """An edit and a deletion happen between two runs."""
    quiet.branch.publish({"web": [cm(name, quiet.namespace, x="1") for name in "abc"]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
    edit(quiet, "a", data={"x": "changed"})
    quiet.kube.delete(quiet.config_map_type, quiet.namespace, "b")
    with quiet.running():
        wait_for(lambda: [quiet.data(name) for name in "abc"] == [{"x": "1"}] * 3)


def test_a_restart_writes_nothing_when_nothing_changed(quiet, cm, wait_for) -> None:
    """The versions of all objects, the inventory and the Environment object stay."""
    quiet.branch.publish({"web": [cm(name, quiet.namespace, x="1") for name in "abc"]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)

    def state():
        parent = quiet.kube.get(CUSTOM, quiet.options.namespace, quiet.options.environment)
        return quiet.everything() | {"parent": parent["metadata"]["resourceVersion"]}

    before = state()
    quiet.log.clear()
    with quiet.running():
        wait_for(lambda: any(message.startswith("watching") for message in messages(quiet)))
        edit(quiet, "a", data={"x": "changed"})
        wait_for(lambda: quiet.data("a") == {"x": "1"})
        after = state()
    changed = {key for key in before if before[key] != after[key]}
    assert changed - {"parent"} == {f"{quiet.namespace}/a"}


def test_at_rest_nothing_is_asked(quiet, cm, wait_for) -> None:
    """Between two events the agent sends no request at all."""
    quiet.branch.publish({"web": [cm(name, quiet.namespace, x="1") for name in "abc"]})
    watcher = quiet.agent
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        wait_for(lambda: watcher.requests().get("WATCH") == 1)
        before = dict(watcher.requests())
        threading.Event().wait(2)
        assert dict(watcher.requests()) == before


def test_a_refused_commit_keeps_the_last_good_one_and_says_so(rig, cm, wait_for) -> None:
    """Healing goes on meanwhile; a good commit ends it."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    with rig.running():
        good = rig.branch.tip
        rig.await_applied(good)
        rig.branch.publish({"web": [cm("a", rig.namespace, x="evil")]}, environment="staging")
        status = rig.await_condition("Stalled", "CommitRefused")
        assert "it was made for the environment staging" in status.condition("Ready").message
        assert (status.ready, status.applied, status.revision) == (False, good, good)
        edit(rig, "a", data={"x": "changed"})
        wait_for(lambda: rig.data("a") == {"x": "1"})
        rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]}, parent=good)
        rig.await_applied(rig.branch.tip)
        assert rig.data("a") == {"x": "2"}


def test_an_empty_tree_is_refused_and_everything_stays(rig, cm) -> None:
    """The worst commit there is changes nothing."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        rig.branch.publish({})
        status = rig.await_condition("Stalled", "CommitRefused")
        assert "the deploy tree is empty" in status.condition("Stalled").message
        assert rig.data("a") == {"x": "1"}


def test_the_log_names_what_was_pruned_and_what_is_kept(rig, cm) -> None:
    """Each in a line of its own, with the reason and the way past a guard, and as a field for machines."""
    kept = cm("kept", rig.namespace)
    kept["metadata"]["annotations"] = {"envctl.dev/prune": "never"}
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace), kept]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        rig.branch.publish({"web": [cm("a", rig.namespace)]})
        rig.await_applied(rig.branch.tip)
    pruned, stays = f"ConfigMap {rig.namespace}/b", f"ConfigMap {rig.namespace}/kept"
    command = f"envctl allow-prune {rig.options.environment} '{stays}' --reason TEXT"
    why = "its annotation envctl.dev/prune says never [prune-never]"
    kept_line = f"not pruned: {stays}: {why} (remove the annotation, or permit it by name: {command})"
    told = [(each.message, each.fields["object"]) for each in rig.log if "object" in each.fields]
    assert told == [(f"pruned {pruned}", pruned), (kept_line, stays)]


def test_a_deleted_branch_changes_nothing(rig, cm) -> None:
    """The source is reported as missing, and the cluster stays."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        rig.branch.move(None)
        status = rig.await_condition("SourceReady", "Failed")
        assert status.condition("SourceReady").message == (
            f"the branch {rig.options.branch} does not exist, nor does any other deploy branch there"
        )
        assert (status.ready, rig.data("a")) == (True, {"x": "1"})


def test_an_agent_whose_own_namespace_is_deleted_makes_it_again(almighty, cm, wait_for) -> None:
    """The inventory is written anew from memory, so that even then nothing is orphaned."""
    rig = almighty
    rig.branch.publish({"web": [cm("leave", rig.namespace), cm("stay", rig.namespace, x="1")]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        rig.kube.delete(NAMESPACES, "", rig.options.namespace)
        wait_for(lambda: rig.live(rig.options.namespace, kind=NAMESPACES) is None)
        rig.branch.publish({"web": [cm("stay", rig.namespace, x="2")]})
        rig.await_applied(rig.branch.tip)
        assert (rig.data("leave"), rig.data("stay")) == (None, {"x": "2"})


def test_an_agent_may_start_before_its_branch_exists(rig, cm, wait_for, tmp_path) -> None:
    """It names the branches that there are, for it may be a typing error, which leaves no object; and begins when it comes."""
    tip = rig.branch.publish({"web": [cm("a", rig.namespace)]})
    for name in ("deploy/staging", "deploy/prod"):
        rig.branch.git("update-ref", f"refs/heads/{name}", tip)
    rig.branch.move(None)
    told = f"the branch {rig.options.branch} does not exist; there are deploy/prod, deploy/staging"
    with rig.running():
        wait_for(lambda: messages(rig, Level.WARNING) == [f"{told}; nothing is changed"])
        away = rig.branch.path.rename(tmp_path / "away.git")
        wait_for(lambda: "cannot read the branch" in rig.log[-1].message)
        away.rename(rig.branch.path)
        wait_for(lambda: rig.log[-1].message == f"{told}; nothing is changed")
        assert rig.live(rig.options.environment, rig.options.namespace, CUSTOM) is None
        rig.branch.move(tip)
        rig.await_applied(tip)


def test_what_failed_is_tried_again_without_a_new_commit(almighty, cm, unique_name, wait_for) -> None:
    """An object whose namespace is missing is applied soon after somebody makes it. Each news is told once."""
    rig = almighty
    late = unique_name("late")
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", late, x="1")]})
    with rig.running():
        status = rig.await_condition("Ready", "ObjectsFailed")
        assert status.failures[0].reason == f"the namespace '{late}' does not exist"
        tries = rig.agent.requests()["PATCH"]
        wait_for(lambda: rig.agent.requests()["PATCH"] >= tries + 3)
        rig.kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": late}})
        rig.await_applied(rig.branch.tip)
    assert rig.live("b", late)["data"] == {"x": "1"}
    revision = rig.branch.tip[:12]
    assert [line.removeprefix(f"{revision}: ") for line in messages(rig) if revision in line] == [
        "1 created, 1 failed",
        "1 created",
    ]
    rig.kube.delete(NAMESPACES, "", late)


DEFINITIONS = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)


def thing_definition(group, plural):
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Thing", "plural": plural, "singular": plural[:-1], "listKind": "ThingList"},
            "scope": "Cluster",
            "versions": [version],
        },
    }


@pytest.fixture
def stuck_definition(kube, unique_name, wait_for):
    """A definition that never takes effect: another one has the name of its kind."""
    group = f"{unique_name('x')}.example.com"
    taken = thing_definition(group, "things")
    kube.create(DEFINITIONS, taken)
    wait_for(lambda: kube.resource_type(group, "Thing"))
    yield thing_definition(group, "others")
    kube.delete(DEFINITIONS, "", taken["metadata"]["name"])


def test_a_new_commit_ends_waiting_and_drift_is_healed_meanwhile(
    make_rig, cm, stuck_definition, wait_for
) -> None:
    """A definition that never takes effect would be waited for an hour."""
    rig = make_rig(definition_wait=HOUR)
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        rig.branch.publish({"web": [cm("a", rig.namespace, x="1"), stuck_definition]})
        rig.await_condition("Reconciling", "Applying")
        edit(rig, "a", data={"x": "changed"})
        wait_for(lambda: rig.data("a") == {"x": "1"})
        rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]})
        wait_for(lambda: rig.data("a") == {"x": "2"})


def test_a_definition_that_never_takes_effect_is_named(make_rig, cm, stuck_definition) -> None:
    """The other objects are applied, and the message is the server's."""
    rig = make_rig(definition_wait=0.3)
    rig.branch.publish({"web": [cm("a", rig.namespace), stuck_definition]})
    result = rig.once()
    (failure,) = result.failures
    assert failure.reason.startswith("its kind is not served after 0.3 seconds: its names are not accepted: ")
    assert rig.data("a") == {}


def test_a_fight_is_named_and_calmed(quiet, cm, wait_for) -> None:
    """Somebody changes the same object again and again, and field and manager are told."""
    quiet.branch.publish({"web": [cm("a", quiet.namespace, x="1")]})
    with quiet.running():
        quiet.await_applied(quiet.branch.tip)
        for number in range(6):
            edit(quiet, "a", data={"x": f"theirs {number}"})
            wait_for(lambda: quiet.data("a") == {"x": "1"})
        status = quiet.await_condition("Stalled", "Fought")
        message = status.condition("Stalled").message
        assert message.endswith(f" keeps changing ConfigMap {quiet.namespace}/a")
        told = [message for message in messages(quiet, Level.WARNING) if "keeps changing" in message]
        assert len(told) == 1
        assert told[0].endswith(
            f" keeps changing ConfigMap {quiet.namespace}/a (.data.x): it is healed each time"
        )


@pytest.mark.parametrize("everywhere", [True, False], ids=["by option", "by annotation"])
def test_drift_is_only_told_where_that_is_wanted(make_rig, cm, wait_for, *, everywhere: bool) -> None:
    """Once, with the manager and the field; and no more once the object is as it was."""
    rig = make_rig(drift=DriftPolicy.WARN if everywhere else DriftPolicy.HEAL)
    kept = cm("a", rig.namespace, x="1")
    if not everywhere:
        kept["metadata"]["annotations"] = {"envctl.dev/drift": "warn"}
    rig.branch.publish({"web": [kept]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        edit(rig, "a", data={"x": "2"})
        (failure,) = wait_for(lambda: rig.status().failures)
        assert failure.object == f"ConfigMap {rig.namespace}/a"
        assert failure.reason.startswith("changed by ")
        assert failure.reason.endswith(" (.data.x); it is not healed (drift: warn)")
        assert rig.data("a") == {"x": "2"}
        edit(rig, "a", data={"x": "1"})
        wait_for(lambda: rig.status().failures == () and rig.status().ready)
    assert len([each for each in messages(rig, Level.WARNING) if "drift: warn" in each]) == 1


def test_drift_of_one_object_is_ignored_and_of_the_next_one_healed(rig, cm, wait_for) -> None:
    """Not even told; a deletion is no other drift than a change."""
    ignored = cm("a", rig.namespace, x="1")
    ignored["metadata"]["annotations"] = {"envctl.dev/drift": "ignore"}
    rig.branch.publish({"web": [ignored, cm("b", rig.namespace, x="1")]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        edit(rig, "a", data={"x": "2"})
        edit(rig, "b", data={"x": "2"})
        wait_for(lambda: rig.data("b") == {"x": "1"})
        rig.kube.delete(rig.config_map_type, rig.namespace, "a")
        rig.kube.delete(rig.config_map_type, rig.namespace, "b")
        wait_for(lambda: rig.data("b") == {"x": "1"})
        assert rig.data("a") is None
        assert messages(rig, Level.WARNING) == []


def test_two_environments_in_one_cluster_do_not_touch_each_other(make_rig, cm, wait_for) -> None:
    """Side by side in the same namespaces: each applies, heals and prunes its own."""
    first = make_rig()
    second = make_rig(agents=first.options.namespace, namespace=first.namespace)
    first.branch.publish({"web": [cm("one", first.namespace, x="1"), cm("gone", first.namespace)]})
    second.branch.publish({"web": [cm("two", first.namespace, x="2")]})
    with first.running(), second.running():
        first.await_applied(first.branch.tip)
        second.await_applied(second.branch.tip)
        version = second.live("two")["metadata"]["resourceVersion"]
        edit(first, "one", data={"x": "changed"})
        first.branch.publish({"web": [cm("one", first.namespace, x="1")]})
        first.await_applied(first.branch.tip)
        wait_for(lambda: first.data("one") == {"x": "1"})
        assert first.data("gone") is None
        assert second.live("two")["metadata"]["resourceVersion"] == version
        assert (second.status().objects, second.status().healed) == (1, 0)


def test_two_agents_of_one_environment_do_no_harm(rig, cm, wait_for) -> None:
    """Without a lease both work; the inventory lets one of them go on at a time, and all is applied."""
    rig.branch.publish({"web": [cm(f"o{number}", rig.namespace, x="1") for number in range(10)]})
    with rig.running(), rig.running():
        rig.await_applied(rig.branch.tip)
        rig.branch.publish({"web": [cm(f"o{number}", rig.namespace, x="2") for number in range(5)]})
        rig.await_applied(rig.branch.tip)
        wait_for(lambda: [rig.data(f"o{number}") for number in range(10)] == [{"x": "2"}] * 5 + [None] * 5)


def test_a_stop_in_the_middle_of_an_apply_is_clean(rig, cm, wait_for) -> None:
    """What was begun is finished, nothing is lost, and the next start goes on."""
    objects = [cm(f"o{number}", rig.namespace, x="1") for number in range(300)]
    rig.branch.publish({"web": objects})
    with rig.running() as stop:
        wait_for(lambda: rig.data("o0"))
        stop.set()
    applied = len(
        rig.kube.list(rig.config_map_type, namespace=rig.namespace, selector=rig.options.selector).items
    )
    assert applied < 300
    with rig.running():
        assert rig.await_applied(rig.branch.tip).objects == 300


def test_a_kind_that_went_while_no_agent_ran_comes_back_with_its_objects(
    almighty, cluster, unique_name, wait_for
) -> None:
    """It is not served at the start, so nobody can watch it then; it is tried again."""
    rig, group = almighty, f"{unique_name('g')}.example.com"
    definition = thing_definition(group, "things")
    name = definition["metadata"]["name"]
    thing = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "a"}}
    rig.branch.publish({"web": [definition, thing]})
    assert rig.once().succeeded
    kind = rig.kube.resource_type(group, "Thing")
    rig.kube.delete(DEFINITIONS, "", name)
    wait_for(lambda: rig.kube.get(DEFINITIONS, "", name) is None, "the kind is gone")
    with contextlib.closing(connect(cluster.kubeconfig)) as fresh:
        wait_for(lambda: fresh.resource_type(group, "Thing") is None, "it is not served")
        with rig.running(fresh):
            wait_for(lambda: rig.kube.get(DEFINITIONS, "", name), "the kind is back")
            wait_for(lambda: rig.live("a", kind=kind), "its object is back")
    rig.kube.delete(DEFINITIONS, "", name)
