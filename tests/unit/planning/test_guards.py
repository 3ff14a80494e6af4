"""Guards: what they refuse, what they say, and the way past each."""

from dataclasses import replace

import pytest

from envctl.errors import RefusedError
from envctl.model.inventory import InventoryEntry, Removal, inventory_of
from envctl.model.objects import ObjectId
from envctl.model.plan import Refusal
from envctl.planning.guards import (
    Judgement,
    Window,
    deletion_policy,
    gone_within,
    is_own,
    judge,
    judge_definition,
    judge_live,
    refuse_empty_tree,
)
from envctl.planning.permits import Permit, bound_to, is_foreign, items_of, permit_items, with_permits
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
    assert len(judge(entries, total).refused) == refused


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
    pytest.param(ObjectId(RBAC, "RoleBinding", "web", "envctl-agent-prod"), True, id="its rights elsewhere"),
    pytest.param(ObjectId(RBAC, "RoleBinding", "web", "web"), False, id="other rights elsewhere"),
    pytest.param(ObjectId("coordination.k8s.io", "Lease", AGENTS, "envctl-prod"), True, id="its lease"),
    pytest.param(ObjectId("coordination.k8s.io", "Lease", AGENTS, "web"), False, id="another lease"),
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
    refused = judge(allowed, 100, lambda each: is_own(each, AGENTS)).refused
    expected = Refusal(
        "own-object",
        str(key),
        "the agent runs on it, so it never deletes it",
        "to uninstall the agent, delete by hand what envctl install prints",
    )
    assert refused == ((expected, expected) if own else ())


def test_refusals_say_what_why_and_how_to_pass() -> None:
    """The whole text of both guards."""
    found = judge([leaving("StatefulSet.apps", "db"), *many(11)], 20).refused
    assert [str(each) for each in found[:2]] == [
        (
            "StatefulSet.apps ns/db: a StatefulSet is not deleted because it left the branch: data would be lost "
            "[protected-kind] (if this is meant, permit it by name: envctl allow-prune ENV 'StatefulSet.apps ns/db' --reason TEXT)"
        ),
        (
            "ConfigMap ns/0: 11 of 20 objects left the branch at once, more than 10 "
            "[too-many] (if this is meant: envctl allow-prune ENV --guard too-many --reason TEXT)"
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
            "remove the annotation, or permit it by name: envctl allow-prune ENV 'ConfigMap ns/a' --reason TEXT",
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
        "hint: if this is meant: envctl allow-prune ENV --guard empty-tree --reason TEXT"
    )


TREE, OTHER = "1a2b3c4d5e6f" + "0" * 28, "9" * 40


@pytest.mark.parametrize(
    ("item", "tree", "permits"),
    [
        pytest.param("all", TREE, {"all"}, id="bound to nothing"),
        pytest.param(bound_to("all", TREE), TREE, {"all"}, id="its tree"),
        pytest.param(bound_to("all", TREE), OTHER, set(), id="another tree"),
        pytest.param(bound_to("ConfigMap ns/a", TREE), TREE, {"ConfigMap ns/a"}, id="an object, its tree"),
        pytest.param(bound_to("ConfigMap ns/a", TREE), OTHER, set(), id="an object, another tree"),
        pytest.param(f"all@{TREE}", TREE, {"all"}, id="the whole id"),
        pytest.param("Role.x ns/a@b", TREE, {"Role.x ns/a@b"}, id="a name with an at sign"),
        pytest.param("all@1a2b", TREE, {"all@1a2b"}, id="too few digits bind nothing, and permit nothing"),
    ],
)
def test_a_permit_can_be_bound_to_one_tree(item: str, tree: str, permits: set[str]) -> None:
    """Agent's fault row 42: repeated in a commit with another tree it permits nothing."""
    assert items_of([item], tree) == permits
    assert is_foreign(item, tree) == (not permits)


def verdicts(judged: Judgement) -> set[str]:
    return {entry.verdict for entry in judged.entries}


def test_a_budget_is_for_an_hour_not_for_a_commit() -> None:
    """Agent's fault row 42: 19 %, then 19 %, then 19 %: the second waits, and time alone lets nothing go."""
    first = judge(many(19), 100, window=Window(end=1000))
    assert (first.refused, verdicts(first)) == ((), {"within 1000"})
    gone = gone_within((), first.entries, Window(end=1001))
    assert gone == (Removal(1000, 19),)
    second = judge(many(15), 81, window=Window(end=1600, before=gone))
    assert (len(second.refused), verdicts(second)) == (15, {"held"})
    assert second.refused[0].reason == (
        "15 of 100 objects left the branch shortly after 19 others: together more than the 20 that may go "
        "within an hour"
    )
    late = judge(second.entries, 81, window=Window(end=9000, before=gone))
    assert (len(late.refused), late.entries) == (15, ())
    assert late.refused[0].reason == (
        "it was refused together with many others, and time alone lets nothing go"
    )
    fresh = judge([*second.entries, leaving("Secret")], 81, window=Window(end=9000, before=gone))
    assert (len(fresh.refused), verdicts(fresh)) == (15, {"within 9000"})
    permitted = [replace(entry, prunable="all") for entry in second.entries]
    assert judge(permitted, 81, window=Window(end=9000, before=gone)) == Judgement()


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [
        pytest.param((), 5000, 0, id="nothing went"),
        pytest.param((Removal(1400, 9),), 5000, 0, id="longer than an hour ago"),
        pytest.param((Removal(1401, 9),), 5000, 2, id="within an hour"),
        pytest.param((Removal(1300, 9), Removal(4000, 8)), 5000, 0, id="together with what still counts"),
        pytest.param((Removal(4000, 9), Removal(4100, 9)), 5000, 2, id="several"),
        pytest.param((Removal(9000, 9),), 5000, 2, id="a clock that was set back"),
    ],
)
def test_what_went_shortly_before_counts(before: tuple[Removal, ...], now: int, refused: int) -> None:
    """Two objects leave a small environment in which some went before."""
    assert len(judge(many(2), 20, window=Window(end=now, before=before)).refused) == refused


