"""Choosing and comparing jsonnet engines on a real repository."""

import pytest

from tests.functional.conftest import Workspace
from tests.support.engines import engine_names

NATIVE = """{
  local yaml = std.native('manifestYamlFromJson')(std.manifestJsonEx({ limit: 30000000, ratio: 0.1 + 0.2 }, '')),
  text: {
    apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'text' },
    data: { yaml: yaml, sum: std.native('sha256')(yaml)%s },
  },
}
"""


def add_component(workspace: Workspace, extra: str = "") -> None:
    (workspace.path / "components/notes").mkdir()
    (workspace.path / "components/notes/main.jsonnet").write_text(NATIVE % extra)
    (workspace.path / "environments/test").mkdir()
    (workspace.path / "environments/test/environment.yaml").write_text(
        "namespace: test\ncomponents: [notes]\n"
    )
    workspace.commit("notes")


@pytest.mark.parametrize("name", engine_names())
def test_every_engine_renders_the_sample_to_the_same_tree(sample: Workspace, name: str) -> None:
    """The sample has nothing in which engines differ."""
    trees = [
        sample.json("render", "dev", *engine)["environments"][0]["tree"]
        for engine in ((), ("--engine", name))
    ]
    assert trees[0] == trees[1]


def test_the_settings_choose_the_engine_and_the_trailer_names_it(sample: Workspace) -> None:
    """With its version.

    Writer's fault row 6: engines print numbers each in their own way, so the record tells which it was.
    """
    (sample.path / "envctl.yaml").write_text("evaluation: {engine: rjsonnet}\n")
    sample.commit("a faster engine")
    sample.ok("render", "dev", "--publish")
    trailer = sample.git("log", "-1", "--format=%(trailers:key=Envctl-Renderer,valueonly)", "deploy/dev")
    assert "rjsonnet 0." in trailer


def test_an_unknown_engine_in_the_settings_is_a_problem_of_the_file(sample: Workspace) -> None:
    """Told with the engines that there are."""
    (sample.path / "envctl.yaml").write_text("evaluation: {engine: kjsonnet}\n")
    outcome = sample.envctl("render", "dev")
    assert outcome.code == 1
    assert "envctl.yaml:1" in outcome.err
    assert "rjsonnet" in outcome.err


def test_an_unknown_engine_on_the_command_line_lists_the_known_ones(sample: Workspace) -> None:
    """A usage error."""
    outcome = sample.envctl("render", "dev", "--engine", "kjsonnet")
    assert outcome.code == 2
    assert "there is no jsonnet engine kjsonnet\nhint: engines: gojsonnet, jsonnet, rjsonnet\n" in outcome.err


def test_engines_that_agree_exit_clean(sample: Workspace) -> None:
    """Numbers through a native are written by us, alike for all."""
    add_component(sample)
    outcome = sample.ok("render", "test", "--compare-engine", "rjsonnet")
    heading, summary = outcome.out.splitlines()
    assert heading.startswith("test with gojsonnet ")
    assert " -> test with rjsonnet " in heading
    assert summary == "no differences in 1 object"


def test_engines_that_differ_are_shown_field_by_field(sample: Workspace) -> None:
    """go-jsonnet writes all digits of a number that becomes a text, rjsonnet only those that count."""
    add_component(sample, ", text: std.toString(0.1)")
    outcome = sample.envctl("render", "test", "--compare-engine", "rjsonnet")
    assert outcome.code == 16
    assert outcome.out.splitlines()[1:] == [
        "notes",
        "  ~ ConfigMap test/text",
        '      data.text: "0.10000000000000001" -> "0.1"',
        "1 changed, 0 unchanged",
    ]


def test_an_environment_that_one_engine_cannot_render_fails(sample: Workspace) -> None:
    """With the name of that engine."""
    add_component(sample, ", file: std.thisFile")
    outcome = sample.envctl("render", "test", "--compare-engine", "rjsonnet")
    assert outcome.code == 1
    assert "test does not render with rjsonnet " in outcome.err
    assert "the jsonnet engine rjsonnet has no std.thisFile" in outcome.err


@pytest.mark.parametrize("option", ["--publish", "--check", "--out=rendered"])
def test_a_comparison_takes_no_other_purpose(sample: Workspace, option: str) -> None:
    """It writes nothing and compares with no deploy branch."""
    outcome = sample.envctl("render", "--compare-engine", "jsonnet", option)
    assert outcome.code == 2
    assert "--compare-engine only compares" in outcome.err


def test_an_engine_is_not_compared_with_itself(sample: Workspace) -> None:
    """That would prove nothing."""
    outcome = sample.envctl("render", "--compare-engine", "gojsonnet")
    assert outcome.code == 2
    assert "names the engine that renders anyway" in outcome.err
