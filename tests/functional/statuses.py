"""What the tests of ``envctl status`` share: a released repository, its text, and reports about it."""

import textwrap
from dataclasses import replace
from typing import Any

import click

from envctl.cli.statustext import Page, status_lines
from envctl.model.observed import Health, Observed
from envctl.wiring import open_repository
from envctl.workflows.audit.observed import record_observed
from envctl.workflows.audit.status import status
from tests.functional.conftest import Workspace

MADE = 1_767_323_045  # when all commits of these tests were made: WHO["date"]
HOUR, DAY = 3600, 86_400
NOW = MADE + 3 * DAY
MAIN, LOCK = "components/web/main.jsonnet", "environments/prod/lock.yaml"
STATUS = "refs/envctl/status"


def text(workspace: Workspace, *names: str, width: int | None = None) -> str:
    """What people see three days after all commits were made; ids are cut out by their columns."""
    found = status(open_repository(workspace.path), names)
    return "".join(f"{click.unstyle(line)}\n" for line in status_lines(found, Page(NOW, width)))


def shown(expected: str) -> str:
    return textwrap.dedent(expected).lstrip("\n")


def short(workspace: Workspace, revision: str, length: int = 8) -> str:
    return workspace.git("rev-parse", revision)[:length]


def tip(workspace: Workspace, environment: str) -> str:
    return short(workspace, f"deploy/{environment}", 12)


def report(workspace: Workspace, environment: str, **values: Any) -> Observed:
    """Record that the environment is healthy at its tip for two days, but for `values`."""
    observed = Observed(
        environment=environment,
        revision=workspace.git("rev-parse", f"deploy/{environment}"),
        sequence=1,
        health=Health.HEALTHY,
        since=NOW - 2 * DAY,
        reported=NOW - 60,
    )
    observed = replace(observed, **values)
    record_observed(open_repository(workspace.path), observed)
    return observed


def release(small: Workspace) -> None:
    """Publish dev of the small repository and promote it to prod."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")


def changed(workspace: Workspace, replicas: int = 2) -> str:
    workspace.write(MAIN, f"// {replicas}\n" + workspace.git("show", f"HEAD:{MAIN}") + "\n")
    return workspace.commit(f"Replicas {replicas}")
