"""envctl blame on real repositories: which commit, author and layer gave each field its value."""

from pathlib import Path

import pytest

from tests.functional.blaming import (
    MAIN,
    SETTINGS,
    blame_copy,
    blame_template,
    committed,
    fields,
    replaced,
    short,
)
from tests.functional.conftest import Workspace
from tests.functional.failing import told


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return blame_template(tmp_path_factory.mktemp("blame") / "template")


@pytest.fixture
def line(template: Workspace, tmp_path: Path) -> Workspace:
    return blame_copy(template, tmp_path / "line")


def test_each_layer_is_told_with_its_file_and_who_wrote_it(line: Workspace) -> None:
    """Component, default config, config of a parent, settings, overlays, and the namespace."""
    web, prod = "components/web", "environments/prod/environment.yaml"
    assert short(line, "prod", "ConfigMap/web") == {
        "apiVersion": ("component code", web, "Ann", 1),
        "kind": ("component code", web, "Ann", 1),
        "metadata.name": ("component code", web, "Ann", 1),
        "metadata.namespace": ("environment namespace", prod, "Ann", 1),
        "data.base": ("overlay", "environments/base/web.jsonnet", "Cy", 1),
        "data.color": ("component default config", web, "Ann", 1),
        "data.domain": ("environment config", "environments/base/environment.yaml", "Bob", 1),
        "data.fixed": ("component code", web, "Ann", 1),
        "data.over": ("overlay", "environments/prod/web.jsonnet", "Eve", 1),
    }
    replicas = short(line, "prod", "Deployment/web", "spec.replicas")
    assert replicas == {"spec.replicas": ("component settings", prod, "Dan", 1)}
    assert short(line, "dev", "Deployment/web", ".spec.replicas") == {
        "spec.replicas": ("component default config", web, "Ann", 1)
    }


def test_the_text_has_a_line_for_each_field_and_says_what_the_lines_name(line: Workspace) -> None:
    """Fit to be read like git blame."""
    found = line.ok("blame", "prod", "ConfigMap/web", "data")
    commits = {
        "ann": line.git("log", "--format=%h", "--abbrev=12", "--author=Ann <ann@example.com>").split()[-1],
        **{
            who.lower(): line.git("log", "-1", "--format=%h", "--abbrev=12", f"--author={who}")
            for who in ("Bob", "Cy", "Eve")
        },
        "dev": line.git("rev-parse", "--short=12", "deploy/dev"),
        "promotion": line.git("rev-parse", "--short=12", "main"),
    }
    text = """
        ConfigMap prod/web at prod@{deploy/prod} (web)

        SOURCE        AUTHOR  DATE        DEPLOY           LAYER            FIELD
        {cy}  Cy      2026-01-02  #1 {deploy/prod}  overlay of base  data.base: overlay
        {ann}  Ann     2026-01-02  #1 {deploy/prod}  default config   data.color: red
        {bob}  Bob     2026-01-02  #1 {deploy/prod}  config of base   data.domain: www.a.example
        {ann}  Ann     2026-01-02  #1 {deploy/prod}  code             data.fixed: code
        {eve}  Eve     2026-01-02  #1 {deploy/prod}  overlay of prod  data.over: prod

        overlay of base: environments/base/web.jsonnet
        default config: components/web
        config of base: environments/base/environment.yaml
        code: components/web
        overlay of prod: environments/prod/web.jsonnet
        {cy} Overlay of base
        {ann} Add web
        #1 promoted from dev@{dev} by Ann <ann@example.com>: {promotion} Promote dev to prod: web
        {bob} Bob changes environment.yaml
        {eve} Overlay of prod
        """
    for name, commit in commits.items():
        text = text.replace(f"{{{name}}}", commit)
    assert found.out == told(line, text)


def test_the_json_has_everything_under_stable_names(line: Workspace) -> None:
    """One field, whole."""
    found = line.json("blame", "prod", "ConfigMap/web", "data.color")
    tip, add = line.git("rev-parse", "deploy/prod"), line.git("rev-list", "--reverse", "main").split()[0]
    when = "2026-01-02T03:04:05Z"
    assert found == {
        "environment": "prod",
        "deployCommit": tip,
        "component": "web",
        "path": "web/prod/ConfigMap_web.yaml",
        "group": "",
        "kind": "ConfigMap",
        "namespace": "prod",
        "name": "web",
        "cut": "",
        "fields": [
            {
                "path": "$.data.color",
                "value": "red",
                "layer": "component default config",
                "file": "components/web",
                "source": {
                    "commit": add,
                    "author": "Ann",
                    "email": "ann@example.com",
                    "time": when,
                    "subject": "Add web",
                },
                "bounded": False,
                "note": "",
                "deploy": {
                    "commit": tip,
                    "sequence": 1,
                    "kind": "promoted",
                    "author": "Ann",
                    "email": "ann@example.com",
                    "time": when,
                    "subject": "Promote dev to prod: web",
                    "problem": "",
                },
                "broughtBy": {
                    "commit": line.git("rev-parse", "main"),
                    "author": "Ann",
                    "email": "ann@example.com",
                    "time": when,
                    "subject": "Promote dev to prod: web",
                    "promotedFrom": f"dev@{line.git('rev-parse', 'deploy/dev')}",
                    "rollbackTo": "",
                },
            }
        ],
    }


