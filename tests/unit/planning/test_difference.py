"""What a new tree makes different in the inventory."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.model.inventory import Accepted, Inventory, InventoryEntry, inventory_of, with_changes
from envctl.model.objects import ObjectId
from envctl.model.plan import DesiredChange, Place
from envctl.planning.difference import questions, resolve
from envctl.planning.plan import make_plan

A, B = ObjectId("", "ConfigMap", "ns", "a"), ObjectId("", "ConfigMap", "ns", "b")
ACCEPTED = Accepted("r", "t", 1, "r")
SETTLED = InventoryEntry(A, "web", "1", "1", settled=True, uid="u")


@pytest.mark.parametrize(
    ("before", "changes", "answers", "after"),
    [
        pytest.param([], [DesiredChange(A, "web", "1")], {}, [InventoryEntry(A, "web", "1")], id="new"),
        pytest.param(
            [SETTLED],
            [DesiredChange(A, "web", "2")],
            {},
            [InventoryEntry(A, "web", "2", "1", uid="u")],
            id="changed",
        ),
        pytest.param(
            [SETTLED],
            [DesiredChange(A, "web", None)],
            {},
            [InventoryEntry(A, "web", "", "1", uid="u")],
            id="left",
        ),
        pytest.param(
            [SETTLED],
            [DesiredChange(A, "web", None), DesiredChange(A, "api", "1")],
            {},
            [InventoryEntry(A, "api", "1", "1", settled=True, uid="u")],
            id="moved to another component: nothing to send",
        ),
        pytest.param(
            [InventoryEntry(A, "web", "2", "1", uid="u")],
            [],
            {("web", A): "1"},
            [InventoryEntry(A, "web", "1", "1", uid="u")],
            id="taken back after a crash: may have been sent, so it stays unsettled",
        ),
        pytest.param(
            [InventoryEntry(A, "web", "2")],
            [],
            {("web", A): None},
            [InventoryEntry(A, "web", "")],
            id="never accepted and not on the branch: leaving",
        ),
        pytest.param(
            [InventoryEntry(A, "web", "", "1", uid="u", prunable="all")],
            [DesiredChange(A, "web", "1")],
            {},
            [InventoryEntry(A, "web", "1", "1", uid="u")],
            id="came back before it was pruned",
        ),
        pytest.param([SETTLED], [], {}, [], id="nothing"),
        pytest.param([], [DesiredChange(A, "web", None)], {}, [], id="an unknown object left"),
    ],
)
def test_entries_follow_the_tree(
    before: list[InventoryEntry],
    changes: list[DesiredChange],
    answers: Mapping[Place, str | None],
    after: list[InventoryEntry],
) -> None:
    """Each kind of change, as a table."""
    inventory = inventory_of(ACCEPTED, before)
    assert questions(inventory, changes) == set(answers)
    assert resolve(inventory, changes, answers) == tuple(after)


def test_one_object_in_two_new_files_is_refused() -> None:
    """Two files of one commit with the same identity name both components."""
    with pytest.raises(InputError) as caught:
        resolve(Inventory(), [DesiredChange(A, "web", "1"), DesiredChange(A, "api", "2")], {})
    assert str(caught.value) == (
        "the deploy tree holds objects twice\n"
        "  ConfigMap ns/a: is in more than one component: api, web\n"
        "hint: keep each object in one component"
    )


def test_a_second_file_for_a_known_object_is_refused() -> None:
    """The old place is looked up: as long as the object is still there, the new file is a second one."""
    inventory, changes = inventory_of(ACCEPTED, [SETTLED]), [DesiredChange(A, "api", "2")]
    assert questions(inventory, changes) == {("web", A)}
    with pytest.raises(InputError, match="twice"):
        resolve(inventory, changes, {("web", A): "1"})


names = st.sampled_from("abcdef")
blobs = st.sampled_from("123")
trees = st.dictionaries(names, blobs)


def changes_between(old: Mapping[str, str], new: Mapping[str, str]) -> list[DesiredChange]:
    return [
        DesiredChange(ObjectId("", "ConfigMap", "ns", name), "web", new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def answers_from(places: frozenset[Place], tree: Mapping[str, str]) -> dict[Place, str | None]:
    return {place: tree.get(place[1].name) for place in places}


@given(st.lists(st.tuples(trees, st.sets(names), st.booleans())))
def test_any_history_with_any_failures_ends_with_the_tree(
    steps: list[tuple[Mapping[str, str], set[str], bool]],
) -> None:
    """After each commit what is still to do is exactly what is not in the cluster yet.

    Objects in the second part fail; where the third is false the commit is lost before it was
    accepted, with its entries written already (a crash between two shards).
    """
    inventory: Inventory = inventory_of(ACCEPTED, [])
    base: Mapping[str, str] = {}
    live: dict[str, str] = {}
    for tree, failing, accepted in [*steps, (dict(steps[-1][0]) if steps else {}, set(), True)]:
        changes = changes_between(base, tree)
        changed = resolve(inventory, changes, answers_from(questions(inventory, changes), tree))
        inventory = with_changes(inventory, changed)
        if not accepted:
            continue
        base = tree
        plan = make_plan(inventory, changed, {})
        for entry in (entry for wave in plan.waves for entry in wave):
            live[entry.id.name] = entry.wanted
            if entry.id.name not in failing:
                done = InventoryEntry(entry.id, "web", entry.wanted, entry.wanted, settled=True)
                inventory = with_changes(inventory, [done])
        for entry in (entry for wave in plan.prune for entry in wave):
            if entry.id.name not in failing:
                live.pop(entry.id.name, None)
                inventory = with_changes(inventory, gone=[entry.id])
    assert live == base
    assert inventory.unsettled == frozenset()
    assert {key.name for key in inventory.entries} == set(base)


@given(trees, trees)
def test_a_second_plan_for_the_same_tree_is_empty(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Once applied, there is nothing left to do."""
    entries = [
        InventoryEntry(ObjectId("", "ConfigMap", "ns", name), "web", blob, blob, settled=True)
        for name, blob in new.items()
    ]
    inventory = inventory_of(ACCEPTED, entries)
    changes = changes_between(old, new)
    changed = resolve(inventory, changes, answers_from(questions(inventory, changes), new))
    assert changed == ()
    assert make_plan(inventory, changed, {}).idle


class Counting(dict[ObjectId, InventoryEntry]):
    """Entries that count how many are looked at."""

    looked = 0

    def __getitem__(self, key: ObjectId) -> InventoryEntry:
        self.looked += 1
        return super().__getitem__(key)

    def __iter__(self):  # type: ignore[no-untyped-def]
        raise AssertionError("the inventory was walked")


@pytest.mark.parametrize("size", [10, 1000])
def test_the_cost_of_a_plan_follows_the_change(size: int) -> None:
    """One changed file looks at as many entries whether the inventory is small or large."""
    keys = [ObjectId("", "ConfigMap", "ns", str(number)) for number in range(size)]
    entries = Counting({key: InventoryEntry(key, "web", "1", "1", settled=True) for key in keys})
    inventory = Inventory(ACCEPTED, entries)
    changes = [DesiredChange(keys[3], "web", "2")]
    changed = resolve(inventory, changes, answers_from(questions(inventory, changes), {}))
    assert changed == (InventoryEntry(keys[3], "web", "2", "1"),)
    assert entries.looked == 1
