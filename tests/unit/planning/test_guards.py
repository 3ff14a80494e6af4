"""Guards: what they refuse, what they say, and the way past each."""

import pytest

from envctl.errors import RefusedError
from envctl.model.inventory import InventoryEntry, inventory_of
from envctl.model.objects import ObjectId
from envctl.model.plan import Refusal
from envctl.planning.guards import (
    Permit,
    is_own,
    judge,
    judge_live,
    permit_items,
    refuse_empty_tree,
    with_permits,
)
from envctl.planning.plan import make_plan


def leaving(kind: str, name: str = "x", prunable: str = "") -> InventoryEntry:
    short, _, group = kind.partition(".")
    return InventoryEntry(ObjectId(group, short, "ns", name), "web", "", "1", uid="u", prunable=prunable)


def many(number: int, prunable: str = "") -> list[InventoryEntry]:
    return [leaving("ConfigMap", str(index), prunable) for index in range(number)]


@pytest.mark.parametrize(
    ("entries", "total", "refused"),
    [
        pytest.param([], 100, 0, id="nothing leaves"),
        pytest.param(many(10), 10, 0, id="ten are always fine"),
        pytest.param(many(11), 11, 11, id="eleven of eleven"),
        pytest.param(many(20), 100, 0, id="a fifth"),
        pytest.param(many(21), 100, 21, id="more than a fifth"),
        pytest.param(many(30, "all"), 100, 0, id="allowed by all"),
        pytest.param(many(30, "named"), 100, 0, id="each allowed by name"),
        pytest.param([*many(10), *many(30, "all")], 100, 0, id="what is allowed does not count"),
        pytest.param([leaving("Namespace")], 100, 1, id="namespace"),
        pytest.param([leaving("PersistentVolume")], 100, 1, id="volume"),
        pytest.param([leaving("PersistentVolumeClaim")], 100, 1, id="claim"),
        pytest.param([leaving("CustomResourceDefinition.apiextensions.k8s.io")], 100, 1, id="definition"),
        pytest.param([leaving("StatefulSet.apps")], 100, 1, id="stateful set"),
        pytest.param([leaving("StatefulSet.apps", prunable="all")], 100, 0, id="stateful set, allowed"),
        pytest.param([leaving("Deployment.apps")], 100, 0, id="deployment"),
        pytest.param([leaving("StatefulSet.example.com")], 100, 0, id="the same name in another group"),
        pytest.param(
            [*many(10), *(leaving("Namespace", str(each)) for each in range(11))],
            11,
            11,
            id="protected ones do not count against the others",
        ),
    ],
)
def test_how_much_and_what_may_go(entries: list[InventoryEntry], total: int, refused: int) -> None:
    """The number of refusals, case by case."""
    assert len(judge(entries, total)) == refused


AGENTS = "envctl-system"
RBAC = "rbac.authorization.k8s.io"
OWN = [
    pytest.param(ObjectId("", "Namespace", "", AGENTS), True, id="its namespace"),
    pytest.param(ObjectId("", "Namespace", "", "web"), False, id="another namespace"),
    pytest.param(ObjectId("apps", "Deployment", AGENTS, "envctl-agent-prod"), True, id="its workload"),
    pytest.param(ObjectId("apps", "Deployment", AGENTS, "web"), False, id="another workload beside it"),
    pytest.param(ObjectId("apps", "Deployment", "web", "envctl-agent-prod"), False, id="its name elsewhere"),
    pytest.param(ObjectId("", "ConfigMap", AGENTS, "envctl-inventory-prod-0"), True, id="its inventory"),
    pytest.param(ObjectId("envctl.dev", "Environment", AGENTS, "prod"), True, id="its record"),
    pytest.param(ObjectId(RBAC, "ClusterRole", "", f"envctl-agent-prod.{AGENTS}"), True, id="its rights"),
    pytest.param(ObjectId(RBAC, "ClusterRole", "", "view"), False, id="other rights"),
    pytest.param(
        ObjectId("apiextensions.k8s.io", "CustomResourceDefinition", "", "environments.envctl.dev"),
        True,
        id="its kind",
    ),
]


@pytest.mark.parametrize(("key", "own"), OWN)
def test_what_an_agent_runs_on_is_never_deleted(key: ObjectId, *, own: bool) -> None:
    """Agent's fault row 62: no permission lets it go, neither ``all`` nor by name."""
    allowed = [InventoryEntry(key, "web", "", "1", uid="u", prunable=each) for each in ("all", "named")]
    refused = judge(allowed, 100, lambda each: is_own(each, AGENTS))
    expected = Refusal(
        "own-object",
        str(key),
        "the agent runs on it, so it never deletes it",
        "to uninstall the agent, delete by hand what envctl install prints",
    )
    assert refused == ((expected, expected) if own else ())


