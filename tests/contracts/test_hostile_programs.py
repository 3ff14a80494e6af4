"""Hostile programs for every engine: each has its own message, and the next task is served.

What exhausts memory, time and stack in the plainest ways is in test_evaluator_limits.
"""

from collections.abc import Iterator

import pytest

from envctl.errors import InputError
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.jsonnet.limits import Limits
from envctl.ports import EvaluationTask
from tests.support.engines import engine_names
from tests.support.hostile_programs import PROGRAMS, STRANGE, Hostile, Strange
from tests.support.trees import MemoryTree

MIB = 1 << 20
ENDS = (
    "out of memory (limit 192 MiB)",
    "killed after 1.5 s of wall clock",
    "the engine's stack is exhausted",
    "the engine crashed by signal SIGSEGV",
)
TREE = MemoryTree(
    {
        "lib/x": "42",
        "lib/self.libsonnet": "import 'self.libsonnet'",
        "lib/ping.libsonnet": "import 'pong.libsonnet'",
        "lib/pong.libsonnet": "import 'ping.libsonnet'",
        "lib/lfs.libsonnet": "version https://git-lfs.github.com/spec/v1\noid sha256:CANARY\nsize 1\n",
        "lib/png": bytes(range(256)),
        "lib/elf": b"\x7fELF" + bytes(range(128, 256)),
        "lib/utf16": "{ a: 1 }".encode("utf-16"),
        "lib/huge": b"x" * (100 * MIB),
        **{f"lib/many/{n}.libsonnet": f"import 'many/{n + 1}.libsonnet'" for n in range(3000)},
        "lib/many/3000.libsonnet": "'end'",
    },
    links={"lib/link", "lib/folder"},
    submodules={"vendor/sub"},
)


@pytest.fixture(scope="module", params=engine_names())
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[str, JsonnetEvaluator]]:
    """An engine with little memory and little time."""
    limits = Limits(wall=1.5, memory=192 * MIB, output=MIB, depth=100)
    with JsonnetEvaluator(request.param, limits, workers=1) as evaluator:
        yield request.param, evaluator


@pytest.mark.parametrize("hostile", PROGRAMS, ids=lambda each: each.name)
def test_a_hostile_program_is_contained_with_its_own_message(
    engine: tuple[str, JsonnetEvaluator], hostile: Hostile
) -> None:
    """A typed error that names the task and the reason and shows no bytes of what it reached for.

    Writer's fault rows 22, 23, 24, 25 and 26: what it would read, use up, crash or ask for.
    """
    name, evaluator = engine
    tasks = [
        EvaluationTask("gateway in prod", hostile.code, TREE),
        EvaluationTask("web in prod", "import 'x'", TREE),
    ]
    outcome, honest = evaluator.evaluate(tasks)
    assert (honest.value, honest.error) == (42, None)
    assert isinstance(outcome.error, InputError)
    assert "gateway in prod" in str(outcome.error)
    assert not any(secret in str(outcome.error) for secret in ("CANARY", "root:", "\x1b"))
    told = hostile.otherwise.get(name, hostile.told)
    ends = {f"gateway in prod could not be evaluated: {each}" for each in ENDS}
    if told is None or (hostile.slow and outcome.error.summary in ends):
        assert outcome.error.summary in ends
    else:
        assert outcome.error.summary.startswith(told)


@pytest.mark.parametrize("strange", STRANGE, ids=lambda each: each.name)
def test_what_only_looks_hostile_has_its_value(
    engine: tuple[str, JsonnetEvaluator], strange: Strange
) -> None:
    """Or the engine that has none says why."""
    name, evaluator = engine
    (outcome,) = evaluator.evaluate([EvaluationTask("gateway in prod", strange.code, TREE)])
    said = outcome.error.summary if outcome.error else outcome.value
    assert said == strange.otherwise.get(name, strange.value)


def test_there_are_forty_hostile_programs_for_every_engine() -> None:
    """Each another one; what only looks hostile is not counted."""
    codes = {hostile.code for hostile in PROGRAMS}
    assert (len(codes), len(codes) >= 40) == (len(PROGRAMS), True)
