"""Probes: the same component with other config, on every engine."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.config.snippet import PROBES, other_config, probe_code
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.ports import EvaluationTask
from tests.support.engines import engine_names
from tests.support.trees import MemoryTree

MAIN = "components/web/main.jsonnet"
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a"])
CONFIG = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner)),
)


def probed(engine: str, component: str, config: dict[str, Any]) -> list[Any]:
    """The objects with each probe, None where it does not evaluate."""
    tree = MemoryTree({MAIN: component.encode()})
    tasks = [EvaluationTask(each, probe_code(MAIN, config, each), tree) for each in PROBES]
    with JsonnetEvaluator(engine, workers=1) as evaluator:
        outcomes = evaluator.evaluate(tasks)
    return [None if each.error else each.value["objects"] for each in outcomes]  # type: ignore[call-overload,index]


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize(
    ("component", "config", "objects"),
    {
        "each type by itself": (
            "{ config:: { n: 1, s: 'a', b: true, z: null }, out: $.config }",
            {},
            [
                {"out": {"n": 2, "s": "a", "b": True, "z": None}},
                {"out": {"n": 1, "s": "ax", "b": True, "z": None}},
                {"out": {"n": 1, "s": "a", "b": False, "z": None}},
            ],
        ),
        "in lists and objects": (
            "{ config:: { l: [1, { m: 2 }] }, out: $.config.l }",
            {},
            [{"out": [2, {"m": 3}]}, {"out": [1, {"m": 2}]}, {"out": [1, {"m": 2}]}],
        ),
        "config that is given": (
            "{ config:: { n: error 'needed' }, out: $.config.n }",
            {"n": 4},
            [{"out": 5}, {"out": 4}, {"out": 4}],
        ),
        "hidden config and functions stay": (
            "{ config:: { n: 1, h:: 7, f(x):: x + 1 }, out: [$.config.n, $.config.h, $.config.f(1)] }",
            {},
            [{"out": [2, 7, 2]}, {"out": [1, 7, 2]}, {"out": [1, 7, 2]}],
        ),
        "no config": ("{ out: 1 }", {}, [{"out": 1}, {"out": 1}, {"out": 1}]),
        "a function": (
            "function(x=1) { config:: { n: 1 }, out: $.config.n }",
            {},
            [{"out": 2}, {"out": 1}, {"out": 1}],
        ),
        "a value that must be this one": (
            "{ config:: { s: 'a' }, out: { a: 1 }[$.config.s] }",
            {},
            [{"out": 1}, None, {"out": 1}],
        ),
    }.values(),
    ids=["types", "nested", "given", "hidden", "none", "function", "fails"],
)
def test_a_probe_changes_every_value_of_one_type(
    engine: str, component: str, config: dict[str, Any], objects: list[Any]
) -> None:
    """And nothing else, so what differs depends on config."""
    assert probed(engine, component, config) == objects


@given(CONFIG)
def test_other_config_differs_in_each_value_of_the_type_and_in_no_other(config: dict[str, Any]) -> None:
    """As the probes do it inside jsonnet."""
    for probe, kind in {"number": int, "string": str, "boolean": bool}.items():
        before, after = list(scalars(config)), list(scalars(other_config(config, probe)))
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            assert (json.dumps(old) != json.dumps(new)) is (type(old) is kind)


def scalars(value: Any) -> Any:
    if isinstance(value, dict):
        for each in value.values():
            yield from scalars(each)
    elif isinstance(value, list):
        for each in value:
            yield from scalars(each)
    else:
        yield value