def test_refusals_say_what_why_and_how_to_pass() -> None:
    """The whole text of both guards."""
    found = judge([leaving("StatefulSet.apps", "db"), *many(11)], 20)
    assert [str(each) for each in found[:2]] == [
        (
            "StatefulSet.apps ns/db: a StatefulSet is not deleted because it left the branch: data would be lost "
            "[protected-kind] (if this is meant, commit with the trailers 'Envctl-Environment: ENV' and 'Envctl-Allow-Prune: StatefulSet.apps ns/db')"
        ),
        (
            "ConfigMap ns/0: 11 of 20 objects left the branch at once, more than 10 "
            "[too-many] (if this is meant, commit with the trailers 'Envctl-Environment: ENV' and 'Envctl-Allow-Prune: all')"
        ),
    ]


def test_objects_that_are_added_do_not_widen_the_limit() -> None:
    """A commit that replaces much of an environment is judged by what stood there before."""
    fresh = [InventoryEntry(ObjectId("", "Secret", "ns", str(each)), "web", "1") for each in range(90)]
    inventory = inventory_of(None, [*many(11), *fresh])
    assert len(make_plan(inventory, (), {}).refused) == 11


@pytest.mark.parametrize(
    ("values", "items"),
    [
        pytest.param([], set(), id="none"),
        pytest.param(["all"], {"all"}, id="one"),
        pytest.param(
            ["Namespace  a ,, all", " ConfigMap a/b"], {"Namespace a", "all", "ConfigMap a/b"}, id="many"
        ),
    ],
)
def test_the_trailer_is_a_list_with_commas(values: list[str], items: set[str]) -> None:
    """Spaces around and inside items do not matter, and several trailers add up."""
    assert permit_items(values) == items


ONE = leaving("ConfigMap", "a")


@pytest.mark.parametrize(
    ("entry", "permits", "prunable"),
    [
        pytest.param(ONE, [], "", id="no permit"),
        pytest.param(ONE, [Permit(frozenset({"all"}), frozenset({ONE.id}))], "all", id="all"),
        pytest.param(
            ONE, [Permit(frozenset({"ConfigMap ns/a"}), frozenset({ONE.id}))], "named", id="by name"
        ),
        pytest.param(
            ONE, [Permit(frozenset({"ConfigMap ns/b"}), frozenset({ONE.id}))], "", id="another name"
        ),
        pytest.param(
            ONE, [Permit(frozenset({"all"}), frozenset())], "", id="the commit with the permit still held it"
        ),
        pytest.param(leaving("ConfigMap", "a", "named"), [], "named", id="given before"),
        pytest.param(
            leaving("ConfigMap", "a", "all"),
            [Permit(frozenset({"ConfigMap ns/a"}), frozenset({ONE.id}))],
            "named",
            id="the stronger one counts",
        ),
    ],
)
def test_a_permit_covers_what_has_left_by_its_commit(
    entry: InventoryEntry, permits: list[Permit], prunable: str
) -> None:
    """A later removal is never covered by an earlier permission."""
    assert with_permits(entry, permits).prunable == prunable


@pytest.mark.parametrize(
    ("annotations", "prunable", "refused"),
    [
        pytest.param(None, "", False, id="none"),
        pytest.param({"envctl.dev/prune": "yes"}, "", False, id="another value"),
        pytest.param({"envctl.dev/prune": "never"}, "", True, id="never"),
        pytest.param({"envctl.dev/prune": "never"}, "all", True, id="never, all allowed"),
        pytest.param({"envctl.dev/prune": "never"}, "named", False, id="never, allowed by name"),
    ],
)
def test_the_live_object_can_say_never(
    annotations: dict[str, str] | None, prunable: str, *, refused: bool
) -> None:
    """Only a permission by name goes past the annotation."""
    entry = leaving("ConfigMap", "a", prunable)
    assert judge_live(entry, {"metadata": {"annotations": annotations}}) == (
        Refusal(
            "prune-never",
            "ConfigMap ns/a",
            "its annotation envctl.dev/prune says never",
            "remove the annotation, or commit with the trailers 'Envctl-Environment: ENV' and 'Envctl-Allow-Prune: ConfigMap ns/a'",
        )
        if refused
        else None
    )


@pytest.mark.parametrize(
    ("empty", "inventory", "items"),
    [
        pytest.param(False, 5, set(), id="objects on the branch"),
        pytest.param(True, 0, set(), id="nothing to lose"),
        pytest.param(True, 5, {"empty-tree"}, id="said so"),
    ],
)
def test_an_empty_tree_passes_where_nothing_is_lost_or_it_is_meant(
    inventory: int, items: set[str], *, empty: bool
) -> None:
    """The three ways past the guard."""
    refuse_empty_tree(empty=empty, inventory=inventory, items=frozenset(items), place="deploy/dev")


def test_an_empty_tree_is_refused_whatever_else_is_allowed() -> None:
    """``all`` does not let a whole environment go: that must be said in its own word."""
    with pytest.raises(RefusedError) as caught:
        refuse_empty_tree(empty=True, inventory=5, items=frozenset({"all"}), place="deploy/dev@1a2b3c4")
    assert str(caught.value) == (
        "deploy/dev@1a2b3c4: the deploy tree is empty, and 5 objects would go [empty-tree]\n"
        "hint: if this is meant, commit with the trailers 'Envctl-Environment: ENV' and 'Envctl-Allow-Prune: empty-tree, all'"
    )
