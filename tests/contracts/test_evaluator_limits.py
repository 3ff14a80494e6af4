"""Hostile programs: each ends in time, with its own message, and the next task is served."""

from collections.abc import Iterator

import pytest

from envctl.errors import InputError, UnavailableError
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.jsonnet.limits import Limits
from envctl.model.evaluation import Evaluation
from envctl.ports import EvaluationTask
from tests.support.engines import engine_names
from tests.support.trees import MemoryTree

MIB = 1 << 20
TIME = "killed after 1 s of wall clock"
MEMORY = "out of memory (limit 96 MiB)"
# Where memory is small, it depends on the moment whether the stack or what it holds has no more room.
DEPTH = {"the engine's stack is exhausted", MEMORY}
DOUBLING = "; ".join(
    [
        "local a0 = [std.repeat('x', 10000)]",
        *(f"local a{n} = [a{n - 1}, a{n - 1}]" for n in range(1, 41)),
        "a40",
    ]
)

KILLED = [
    pytest.param("-" * 500_000 + "1", id="500,000 minus signs"),
    pytest.param("local f(n) = if n < 2 then n else f(n - 1) + f(n - 2); f(60)", id="exponential time"),
    pytest.param(
        "local t(n) = std.trace(std.repeat('x', 9999), 0) + t(n + 1); [t(0) for x in std.range(1, 1e6)]",
        id="endless printing",
    ),
]

EXHAUSTED = [
    pytest.param(
        "local f(s, n) = if n == 0 then s else f(s + s, n - 1); f('x', 60)", {MEMORY}, id="string doubling"
    ),
    pytest.param("std.makeArray(1e9, function(i) i)", {MEMORY}, id="huge array"),
    pytest.param("std.range(0, 1e9)", {MEMORY}, id="huge range"),
    pytest.param("std.repeat('x', 1000000000)", {MEMORY}, id="huge repetition"),
    pytest.param("std.join('', std.makeArray(1e8, function(i) 'x'))", {MEMORY}, id="huge join"),
    pytest.param(DOUBLING, {MEMORY}, id="shared nodes, 2^40 in the output"),
    pytest.param("local f(x) = f(x + 1) tailstrict; f(0)", DEPTH, id="tailstrict loop"),
    pytest.param("[" * 200_000, DEPTH, id="200,000 open brackets"),
    pytest.param("(" * 200_000 + "1" + ")" * 200_000, DEPTH, id="200,000 parentheses"),
]

TOLD = [
    pytest.param("std.range(0, 1e10)", "Expected an integer, but got 1e+10", id="range beyond integers"),
    pytest.param(
        "std.repeat('x', 1e10)", "Expected an integer, but got 1e+10", id="repetition beyond integers"
    ),
    pytest.param(
        "local f(x) = f(x + 1); f(0)",
        "the evaluation does not end: functions or fields call each other without end",
        id="endless recursion",
    ),
    pytest.param(
        "local a = { b: a }; a",
        "the evaluation does not end: functions or fields call each other without end",
        id="endless object",
    ),
    pytest.param("1e308 * 10", "a number is too large", id="overflow"),
    pytest.param(
        "[std.toString(i) + '{}' for i in std.range(1, 10000)]".format("x" * 100),
        "the output of gateway in prod has 1.058 MiB, the limit is 1 MiB",
        id="output",
    ),
    pytest.param(
        "local f(n) = if n == 0 then [] else [f(n - 1)]; f(150)",
        "the value of gateway in prod is nested deeper than 100 levels",
        id="depth",
    ),
]

# The same programs on the other engines, whose ends differ: by memory, clock, signal, or their own words.
CLOCK = "killed after 2 s of wall clock"
CRASH = "the engine crashed by signal SIGSEGV"
ENDLESS = "the evaluation does not end: functions or fields call each other without end"
NESTED = "the code is nested too deeply"
SOON = {MEMORY, CLOCK, CRASH}
OTHERWISE = {
    ("jsonnet", "200,000 open brackets"): NESTED,
    ("jsonnet", "200,000 parentheses"): NESTED,
    ("rjsonnet", "endless printing"): ENDLESS,
    ("rjsonnet", "range beyond integers"): "10000000000 is too large or too small a number here",
    **{(engine, "endless recursion"): ENDLESS for engine in ("jsonnet", "rjsonnet")},
    **{(engine, "endless object"): ENDLESS for engine in ("jsonnet", "rjsonnet")},
    **{(engine, "overflow"): "a number is too large" for engine in ("jsonnet", "rjsonnet")},
    ("rjsonnet", "output"): "the output of gateway in prod has 1.067 MiB, the limit is 1 MiB",
    ("jsonnet", "depth"): "the value of gateway in prod is nested deeper than 100 levels",
    ("rjsonnet", "depth"): "the value of gateway in prod is nested deeper than 100 levels",
}


@pytest.fixture(scope="module", params=[each for each in engine_names() if each.id != "gojsonnet"])
def other(request: pytest.FixtureRequest) -> Iterator[tuple[str, JsonnetEvaluator]]:
    """Another engine than the default, with little memory and little time."""
    limits = Limits(wall=2, memory=96 * MIB, output=MIB, depth=100)
    with JsonnetEvaluator(request.param, limits, workers=1) as engine:
        yield request.param, engine


