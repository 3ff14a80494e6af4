"""Why a worker died, in words: the reason names the task, the hint says what to look for."""

import re
import signal

from envctl.errors import InputError
from envctl.jsonnet.limits import Limits, size_text
from envctl.jsonnet.process import WorkerLost

_STACK = re.compile(rb"stack overflow|overflowed its stack|stackalloc|goroutine stack exceeds")
_MEMORY = re.compile(
    rb"fatal error: (?:runtime: )?(?:out of memory|cannot allocate memory)|pthread_create failed|MemoryError"
    rb"|std::bad_alloc|a memory allocation error occurred|memory allocation of \d+ bytes failed"
)
_RECURSION = "look for a recursion without a last step, or code nested thousands of levels deep"
_GROWTH = "look for a string, array or object that doubles itself, or a recursion without end"
_MORE_TIME = f"{_GROWTH}; or raise evaluation.seconds in envctl.yaml"
_MORE_MEMORY = f"{_GROWTH}; or raise evaluation.memory in envctl.yaml"


def describe_death(lost: WorkerLost, key: str, limits: Limits) -> InputError:
    """The error of the task whose worker was lost."""
    reason, hint = _reason(lost, limits)
    return InputError(f"{key} could not be evaluated: {reason}", hint=hint)


def describe_limit(name: str, reached: int, key: str, limits: Limits) -> InputError:
    """The error of a task whose worker found a limit by itself, and lives."""
    if name == "output":
        return InputError(
            f"the output of {key} has {size_text(reached)}, the limit is {size_text(limits.output)}",
            hint=_GROWTH,
        )
    return InputError(f"{key} could not be evaluated: {_out_of_memory(limits)}", hint=_MORE_MEMORY)


def _reason(lost: WorkerLost, limits: Limits) -> tuple[str, str]:
    if lost.timed_out or lost.status == -signal.SIGALRM:
        return f"killed after {limits.wall:g} s of wall clock", _MORE_TIME
    if lost.status == -signal.SIGXCPU:
        return f"killed after {limits.cpu} s of processor time", _MORE_TIME
    if _STACK.search(lost.noise):
        return "the engine's stack is exhausted", _RECURSION
    if _MEMORY.search(lost.noise):
        return _out_of_memory(limits), _MORE_MEMORY
    return _crash(lost)


def _crash(lost: WorkerLost) -> tuple[str, str]:
    if lost.status == -signal.SIGKILL:
        return "its process was killed from outside", "the machine may be out of memory; try again"
    if lost.status < 0:
        return f"the engine crashed by signal {signal.Signals(-lost.status).name}", _RECURSION
    return f"the engine ended with exit status {lost.status}", _last_line(lost.noise)


def _out_of_memory(limits: Limits) -> str:
    return f"out of memory (limit {size_text(limits.memory)})"


def _last_line(noise: bytes) -> str:
    lines = noise.decode(errors="replace").strip().splitlines()
    return f"its last words: {lines[-1]}" if lines else ""