def test_of_several_commits_the_one_that_changed_the_value_is_named(line: Workspace) -> None:
    """Between two deploys many may touch the component; a later promotion names who promoted."""
    replaced(line, MAIN, "{\n  local", "// a\n{\n  local", "Fay")
    replaced(line, MAIN, "fixed: 'code'", "fixed: 'new'", "Gus")
    replaced(line, MAIN, "// a", "// b", "Hal")
    replaced(line, MAIN, "color: 'red'", "color: 'blue'", "Ida")
    replaced(line, MAIN, "// b", "// c", "Jo")
    line.ok("render", "dev", "--publish")
    line.git("config", "user.name", "Promoter")
    line.ok("promote", "dev", "prod")
    for environment in ("dev", "prod"):
        found = short(line, environment, "ConfigMap/web", "data")
        assert found["data.fixed"] == ("component code", "components/web", "Gus", 2)
        assert found["data.color"] == ("component default config", "components/web", "Ida", 2)
        assert found["data.domain"][2:] == ("Bob", 1)
    pinned = fields(line, "prod", "ConfigMap/web", "data.fixed")["data.fixed"]["broughtBy"]
    assert (pinned["author"], pinned["promotedFrom"][:4]) == ("Promoter", "dev@")
    assert fields(line, "dev", "ConfigMap/web", "data.fixed")["data.fixed"]["broughtBy"] is None


def test_a_change_of_settings_is_not_put_down_to_a_promotion_of_the_same_deploy(line: Workspace) -> None:
    """Both came at once; each field has its own."""
    replaced(line, MAIN, "fixed: 'code'", "fixed: 'new'", "Gus")
    line.ok("render", "dev", "--publish")
    replaced(line, "environments/prod/environment.yaml", "replicas: 3", "replicas: 5, color: green", "Kim")
    line.ok("promote", "dev", "prod")
    found = fields(line, "prod", "ConfigMap/web", "data")
    assert [
        (found[path]["source"]["author"], bool(found[path]["broughtBy"]))
        for path in ("data.color", "data.fixed")
    ] == [
        ("Kim", False),
        ("Gus", True),
    ]
    assert found["data.color"]["layer"] == "component settings"


def test_a_rollback_names_who_wrote_the_value_and_who_rolled_back(line: Workspace) -> None:
    """The old code is in force again: its author, and the rollback that brought it."""
    replaced(line, MAIN, "fixed: 'code'", "fixed: 'new'", "Gus")
    line.ok("render", "dev", "--publish")
    line.ok("promote", "dev", "prod")
    deploy = line.git("rev-parse", "deploy/prod~1")
    line.git("config", "user.name", "Zoe")
    line.ok("rollback", "prod", "--to", deploy, "-c", "web", "--reason", "broken")
    found = fields(line, "prod", "ConfigMap/web", "data.fixed")["data.fixed"]
    assert (found["value"], found["source"]["author"], found["deploy"]["sequence"]) == ("code", "Ann", 3)
    assert (found["broughtBy"]["author"], found["broughtBy"]["rollbackTo"]) == ("Zoe", f"prod@{deploy}")
    text = line.ok("blame", "prod", "ConfigMap/web", "data.fixed").out
    assert f"#3 rolled back to prod@{deploy[:12]} by Zoe <" in text


def test_behind_a_rollback_of_settings_stands_who_wrote_them(line: Workspace) -> None:
    """However often it was rolled back; the last rollback is named beside."""
    for replicas, who in (("5", "Kim"), ("7", "Lou")):
        line.write("environments/prod/environment.yaml", SETTINGS.replace("3", replicas))
        committed(line, f"{replicas} replicas", who)
        line.ok("render", "prod", "--publish")
    for to in ("deploy/prod~1", "deploy/prod~1", "deploy/prod~1"):
        line.ok("rollback", "prod", "--to", to)
        found = fields(line, "prod", "Deployment/web", "spec.replicas")["spec.replicas"]
        wrote = {5: "Kim", 7: "Lou"}[found["value"]]
        assert found["source"]["author"] == wrote
        assert found["broughtBy"]["rollbackTo"].startswith("prod@")
        assert found["broughtBy"]["commit"] == line.git("rev-parse", "main")


