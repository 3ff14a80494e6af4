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
from tests.support.hostile_programs import PROGRAMS, Hostile
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
    """A typed error that names the task and the reason and shows no bytes of what it reached for."""
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
    if told is None:
        assert outcome.error.summary in {f"gateway in prod could not be evaluated: {each}" for each in ENDS}
    else:
        assert outcome.error.summary.startswith(told)
