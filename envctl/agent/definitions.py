"""Waiting until a new kind is served: a CustomResourceDefinition takes effect some time after its apply."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from envctl.agent.resource import DEFINITION
from envctl.errors import EnvctlError
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


def _obstacle(live: JsonObject) -> str:
    """What the live definition says against being served; empty where it is established."""
    conditions = {
        str(each.get("type")): each for each in _sequence(_mapping(live.get("status")).get("conditions"))
    }
    names = conditions.get("NamesAccepted", {})
    if names.get("status") == "False":
        return f"its names are not accepted: {names.get('message')}"
    return "" if conditions.get("Established", {}).get("status") == "True" else "it is not established yet"


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
