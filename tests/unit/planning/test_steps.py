"""The graph of steps: component dependencies and waves in one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.planning.steps import Step, component_levels, steps_of


@pytest.mark.parametrize(
    ("depends_on", "circle"),
    [
        pytest.param({"a": ["a"]}, "a -> a", id="itself"),
        pytest.param({"a": ["b"], "b": ["a"]}, "a -> b -> a", id="two"),
        pytest.param(
            {"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}, "b -> c -> d -> b", id="behind another"
        ),
    ],
)
def test_a_circle_is_named(depends_on: dict[str, list[str]], circle: str) -> None:
    """The error says who depends on whom."""
    with pytest.raises(InputError) as caught:
        component_levels(depends_on)
    assert caught.value.summary == f"components depend on each other in a circle: {circle}"


@given(st.dictionaries(st.sampled_from("abcdefg"), st.sets(st.sampled_from("abcdefgh"))))
def test_levels_rise_along_every_dependency(graph: dict[str, set[str]]) -> None:
    """Whatever depends on something stands higher, or there is a circle."""
    acyclic = {name: [dep for dep in sorted(deps) if dep > name] for name, deps in graph.items()}
    levels = component_levels(acyclic)
    assert all(levels[name] > levels[dep] for name, deps in acyclic.items() for dep in deps if dep in acyclic)
    assert set(levels) == set(acyclic)


def test_a_chain_of_a_thousand_components_is_no_problem() -> None:
    """No recursion, so no limit on depth."""
    chain = {f"{number:04}": [f"{number + 1:04}"] for number in range(1000)}
    assert component_levels(chain)["0000"] == 999


CIRCLES = [
    pytest.param(
        [("a", 0), ("b", 1)],
        {"a": ["b"], "b": []},
        "wave 0 of component a -> wave 1 of component b -> wave 0 of component a",
        id="what is needed stands in a later wave",
    ),
    pytest.param(
        [("a", 0), ("c", 2), ("x", 1)],
        {"a": ["b"], "b": ["c"], "c": []},
        "wave 0 of component a -> wave 2 of component c -> wave 1 of component x -> wave 0 of component a",
        id="through a component without objects, and a wave of a third one",
    ),
    pytest.param(
        [("a", -1), ("b", 0)],
        {"a": ["b"], "b": []},
        "wave -1 of component a -> wave 0 of component b -> wave -1 of component a",
        id="negative",
    ),
]


@pytest.mark.parametrize(("steps", "depends_on", "circle"), CIRCLES)
def test_a_circle_of_waves_and_dependencies_is_named(
    steps: list[tuple[str, int]], depends_on: dict[str, list[str]], circle: str
) -> None:
    """Each of the steps needs the next one, and the last one is the first."""
    with pytest.raises(InputError) as caught:
        steps_of([Step(*each) for each in steps], depends_on)
    assert caught.value.summary == (
        f"waves and dependsOn contradict each other: {circle} (each needs the next)"
    )


def test_a_step_begins_when_all_that_it_needs_is_finished() -> None:
    """A chain, a wave and a component by itself."""
    steps = [Step("db"), Step("web"), Step("web", 1), Step("docs")]
    graph = steps_of(steps, {"web": ["db"], "db": [], "docs": []})
    assert graph.ready(steps, lambda _: False) == {Step("db"), Step("docs")}
    assert graph.ready(steps, lambda step: step == Step("db")) == {Step("db"), Step("docs"), Step("web")}
    assert graph.ready(steps, lambda step: step != Step("docs")) == set(steps) - {Step("web", 1)}
    assert graph.ready(steps, lambda _: True) == set(steps)
    assert graph.needed([Step("web", 1)]) == (Step("db"), Step("docs"), Step("web"))
    assert graph.needed([Step("docs")]) == ()


def test_a_step_needs_also_what_its_needs_need() -> None:
    """The middle one is finished, as it did not change; the last one is not."""
    graph = steps_of([Step("a"), Step("b"), Step("c")], {"a": ["b"], "b": ["c"], "c": []})
    assert graph.ready([Step("a")], lambda step: step == Step("b")) == set()


PLANS = st.tuples(
    st.sets(st.tuples(st.sampled_from("abcdef"), st.integers(-2, 2)), min_size=1),
    st.dictionaries(st.sampled_from("abcdefg"), st.sets(st.sampled_from("abcdefgh"))),
)


def needs_of(step: Step, steps: set[Step], depends_on: dict[str, list[str]]) -> set[Step]:
    """What a step needs, by the words of the rules."""
    components, todo = set(), [*depends_on.get(step.component, ())]
    while todo:
        name = todo.pop()
        if name in depends_on and name not in components:
            components.add(name)
            todo += depends_on[name]
    return {each for each in steps if each.component in components or each.wave < step.wave}


@given(PLANS)
def test_nothing_begins_before_its_needs_and_everything_begins_at_last(
    plan: tuple[set[tuple[str, int]], dict[str, set[str]]],
) -> None:
    """Whatever the graph: finishing what is ready reaches every step, and never one too early, or there is a circle."""
    steps, depends_on = (
        {Step(*each) for each in plan[0]},
        {name: sorted(each) for name, each in plan[1].items()},
    )
    try:
        graph = steps_of(steps, depends_on)
    except InputError:
        return
    done: set[Step] = set()
    while done != steps:
        ready = graph.ready(steps - done, done.__contains__)
        assert ready
        for step in ready:
            assert needs_of(step, steps, depends_on) <= done
            assert all(graph.level(need) < graph.level(step) for need in needs_of(step, steps, depends_on))
        done |= ready


@given(PLANS)
def test_a_step_that_is_not_finished_stops_only_what_needs_it(
    plan: tuple[set[tuple[str, int]], dict[str, set[str]]],
) -> None:
    """All others are ready although one never finishes."""
    steps = {Step(*each) for each in plan[0]}
    depends_on = {name: sorted(dep for dep in each if dep > name) for name, each in plan[1].items()}
    try:
        graph = steps_of(steps, depends_on)
    except InputError:
        return
    stuck = min(steps)
    free = {step for step in steps if stuck not in all_needs(step, steps, depends_on)}
    assert graph.ready(steps, lambda step: step != stuck) == free


def all_needs(step: Step, steps: set[Step], depends_on: dict[str, list[str]]) -> set[Step]:
    """All that a step needs, however far."""
    found: set[Step] = set()
    todo = [step]
    while todo:
        new = needs_of(todo.pop(), steps, depends_on) - found
        found |= new
        todo += new
    return found


def test_a_thousand_components_in_two_waves_are_quick() -> None:
    """The size of the graph follows the number of steps."""
    steps = [Step(f"{number:04}", wave) for number in range(1000) for wave in (0, 1)]
    graph = steps_of(steps, {f"{number:04}": [] for number in range(1000)})
    assert graph.ready(steps, lambda _: False) == {step for step in steps if not step.wave}
    assert sum(map(len, graph.needs.values())) < 10_000
