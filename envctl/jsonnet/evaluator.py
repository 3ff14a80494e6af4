"""The Evaluator port: tasks in, outcomes out, a small pool of worker processes between."""

import json
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from envctl.errors import EnvctlError
from envctl.jsonnet.deaths import describe_death, describe_limit
from envctl.jsonnet.engines import engine_named, engine_version
from envctl.jsonnet.failures import explain
from envctl.jsonnet.limits import DEFAULT_LIMITS, Limits
from envctl.jsonnet.process import Frame, Worker, WorkerLost
from envctl.jsonnet.resolver import Resolver
from envctl.jsonnet.sources import Blobs, Imports
from envctl.jsonnet.values import parse_value
from envctl.model.evaluation import Evaluation
from envctl.model.values import JsonValue
from envctl.ports import EvaluationTask

_MOST_WORKERS = 8
_BLOB_BYTES = 64 << 20


class JsonnetEvaluator:
    """Evaluates jsonnet in worker processes that start when needed and serve many tasks.

    A worker that dies, hangs or exceeds a limit fails its task and is replaced. All workers end
    with the context manager, with `close`, or with this process.
    """

    def __init__(
        self, engine: str = "gojsonnet", limits: Limits = DEFAULT_LIMITS, *, workers: int | None = None
    ) -> None:
        """Prepare an engine. Raises UsageError for an unknown one, UnavailableError for an absent one."""
        self._engine = engine_named(engine)
        self._version = engine_version(self._engine)
        self._limits = limits
        self._blobs = Blobs(_BLOB_BYTES)
        # A worker dies with the thread that started it, so each thread has its own worker.
        self._threads = ThreadPoolExecutor(workers or _processors(), thread_name_prefix="jsonnet")
        self._mine = threading.local()
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """Engine and exact version: ``gojsonnet 0.22.0``."""
        return self._version

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers. Nothing can be evaluated afterwards."""
        self._kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def evaluate(self, tasks: Sequence[EvaluationTask]) -> tuple[Evaluation, ...]:
        """The outcome of each task, in order. Raises UnavailableError where no worker can start."""
        resolvers = {id(task.tree): Resolver(task.tree) for task in tasks}
        running = [self._threads.submit(self._run, task, resolvers[id(task.tree)]) for task in tasks]
        try:
            return tuple(each.result() for each in running)
        except BaseException:
            for each in running:
                each.cancel()
            self._kill()
            raise

    def _run(self, task: EvaluationTask, resolver: Resolver) -> Evaluation:
        worker = self._worker()
        imports = Imports(task.tree, resolver, self._blobs)
        value: JsonValue = None
        failure: EnvctlError | None = None
        try:
            value = self._value(task, worker, imports)
        except EnvctlError as error:
            failure = error
        closure = dict(sorted(imports.closure.items()))
        return Evaluation(task.key, value, failure, closure)

    def _worker(self) -> Worker:
        """The worker of this thread, started where there is none that lives."""
        worker: Worker | None = getattr(self._mine, "worker", None)
        if worker is not None and worker.alive:
            return worker
        if worker is not None:
            self._drop(worker)
        worker = Worker(self._engine, self._limits)
        self._mine.worker = worker
        with self._lock:
            self._workers.add(worker)
        return worker

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def _kill(self) -> None:
        with self._lock:
            for worker in self._workers:
                worker.kill()

    def _value(self, task: EvaluationTask, worker: Worker, imports: Imports) -> JsonValue:
        """The value of a task. Raises EnvctlError that says why there is none."""
        try:
            frame = self._converse(task, worker, imports)
        except WorkerLost as lost:
            raise describe_death(lost, task.key, self._limits) from None
        if frame.kind == b"L":
            name, reached = json.loads(frame.body)
            raise describe_limit(name, reached, task.key, self._limits)
        if frame.kind == b"E":
            text = frame.body.decode(errors="replace")
            raise explain(text, task.key, imports.read, imports.refusal)
        return parse_value(frame.body, task.key, self._limits)

    def _converse(self, task: EvaluationTask, worker: Worker, imports: Imports) -> Frame:
        """Send a task, answer its imports, and return the frame that ends it. Raises WorkerLost."""
        deadline = time.monotonic() + self._limits.wall
        worker.begin(task.code, deadline)
        while True:
            frame = worker.receive(deadline)
            if frame.kind != b"I":
                return frame
            directory, wanted = json.loads(frame.body)
            found = imports.find(directory, wanted)
            if found:
                worker.answer(found.path, found.blob, found.contents, deadline)
            else:
                worker.send(b"N", b"", deadline)


def _processors() -> int:
    """How many workers are worth having on this machine."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _MOST_WORKERS)
