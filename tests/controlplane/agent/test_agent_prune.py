"""Pruning against the real API server: what goes, what stays, and how to say that it may go."""

import pytest

from envctl.agent.reconcile import Reconciler
from envctl.errors import RefusedError
from envctl.model.cluster import ResourceType

NAMESPACES = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)
ACCOUNT = ResourceType("", "v1", "ServiceAccount", "serviceaccounts", namespaced=True)
CLAIM = ResourceType("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True)


def shown(result):
    return {each.id.name: str(each.action) for each in result.results}


def guards(result):
    return sorted((each.guard, each.subject) for each in result.refused)


def claim(name, namespace):
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def test_what_left_the_branch_is_deleted_and_nothing_else(rig, cm) -> None:
    """An object of somebody else in the same namespace stays."""
    rig.kube.create(rig.config_map_type, cm("theirs", rig.namespace))
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    rig.once()
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    assert shown(rig.once()) == {"b": "deleted"}
    assert (rig.data("a"), rig.data("b"), rig.data("theirs")) == ({}, None, {})
    assert rig.status().objects == 1


def test_nothing_is_remembered_of_what_is_gone(rig, cm) -> None:
    """Names that change with each commit would fill the memory of an agent that runs for months."""
    world = rig.world()
    reconciler = Reconciler(world, lambda _: False)
    reconciler.store.load()
    for number in range(3):
        commit = rig.branch.publish({"web": [cm(f"config-{number}", rig.namespace)]})
        world.repository.fetch(rig.options.remote, [rig.options.ref])
        assert reconciler.reconcile(commit).succeeded
        assert [key.name for key in reconciler.applier.versions] == [f"config-{number}"]
    reconciler.close()


def test_an_agent_that_manages_itself_never_deletes_itself(rig, cm) -> None:
    """Agent's fault row 62: the objects that it runs on stay, whatever the commit allows."""
    namespace, name = rig.options.namespace, f"envctl-agent-{rig.options.environment}"
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "annotations": {"envctl.dev/adopt": "true"}},
    }
    rig.branch.publish({"self": [account], "web": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    assert rig.once().succeeded
    rig.branch.publish({"web": [cm("a", rig.namespace)]}, trailers=["Envctl-Allow-Prune: all"])
    result = rig.once()
    assert shown(result) == {"b": "deleted"}
    assert guards(result) == [("own-object", f"ServiceAccount {namespace}/{name}")]
    assert rig.live(name, namespace, ACCOUNT)


def test_a_commit_that_also_fails_still_prunes(rig, cm) -> None:
    """A failure of one object is no reason to keep another that left."""
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    rig.once()
    rig.branch.publish({"web": [cm("a", rig.namespace) | {"data": {"not/a/key": "x"}}]})
    assert shown(rig.once()) == {"a": "failed", "b": "deleted"}


def test_an_empty_tree_is_refused_and_everything_stays(rig, cm) -> None:
    """Agent's fault row 41: even with ``all``; only the guard's own name lets it through."""
    objects = [cm(name, rig.namespace) for name in "abc"]
    rig.branch.publish({"web": objects})
    rig.once()
    rig.branch.publish({}, trailers=["Envctl-Allow-Prune: all"])
    with pytest.raises(RefusedError) as caught:
        rig.once()
    assert str(caught.value) == (
        f"{rig.options.branch}@{rig.branch.tip[:12]}: the deploy tree is empty, and 3 objects would go [empty-tree]\n"
        f"hint: if this is meant: envctl allow-prune {rig.options.environment} --guard empty-tree "
        "--reason TEXT"
    )
    assert [rig.data(name) for name in "abc"] == [{}, {}, {}]
    rig.branch.publish({}, trailers=["Envctl-Allow-Prune: empty-tree, all"])
    assert set(shown(rig.once()).values()) == {"deleted"}
    assert [rig.data(name) for name in "abc"] == [None, None, None]


def test_a_mass_removal_waits_for_permission_and_applies_go_on(rig, cm) -> None:
    """12 of 40 objects leave: refused by name; the next commit allows it and they go."""
    objects = [cm(f"o{number}", rig.namespace) for number in range(40)]
    rig.branch.publish({"web": objects})
    rig.once()
    kept = [*objects[12:], cm("new", rig.namespace)]
    rig.branch.publish({"web": kept})
    result = rig.once()
    assert shown(result) == {"new": "created"}
    assert {guard for guard, _ in guards(result)} == {"too-many"}
    assert (len(result.refused), result.succeeded) == (12, True)
    assert result.refused[0].reason == "12 of 40 objects left the branch at once, more than 10"
    status = rig.status()
    assert (status.objects, status.kept, status.ready) == (41, 12, True)
    assert status.condition("Ready").message.endswith("; 12 that left the branch are kept by a guard")
    assert len(rig.once().refused) == 12
    rig.branch.publish({"web": kept[1:]}, trailers=["Envctl-Allow-Prune: all"])
    assert list(shown(rig.once()).values()) == ["deleted"] * 13
    assert (rig.status().objects, rig.status().kept) == (28, 0)


def test_a_permission_does_not_cover_what_leaves_later(rig, cm) -> None:
    """The agent sees two commits at once; the first one's permission is not for the second one's removals."""
    objects = [cm(f"o{number}", rig.namespace) for number in range(40)]
    rig.branch.publish({"web": objects})
    rig.once()
    rig.branch.publish({"web": objects[12:]}, trailers=["Envctl-Allow-Prune: all"])
    rig.branch.publish({"web": objects[24:]})
    result = rig.once()
    assert sorted(shown(result)) == sorted(f"o{number}" for number in range(12))
    assert sorted(subject.rpartition("/")[2] for _, subject in guards(result)) == sorted(
        f"o{number}" for number in range(12, 24)
    )


def test_data_is_kept_until_it_is_named(rig, cm) -> None:
    """A claim that leaves the branch stays, whatever else goes; then it is named and goes."""
    rig.branch.publish(
        {"web": [claim("data", rig.namespace), cm("a", rig.namespace), cm("b", rig.namespace)]}
    )
    rig.once()
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    result = rig.once()
    assert shown(result) == {"b": "deleted"}
    name = f"PersistentVolumeClaim {rig.namespace}/data"
    assert guards(result) == [("protected-kind", name)]
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]}, trailers=[f"Envctl-Allow-Prune: {name}"])
    result = rig.once()
    assert (shown(result)["a"], guards(result)) == ("configured", [])
    deleting = rig.live("data", kind=CLAIM)
    assert deleting is None or "deletionTimestamp" in deleting["metadata"]


