"""The fields of client-side appliers, and the JSON patch that makes them ours."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from envctl.planning.fields import covers
from envctl.planning.handover import LAST_APPLIED, client_side, handover, joined


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def live(*entries: dict[str, Any], **annotations: str) -> dict[str, Any]:
    metadata = {"name": "a", "managedFields": list(entries), "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


COPY = {"f:metadata": {"f:annotations": {".": {}, f"f:{LAST_APPLIED}": {}}}}


def test_kubectls_fields_become_ours_and_its_copy_goes() -> None:
    """Whoever else owns fields keeps them."""
    status = entry("kube-controller-manager", "Update", {"f:status": {}}, subresource="status")
    found = handover(
        live(
            entry("kubectl-client-side-apply", "Update", {"f:data": {".": {}, "f:x": {}}, **COPY}),
            status,
            entry("envctl", "Apply", {"f:data": {"f:y": {}}}, time="2026-02-02T00:00:00Z"),
            **{LAST_APPLIED: "{}"},
        )
    )
    ours = entry(
        "envctl",
        "Apply",
        {"f:data": {".": {}, "f:x": {}, "f:y": {}}, "f:metadata": {}},
        time="2026-02-02T00:00:00Z",
    )
    assert found == [
        {"op": "replace", "path": "/metadata/managedFields", "value": [status, ours]},
        {
            "op": "remove",
            "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
        },
    ]


def test_who_writes_kubectls_copy_is_a_client_side_applier_whatever_its_name() -> None:
    """Other tools do as kubectl does; who only updates is none."""
    value = live(
        entry("argocd-controller", "Update", COPY),
        entry("before-first-apply", "Update", {}),
        entry("kubectl-edit", "Update", {"f:data": {"f:x": {}}}),
        entry("kubectl", "Apply", COPY),
    )
    assert client_side(value) == ("argocd-controller", "before-first-apply")


def test_without_client_side_appliers_there_is_nothing_to_do() -> None:
    """So no request is sent."""
    assert handover(live(entry("someone", "Apply", {"f:data": {}}))) == ()
    assert handover({}) == ()


SETS = st.recursive(
    st.just({}), lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "."]), inner), max_leaves=12
)


def leaves(fields: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    return {path}.union(*(leaves(each, (*path, key)) for key, each in fields.items()))


@given(SETS, SETS)
def test_a_union_has_what_either_has_and_nothing_else(left: Any, right: Any) -> None:
    """In any order, and of a set with itself the same."""
    assert leaves(joined(left, right)) == leaves(left) | leaves(right)
    assert joined(left, right) == joined(right, left)
    assert joined(left, left) == left


def test_a_pointer_covers_its_field_and_what_lies_in_it() -> None:
    """Never a field whose name only begins alike."""
    assert covers("/spec/replicas", ".spec.replicas")
    assert covers("/spec", ".spec.replicas")
    assert covers("/spec/containers", '.spec.containers[name="x"].image')
    assert covers("/metadata/annotations/a.b~1c", ".metadata.annotations.a.b/c")
    assert not covers("/spec/replica", ".spec.replicas")
    assert not covers("/spec/replicas/x", ".spec.replicas")
    assert not covers("/data", ".spec")
