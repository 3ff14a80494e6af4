"""Why a worker died, told from its exit status and its last words."""

import signal

import pytest

from envctl.jsonnet.deaths import describe_death, describe_limit
from envctl.jsonnet.limits import Limits
from envctl.jsonnet.process import WorkerLost

GROWTH = "look for a string, array or object that doubles itself, or a recursion without end"
TIME = f"{GROWTH}; or raise evaluation.seconds in envctl.yaml"
MEMORY = f"{GROWTH}; or raise evaluation.memory in envctl.yaml"
RECURSION = "look for a recursion without a last step, or code nested thousands of levels deep"


@pytest.mark.parametrize(
    ("timed_out", "status", "noise", "reason", "hint"),
    [
        pytest.param(True, -9, b"", "killed after 60 s of wall clock", TIME, id="our deadline"),
        pytest.param(False, -14, b"", "killed after 60 s of wall clock", TIME, id="its own alarm"),
        pytest.param(False, -24, b"", "killed after 120 s of processor time", TIME, id="processor time"),
        pytest.param(
            False,
            2,
            b"TRACE: x\nruntime: out of memory: cannot allocate 8-byte block\nfatal error: out of memory\n\ngoroutine 17",
            "out of memory (limit 2 GiB)",
            MEMORY,
            id="heap",
        ),
        pytest.param(
            False,
            2,
            b"fatal error: runtime: cannot allocate memory\n",
            "out of memory (limit 2 GiB)",
            MEMORY,
            id="runtime",
        ),
        pytest.param(
            False,
            2,
            b"fatal error: out of memory\n\nruntime stack:\nruntime.stackalloc(0x2000)\n",
            "the engine's stack is exhausted",
            RECURSION,
            id="stack that memory cannot hold",
        ),
        pytest.param(
            False,
            2,
            b"runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n",
            "the engine's stack is exhausted",
            RECURSION,
            id="stack beyond its own limit",
        ),
        pytest.param(
            False,
            -6,
            b"runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n",
            "out of memory (limit 2 GiB)",
            MEMORY,
            id="no room for a thread",
        ),
        pytest.param(
            False, -11, b"", "the engine crashed by signal SIGSEGV", RECURSION, id="segmentation fault"
        ),
        pytest.param(
            False,
            -9,
            b"",
            "its process was killed from outside",
            "the machine may be out of memory; try again",
            id="killed by somebody else",
        ),
        pytest.param(
            False, 3, b"one\ntwo\n", "the engine ended with exit status 3", "its last words: two", id="exit"
        ),
        pytest.param(False, 0, b"", "the engine ended with exit status 0", "", id="silent exit"),
    ],
)
def test_a_death_names_the_task_and_the_reason(
    *, timed_out: bool, status: int, noise: bytes, reason: str, hint: str
) -> None:
    """The hint says what to look for in the program."""
    lost = WorkerLost(timed_out=timed_out, status=status, noise=noise)
    error = describe_death(lost, "gateway in prod", Limits())
    assert (error.summary, error.hint) == (f"gateway in prod could not be evaluated: {reason}", hint)


def test_limits_that_the_worker_finds_itself_are_told_alike() -> None:
    """Output that is too large, and memory that ran out outside the engine."""
    limits = Limits(output=1 << 20, memory=1 << 30)
    large = describe_limit("output", 3 << 20, "gateway in prod", limits)
    assert str(large) == f"the output of gateway in prod has 3 MiB, the limit is 1 MiB\nhint: {GROWTH}"
    memory = describe_limit("memory", 0, "gateway in prod", limits)
    assert (
        str(memory) == f"gateway in prod could not be evaluated: out of memory (limit 1 GiB)\nhint: {MEMORY}"
    )


def test_every_signal_has_a_name() -> None:
    """A worker can die of any."""
    for each in signal.Signals:
        lost = WorkerLost(timed_out=False, status=-each, noise=b"")
        assert describe_death(lost, "key", Limits()).summary.startswith("key could not be evaluated: ")
