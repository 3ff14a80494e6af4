"""Whatever happened before: a blamed commit gives the value, and the one before it does not."""

import random
from pathlib import Path
from typing import Any

import pytest

from envctl import wiring
from envctl.manifests.leaves import leaves
from envctl.manifests.text import from_yaml
from envctl.workflows.rendering.render import render
from envctl.workflows.sources.source import at_revision
from tests.functional.conftest import Workspace, new_workspace
from tests.support.rendering import counting_engine

PATH = "web/dev/ConfigMap_web.yaml"
MAIN = """{ config:: { a: %d, b: self.a + %d, c: %d },
  settings: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' }, data: {
    a: '' + $.config.a, b: '' + $.config.b, c: '' + $.config.c, d: '%d', e: (import 'lib.libsonnet') } } }
"""
FILES = {
    "components/web/main.jsonnet": lambda n: MAIN % (n() % 2, n() % 2, n() % 2, n() % 3),
    "lib/lib.libsonnet": lambda n: f"'{n() % 2}'",
    "environments/base/environment.yaml": lambda n: (
        f"abstract: true\ncomponents: [web]\nconfig: {{c: {n() % 2}}}\n"
        if n() % 2
        else "abstract: true\ncomponents: [web]\n"
    ),
    "environments/dev/environment.yaml": lambda n: (
        f"extends: base\nnamespace: dev\ncomponents: [{{name: web, config: {{a: {n() % 3}}}}}]\n"
        if n() % 2
        else "extends: base\nnamespace: dev\n"
    ),
    "environments/dev/web.jsonnet": lambda n: (
        f"{{ settings+: {{ data+: {{ b: '{n() % 3}', f: '{n() % 2}' }} }} }}" if n() % 2 else "{}"
    ),
}


@pytest.fixture(params=range(4))
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """Random edits of random layers, published now and then."""
    chance = random.Random(request.param)  # noqa: S311
    workspace = new_workspace(tmp_path / "random")

    def number() -> int:
        return chance.randrange(1000)

    for path, text in FILES.items():
        workspace.write(path, text(number))
    workspace.write(
        "environments/prod/environment.yaml", "extends: base\nnamespace: dev\npromotesFrom: [dev]\n"
    )
    workspace.commit("Start")
    workspace.ok("render", "dev", "--publish")
    workspace.ok("promote", "dev", "prod")
    for step in range(16):
        path = chance.choice(list(FILES))
        workspace.write(path, FILES[path](number))
        workspace.write("notes", str(step))
        workspace.commit(f"Step {step}")
        if chance.random() < 0.4:
            workspace.ok("render", "--publish")
        if chance.random() < 0.2:
            workspace.ok("promote", "dev", "prod")
        if chance.random() < 0.1:
            roll_back(workspace)
    workspace.ok("render", "--publish")
    return workspace


def roll_back(workspace: Workspace) -> None:
    """Restore the lock of an earlier commit."""
    workspace.git("checkout", "-q", "HEAD~3", "--", "environments/prod/lock.yaml", check=False)
    if workspace.git("status", "--porcelain"):
        workspace.commit("Roll back\n\nEnvctl-Environment: prod\nEnvctl-Rollback-To: prod@0")
        workspace.ok("render", "prod", "--publish")


def test_the_blamed_commits_give_the_value_and_their_parents_do_not(history: Workspace) -> None:
    """The source commit as it renders, the deploy commit as it is."""
    repository = wiring.open_repository(history.path)
    with counting_engine() as engine:

        def rendered(commit: str) -> dict[str, Any]:
            found = render(repository, engine, at_revision(repository, commit), ("dev",))[0]
            return values(found.files[PATH]) if PATH in found.files else {}

        def deployed(commit: str) -> dict[str, Any]:
            entry = repository.tree(commit).entry(PATH)
            return values(repository.blob(entry.id)) if entry else {}

        for each in history.json("blame", "dev", "ConfigMap/web")["fields"]:
            for read, told in ((rendered, each["source"]), (deployed, each["deploy"])):
                parents = repository.commit(told["commit"]).parents
                assert read(told["commit"])[each["path"]] == each["value"]
                assert [read(parent).get(each["path"]) for parent in parents] != [each["value"]], each


def test_behind_pins_the_deploy_commit_and_some_source_commit_are_found(history: Workspace) -> None:
    """The deploy commit has the value and its parent does not; where a pin brought it, that is named."""
    repository = wiring.open_repository(history.path)

    def deployed(commit: str) -> Any:
        entry = repository.tree(commit).entry(PATH)
        return values(repository.blob(entry.id)).get(each["path"]) if entry else None

    for each in history.json("blame", "prod", "ConfigMap/web")["fields"]:
        deploy = each["deploy"]["commit"]
        assert deployed(deploy) == each["value"]
        assert [deployed(parent) for parent in repository.commit(deploy).parents] != [each["value"]]
        assert each["source"], each
        assert (each["note"], each["layer"] != "unknown") == ("", True)


def values(text: bytes) -> dict[str, Any]:
    return {each.path: each.value for each in leaves(from_yaml(text, PATH))}
