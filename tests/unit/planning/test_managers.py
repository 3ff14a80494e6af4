"""Who owns a field: paths as comparisons write them, sets as the API server keeps them."""

from typing import Any

import pytest

from envctl.planning.managers import manager_of


def live(*entries: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    managed = [
        {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}
        for manager, time, fields in entries
    ]
    return {"metadata": {"managedFields": managed}}


CONTAINERS = {
    "f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:image": {}, "f:args": {}}}, "f:replicas": {}}
}
PORTS = {"f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {"f:name": {}}}}

CASES = {
    "a field": ("$.spec.replicas", CONTAINERS, "x"),
    "a field of an item": ('$.spec.containers[name="web"].image', CONTAINERS, "x"),
    "another item": ('$.spec.containers[name="api"].image', CONTAINERS, ""),
    "an item as a whole": ('$.spec.containers[name="web"]', CONTAINERS, "x"),
    "fewer keys than the server has": ("$.ports[containerPort=80].name", PORTS, "x"),
    "all keys": ('$.ports[containerPort=80,protocol="TCP"].name', PORTS, "x"),
    "inside what is one value": ('$.spec.containers[name="web"].args[2]', CONTAINERS, "x"),
    "an odd name": ('$.data["a.b/c"]', {"f:data": {"f:a.b/c": {}}}, "x"),
    "a place": ("$.list[1]", {"f:list": {"i:1": {"f:a": {}}}}, "x"),
    "what nobody owns": ("$.data.a", CONTAINERS, ""),
    "an odd path": ("$.data[oops", {"f:data": {"f:a": {}}}, ""),
    "odd keys": ('$.ports[name="x"]', {"f:ports": {"k:oops": {"f:a": {}}}}, ""),
    "no object": ("$.data", None, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_the_manager_of_a_field_is_found(name: str) -> None:
    """Whoever holds it, something below it, or what is around it as one value."""
    path, fields, wanted = CASES[name]
    assert manager_of(live(("x", "1", fields)), path) == wanted


def test_the_last_one_is_named_and_never_ourselves() -> None:
    """Several may own one field with one value."""
    both = live(("old", "2026-01-01", CONTAINERS), ("new", "2026-01-02", CONTAINERS))
    assert manager_of(both, "$.spec.replicas") == "new"
    ours = {"manager": "envctl", "operation": "Apply", "time": "2026-01-03", "fieldsV1": CONTAINERS}
    both["metadata"]["managedFields"].append(ours)
    assert manager_of(both, "$.spec.replicas") == "new"
