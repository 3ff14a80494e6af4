"""From the cluster through Git to the gate: an agent reports, and a promotion believes what it says."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from envctl import wiring
from envctl.agent.resource import definition
from envctl.model.status import LogEntry
from envctl.wiring import running
from tests.functional.conftest import SMALL, Workspace, new_workspace

STATUS = "refs/envctl/status/*"
SERVICE = """,
  front: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'front' },
    spec: { ports: [{ port: 70000 }] },
  },
}
"""


@pytest.fixture
def team(tmp_path: Path, new_namespace: Callable[[], str]) -> Workspace:
    """A repository whose prod asks that dev is healthy; dev is published and pushed to a bare one."""
    workspace = new_workspace(tmp_path / "work")
    for path, text in SMALL.items():
        workspace.write(path, text.replace("namespace: dev", f"namespace: {new_namespace()}"))
    workspace.edit(
        "environments/prod/environment.yaml", "promotesFrom", "gates: {health: true}\npromotesFrom"
    )
    workspace.commit("Add web")
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "origin.git"], check=True)
    workspace.git("remote", "add", "origin", (tmp_path / "origin.git").as_uri())
    release(workspace)
    return workspace


def release(team: Workspace) -> str:
    team.ok("render", "dev", "--publish")
    team.git("push", "-q", "origin", "main", "deploy/dev")
    return team.git("rev-parse", "deploy/dev")


@pytest.fixture
def reporting(cluster: Any, new_namespace: Any, tmp_path: Path) -> Iterator[list[LogEntry]]:
    """An agent of dev that reports to the bare repository; its log."""
    settings = running.AgentSettings(
        "dev",
        (tmp_path / "origin.git").as_uri(),
        0.2,
        tmp_path / "store",
        new_namespace(),
        report_status=True,
        report_pause=0.2,
    )
    stop, log = threading.Event(), list[LogEntry]()
    reach = partial(wiring.reach, cluster.kubeconfig, None)
    with contextlib.closing(reach(lambda: True)) as kube:
        kind = kube.resource_type("apiextensions.k8s.io", "CustomResourceDefinition")
        kube.apply(kind, definition(), force=True)
    run = partial(running.run_agents, [settings], reach, log.append, stop, lease=None)
    thread = threading.Thread(target=run)
    thread.start()
    yield log
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def reported(team: Workspace, revision: str) -> str:
    """The health that was reported of a revision, as a clone learns it; nothing where there is no report."""
    team.git("fetch", "-q", "origin", f"+{STATUS}:{STATUS}", check=False)
    (dev,) = [each for each in team.json("status")["environments"] if each["environment"] == "dev"]
    seen = dev["observed"]
    return seen["health"] if seen and seen["revision"] == revision else ""


def test_a_promotion_passes_the_health_gate_only_with_what_the_agent_saw(
    team: Workspace, reporting: list[LogEntry], wait_for: Callable[..., Any]
) -> None:
    """Healthy is promoted; an object that the API server refuses makes the next one Degraded, and the gate says so."""
    first = team.git("rev-parse", "deploy/dev")
    wait_for(lambda: reported(team, first) == "Healthy", "reported as healthy")
    team.ok("promote", "dev", "prod")
    text = (team.path / "components/web/main.jsonnet").read_text()
    team.write("components/web/main.jsonnet", text.rstrip().removesuffix("}").rstrip().rstrip(",") + SERVICE)
    team.commit("Add a front that no server takes")
    second = release(team)
    wait_for(lambda: reported(team, second) == "Degraded", f"reported as degraded: {reporting}")
    outcome = team.envctl("promote", "dev", "prod")
    assert outcome.code == 1
    assert f"health: dev at {second[:12]} is Degraded" in outcome.err
