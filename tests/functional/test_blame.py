"""envctl blame on real repositories: which commit, author and layer gave each field its value."""

from pathlib import Path
from typing import Any

import pytest

from envctl import wiring
from envctl.workflows.blame import BlameOptions, blame
from tests.functional.conftest import Workspace, new_workspace
from tests.functional.failing import fails, told
from tests.support.rendering import counting_engine

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


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One component, an abstract parent, dev that tracks and prod with pins; each layer by somebody else."""
    workspace = new_workspace(tmp_path_factory.mktemp("blame") / "template")
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


@pytest.fixture
def line(template: Workspace, tmp_path: Path) -> Workspace:
    """A copy, and what was published in it."""
    workspace = template.clone(tmp_path / "line")
    for name in ("dev", "prod"):
        workspace.git("branch", "-q", f"deploy/{name}", f"origin/deploy/{name}")
    return workspace


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


@pytest.mark.parametrize("output", [(), ("-o", "json")], ids=["text", "json"])
def test_no_secret_is_shown(line: Workspace, output: tuple[str, ...]) -> None:
    """Who changed it is told, never what it is."""
    replaced(line, MAIN, "canary-8f3a", "canary-new", "Oz")
    line.ok("render", "dev", "--publish")
    shown = line.ok("blame", "dev", "Secret/key", *output).out
    assert "canary" not in shown
    assert "Oz" in shown
    assert "***" in shown
    error = fails(line, "blame", "dev", "Secret/key", "stringData.canary", *output)
    assert "canary-new" not in error.out + error.err


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


@pytest.mark.parametrize(
    ("kind", "api", "name"),
    {
        "colons": ("ClusterRole", "rbac.authorization.k8s.io/v1", "system:web:reader"),
        "device": ("ConfigMap", "v1", "con"),
        "dots": ("ConfigMap", "v1", "a.b.c"),
        "long": ("ConfigMap", "v1", "n" * 250),
    }.values(),
    ids=["colons", "device", "dots", "long"],
)
def test_awkward_names_are_found_by_name_and_by_path(line: Workspace, kind: str, api: str, name: str) -> None:
    """Whatever the file of the deploy branch has to be called."""
    made = f"  odd: {{ apiVersion: '{api}', kind: '{kind}', metadata: {{ name: '{name}' }} }},\n  key: {{"
    replaced(line, MAIN, "  key: {", made, "Quin")
    line.ok("render", "dev", "--publish")
    found = line.json("blame", "dev", f"{kind.lower()}/{name}", "metadata.name")
    assert [each["source"]["author"] for each in found["fields"]] == ["Quin"]
    assert line.json("blame", "dev", found["path"], "$.metadata.name") == found


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


def test_what_was_edited_by_hand_is_put_down_to_that_commit(line: Workspace) -> None:
    """No layer gives it, and no source commit."""
    line.git("checkout", "-q", "deploy/prod")
    replaced(line, "web/prod/ConfigMap_web.yaml", "color: red", "color: pink", "Tom")
    line.git("checkout", "-q", "main")
    found = fields(line, "prod", "ConfigMap/web", "data")
    hand = found["data.color"]
    assert (hand["layer"], hand["source"], hand["deploy"]["author"]) == ("unknown", None, "Tom")
    assert hand["note"] == (
        "changed on the deploy branch itself; the commit is not written by envctl: it lacks the Envctl- trailers"
    )
    assert short(line, "prod", "ConfigMap/web", "data.fixed")["data.fixed"][2:] == ("Ann", 1)


def test_what_was_put_right_after_an_edit_by_hand_is_put_down_to_who_wrote_it(line: Workspace) -> None:
    """The deploy commit is the one that put it right; the source is as old as it was."""
    message = line.git("log", "-1", "--format=%B", "deploy/dev").replace("Sequence: 1", "Sequence: 2")
    line.git("checkout", "-q", "deploy/dev")
    line.edit("web/dev/ConfigMap_web.yaml", "color: red", "color: pink")
    line.git("commit", "-qam", message)
    line.git("checkout", "-q", "main")
    found = fields(line, "dev", "ConfigMap/web", "data.color")["data.color"]
    assert (found["layer"], found["source"]) == ("unknown", None)
    assert found["note"] == "the newest source does not render to this value"
    line.ok("render", "dev", "--publish")
    told = short(line, "dev", "ConfigMap/web", "data.color")["data.color"]
    assert told == ("component default config", "components/web", "Ann", 3)


def test_the_search_has_a_bound_and_says_when_it_ends_there(line: Workspace) -> None:
    """A value that is older than the newest fifty commits that touch the component."""
    for number in range(55):
        line.write(MAIN, WEB + f"// {number}\n")
        line.commit(f"Touch web {number}")
    line.ok("render", "dev", "--publish")
    line.git("update-ref", "-d", "refs/heads/deploy/dev")
    line.git("update-ref", "-d", "refs/remotes/origin/deploy/dev")
    line.ok("render", "dev", "--publish")
    found = fields(line, "dev", "ConfigMap/web", "data.fixed")["data.fixed"]
    assert (found["bounded"], found["source"]["subject"]) == (True, "Touch web 5")
    assert found["note"] == "or an older commit: only the newest 50 were looked at"
    assert "?  Ann" in line.ok("blame", "dev", "ConfigMap/web", "data.fixed").out


def test_a_shallow_clone_says_what_it_cannot_know(line: Workspace, tmp_path: Path) -> None:
    """The value and its layer are told all the same."""
    line.edit(MAIN, "color: 'red'", "color: 'blue'")
    committed(line, "Blue", "Uma")
    line.ok("render", "dev", "--publish")
    line.git(
        "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{line.path}", str(tmp_path / "clone")
    )
    found = fields(Workspace(tmp_path / "clone"), "dev", "ConfigMap/web", "data.color")["data.color"]
    assert (found["value"], found["layer"]) == ("blue", "component default config")
    assert (found["source"], found["deploy"]) == (None, None)
    assert found["note"].startswith("older than the history here: there is no commit ")


def test_names_that_fit_nothing_are_answered_with_what_there_is(line: Workspace) -> None:
    """Environments, objects and fields; and a name that fits several objects."""
    line.write("environments/qa/environment.yaml", "extends: base\nnamespace: qa\n")
    made = "  a: { apiVersion: 'x.io/v1', kind: 'Secret', metadata: { name: 'key' } },\n  key: {"
    replaced(line, MAIN, "  key: {", made, "Vi")
    line.ok("render", "dev", "--publish")
    errors = {
        ("prodd", "ConfigMap/web"): (2, "did you mean `prod`?"),
        ("qa", "ConfigMap/web"): (1, "publish it first: envctl render qa --publish"),
        ("dev", "ConfigMap/wep"): (2, "did you mean `ConfigMap/web`?"),
        ("dev", "dev/ConfigMap/wep"): (2, "did you mean `dev/ConfigMap/web`?"),
        ("dev", "Ingress/x"): (2, "objects there: "),
        ("dev", "x"): (2, "objects there: "),
        ("dev", "Secret/key"): (2, "name one: dev/Secret.x.io/key, dev/Secret/key"),
        ("dev", "ConfigMap/web", "data.colour"): (2, "did you mean `$.data.color`?"),
        ("dev", "ConfigMap/web", "x"): (2, "top-level fields: apiVersion, kind, metadata and data"),
    }
    for arguments, (code, hint) in errors.items():
        outcome = fails(line, "blame", *arguments)
        assert (outcome.code, hint in outcome.err) == (code, True), (arguments, outcome.err)
    assert line.ok("blame", "dev", "secret.x.io/key").out
    assert line.ok("blame", "dev", "Secret./key").out


def test_nothing_is_evaluated_more_often_than_needed(line: Workspace) -> None:
    """One call for the layers; one candidate needs none more, three need two."""
    replaced(line, MAIN, "fixed: 'code'", "fixed: 'new'", "Gus")
    line.ok("render", "dev", "--publish")
    repository = wiring.open_repository(line.path)
    with counting_engine() as engine:
        blame(repository, engine, BlameOptions("dev", "ConfigMap/web", "data.fixed"))
    layers, whole, probes = 3, 1, 3
    assert len(engine.asked) == layers + whole + probes
