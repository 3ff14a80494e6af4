"""What stands in a Secret's file is repeated nowhere: not in the log, the status or the Events."""

import json
from dataclasses import replace
from typing import Any

import pytest

from envctl.agent.once import reconcile_once
from envctl.agent.resource import ENVIRONMENT
from envctl.errors import InputError
from envctl.manifests.text import to_yaml
from envctl.model.cluster import ResourceType

EVENT = ResourceType("events.k8s.io", "v1", "Event", "events", namespaced=True)
HIDDEN = "48151623421234567890"
HEAD = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: {}\n"
FILES = [
    pytest.param(f"stringData:\n  pw: {HIDDEN}\n", 7, id="a number too large for some readers"),
    pytest.param(f"stringData:\n  pw: !{HIDDEN} x\n", 7, id="a tag"),
    pytest.param(f"stringData:\n  'k{HIDDEN}': a\n  'k{HIDDEN}': b\n", 8, id="a key twice"),
    pytest.param(f"stringData:\n  pw: a: {HIDDEN}\n", 7, id="no YAML"),
]


@pytest.mark.parametrize(("rest", "line"), FILES)
def test_a_file_that_cannot_be_read_is_named_by_its_line(rest: str, line: int, rig: Any, cm: Any) -> None:
    """Somebody wrote it by hand; the commit is refused."""
    path = f"web/{rig.namespace}/Secret_s.yaml"
    text = (HEAD.format(rig.namespace) + rest).encode()
    rig.branch.publish({"web": [cm("a", rig.namespace)]}, files={path: text})
    with pytest.raises(InputError) as caught:
        rig.once()
    assert HIDDEN not in repr((caught.value.summary, caught.value.problems))
    (problem,) = caught.value.problems
    assert problem.place == f"{path}:{line}"
    assert problem.reason == "cannot be read; what stands there is withheld, it may be secret"


VALUES: list[Any] = [
    pytest.param({"stringData": {"pw": int(HIDDEN[:15])}}, id="a number"),
    pytest.param({"data": {"pw": HIDDEN + "!"}}, id="no base64"),
    pytest.param({"stringData": {"pw": {"x": HIDDEN}}}, id="a mapping"),
    pytest.param({"stringData": [HIDDEN]}, id="a list"),
    pytest.param({"type": "kubernetes.io/dockerconfigjson", "stringData": {"a": HIDDEN}}, id="another type"),
    pytest.param({HIDDEN: "x"}, id="an unknown field"),
]


@pytest.mark.parametrize("content", VALUES)
def test_a_secret_that_is_refused_is_told_without_its_values(content: Any, rig: Any, cm: Any) -> None:
    """By the API server: its words may quote values."""
    metadata = {"name": "s", "namespace": rig.namespace}
    value = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **content}
    assert HIDDEN[:15].encode() in to_yaml(value)
    rig.branch.publish({"web": [cm("a", rig.namespace), value]})
    with rig.running():
        rig.await_condition("Ready", "ObjectsFailed")
    (failure,) = rig.once().failures
    told = json.dumps([str(failure), repr(rig.status()), *map(repr, rig.log)])
    told += json.dumps([dict(each) for each in rig.kube.list(EVENT, namespace=rig.options.namespace).items])
    assert HIDDEN[:15] not in told


def test_the_status_object_does_not_show_the_repositorys_password(rig: Any, cm: Any) -> None:
    """Everybody who may list environments reads it."""
    commit = rig.branch.publish({"web": [cm("a", rig.namespace)]})
    rig.once()
    world = rig.world()
    options = replace(world.options, remote=f"https://user:{HIDDEN}@git.example.com/x.git")
    reconcile_once(replace(world, options=options), commit)
    live = rig.live(options.environment, options.namespace, ENVIRONMENT)
    assert live["spec"] == {"repository": "https://git.example.com/x.git", "branch": options.branch}
