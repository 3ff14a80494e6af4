"""Waiting until a new kind is served: a CustomResourceDefinition takes effect some time after its apply."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from envctl.agent.options import World
from envctl.agent.resource import DEFINITION
from envctl.errors import EnvctlError
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult
from envctl.model.values import JsonObject
from envctl.ports import Clock, Cluster

_FIRST, _LONGEST = 0.05, 1.0

Pause = Callable[[float], bool]
"""Let so many seconds pass; True when what is being done is to be left at once."""


def defined_kind(value: JsonObject) -> tuple[str, str]:
    """The group and the kind that a definition defines."""
    spec = _mapping(value.get("spec"))
    return str(spec.get("group")), str(_mapping(spec.get("names")).get("kind"))


def await_served(
    cluster: Cluster, clock: Clock, pause: Pause, value: JsonObject, longest: float
) -> str | None:
    """Wait until a definition's kind is served: None then, or when interrupted, else what is missing."""
    name = str(_mapping(value.get("metadata")).get("name"))
    end, step = clock.monotonic() + longest, _FIRST
    while True:
        try:
            reason = _obstacle(cluster.get(DEFINITION, "", name) or {}) or _unserved(cluster, value)
        except EnvctlError as error:
            reason = error.summary
        if not reason or pause(step):
            return None
        if clock.monotonic() > end:
            return f"its kind is not served after {longest:g} seconds: {reason}"
        step = min(2 * step, _LONGEST)


@dataclass(frozen=True, slots=True)
class _Expected:
    """A definition that was applied and whose kind is not served yet; monotonic seconds."""

    entry: InventoryEntry
    value: JsonObject
    until: float
    reason: str


class Definitions:
    """The kinds that a reconcile defines and that are not served yet. Only their objects wait for them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._expected: dict[tuple[str, str], _Expected] = {}
        self._failed: dict[tuple[str, str], str] = {}
        self._next = 0.0
        self._step = _FIRST

    @property
    def pending(self) -> bool:
        """Whether there is a kind to wait for."""
        return bool(self._expected)

    def applied(self, entry: InventoryEntry, value: JsonObject, live: JsonObject) -> None:
        """Take in a definition that was applied."""
        kind = defined_kind(value)
        self._failed.pop(kind, None)
        reason = _obstacle(live) or self._unserved(value)
        if reason:
            now = self._world.clock.monotonic()
            until = now + self._world.options.definition_wait
            self._expected[kind] = _Expected(entry, value, until, reason)
            self._step, self._next = _FIRST, now

    def holds(self, key: ObjectId) -> bool:
        """Whether an object has to wait for its kind."""
        return (key.group, key.kind) in self._expected

    def fault(self, key: ObjectId) -> str:
        """Why the kind of an object will not come; empty where nothing is known against it."""
        return self._failed.get((key.group, key.kind), "")

    def look(self) -> Iterator[ObjectResult]:
        """Ask again, when it is time. Yields the definitions that are given up."""
        now = self._world.clock.monotonic()
        if now < self._next:
            return
        self._next, self._step = now + self._step, min(2 * self._step, _LONGEST)
        for kind, each in tuple(self._expected.items()):
            reason = self._obstacle(each.value)
            if reason and now <= each.until:
                self._expected[kind] = replace(each, reason=reason)
                continue
            del self._expected[kind]
            if reason:
                self._failed[kind] = f"{each.entry.id}: {reason}"
                waited = f"{self._world.options.definition_wait:g} seconds"
                text = f"its kind is not served after {waited}: {reason}"
                yield ObjectResult(each.entry.id, Action.FAILED, text)

    def _obstacle(self, value: JsonObject) -> str:
        """What is in the way; empty where the kind is served."""
        name = str(_mapping(value.get("metadata")).get("name"))
        try:
            live = self._world.cluster.get(DEFINITION, "", name) or {}
            return _obstacle(live) or self._unserved(value)
        except EnvctlError as error:
            return error.summary

    def _unserved(self, value: JsonObject) -> str:
        try:
            return _unserved(self._world.cluster, value)
        except EnvctlError as error:
            return error.summary


def _obstacle(live: JsonObject) -> str:
    """What the live definition says against being served; empty where it is established."""
    conditions = _conditions(live)
    names = conditions.get("NamesAccepted", {})
    if names.get("status") == "False":
        return f"its names are not accepted: {names.get('message')}"
    return "" if conditions.get("Established", {}).get("status") == "True" else "it is not established yet"


def _conditions(live: JsonObject) -> Mapping[str, Mapping[str, Any]]:
    return {str(each.get("type")): each for each in _sequence(_mapping(live.get("status")).get("conditions"))}


def _unserved(cluster: Cluster, value: JsonObject) -> str:
    """The first version that discovery does not show yet; empty where it shows all."""
    spec = _mapping(value.get("spec"))
    group, kind = defined_kind(value)
    for version in _sequence(spec.get("versions")):
        name = str(version.get("name"))
        if version.get("served") and cluster.resource_type(group, kind, name) is None:
            return f"discovery does not show {group}/{name} yet"
    return ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
