"""Native functions inside a confined worker, with every engine."""

from collections.abc import Iterator

import pytest

from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.model.evaluation import Evaluation
from envctl.ports import EvaluationTask
from tests.support.engines import engine_names
from tests.support.trees import MemoryTree


@pytest.fixture(scope="module", params=engine_names())
def evaluator(request: pytest.FixtureRequest) -> Iterator[JsonnetEvaluator]:
    """One worker of each engine."""
    with JsonnetEvaluator(request.param, workers=1) as engine:
        yield engine


def one(engine: JsonnetEvaluator, code: str) -> Evaluation:
    tree = MemoryTree({"lib/n.libsonnet": "function(name, x)\n  std.native(name)(x)"})
    (outcome,) = engine.evaluate([EvaluationTask("gateway in prod", code, tree)])
    return outcome


CALLS = [
    ("sha256", "'a'", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ("parseJson", '\'{"a": [1, 2.5, null, true, {"ü": []}]}\'', {"a": [1, 2.5, None, True, {"ü": []}]}),
    ("parseYaml", "'a: yes\\n---\\n- 010\\n'", [{"a": "yes"}, [8]]),
    ("manifestJsonFromJson", "'[1]', 2", "[\n  1\n]\n"),
    ("manifestYamlFromJson", "'{\"a\": 3e7}'", "a: 3e+07\n"),
    ("escapeStringRegex", "'a.b'", "a\\.b"),
    ("regexMatch", "'b+', 'abbc'", True),
    ("regexSubst", "'(b+)', 'abbc', '<$1>'", "a<bb>c"),
]


@pytest.mark.parametrize(("name", "arguments", "value"), CALLS, ids=[each[0] for each in CALLS])
def test_a_native_function_gives_the_same_value_with_every_engine(
    evaluator: JsonnetEvaluator, name: str, arguments: str, value: object
) -> None:
    """In a worker that can open no file but those of the functions."""
    outcome = one(evaluator, f"std.native('{name}')({arguments})")
    assert (outcome.value, outcome.error) == (value, None)


@pytest.mark.parametrize(
    ("code", "summary", "hint"),
    [
        pytest.param(
            "std.native('sha256')(1)",
            "std.native('sha256') failed: the argument str must be a string, not a number",
            "",
            id="wrong type",
        ),
        pytest.param(
            "std.native('parseJson')('{')",
            "std.native('parseJson') failed: the argument json is no JSON: "
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            "",
            id="wrong text",
        ),
        pytest.param(
            "std.native('helmTemplate')('a')",
            "null is called like a function",
            "std.native gives null for a function that envctl does not have",
            id="unknown",
        ),
    ],
)
def test_a_native_that_fails_says_so_in_the_same_words(
    evaluator: JsonnetEvaluator, code: str, summary: str, hint: str
) -> None:
    """Whatever the engine makes of the exception; the next task is served."""
    error = one(evaluator, code).error
    assert error is not None
    assert (error.summary, error.hint) == (summary, hint)
    assert one(evaluator, "1").value == 1


def test_a_missing_argument_is_named(evaluator: JsonnetEvaluator) -> None:
    """By a letter with the C++ engine, whose binding cannot keep names."""
    error = one(evaluator, "std.native('sha256')()").error
    assert error is not None
    name = "a" if evaluator.version.startswith("jsonnet ") else "str"
    assert error.summary == f"the call does not give the argument {name}"


def test_a_native_that_fails_is_told_at_its_place(evaluator: JsonnetEvaluator) -> None:
    """The line of the call."""
    error = one(evaluator, "{ a: (import 'n.libsonnet')('sha256', null) }").error
    assert error is not None
    assert error.place.startswith("lib/n.libsonnet:2:3")


def test_a_failed_native_leaves_no_trace_in_the_next_task(evaluator: JsonnetEvaluator) -> None:
    """The failure of the next one is its own."""
    assert one(evaluator, "std.native('sha256')(1)").error is not None
    assert str(one(evaluator, "error 'no'").error) == "gateway in prod: no"
