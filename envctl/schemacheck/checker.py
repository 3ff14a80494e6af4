"""The SchemaChecker port: one process with limits, started when a check first needs it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envctl.config.validation import Finding
from envctl.errors import EnvctlError, InputError, Problem, UnavailableError
from envctl.model.values import JsonValue
from envctl.ports import SchemaChecker
from envctl.schemacheck.worker import HEADER, pack

_PROGRAM = Path(__file__).with_name("worker.py")
_PACKAGE = _PROGRAM.parents[2]
_START_SECONDS = 30
_MIB = 1024 * 1024
_RESERVE = 512 * _MIB  # address space of Python and its libraries before a check begins
_HINT = (
    "look for a pattern with one repetition inside another, like (a+)+, or a $ref that multiplies itself; "
    "or raise evaluation.{} in envctl.yaml"
)


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What one check may use: seconds on the clock, bytes of memory."""

    seconds: float = 60
    memory: int = 2048 * _MIB


class ProcessSchemaChecker(SchemaChecker):
    """Checks in a process of its own, which ends with `close` or with this process.

    A config whose check had to be stopped is not tried again with that schema: each environment would
    wait for it anew. Safe for many threads; one check runs at a time.
    """

    def __init__(self, limits: CheckLimits | None = None) -> None:
        self._limits = limits or CheckLimits()
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._stopped: dict[tuple[bytes, str], str] = {}

    @property
    def started(self) -> bool:
        """Whether a check has needed the process so far."""
        return self._worker is not None

    def close(self) -> None:
        """End the process. The next check would start another one."""
        with self._lock:
            self._drop()

    def check(self, config: JsonValue, schema: bytes, path: str, key: str) -> tuple[Finding, ...]:
        with self._lock:
            asked = (schema, json.dumps(config, sort_keys=True))
            if asked in self._stopped:
                before = self._stopped[asked]
                reason = f"the config of {key} was not checked: {path} had to be stopped for {before}"
                raise InputError(reason, place=path, hint=_HINT.format("seconds"))
            return self._answered(config, schema, path, key)

    def _answered(self, config: JsonValue, schema: bytes, path: str, key: str) -> tuple[Finding, ...]:
        task = {"config": config, "schema": schema.decode("utf-8", "surrogateescape"), "path": path}
        try:
            answer = self._ask(task)
        except _LostError as lost:
            self._drop()
            if not lost.by_others:
                self._stopped[schema, json.dumps(config, sort_keys=True)] = key
            raise self._death(lost, path, key) from None
        if "error" in answer:
            summary, place, hint, problems = answer["error"]
            found = tuple(Problem(*each) for each in problems)
            raise InputError(summary, place=place, hint=hint, problems=found)
        if "limit" in answer:
            self._drop()
            self._stopped[schema, json.dumps(config, sort_keys=True)] = key
            raise self._too_large(path, key)
        return tuple(
            Finding(tuple(where), reason, hint, missing)
            for where, reason, hint, missing in answer["findings"]
        )

    def _ask(self, task: Any) -> Any:
        """The answer to a task. A process that was lost between two tasks is replaced."""
        if self._worker and self._worker.is_gone:
            self._drop()
        if self._worker is None:
            self._worker = _Worker(self._limits)
        try:
            return self._worker.ask(task, self._limits.seconds)
        except KeyboardInterrupt:  # its answer is still to come, and would be taken for the next one
            self._drop()
            raise

    def _drop(self) -> None:
        if self._worker:
            self._worker.close()
        self._worker = None

    def _death(self, lost: "_LostError", path: str, key: str) -> EnvctlError:
        if lost.timed_out:
            reason = f"stopped after {self._limits.seconds:g} s"
            return InputError(_unchecked(key, reason), place=path, hint=_HINT.format("seconds"))
        if lost.by_others:
            reason = "its process was killed from outside"
            return UnavailableError(
                _unchecked(key, reason), place=path, hint="the machine may be out of memory"
            )
        return self._too_large(path, key)

    def _too_large(self, path: str, key: str) -> InputError:
        reason = f"out of memory (limit {self._limits.memory // _MIB} MiB)"
        return InputError(_unchecked(key, reason), place=path, hint=_HINT.format("memory"))


def _unchecked(key: str, reason: str) -> str:
    return f"the config of {key} could not be checked: {reason}"


class _LostError(Exception):
    """The process is gone, or was stopped because its time was over."""

    def __init__(self, *, timed_out: bool, status: int) -> None:
        super().__init__("the process is gone")
        self.timed_out = timed_out
        self.status = status

    @property
    def by_others(self) -> bool:
        """Whether somebody else killed it, so that the schema may be innocent."""
        return not self.timed_out and self.status in {-signal.SIGKILL, -signal.SIGTERM}


class _Worker:
    """The process, and the socket to it."""

    def __init__(self, limits: CheckLimits) -> None:
        """Start it and wait for its first word. Raises UnavailableError where it cannot start."""
        self._link, theirs = socket.socketpair()
        with theirs:
            self._process = _start(limits, theirs)
        try:
            self._receive(time.monotonic() + _START_SECONDS)
        except _LostError as lost:
            self.close()
            raise UnavailableError(
                f"the process that checks config did not start (exit status {lost.status})",
                hint="the machine may be out of memory or processes",
            ) from lost

    @property
    def is_gone(self) -> bool:
        return self._process.poll() is not None

    def ask(self, task: Any, seconds: float) -> Any:
        """The answer to a task. Raises _LostError."""
        deadline = time.monotonic() + seconds
        try:
            self._link.settimeout(seconds)
            self._link.sendall(pack(task))
        except TimeoutError:
            raise self._lost(timed_out=True) from None
        except OSError:
            raise self._lost() from None
        return self._receive(deadline)

    def _receive(self, deadline: float) -> Any:
        (length,) = HEADER.unpack(self._take(HEADER.size, deadline))
        return json.loads(self._take(length, deadline))

    def _take(self, size: int, deadline: float) -> bytes:
        taken = bytearray()
        while len(taken) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._lost(timed_out=True)
            self._link.settimeout(left)
            try:
                chunk = self._link.recv(size - len(taken))
            except TimeoutError:
                continue
            except OSError:
                chunk = b""
            if not chunk:
                raise self._lost()
            taken += chunk
        return bytes(taken)

    def _lost(self, *, timed_out: bool = False) -> _LostError:
        if not timed_out:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        self.close()
        return _LostError(timed_out=timed_out, status=self._process.returncode)

    def close(self) -> None:
        """Kill the process, reap it, and close the socket."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._process.wait()
        self._link.close()


def _start(limits: CheckLimits, link: socket.socket) -> "subprocess.Popen[bytes]":
    # The same modules as here, and nothing from the folder that somebody happens to stand in.
    path = [each for each in sys.path if os.path.isabs(each)]  # noqa: PTH117
    options = {
        "path": list(dict.fromkeys([*path, str(_PACKAGE)])),
        "memory": _RESERVE + limits.memory,
        "seconds": limits.seconds,
    }
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM), json.dumps(options)],
            stdin=link.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
            start_new_session=True,
            umask=0o077,
        )
    except OSError as error:
        raise UnavailableError(
            f"the process that checks config cannot be started: {error.strerror}",
            hint="the machine may be out of memory or processes",
        ) from error
