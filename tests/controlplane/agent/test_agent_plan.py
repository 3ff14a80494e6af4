"""A plan as a value: what it says of each object and field, and that an apply then does just that."""

import random
from typing import Any

import pytest

from envctl.agent.preview import preview
from envctl.model.plan import Action
from envctl.model.planned import ClusterPlan
from tests.functional.conftest import Workspace

CANARY = "c2VjcmV0LWNhbmFyeQ=="
MORE = "bW9yZS1jYW5hcnk="


def planned(rig: Any, **more: Any) -> ClusterPlan:
    """Fetch the branch, and plan it."""
    world = rig.world()
    commit = world.repository.fetch(rig.options.remote, [rig.options.ref])[rig.options.ref]
    return preview(world, commit, **more)


def fields(plan: ClusterPlan, name: str) -> dict[str, tuple[Any, Any, str]]:
    """Path → live value, planned value, who set the live one."""
    (found,) = [each for each in plan.objects if each.result.id.name == name]
    return {each.path: (each.old, each.new, found.managers.get(each.path, "")) for each in found.fields}


def edit(rig: Any, name: str, manager: str, **data: str) -> None:
    """Change a ConfigMap as another field manager."""
    path = f"/api/v1/namespaces/{rig.namespace}/configmaps/{name}?fieldManager={manager}&force=true"
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": rig.namespace}}
    rig.raw("PATCH", path, {**value, "data": data})


