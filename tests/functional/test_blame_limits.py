"""envctl blame where it has to be careful: secrets, odd names, edits by hand, bounds, and what is not here."""

from pathlib import Path

import pytest

from envctl import wiring
from envctl.cli.blame import shortened
from envctl.workflows.audit.blame import BlameOptions, blame
from tests.functional.blaming import (
    MAIN,
    WEB,
    blame_copy,
    blame_template,
    committed,
    fields,
    replaced,
    short,
)
from tests.functional.conftest import Workspace
from tests.functional.failing import fails
from tests.support.rendering import counting_engine


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return blame_template(tmp_path_factory.mktemp("blame") / "template")


@pytest.fixture
def line(template: Workspace, tmp_path: Path) -> Workspace:
    return blame_copy(template, tmp_path / "line")


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


def test_what_a_terminal_would_obey_is_escaped(line: Workspace) -> None:
    """Values, names and subjects are written by others."""
    line.edit(MAIN, "fixed: 'code'", "fixed: 'a\\u001b[2Jb'")
    line.git("commit", "-qam", "Hide \x1b[31m\x1b]0;x\x07", "--author", "E\x1b[2Jve <eve@example.com>")
    line.ok("render", "dev", "--publish")
    for output in ((), ("-o", "json")):
        shown = line.ok("blame", "dev", "ConfigMap/web", "data.fixed", *output).out
        assert "\x1b" not in shown
        assert "ve" in shown


def test_a_bare_repository_will_do(line: Workspace, tmp_path: Path) -> None:
    """Everything is read from Git objects."""
    line.git("clone", "-q", "--bare", str(line.path), str(tmp_path / "bare"))
    bare = Workspace(tmp_path / "bare")
    for command in (("blame", "prod", "ConfigMap/web"), ("history", "prod")):
        assert bare.ok(*command).out == line.ok(*command).out


def test_a_narrow_terminal_shows_the_end_of_a_field_with_its_value() -> None:
    """The middle is left out; what is short stays whole."""
    text = 'spec.template.spec.containers[name="web"].image: registry.example.com/web:1'
    assert len(shortened(text, 40)) == 40
    assert shortened(text, 40).endswith("registry.example.com/web:1")
    assert shortened("spec.replicas: 3", 40) == "spec.replicas: 3"
