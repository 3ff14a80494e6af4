"""`envctl health` at the command line: the table, JSON, exit codes, and what cannot be read."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Workspace

READY = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "generation": 1},
    "spec": {"replicas": 2},
    "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
}
STARTING = {**READY, "metadata": {"name": "api", "namespace": "shop"}, "status": {"replicas": 2}}
CRASHED = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "load"},
    "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "Late", "message": "too late"}]},
}
PAUSED = {**READY, "spec": {"replicas": 2, "paused": True}}


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def stream(*objects: dict[str, Any]) -> str:
    return "".join(f"---\n{json.dumps(each)}\n" for each in objects)


def at(folder: Workspace, *names: str) -> list[str]:
    return [str(folder.path / name) for name in names]


def test_healthy_objects_are_listed_with_their_reasons(folder: Workspace) -> None:
    """Suspended is fine too: somebody wanted it so. The count is on standard error."""
    folder.write("live.yaml", stream(READY, PAUSED))
    place = folder.path / "live.yaml"
    outcome = folder.ok("health", str(place))
    width = len(f"{place}:2")
    assert outcome.out.splitlines() == [
        f"HEALTH     OBJECT                    {'PLACE'.ljust(width)}  REASON",
        f"Healthy    Deployment.apps shop/web  {place}:2  2 of 2 replicas are available",
        f"Suspended  Deployment.apps shop/web  {place}:4  the rollout is paused",
    ]
    assert outcome.err == "2 objects: 1 Healthy, 1 Suspended\n"


def test_programs_get_the_worst_health_and_every_object(folder: Workspace) -> None:
    """Exit code 1 where one object is neither Healthy nor Suspended."""
    folder.write("live/a.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": [READY, CRASHED]}))
    folder.write("live/deep/b.yml", stream(STARTING))
    folder.write("live/notes.txt", "nothing")
    folder.write("live/.hidden.yaml", "a: [")
    outcome = folder.envctl("health", str(folder.path / "live"), "-o", "json", "--unhealthy")
    assert outcome.code == 1
    assert outcome.data == {
        "health": "Degraded",
        "counts": {"Healthy": 1, "Progressing": 1, "Degraded": 1},
        "objects": [
            {
                "object": "Job.batch load",
                "group": "batch",
                "kind": "Job",
                "namespace": "",
                "name": "load",
                "health": "Degraded",
                "reason": "Late: too late",
                "place": f"{folder.path}/live/a.json:1",
            },
            {
                "object": "Deployment.apps shop/api",
                "group": "apps",
                "kind": "Deployment",
                "namespace": "shop",
                "name": "api",
                "health": "Progressing",
                "reason": "0 of 2 replicas are updated",
                "place": f"{folder.path}/live/deep/b.yml:2",
            },
        ],
    }


def test_standard_input_is_read_like_a_file(folder: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `kubectl get -o json | envctl health -` does it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stream(READY).encode())))
    outcome = folder.ok("health", "-")
    assert outcome.out.splitlines()[1].split()[:4] == ["Healthy", "Deployment.apps", "shop/web", "standard"]


def test_everything_that_cannot_be_read_is_told_at_once(folder: Workspace) -> None:
    """Each with its file and line; nothing is judged."""
    folder.write("a.yaml", "apiVersion: v1\nkind: [\n")
    folder.write("b.yaml", "replicas: 3\n")
    outcome = folder.envctl("health", *at(folder, "a.yaml", "b.yaml"))
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: not everything can be read\n"
        f"  {folder.path}/a.yaml:3: is not YAML: while parsing a flow node, did not find expected node content\n"
        f"  {folder.path}/b.yaml:1: the document is neither a Kubernetes object nor a collection of them, because of replicas:\n"
        "      replicas: 3\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("none.yaml", None, "cannot be read: No such file or directory"),
        ("empty.yaml", "", "there is no object in it"),
    ],
)
def test_a_file_without_objects_is_never_healthy(
    folder: Workspace, name: str, text: str | None, told: str
) -> None:
    """A pipeline that lists nothing has a mistake in it."""
    if text is not None:
        folder.write(name, text)
    outcome = folder.envctl("health", *at(folder, name))
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"error: {folder.path}/{name}: {told}\n")


def test_rules_of_ones_own_go_first(folder: Workspace) -> None:
    """For a new kind, and in place of envctl's for a kind that has rules; others stay as they are."""
    folder.write(
        "health/example.yaml",
        "groups: [example.com]\nkinds:\n  Model:\n    cases:\n    - when: {status.phase: Loaded}\n      health: Healthy\n"
        '    - health: Progressing\n      reason: "{status.phase}"\n',
    )
    folder.write(
        "health/apps.yaml",
        "groups: [apps]\nkinds:\n  Deployment:\n    cases:\n    - health: Unknown\n      reason: mine\n",
    )
    model = {"apiVersion": "example.com/v1", "kind": "Model", "status": {"phase": "Fetching"}}
    folder.write("live.yaml", stream(model, READY, CRASHED))
    outcome = folder.envctl(
        "health", "live.yaml".join([f"{folder.path}/", ""]), "--rules", f"{folder.path}/health", "-o", "json"
    )
    assert [(each["health"], each["reason"]) for each in outcome.data["objects"]] == [
        ("Progressing", "Fetching"),
        ("Unknown", "mine"),
        ("Degraded", "Late: too late"),
    ]


def test_a_bad_rule_is_told_with_its_line(folder: Workspace) -> None:
    """Before anything is judged."""
    folder.write("live.yaml", stream(READY))
    folder.write("bad.yaml", "groups: [x]\nkinds:\n  Y:\n    cases:\n    - health: Fine\n")
    outcome = folder.envctl("health", *at(folder, "live.yaml"), "--rules", *at(folder, "bad.yaml"))
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"error: {folder.path}/bad.yaml:5:")
