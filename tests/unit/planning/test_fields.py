"""Field paths and field managers."""

import pytest

from envctl.planning.fields import all_held, fields_digest, has_field, last_manager

VALUE = {
    "metadata": {"labels": {"app.kubernetes.io/name": "web", "app": "web"}, "finalizers": ["a/b", "c"]},
    "data": {"a.b": "1", "a": {"b": 2}, "x[0]": "3"},
    "spec": {
        "replicas": None,
        "containers": [
            {"name": "web", "image": "x", "ports": [{"containerPort": 80, "name": "http"}]},
            {"name": 'odd"]name', "image": "y"},
        ],
        "args": ["--a", "--b"],
    },
}


@pytest.mark.parametrize(
    ("path", "there"),
    [
        pytest.param(".spec.replicas", True, id="field, even null"),
        pytest.param(".spec.paused", False, id="absent field"),
        pytest.param(".spec.replicasX", False, id="longer name"),
        pytest.param(".metadata.labels.app.kubernetes.io/name", True, id="dots in a key"),
        pytest.param(".metadata.labels.app.kubernetes.io/version", False, id="dots in an absent key"),
        pytest.param(".metadata.labels.app", True, id="a key that begins another"),
        pytest.param(".data.a.b", True, id="ambiguous"),
        pytest.param(".data.x[0]", True, id="brackets in a key"),
        pytest.param('.spec.containers[name="web"].image', True, id="item by key"),
        pytest.param('.spec.containers[name="api"].image', False, id="absent item"),
        pytest.param('.spec.containers[name="odd\\"]name"].image', True, id="quotes and brackets in a value"),
        pytest.param(
            '.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].name',
            True,
            id="defaulted key",
        ),
        pytest.param(
            '.spec.containers[name="web"].ports[containerPort=81,protocol="TCP"].name', False, id="other port"
        ),
        pytest.param('.metadata.finalizers[="a/b"]', True, id="item of a set"),
        pytest.param('.metadata.finalizers[="a"]', False, id="absent item of a set"),
        pytest.param(".spec.args[1]", True, id="item by index"),
        pytest.param(".spec.args[2]", False, id="index too high"),
        pytest.param('.spec.args[name="x"]', False, id="key into plain items"),
        pytest.param(".spec.args[name=oops]", False, id="no literal"),
        pytest.param("spec", False, id="no path"),
    ],
)
def test_paths_of_the_api_server_are_found_in_values(path: str, *, there: bool) -> None:
    """The notation of structured-merge-diff, read against a value."""
    assert has_field(VALUE, path) is there


def test_all_fields_must_be_there() -> None:
    """One field that was never ours is enough not to force."""
    assert all_held([".spec.replicas", ".spec.args"], VALUE)
    assert not all_held([".spec.replicas", ".spec.paused"], VALUE)
    assert all_held([], VALUE)


def entry(manager: str, fields: dict[str, object], time: str = "1", **more: str) -> dict[str, object]:
    return {"manager": manager, "operation": "Apply", "time": time, "fieldsV1": fields, **more}


def live(*entries: dict[str, object]) -> dict[str, object]:
    return {"metadata": {"managedFields": list(entries)}}


OURS = entry("envctl", {"f:data": {"f:a": {}, "f:b": {}}})


@pytest.mark.parametrize(
    ("entries", "same"),
    [
        pytest.param([OURS], True, id="untouched"),
        pytest.param([entry("kubectl", {"f:x": {}}), OURS], True, id="someone else owns something else"),
        pytest.param([{**OURS, "time": "9"}], True, id="applied again"),
        pytest.param([entry("envctl", {"f:data": {"f:b": {}, "f:a": {}}})], True, id="other order"),
        pytest.param([entry("envctl", {"f:data": {"f:a": {}}})], False, id="a field was taken"),
        pytest.param([{**OURS, "operation": "Update"}], False, id="not the applier"),
        pytest.param([{**OURS, "subresource": "status"}], False, id="only the status"),
        pytest.param([], False, id="nothing is ours any more"),
    ],
)
def test_the_digest_changes_when_a_field_was_taken(entries: list[dict[str, object]], *, same: bool) -> None:
    """Drift is seen from managedFields alone."""
    assert (fields_digest(live(*entries)) == fields_digest(live(OURS))) is same


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        pytest.param([OURS], "", id="nobody"),
        pytest.param([OURS, entry("a", {}, "2"), entry("b", {}, "1")], "a", id="the newest"),
        pytest.param(
            [entry("kubelet", {}, "3", subresource="status"), entry("a", {}, "1")], "a", id="no status"
        ),
    ],
)
def test_the_other_manager_is_named(entries: list[dict[str, object]], name: str) -> None:
    """Who fights with us, for the message."""
    assert last_manager(live(*entries)) == name


@pytest.mark.parametrize(
    "broken",
    [{}, {"metadata": None}, {"metadata": {"managedFields": "x"}}, {"metadata": {"managedFields": [1]}}],
)
def test_objects_without_managed_fields_are_nobodys(broken: dict[str, object]) -> None:
    """Whatever a server sends, reading it never fails."""
    assert fields_digest(broken) == ""
    assert last_manager(broken) == ""
