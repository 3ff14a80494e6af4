"""The `Environment` custom resource: its definition, the object, and its status as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from envctl.model.cluster import ResourceType
from envctl.model.observed import Health
from envctl.model.status import ComponentStatus, Condition, EnvironmentStatus, Failure
from envctl.model.values import JsonObject
from envctl.planning.ownership import GROUP, KIND, PARENT_TYPE, SET_ID, VERSION

PLURAL = "environments"
ENVIRONMENT = ResourceType(GROUP, VERSION, KIND, PLURAL, namespaced=True)
DEFINITION = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
NAMESPACE = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "format": "int64"}
_HEALTH = {"type": "string", "enum": [str(health) for health in Health]}
_TEXTS = (
    *("revision", "applied", "shortRevision", "committedAt", "healthSince"),
    *("lastHealed", "lastHealedAt"),
)
_COUNTS = ("sequence", "objects", "failed", "kept", "fought", "drifted", "healed", "observedGeneration")
_SHORT = 12


def definition() -> JsonObject:
    """The CustomResourceDefinition of `Environment`."""
    return {
        "apiVersion": DEFINITION.api_version,
        "kind": DEFINITION.kind,
        # KEP-3659 asks for this label on the definition of a kind that can be a parent.
        "metadata": {"name": f"{PLURAL}.{GROUP}", "labels": {PARENT_TYPE: "true"}},
        "spec": {
            "group": GROUP,
            "names": {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": "environment"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def environment(
    name: str, namespace: str, set_id: str, spec: JsonObject, annotations: Mapping[str, str]
) -> JsonObject:
    """The `Environment` object, parent of the set of our objects."""
    return {
        "apiVersion": ENVIRONMENT.api_version,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {SET_ID: set_id},
            "annotations": dict(annotations),
        },
        "spec": dict(spec),
    }


def status_object(name: str, namespace: str, status: EnvironmentStatus) -> JsonObject:
    """The `Environment` object with nothing but its status, as it is applied."""
    return {
        "apiVersion": ENVIRONMENT.api_version,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "status": status_json(status),
    }


def status_json(status: EnvironmentStatus) -> JsonObject:
    """A status as JSON."""
    return {
        "revision": status.revision,
        "applied": status.applied,
        # A column of kubectl cannot shorten what it shows.
        "shortRevision": status.applied[:_SHORT],
        "sequence": status.sequence,
        "committedAt": status.committed_at,
        "health": str(status.health),
        "healthSince": status.health_since,
        "components": [_component_json(each) for each in status.components],
        "objects": status.objects,
        "failed": status.failed,
        "kept": status.kept,
        "fought": status.fought,
        "drifted": status.drifted,
        "failures": [
            {"object": each.object, "reason": each.reason, "hint": each.hint} for each in status.failures
        ],
        "healed": status.healed,
        "lastHealed": status.last_healed,
        "lastHealedAt": status.last_healed_at,
        "observedGeneration": status.observed_generation,
        "conditions": [_condition_json(each, status.observed_generation) for each in status.conditions],
    }


def status_of(value: JsonObject) -> EnvironmentStatus:
    """The status in an `Environment` object; what is missing or odd in it reads as empty."""
    content = _mapping(value.get("status"))
    text = {name: str(content.get(name) or "") for name in _TEXTS}
    count = {name: _int(content.get(name)) for name in _COUNTS}
    return EnvironmentStatus(
        revision=text["revision"],
        applied=text["applied"],
        sequence=count["sequence"],
        committed_at=text["committedAt"],
        health=_health(content.get("health")),
        health_since=text["healthSince"],
        components=tuple(_component(each) for each in _mappings(content.get("components"))),
        objects=count["objects"],
        failed=count["failed"],
        kept=count["kept"],
        fought=count["fought"],
        drifted=count["drifted"],
        failures=tuple(_failure(each) for each in _mappings(content.get("failures"))),
        healed=count["healed"],
        last_healed=text["lastHealed"],
        last_healed_at=text["lastHealedAt"],
        observed_generation=count["observedGeneration"],
        conditions=tuple(_condition(each) for each in _mappings(content.get("conditions"))),
    )


def _columns() -> list[dict[str, Any]]:
    def ready(name: str, path: str) -> dict[str, Any]:
        return {"name": name, "type": "string", "jsonPath": f".status.conditions[?(@.type=='Ready')].{path}"}

    return [
        ready("Ready", "status"),
        {"name": "Health", "type": "string", "jsonPath": ".status.health"},
        {"name": "Revision", "type": "string", "jsonPath": ".status.shortRevision"},
        {"name": "Objects", "type": "integer", "jsonPath": ".status.objects"},
        {"name": "Failed", "type": "integer", "jsonPath": ".status.failed"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {**ready("Reason", "reason"), "priority": 1},
        {"name": "Sequence", "type": "integer", "jsonPath": ".status.sequence", "priority": 1},
        {"name": "Healed", "type": "integer", "jsonPath": ".status.healed", "priority": 1},
        {**ready("Message", "message"), "priority": 1},
    ]


def _schema() -> dict[str, Any]:
    failure = dict.fromkeys(("object", "reason", "hint"), _TEXT)
    component = {**dict.fromkeys(("name", "since", "reason"), _TEXT), "health": _HEALTH, "objects": _COUNT}
    properties: dict[str, Any] = dict.fromkeys(_TEXTS, _TEXT) | dict.fromkeys(_COUNTS, _COUNT)
    properties["health"] = _HEALTH
    properties["failures"] = _list_of(failure)
    properties["components"] = _list_of(component)
    properties["conditions"] = {
        "type": "array",
        "items": _condition_schema(),
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    spec = {"type": "object", "properties": {"repository": _TEXT, "branch": _TEXT}}
    return {
        "type": "object",
        "properties": {"spec": spec, "status": {"type": "object", "properties": properties}},
    }


def _list_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    items = {"type": "object", "properties": {**properties}}
    return {"type": "array", "items": items, "x-kubernetes-list-type": "atomic"}


def _condition_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": _TEXT,
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": _TEXT,
            "message": _TEXT,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": _COUNT,
        },
    }


def _component_json(component: ComponentStatus) -> JsonObject:
    return {
        "name": component.name,
        "health": str(component.health),
        "since": component.since,
        "objects": component.objects,
        "reason": component.reason,
    }


def _component(value: Mapping[str, Any]) -> ComponentStatus:
    return ComponentStatus(
        name=str(value.get("name", "")),
        health=_health(value.get("health")),
        since=str(value.get("since", "")),
        objects=_int(value.get("objects")),
        reason=str(value.get("reason", "")),
    )


def _failure(value: Mapping[str, Any]) -> Failure:
    return Failure(*(str(value.get(name, "")) for name in ("object", "reason", "hint")))


def _condition_json(condition: Condition, generation: int) -> JsonObject:
    return {
        "type": condition.type,
        "status": "True" if condition.status else "False",
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": condition.since,
        "observedGeneration": generation,
    }


def _condition(value: Mapping[str, Any]) -> Condition:
    return Condition(
        type=str(value.get("type", "")),
        status=value.get("status") == "True",
        reason=str(value.get("reason", "")),
        message=str(value.get("message", "")),
        since=str(value.get("lastTransitionTime", "")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _health(value: object) -> Health:
    return next((each for each in Health if each == value), Health.UNKNOWN)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
