"""When a conflict may be forced, and what failures say."""

from typing import Any

import pytest

from envctl.agent.apply import Applier, may_force
from envctl.agent.ours import Ours
from envctl.agent.tasks import Task, failure, reason_of
from envctl.errors import ClusterError, EnvctlError, UnavailableError
from envctl.model.cluster import ResourceType
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.model.plan import Action
from envctl.planning.ownership import labelled

KEY = ObjectId("", "ConfigMap", "ns", "a")
BEFORE = labelled({"data": {"x": "1"}, "metadata": {"name": "a"}}, "set")


def conflict(*paths: str, status: int = 409) -> ClusterError:
    causes = tuple((path, 'conflict with "kubectl" using v1') for path in paths)
    return ClusterError("conflict", status=status, reason="Conflict", causes=causes)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(conflict(".data.x"), True, id="a field that was ours"),
        pytest.param(conflict(".data.y"), False, id="a field that never was"),
        pytest.param(conflict(".data.x", ".data.y"), False, id="one of each"),
        pytest.param(
            conflict(".metadata.labels.applyset.kubernetes.io/part-of"),
            False,
            id="the label that says whose it is",
        ),
        pytest.param(conflict(), False, id="another kind of conflict"),
        pytest.param(conflict(".data.x", status=422), False, id="no conflict"),
        pytest.param(UnavailableError("down"), False, id="no answer"),
        pytest.param(None, False, id="no error"),
    ],
)
def test_only_what_was_ours_is_forced(error: EnvctlError | None, *, expected: bool) -> None:
    """The truth table of force."""
    assert may_force(error, BEFORE) is expected


def test_an_immutable_field_comes_with_a_way_out() -> None:
    """Other refusals keep the server's own hint."""
    immutable = ClusterError(
        "spec.template: field is immutable",
        status=422,
        reason="Invalid",
        causes=(("spec.template", "Invalid value: {}: field is immutable"),),
    )
    assert failure(KEY, immutable, "prod").hint.startswith("this field cannot be changed: ")
    assert failure(KEY, ClusterError("spec.template: is wrong", status=422), "prod").hint == ""
    assert failure(KEY, ClusterError("denied", status=403, hint="ask"), "prod").hint == "ask"


def test_a_missing_right_comes_with_the_command_that_prints_it() -> None:
    """For an object, and for what stands alone in a log."""
    error = ClusterError("forbidden", status=403, hint="grant a the right to get b", lacks_right=True)
    hint = "`envctl install prod` prints all rights that the branch needs: apply it again"
    assert failure(KEY, error, "prod").hint == hint
    assert reason_of(error, "prod") == f"forbidden ({hint})"
    assert reason_of(ClusterError("gone", status=404, hint="x"), "prod") == "gone"


class Comes:
    """A server on which somebody else's object is in the way, is gone when looked at, and comes back."""

    def __init__(self) -> None:
        self.sent: list[bool] = []

    def resource_type(self, *_: str) -> ResourceType:
        return ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)

    def get(self, *_: Any) -> None:
        return None

    def apply(self, _: Any, value: Any, *, create: bool = False, **__: Any) -> Any:
        self.sent.append(create)
        if create:
            raise conflict()
        return value


def test_what_comes_back_between_a_look_and_an_apply_is_never_merged_into() -> None:
    """Both requests can only create; the object is looked at again by the next try."""
    cluster: Any = Comes()
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"}}
    outcome = Applier(cluster, Ours("prod", "set")).apply(
        Task(InventoryEntry(KEY, "web", "1"), value, look=True)
    )
    assert (outcome.result.action, cluster.sent) == (Action.FAILED, [True, True])


@pytest.mark.parametrize(
    ("paths", "hint"),
    [
        ([".data.n", ".spec.replicas"], "'/data/n, /spec/replicas'"),
        ([".data.app.conf"], "'/data/app.conf'"),
        (['.spec.containers[name="c"].image'], "JSON pointers"),
    ],
)
def test_a_conflict_comes_with_the_annotation_that_takes_the_fields(paths: list[str], hint: str) -> None:
    """As the object on the branch can say it; never for the label that says whose it is."""
    told = f", or take them by the annotation envctl.dev/force-fields: {hint}"
    assert failure(KEY, conflict(*paths), "prod").hint == told
    label = ".metadata.labels.applyset.kubernetes.io/part-of"
    assert failure(KEY, conflict(label), "prod").hint == ""