def test_items_of_lists_keep_their_blame_when_others_come(line: Workspace) -> None:
    """Containers are known by their names, arguments by what they are."""
    replaced(
        line,
        MAIN,
        "containers: [{ name: 'web', args: ['--serve', '--fast'] }]",
        "containers: [{ name: 'proxy', args: [] }, { name: 'web', args: ['--new', '--serve', '--fast'] }]",
        "Lea",
    )
    line.ok("render", "dev", "--publish")
    start = "spec.template.spec.containers"
    found = {path: told[2:] for path, told in short(line, "dev", "Deployment/web", start).items()}
    assert found == {
        f'{start}[name="proxy"].args': ("Lea", 2),
        f'{start}[name="proxy"].name': ("Lea", 2),
        f'{start}[name="web"].args[0]': ("Lea", 2),
        f'{start}[name="web"].args[1]': ("Ann", 1),
        f'{start}[name="web"].args[2]': ("Ann", 1),
        f'{start}[name="web"].name': ("Ann", 1),
    }
    assert list(short(line, "dev", "Deployment/web", f"{start}[1].args[0]")) == [
        f'{start}[name="web"].args[0]'
    ]


def test_a_field_that_was_gone_for_a_while_is_put_down_to_who_brought_it_back(line: Workspace) -> None:
    """The same value as at first; what counts is since when it is there."""
    for number, (old, new, who) in enumerate(
        [("fixed: 'code', ", "", "Max"), ("data: { ", "data: { fixed: 'code', ", "Ned")]
    ):
        replaced(line, MAIN, old, new, who)
        line.ok("render", "dev", "--publish")
        assert number < 2
    assert short(line, "dev", "ConfigMap/web", "data.fixed")["data.fixed"][2:] == ("Ned", 3)


def test_objects_of_kinds_that_crds_define_are_found(line: Workspace) -> None:
    """Cluster-scoped ones too, whoever defines their kind."""
    line.write(
        "components/kinds/main.jsonnet",
        """{ crd: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition',
          metadata: { name: 'widgets.example.com' },
          spec: { group: 'example.com', scope: 'Cluster', names: { kind: 'Widget', plural: 'widgets' },
            versions: [{ name: 'v1', served: true, storage: true,
                         schema: { openAPIV3Schema: { type: 'object' } } }] } } }""",
    )
    replaced(
        line,
        MAIN,
        "  key: {",
        "  widget: { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, size: 1 },\n  key: {",
        "Pam",
    )
    line.edit("environments/base/environment.yaml", "[web]", "[web, kinds]")
    committed(line, "Add kinds", "Pam")
    line.ok("render", "dev", "--publish")
    code = ("component code", "components/web", "Pam", 2)
    for name in ("Widget/w", "widget.example.com/w", "_cluster/Widget/w", "Widget.example.com w"):
        assert short(line, "dev", name) == dict.fromkeys(
            ("apiVersion", "kind", "metadata.name", "size"), code
        )


def test_an_object_that_moved_to_another_component_keeps_its_history(line: Workspace) -> None:
    """Only what changed with the move is put down to it."""
    line.write(
        "components/shop/main.jsonnet",
        "(import '../web/main.jsonnet') { deployment:: null, key:: null, "
        "settings+: { data+: { base: 'overlay', moved: 'yes' } } }",
    )
    line.edit(MAIN, "  settings: {", "  settings:: {")
    line.edit("environments/base/environment.yaml", "[web]", "[web, shop]")
    line.edit("components/shop/main.jsonnet", "settings+:", "settings+:::")
    committed(line, "Move the settings", "Ray")
    line.ok("render", "dev", "--publish")
    found = short(line, "dev", "ConfigMap/web", "data")
    assert {path: told[3] for path, told in found.items()} == {
        "data.base": 1,
        "data.color": 1,
        "data.domain": 1,
        "data.fixed": 1,
        "data.moved": 2,
    }


def test_a_component_that_needs_config_is_told_apart_from_its_config(line: Workspace) -> None:
    """It does not evaluate alone, and yet its own defaults and code are its own."""
    replaced(line, MAIN, "domain: 'none'", "domain: error 'set a domain'", "Sue")
    line.ok("render", "dev", "--publish")
    found = short(line, "dev", "ConfigMap/web", "data")
    assert {path: told[0] for path, told in found.items()} == {
        "data.base": "overlay",
        "data.color": "component default config",
        "data.domain": "environment config",
        "data.fixed": "component code",
    }
