"""Waves at render: annotations that cannot be obeyed, and orders that are none, are refused before anything is published."""

from tests.functional.conftest import Workspace

WEB = "components/web/main.jsonnet"


def component(name: str, wave: str | None = None) -> str:
    """A component with one ConfigMap."""
    annotations = {} if wave is None else {"envctl.dev/wave": wave}
    metadata = {"name": name, "namespace": "x", "annotations": annotations}
    return f"{{ cm: {{ apiVersion: 'v1', kind: 'ConfigMap', metadata: {metadata} }} }}\n"


def written(workspace: Workspace, **waves: str | None) -> Workspace:
    """Two components; `web` depends on `db`."""
    workspace.write("environments/dev/environment.yaml", f"namespace: x\ncomponents: [{', '.join(waves)}]\n")
    workspace.write("environments/prod/environment.yaml", "namespace: x\ncomponents: [db, web]\n")
    for name, wave in waves.items():
        workspace.write(f"components/{name}/main.jsonnet", component(name, wave))
    workspace.write("components/web/component.yaml", "dependsOn: [db]\n")
    return workspace


def test_waves_that_contradict_dependencies_are_refused_with_the_circle(small: Workspace) -> None:
    """Also when all of it is remembered from a render before."""
    written(small, db="1", web=None)
    for _ in range(2):
        outcome = small.envctl("render")
        assert outcome.code == 1
        assert (
            "waves and dependsOn contradict each other: wave 1 of component db -> wave 0 of component web "
            "-> wave 1 of component db (each needs the next)"
        ) in outcome.out + outcome.err
    small.write("components/db/main.jsonnet", component("db", "0"))
    small.ok("render")


def test_a_wave_that_is_no_number_is_refused_by_name(small: Workspace) -> None:
    """With what is right."""
    outcome = written(small, db="first", web=None).envctl("render")
    assert outcome.code == 1
    assert "annotation envctl.dev/wave is 'first'" in outcome.out + outcome.err
    assert 'write a whole number, as in "2" or "-1"' in outcome.out + outcome.err
