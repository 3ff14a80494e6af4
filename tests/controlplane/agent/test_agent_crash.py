"""Killed at any write, before it was sent or after it took effect: the next start converges."""

import itertools
import threading

import pytest

from envctl.agent.loop import Agent
from envctl.agent.store import CONFIG_MAP, LABEL, InventoryStore
from envctl.errors import ConflictError
from envctl.model.inventory import Accepted, InventoryEntry
from envctl.model.objects import ObjectId
from envctl.planning.inventory import FULL


class Killed(BaseException):
    """The process is gone: nothing in the agent may catch this."""


class Fragile:
    """A cluster that kills the agent at its nth write; with `late`, after the write took effect."""

    def __init__(self, cluster, at, *, late):
        self._cluster = cluster
        self._at = at
        self._late = late
        self._count = itertools.count(1)
        self.killed = False

    def __getattr__(self, name):
        method = getattr(self._cluster, name)
        if name not in {"apply", "apply_status", "create", "replace", "delete"}:
            return method
        return lambda *words, **more: self._write(method, *words, **more)

    def _write(self, method, *words, **more):
        if self.killed:
            raise Killed
        if next(self._count) == self._at:
            self.killed = True
            if self._late:
                method(*words, **more)
            raise Killed
        return method(*words, **more)


def oracle(rig, expected):
    """The cluster holds exactly what the branch says, and the inventory knows exactly that."""
    live = {
        each["metadata"]["name"]: each.get("data", {})
        for each in rig.kube.list(
            rig.config_map_type, namespace=rig.namespace, selector=rig.options.selector
        ).items
    }
    assert live == expected
    store = InventoryStore(rig.world())
    inventory = store.load()
    assert {key.name for key in inventory.entries} == set(expected)
    assert inventory.unsettled == frozenset()
    assert inventory.accepted.revision == rig.branch.tip


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
def test_a_kill_at_every_write_converges(make_rig, cm, *, late) -> None:
    """Create, change, keep and prune, killed at write 1, 2, 3 … until a run gets through."""
    for at in itertools.count(1):
        rig = make_rig(concurrency=1)
        names = ("change", "keep", "leave")
        rig.branch.publish({"web": [cm(name, rig.namespace, x="1") for name in names]})
        rig.once()
        rig.branch.publish(
            {
                "web": [
                    cm("change", rig.namespace, x="2"),
                    cm("keep", rig.namespace, x="1"),
                    cm("new", rig.namespace),
                ]
            }
        )
        fragile = Fragile(rig.kube, at, late=late)
        try:
            rig.once(fragile)
        except Killed:
            pass
        else:
            break
        rig.once()
        oracle(rig, {"change": {"x": "2"}, "keep": {"x": "1"}, "new": {}})
        assert rig.once().results == ()
    assert at > 7


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
def test_a_kill_then_a_commit_that_takes_the_change_back(make_rig, cm, *, late) -> None:
    """What may have been sent for the killed commit is undone, and its new object goes again."""
    for at in itertools.count(1):
        rig = make_rig(concurrency=1)
        first = [cm("change", rig.namespace, x="1")]
        rig.branch.publish({"web": first})
        rig.once()
        rig.branch.publish({"web": [cm("change", rig.namespace, x="2"), cm("new", rig.namespace)]})
        fragile = Fragile(rig.kube, at, late=late)
        try:
            rig.once(fragile)
        except Killed:
            pass
        else:
            break
        rig.branch.publish({"web": first})
        rig.once()
        oracle(rig, {"change": {"x": "1"}})
    assert at > 5


def test_two_writers_of_one_inventory_cannot_both_go_on(rig, cm) -> None:
    """The second one finds that it moved, and says so."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    rig.once()
    first, second = InventoryStore(rig.world()), InventoryStore(rig.world())
    for store in (first, second):
        store.load()
        store.update([InventoryEntry(ObjectId("", "Secret", "x", "y"), "web", "1")])
    first.save()
    with pytest.raises(ConflictError, match="somebody else wrote the inventory meanwhile"):
        second.save()
    second.load()
    assert second.inventory.entries == first.inventory.entries


def entries(number):
    return [
        InventoryEntry(
            ObjectId("apps", "Deployment", "ns", f"d{each}"), "web", "b" * 40, "b" * 40, settled=True
        )
        for each in range(number)
    ]


def maps(rig):
    found = rig.kube.list(
        CONFIG_MAP, selector=f"{LABEL}={rig.options.environment}", namespace=rig.options.namespace
    )
    return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in found.items}


def test_a_large_inventory_is_kept_in_several_objects(rig) -> None:
    """It grows by doubling, and one changed entry writes one of them."""
    store = InventoryStore(rig.world())
    store.load()
    store.accept(Accepted("r", "t", 1, "r"))
    store.update(entries(3 * FULL))
    store.save()
    before = maps(rig)
    assert len(before) == 4
    again = InventoryStore(rig.world())
    assert again.load() == store.inventory
    again.save()
    assert maps(rig) == before
    again.update([InventoryEntry(ObjectId("apps", "Deployment", "ns", "d7"), "web", "c" * 40)])
    again.save()
    assert len(set(maps(rig).items()) - set(before.items())) == 1


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
def test_growth_that_is_killed_loses_nothing(rig, at, *, late) -> None:
    """From one to four parts, killed at each; what is loaded is what was there, and can be saved again."""
    store = InventoryStore(rig.world())
    store.load()
    store.accept(Accepted("r", "t", 1, "r"))
    store.update(entries(FULL))
    store.save()
    store = InventoryStore(rig.world(Fragile(rig.kube, at, late=late)))
    before = store.load()
    more = [*entries(2 * FULL + 1), InventoryEntry(ObjectId("apps", "Deployment", "ns", "d3"), "web", "")]
    store.update(more)
    with pytest.raises(Killed):
        store.save()
    store = InventoryStore(rig.world())
    after = store.load()
    assert set(before.entries) <= set(after.entries)
    store.update(more)
    store.save()
    assert InventoryStore(rig.world()).load().entries == store.inventory.entries


def test_a_lost_part_of_the_inventory_is_built_again(rig, cm) -> None:
    """Somebody deletes it: the objects are recognised by their label, and nothing is pruned or written."""
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    rig.once()
    version = rig.live("a")["metadata"]["resourceVersion"]
    (name,) = maps(rig)
    rig.kube.delete(CONFIG_MAP, rig.options.namespace, name)
    result = rig.once()
    assert [str(each.action) for each in result.results] == ["unchanged", "unchanged"]
    assert rig.live("a")["metadata"]["resourceVersion"] == version
    oracle(rig, {"a": {}, "b": {}})


class Buggy:
    """A cluster whose watches end in what nobody expects."""

    def __init__(self, cluster):
        self._cluster = cluster

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    def watch(self, *_words, **_more):
        raise ZeroDivisionError("a bug")


def test_a_bug_in_a_watch_ends_the_agent(rig, cm) -> None:
    """An agent that is deaf for one kind would look well: it ends, and whoever started it starts it again."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    world = rig.world(Buggy(rig.kube))
    agent = Agent(world.options, world.repository, world.cluster, world.clock, world.log, world.rules)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        agent.run(threading.Event())
    assert rig.log[-1].message == "stopped"