def test_what_was_let_go_and_is_still_there_counts_once() -> None:
    """A restart between judging and deleting finds the same verdict: nothing is judged twice."""
    let_go = judge(many(8), 20, window=Window(end=100)).entries
    again = judge(let_go, 20, window=Window(end=200))
    assert again == Judgement()
    more = judge([*let_go, *(leaving("Secret", str(each)) for each in range(3))], 20, window=Window(end=200))
    assert {each.subject.split()[0] for each in more.refused} == {"Secret"}


def test_what_a_commit_permits_is_not_counted() -> None:
    """Only what went without a permission uses the budget up."""
    entries = [
        replace(entry, verdict="within 100") for entry in (*many(2), *many(3, "all"), *many(4, "named"))
    ]
    assert gone_within((Removal(1, 5),), entries, Window(end=5000, length=4950)) == (Removal(100, 2),)


def test_what_was_found_by_its_label_waits_whatever_is_allowed() -> None:
    """After a loss of the inventory, one reconcile without a failure comes first."""
    found = [replace(entry, verdict="found") for entry in (*many(2), *many(2, "all"), *many(2, "named"))]
    judged = judge(found, 100)
    assert {each.guard for each in judged.refused} == {"found-again"}
    assert (len(judged.refused), judged.entries) == (6, ())


DEFINITION = leaving("CustomResourceDefinition.apiextensions.k8s.io", "widgets.example.com")


@pytest.mark.parametrize(
    ("live", "prunable", "reason"),
    [
        pytest.param(0, "", None, id="none live"),
        pytest.param(1, "all", "1 object of its kind live, and would be deleted with it", id="one"),
        pytest.param(3, "", "3 objects of its kind live, and would be deleted with it", id="three"),
        pytest.param(
            None,
            "all",
            "the objects of its kind cannot be counted (forbidden), and would be deleted with it",
            id="unknown",
        ),
        pytest.param(3, "named", None, id="permitted by name"),
        pytest.param(None, "named", None, id="unknown, permitted by name"),
    ],
)
def test_a_definition_stays_while_its_objects_live(
    live: int | None, prunable: str, reason: str | None
) -> None:
    """Agent's fault row 27: only a permission by its name deletes a kind together with its objects."""
    refusal = judge_definition(replace(DEFINITION, prunable=prunable), live, "forbidden")
    assert (refusal and (refusal.guard, refusal.reason)) == (reason and ("custom-objects", reason))


@pytest.mark.parametrize(
    ("annotations", "policy"),
    [
        pytest.param(None, "Background", id="none"),
        pytest.param({"envctl.dev/prune": "foreground"}, "Foreground", id="foreground"),
        pytest.param({"envctl.dev/prune": "orphan"}, "Orphan", id="orphan"),
        pytest.param({"envctl.dev/prune": "never"}, "Background", id="never, passed by name"),
    ],
)
def test_an_object_says_what_becomes_of_what_it_owns(annotations: dict[str, str] | None, policy: str) -> None:
    """The propagation policy of a deletion is the live object's own word."""
    assert deletion_policy({"metadata": {"annotations": annotations}}) == policy