@pytest.fixture(scope="module")
def patient() -> Iterator[JsonnetEvaluator]:
    """Little memory, so that hostile programs exhaust it soon."""
    limits = Limits(wall=60, memory=96 * MIB, output=MIB, depth=100)
    with JsonnetEvaluator(limits=limits, workers=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def hasty() -> Iterator[JsonnetEvaluator]:
    """Little time."""
    with JsonnetEvaluator(limits=Limits(wall=1), workers=1) as engine:
        yield engine


def run(engine: JsonnetEvaluator, code: str) -> Evaluation:
    """The outcome of a hostile program, which an honest one follows on the same worker."""
    tree = MemoryTree({"lib/x": "42"})
    hostile, honest = engine.evaluate(
        [EvaluationTask("gateway in prod", code, tree), EvaluationTask("web in prod", "import 'x'", tree)]
    )
    assert (honest.value, honest.error) == (42, None)
    return hostile


def ended(outcome: Evaluation, reasons: set[str]) -> None:
    assert isinstance(outcome.error, InputError)
    assert outcome.error.summary in {f"gateway in prod could not be evaluated: {each}" for each in reasons}
    assert outcome.error.hint.startswith("look for ")
    assert outcome.value is None


@pytest.mark.parametrize(("code", "reasons"), EXHAUSTED)
def test_a_program_that_exhausts_memory_loses_only_its_own_task(
    patient: JsonnetEvaluator, code: str, reasons: set[str]
) -> None:
    """The error names the task and the reason, and says what to look for.

    Writer's fault rows 23, 24 and 25: a tailstrict loop, 2^40 texts in the output, 200,000 brackets.
    """
    ended(run(patient, code), reasons)


@pytest.mark.parametrize("code", KILLED)
def test_a_program_that_does_not_end_loses_only_its_own_task(hasty: JsonnetEvaluator, code: str) -> None:
    """It is killed when its time is over, whatever it does meanwhile.

    Writer's fault row 23: within the seconds that are set.
    """
    ended(run(hasty, code), {TIME})


@pytest.mark.parametrize(("code", "summary"), TOLD)
def test_a_limit_inside_the_language_is_told_by_its_own_message(
    patient: JsonnetEvaluator, code: str, summary: str
) -> None:
    """These leave the worker alive.

    Writer's fault row 23: endless recursion.
    """
    worker = next(iter(patient._workers), None)
    outcome = run(patient, code)
    assert isinstance(outcome.error, InputError)
    assert outcome.error.summary == summary
    assert worker is None or patient._workers == {worker}


@pytest.mark.parametrize(
    ("name", "code"),
    [pytest.param(each.id, each.values[0], id=each.id) for each in EXHAUSTED + KILLED + TOLD],
)
def test_every_hostile_program_is_contained_with_the_other_engines_too(
    other: tuple[str, JsonnetEvaluator], name: str, code: str
) -> None:
    """By a limit of the worker, or by a message of the engine; the next task is served."""
    engine, evaluator = other
    outcome = run(evaluator, code)
    if (engine, name) in OTHERWISE:
        assert isinstance(outcome.error, InputError)
        assert outcome.error.summary == OTHERWISE[engine, name]
    else:
        ended(outcome, SOON)


@pytest.mark.parametrize(
    ("code", "path"), [("std.pow(10, 400)", "$"), ("{ a: [1, std.pow(10, 400)] }", "$.a[1]")]
)
def test_an_engine_that_writes_infinity_is_refused_by_its_path(code: str, path: str) -> None:
    """rjsonnet hands on what JSON cannot carry."""
    with JsonnetEvaluator("rjsonnet", workers=1) as engine:
        (outcome,) = engine.evaluate([EvaluationTask("gateway in prod", code, MemoryTree({}))])
    assert str(outcome.error) == (
        f"{path}: gateway in prod has a number that is infinite or not a number, which JSON cannot carry"
    )


def test_the_closure_of_a_killed_evaluation_is_kept(patient: JsonnetEvaluator) -> None:
    """The files that it imported decided its end as well."""
    tree = MemoryTree({"lib/bomb.libsonnet": "local f(x) = f(x + 1) tailstrict; f(0)"})
    (outcome,) = patient.evaluate([EvaluationTask("gateway in prod", "import 'bomb.libsonnet'", tree)])
    assert outcome.error is not None
    assert set(outcome.closure) == {"bomb.libsonnet", "lib/bomb.libsonnet"}


def test_memory_that_does_not_suffice_to_start_is_no_fault_of_a_component() -> None:
    """The engine's runtime takes more than this before it evaluates anything."""
    limits = Limits(memory=-1000 * MIB)
    with JsonnetEvaluator(limits=limits) as engine, pytest.raises(UnavailableError) as caught:
        engine.evaluate([EvaluationTask("gateway in prod", "1", MemoryTree({}))])
    assert caught.value.summary.startswith(
        "a worker process with the jsonnet engine gojsonnet did not start: "
    )
    assert caught.value.hint == "the memory limit may be too small, or the engine may not fit this machine"


def test_the_kernel_ends_what_uses_too_much_processor_time() -> None:
    """The second clock, for a machine so busy that the first one hardly moves."""
    with JsonnetEvaluator(limits=Limits(cpu=0), workers=1) as engine:
        ended(run(engine, "-" * 500_000 + "1"), {"killed after 0 s of processor time"})
