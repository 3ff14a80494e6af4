"""What is found again by label, where the cluster does not tell all of it."""

from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from envctl.agent.rebuild import rebuilt
from envctl.errors import ClusterError, UnavailableError
from envctl.model.cluster import EventKind, ResourceType, WatchEvent
from envctl.model.inventory import Accepted, inventory_of
from envctl.planning.ownership import GROUP_KINDS

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
INVENTORY = inventory_of(Accepted("1" * 40, "t", 7, "r"), [])
FOUND = WatchEvent(EventKind.ADDED, CONFIG_MAP, {"metadata": {"name": "a", "namespace": "ns"}})


class Telling:
    """A cluster that has one object of the environment, and whose watch says just this."""

    def __init__(self, *events: WatchEvent) -> None:
        self.events = events

    def get(self, *_: Any) -> Any:
        return {"metadata": {"annotations": {GROUP_KINDS: "ConfigMap"}}}

    def resource_type(self, *_: Any) -> ResourceType:
        return CONFIG_MAP

    def watch(self, *_: Any, **__: Any) -> Any:
        return nullcontext(iter(self.events))


class Refusing(Telling):
    """A cluster that does not let anybody look."""

    def watch(self, *_: Any, **__: Any) -> Any:
        return nullcontext(self._refused())

    def _refused(self) -> Iterator[WatchEvent]:
        raise ClusterError("forbidden", status=403)
        yield FOUND


def world_of(cluster: Telling, log: list[str]) -> Any:
    options = SimpleNamespace(namespace="ns", environment="prod", selector="", namespaced=False)
    return SimpleNamespace(cluster=cluster, options=options, say=lambda _, message, **__: log.append(message))


def test_what_is_told_to_its_end_is_known_again() -> None:
    """And how much of it."""
    log: list[str] = []
    cluster = Telling(FOUND, WatchEvent(EventKind.SYNCED, CONFIG_MAP, {}))
    accepted, entries = rebuilt(world_of(cluster, log), INVENTORY)
    assert (accepted, [each.id.name for each in entries]) == (INVENTORY.accepted, ["a"])
    assert log == [
        "the inventory was lost in whole or in part: 1 objects were found again by their label",
    ]


@pytest.mark.parametrize("last", [(), (WatchEvent(EventKind.EXPIRED, CONFIG_MAP, {}),)])
def test_what_ends_early_is_told_and_looked_for_again(last: tuple[WatchEvent, ...]) -> None:
    """Otherwise what was not told would be nobody's from then on."""
    with pytest.raises(UnavailableError) as caught:
        rebuilt(world_of(Telling(FOUND, *last), []), INVENTORY)
    assert str(caught.value) == (
        "the watch of ConfigMap ended before it had told the whole state\n"
        "hint: the inventory was lost, and the next try looks again for what it held"
    )


def test_what_may_not_be_looked_at_is_only_not_known() -> None:
    """And nothing is concluded from it."""
    log: list[str] = []
    assert rebuilt(world_of(Refusing(), log), INVENTORY) == (INVENTORY.accepted, ())
    assert log[0] == "cannot look for ConfigMap: forbidden; what is not seen is not pruned"