def test_a_live_object_can_ask_never_to_be_pruned(rig, cm) -> None:
    """The annotation is read right before the deletion, and passed only by name."""
    precious = cm("a", rig.namespace)
    precious["metadata"]["annotations"] = {"envctl.dev/prune": "never"}
    rig.branch.publish({"web": [precious, cm("b", rig.namespace)]})
    rig.once()
    rig.branch.publish({"web": [cm("b", rig.namespace)]}, trailers=["Envctl-Allow-Prune: all"])
    result = rig.once()
    assert (shown(result), guards(result)) == (
        {"a": "skipped"},
        [("prune-never", f"ConfigMap {rig.namespace}/a")],
    )
    assert rig.data("a") == {}
    named = f"Envctl-Allow-Prune: ConfigMap {rig.namespace}/a"
    rig.branch.publish({"web": [cm("b", rig.namespace, x="1")]}, trailers=[named])
    assert shown(rig.once()) == {"a": "deleted", "b": "configured"}


def test_an_object_that_somebody_else_made_anew_is_not_pruned(rig, cm) -> None:
    """Same name, another UID, not our label: not ours any more."""
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    rig.once()
    rig.kube.delete(rig.config_map_type, rig.namespace, "a")
    rig.kube.create(rig.config_map_type, cm("a", rig.namespace, theirs="1"))
    rig.branch.publish({"web": [cm("b", rig.namespace)]})
    assert shown(rig.once()) == {"a": "skipped"}
    assert rig.data("a") == {"theirs": "1"}


def test_a_stuck_finalizer_is_reported_and_blocks_nothing(make_rig, cm) -> None:
    """Agent's fault row 29: the other object goes; the stuck one stays in the inventory until it is really gone."""
    rig = make_rig(prune_wait=0.2)
    stuck = cm("stuck", rig.namespace)
    stuck["metadata"]["finalizers"] = ["example.com/hold"]
    rig.branch.publish({"web": [stuck, cm("a", rig.namespace), cm("b", rig.namespace)]})
    rig.once()
    rig.branch.publish({"web": [cm("b", rig.namespace)]})
    result = rig.once()
    assert shown(result) == {"a": "deleted", "stuck": "deleting"}
    assert result.failures[0].reason == "it waits for its finalizers example.com/hold"
    assert rig.status().objects == 2
    held = rig.live("stuck")
    rig.kube.replace(rig.config_map_type, held | {"metadata": held["metadata"] | {"finalizers": []}})
    assert shown(rig.once()) == {"stuck": "deleted"}
    assert rig.status().objects == 1


def test_an_object_that_comes_back_before_it_was_pruned_is_kept(rig, cm) -> None:
    """Refused by a guard, then on the branch again: it is simply ours."""
    rig.branch.publish({"web": [claim("data", rig.namespace), cm("a", rig.namespace)]})
    rig.once()
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    assert len(rig.once().refused) == 1
    uid = rig.live("data", kind=CLAIM)["metadata"]["uid"]
    rig.branch.publish({"web": [claim("data", rig.namespace), cm("a", rig.namespace)]})
    result = rig.once()
    assert (list(shown(result)), guards(result)) == (["data"], [])
    assert rig.live("data", kind=CLAIM)["metadata"]["uid"] == uid