def test_a_plan_names_changed_and_drifted_fields_with_their_managers(rig: Any, cm: Any) -> None:
    """What the commit changes, what somebody else changed, and what is only theirs and stays."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1", y="1"), cm("b", rig.namespace, x="1")]})
    rig.once()
    assert not planned(rig).differs
    edit(rig, "b", "somebody", x="2", theirs="1")
    rig.branch.publish({"web": [cm("a", rig.namespace, x="2"), cm("b", rig.namespace, x="1")]})
    plan = planned(rig)
    assert plan.differs
    assert fields(plan, "a") == {"$.data.x": ("1", "2", ""), "$.data.y": ("1", None, "")}
    assert fields(plan, "b") == {"$.data.x": ("2", "1", "somebody")}
    assert [each.drifted for each in plan.objects] == [False, True]


def test_a_plan_asks_only_about_what_changed(rig: Any, cm: Any) -> None:
    """Of 30 objects one; with everything, each one. Nothing is written in either case."""
    objects = [cm(f"c{number}", rig.namespace, x="1") for number in range(30)]
    rig.branch.publish({"web": objects})
    rig.once()
    rig.branch.publish({"web": [*objects[1:], cm("c0", rig.namespace, x="2")]})
    before, versions = rig.writes(), rig.everything()
    assert [str(each.result) for each in planned(rig).objects] == [f"ConfigMap {rig.namespace}/c0 configured"]
    assert rig.writes() - before == 1  # the dry run
    plan = planned(rig, everything=True)
    assert plan.result.counts() == {Action.CONFIGURED: 1, Action.UNCHANGED: 29}
    assert rig.writes() - before == 31
    assert rig.everything() == versions


def test_what_is_in_a_namespace_that_stands_already_is_judged(rig: Any, cm: Any) -> None:
    """A namespace that is adopted is not created: what somebody else has in it is found, not told as new."""
    edit(rig, "theirs", "somebody")
    space = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": rig.namespace, "annotations": {"envctl.dev/adopt": "true"}},
    }
    rig.branch.publish({"web": [space, cm("theirs", rig.namespace), cm("new", rig.namespace)]})
    found = {each.result.id.name: str(each.result.action) for each in planned(rig).objects}
    assert found == {rig.namespace: "configured", "theirs": "failed", "new": "created"}


def test_a_plan_never_shows_a_secret(rig: Any, cluster: Any) -> None:
    """Neither as text nor as JSON, whether it is created, changed, drifted or refused."""

    def secret(name: str, **data: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": rig.namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}

    rig.branch.publish({"web": [secret("a", k=CANARY), secret("b", k=CANARY)]})
    rig.once()
    path = f"/api/v1/namespaces/{rig.namespace}/secrets/b?fieldManager=thief&force=true"
    rig.raw("PATCH", path, secret("b", k=MORE))
    bad = secret("bad", **{"not/a/key": CANARY})
    rig.branch.publish({"web": [secret("a", k=MORE), secret("b", k=CANARY), secret("new", k=MORE), bad]})
    workspace = Workspace(rig.branch.path)
    where = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", rig.options.namespace)
    runs = [
        workspace.envctl(*words, *where, *form)
        for words in (
            ("diff", rig.options.environment, "--cluster"),
            ("apply", rig.options.environment, "--dry-run"),
        )
        for form in ((), ("-o", "json"), ("-v",))
    ]
    assert [each.code for each in runs] == [1] * 6
    everything = "".join(each.out + each.err for each in runs)
    assert "*** (before)" in everything
    assert [word for word in (CANARY, MORE, "secret-canary", "more-canary") if word in everything] == []


def test_the_exit_code_tells_whether_there_is_a_difference(rig: Any, cm: Any, cluster: Any) -> None:
    """16 and the fields, then 0; guards that would refuse, and what would be adopted, are told."""
    workspace, name = Workspace(rig.branch.path), rig.options.environment
    where = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", rig.options.namespace)
    edit(rig, "old", "kubectl", x="1")
    old = cm("old", rig.namespace, y="1")
    old["metadata"]["annotations"] = {"envctl.dev/adopt": "true"}
    rig.branch.publish({"web": [old, cm("a", rig.namespace)]})
    outcome = workspace.envctl("diff", name, "--cluster", *where)
    assert outcome.code == 16
    head = f"dry run: {name} at {rig.branch.tip[:12]} (#1) on {rig.kube.url}"
    assert outcome.out.splitlines() == [
        f"+ ConfigMap {rig.namespace}/a  (web)",
        f"~ ConfigMap {rig.namespace}/old  (web)  adopted",
        "    + metadata.annotations:",
        '        envctl.dev/adopt: "true"',
        "    + metadata.labels:",
        f"        applyset.kubernetes.io/part-of: {rig.options.set_id}",
        '    + data.y: "1"',
        f"{head}: 1 created, 1 configured",
    ]
    rig.once()
    assert workspace.envctl("diff", name, "--cluster", *where).code == 0
    rig.branch.publish({"web": [old]})
    data = workspace.envctl("diff", name, "--cluster", *where, "-o", "json").data
    assert [(each["object"], each["action"]) for each in data["objects"]] == [
        (f"ConfigMap {rig.namespace}/a", "deleted")
    ]


@pytest.mark.parametrize("seed", range(3))
def test_an_apply_does_what_the_plan_said(rig: Any, cm: Any, seed: int) -> None:
    """Random commits, edits and deletions: the same objects, the same actions."""
    pick = random.Random(seed)  # noqa: S311
    rig.branch.publish({"web": [cm(f"c{number}", rig.namespace, x="1") for number in range(9)]})
    rig.once()
    kept = pick.sample(range(9), 6)
    for number in pick.sample(range(9), 3):
        edit(rig, f"c{number}", "somebody", x=pick.choice("12"))
    for number in pick.sample(range(9), 2):
        rig.kube.delete(rig.config_map_type, rig.namespace, f"c{number}")
    objects = [cm(f"c{number}", rig.namespace, x=pick.choice("12")) for number in [*kept, 20, 21]]
    rig.branch.publish({"web": [*objects, cm("bad", rig.namespace) | {"data": {"not/a/key": "x"}}]})
    said = {str(each.result.id): each.result.action for each in planned(rig).objects}
    done = {str(each.id): each.action for each in rig.once().results}
    assert {key: each for key, each in said.items() if each is not Action.UNCHANGED} == {
        key: each for key, each in done.items() if each is not Action.UNCHANGED
    }
