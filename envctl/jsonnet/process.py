"""One worker process as the parent sees it: started, talked to under a deadline, and told why it died."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from envctl.errors import UnavailableError
from envctl.jsonnet.engines import Engine, engine_file, libraries
from envctl.jsonnet.limits import Limits
from envctl.jsonnet.worker import HEADER, pack

_PROGRAM = Path(__file__).with_name("worker.py")
_START_SECONDS = 30
_CHUNK = 1 << 20
_ERROR_TAIL = 64 * 1024
_FRAME_SLACK = 1 << 20
_CACHE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """What a worker says."""

    kind: bytes
    body: bytes


class WorkerLost(Exception):  # noqa: N818
    """The worker is gone or was killed. `status` is its exit status (negative: a signal)."""

    def __init__(self, *, timed_out: bool, status: int, noise: bytes) -> None:
        super().__init__("the worker is gone")
        self.timed_out = timed_out
        self.status = status
        self.noise = noise


class Worker:
    """A child process with an engine. Used by one thread at a time; `kill` may come from any.

    The thread that makes it must outlive it: the kernel kills the child with that thread.
    """

    def __init__(self, engine: Engine, limits: Limits) -> None:
        """Start the process and wait for its first word. Raises UnavailableError where it cannot start."""
        self._limits = limits
        self._noise = bytearray()
        self._buffer = bytearray()
        self._sent: set[str] = set()
        self._sent_bytes = 0
        self._process = _start(engine, limits)
        self._requests, self._answers, self._errors = _pipes(self._process)
        self._input = _unblocked(self._requests)
        self._output = _unblocked(self._answers)
        self._error = _unblocked(self._errors)
        self._greet(engine)

    def _greet(self, engine: Engine) -> None:
        try:
            self.receive(time.monotonic() + _START_SECONDS)
        except WorkerLost as lost:
            words = lost.noise.decode(errors="replace").strip().splitlines()
            raise UnavailableError(
                f"a worker process with the jsonnet engine {engine.name} did not start: "
                f"{words[-1] if words else 'it said nothing'}",
                hint="the memory limit may be too small, or the engine may not fit this machine",
            ) from lost

    def begin(self, code: str, deadline: float) -> None:
        """Send a task, and wait until it has arrived. Raises WorkerLost."""
        forget = self._sent_bytes > _CACHE_BYTES
        if forget:
            self._sent.clear()
            self._sent_bytes = 0
        limits = self._limits
        task = {
            "code": code,
            "cpu": limits.cpu,
            "wall": limits.wall,
            "output": limits.output,
            "forget": forget,
        }
        self.send(b"T", json.dumps(task).encode(), deadline)
        self.receive(deadline)

    def answer(self, path: str, blob: str, contents: bytes, deadline: float) -> None:
        """Answer an import; contents that the worker has seen are not sent again. Raises WorkerLost."""
        head = json.dumps([path, blob]).encode()
        if blob in self._sent:
            self.send(b"K", head, deadline)
            return
        self._sent.add(blob)
        self._sent_bytes += len(contents)
        self.send(b"F", head + b"\0" + contents, deadline)

    def send(self, kind: bytes, body: bytes, deadline: float) -> None:
        """Send one frame. Raises WorkerLost when the deadline passes or the worker is gone."""
        rest = memoryview(pack(kind, body))
        while rest:
            self._wait(self._input, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._input, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._lost() from None

    def receive(self, deadline: float) -> Frame:
        """The worker's next frame. Raises WorkerLost when the deadline passes or the worker is gone."""
        (length,) = HEADER.unpack(self._take(HEADER.size, deadline))
        if length > self._limits.output + _FRAME_SLACK:
            raise self._lost()
        frame = self._take(length, deadline)
        return Frame(frame[:1], frame[1:])

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._wait(self._output, select.POLLIN, deadline)
            try:
                chunk = os.read(self._output, _CHUNK)
            except BlockingIOError:
                continue
            if not chunk:
                raise self._lost()
            self._buffer += chunk
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        """Return when the descriptor is ready; meanwhile drain what the engine prints."""
        poller = select.poll()
        poller.register(descriptor, event)
        poller.register(self._error, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            ready = dict(poller.poll(max(0, left * 1000)))
            if ready.get(self._error) and self._drain() == 0:
                poller.unregister(self._error)
            if ready.get(descriptor):
                return
            if left <= 0:
                raise self._lost(timed_out=True)

    def _drain(self) -> int:
        """Read what the engine printed, and keep the end of it. Returns how many bytes came."""
        try:
            chunk = os.read(self._error, _CHUNK)
        except BlockingIOError:
            return -1
        self._noise += chunk
        del self._noise[:-_ERROR_TAIL]
        return len(chunk)

    def _lost(self, *, timed_out: bool = False) -> WorkerLost:
        """End the process, and say how it ended."""
        if not timed_out:
            # An engine that crashes closes its pipes a moment before it has an exit status.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        self.close()
        return WorkerLost(timed_out=timed_out, status=self._process.returncode, noise=bytes(self._noise))

    def kill(self) -> None:
        """Kill the process group. Returns at once; safe to call twice and from any thread."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process, reap it, and close its pipes."""
        self.kill()
        self._process.wait()
        if not self._errors.closed:
            while self._drain() > 0:
                pass
        for pipe in (self._requests, self._answers, self._errors):
            pipe.close()


def _start(engine: Engine, limits: Limits) -> "subprocess.Popen[bytes]":
    options = {
        "file": str(engine_file(engine)),
        "module": engine.module,
        "text": engine.text,
        "letters": engine.letters,
        "libraries": libraries(),
        "memory": engine.reserve + limits.memory,
        "parent": os.getpid(),
    }
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=engine.settings(limits.memory),
            start_new_session=True,
            umask=0o077,
        )
    except OSError as error:
        raise UnavailableError(
            f"a worker process for jsonnet cannot be started: {error.strerror}",
            hint="the machine may be out of memory or processes",
        ) from error


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if not (process.stdin and process.stdout and process.stderr):
        raise AssertionError("a worker is started with three pipes")
    return process.stdin, process.stdout, process.stderr


def _unblocked(pipe: IO[bytes]) -> int:
    os.set_blocking(pipe.fileno(), False)
    return pipe.fileno()
