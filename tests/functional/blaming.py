"""A repository in which each layer was written by somebody else, and what blame says of it."""

from pathlib import Path
from typing import Any

from tests.functional.conftest import Workspace, new_workspace

MAIN = "components/web/main.jsonnet"
WEB = """{
  local config = $.config,
  config:: { replicas: 1, color: 'red', domain: 'none', ports: [80] },
  settings: {
    apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' },
    data: { fixed: 'code', color: config.color, domain: 'www.' + config.domain },
  },
  deployment: {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' },
    spec: {
      replicas: config.replicas,
      template: { spec: { containers: [{ name: 'web', args: ['--serve', '--fast'] }] } },
    },
  },
  key: {
    apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, type: 'Opaque',
    stringData: { word: 'canary-8f3a' },
  },
}
"""
PROD = "namespace: prod\nextends: base\npromotesFrom: [dev]\n"
SETTINGS = PROD + "components: [{name: web, config: {replicas: 3}}]\n"
Told = dict[str, tuple[Any, ...]]


def committed(workspace: Workspace, message: str, who: str) -> str:
    workspace.git("add", "-A")
    workspace.git("commit", "-qm", message, "--author", f"{who} <{who.lower()}@example.com>")
    return workspace.git("rev-parse", "HEAD")


def replaced(workspace: Workspace, path: str, old: str, new: str, who: str) -> None:
    workspace.edit(path, old, new)
    committed(workspace, f"{who} changes {path.rsplit('/', maxsplit=1)[-1]}", who)


def fields(workspace: Workspace, *arguments: str) -> dict[str, Any]:
    """What is told of each field, by its path."""
    return {each["path"][2:]: each for each in workspace.json("blame", *arguments)["fields"]}


def short(workspace: Workspace, *arguments: str) -> Told:
    """Layer, its file, the author of the source commit, and the deploy's number; by path."""
    return {
        path: (
            each["layer"],
            each["file"],
            each["source"] and each["source"]["author"],
            each["deploy"] and each["deploy"]["sequence"],
        )
        for path, each in fields(workspace, *arguments).items()
    }


def blame_template(path: Path) -> Workspace:
    """One component, an abstract parent, dev that tracks and prod with pins, all published."""
    workspace = new_workspace(path)
    workspace.write(MAIN, WEB)
    workspace.write("environments/base/environment.yaml", "abstract: true\ncomponents: [web]\n")
    workspace.write("environments/dev/environment.yaml", "namespace: dev\nextends: base\n")
    workspace.write("environments/prod/environment.yaml", PROD)
    committed(workspace, "Add web", "Ann")
    replaced(
        workspace, "environments/base/environment.yaml", "[web]", "[web]\nconfig: {domain: a.example}", "Bob"
    )
    workspace.write("environments/base/web.jsonnet", "{ settings+: { data+: { base: 'overlay' } } }\n")
    committed(workspace, "Overlay of base", "Cy")
    workspace.write("environments/prod/environment.yaml", SETTINGS)
    committed(workspace, "Settings in prod", "Dan")
    workspace.write("environments/prod/web.jsonnet", "{ settings+: { data+: { over: 'prod' } } }\n")
    committed(workspace, "Overlay of prod", "Eve")
    workspace.ok("render", "dev", "--publish")
    workspace.ok("promote", "dev", "prod")
    return workspace


def blame_copy(template: Workspace, path: Path) -> Workspace:
    """A copy, with what was published in it."""
    workspace = template.clone(path)
    for name in ("dev", "prod"):
        workspace.git("branch", "-q", f"deploy/{name}", f"origin/deploy/{name}")
    return workspace
