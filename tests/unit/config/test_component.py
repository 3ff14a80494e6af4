"""Component files, and the graph of dependencies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.config.component import check_dependencies, parse_component
from envctl.errors import InputError
from envctl.model.component import ComponentFile

PATH = "components/web/component.yaml"


def test_a_component_file_is_read() -> None:
    """Every key is optional."""
    text = b"description: The web\nowners: [team-a]\ndependsOn: [db, cache]\nrenderer: jsonnet\n"
    assert parse_component(text, PATH) == ComponentFile(("db", "cache"), ("team-a",), "The web")
    assert parse_component(b"", PATH) == ComponentFile()


def test_every_problem_of_a_component_file_is_told() -> None:
    """Unknown keys, renderers that are not there yet, names that come twice."""
    with pytest.raises(InputError) as caught:
        parse_component(b"dependson: [db]\nrenderer: helm\nowners: team\ndependsOn: [a, a]\n", PATH)
    assert str(caught.value) == (
        "4 problems found in components/web/component.yaml\n"
        "  components/web/component.yaml:1: dependson: unknown key (did you mean `dependsOn`?)\n"
        '  components/web/component.yaml:2: renderer: must be "jsonnet", is the text "helm" (How the component is rendered. '
        "Only jsonnet so far: helm, kustomize, yaml and terraform are not supported yet.)\n"
        '  components/web/component.yaml:3: owners: must be a list, is the text "team"\n'
        '  components/web/component.yaml:4: dependsOn: has an item twice: "a"'
    )


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        pytest.param(
            {"web": ["databse"], "database": []},
            "components/web/component.yaml: dependsOn names databse, which is not a component of this environment\n"
            "hint: did you mean `database`?",
            id="unknown",
        ),
        pytest.param(
            {"web": ["x"], "db": []},
            "components/web/component.yaml: dependsOn names x, which is not a component of this environment\n"
            "hint: components here: db",
            id="unknown, none near",
        ),
        pytest.param(
            {"web": ["web"]},
            "components/web/component.yaml: components depend on each other in a circle: web → web\n"
            "hint: remove one of these dependencies",
            id="circle of one",
        ),
        pytest.param(
            {"c": ["a"], "b": ["c"], "a": ["b"], "d": ["a"]},
            "components/a/component.yaml: components depend on each other in a circle: a → b → c → a\n"
            "hint: remove one of these dependencies",
            id="circle of three",
        ),
        pytest.param(
            {"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c", "x"]},
            "3 problems found in components/\n"
            "  components/d/component.yaml: dependsOn names x, which is not a component of this environment"
            " (components here: a, b, c)\n"
            "  components/a/component.yaml: components depend on each other in a circle: a → b → a"
            " (remove one of these dependencies)\n"
            "  components/c/component.yaml: components depend on each other in a circle: c → d → c"
            " (remove one of these dependencies)",
            id="two circles and an unknown",
        ),
    ],
)
def test_graphs_that_cannot_be_ordered_are_refused(graph: dict[str, list[str]], expected: str) -> None:
    """The cycle is printed, from its first name in the alphabet."""
    with pytest.raises(InputError) as caught:
        check_dependencies(graph)
    assert str(caught.value) == expected


def test_a_graph_of_many_levels_is_no_problem() -> None:
    """No recursion, so no limit."""
    check_dependencies({f"c{number}": [f"c{number + 1}"] for number in range(5000)} | {"c5000": []})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), unique=True)))
def test_a_graph_passes_just_when_it_can_be_ordered(graph: dict[str, list[str]]) -> None:
    """Compared with taking away, again and again, what depends on nothing."""
    graph = {name: graph.get(name, []) for name in "abcdef"}
    left = dict(graph)
    while free := [name for name in left if not set(left[name]) & set(left)]:
        for name in free:
            del left[name]
    if left:
        with pytest.raises(InputError, match="in a circle"):
            check_dependencies(graph)
    else:
        check_dependencies(graph)
