"""The Evaluator port: tasks in, outcomes out, a small pool of worker processes between."""

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from operator import itemgetter
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from envctl.errors import InputError, UnavailableError
from envctl.jsonnet.batches import Batch, queued
from envctl.jsonnet.deaths import describe_death, describe_limit
from envctl.jsonnet.dialects import go_form
from envctl.jsonnet.engines import engine_named, engine_version
from envctl.jsonnet.failures import explain
from envctl.jsonnet.flow import Done, Flow
from envctl.jsonnet.limits import DEFAULT_LIMITS, Limits
from envctl.jsonnet.process import Frame, Worker, WorkerLost
from envctl.jsonnet.resolver import Resolver
from envctl.jsonnet.sources import Blobs, Imports
from envctl.jsonnet.values import parse_value
from envctl.jsonnet.words import visible
from envctl.model.evaluation import Evaluation
from envctl.model.values import JsonValue
from envctl.ports import EvaluationTask, Executor, SchemaChecker

_MOST_WORKERS = 8
_BLOB_BYTES = 64 << 20


class JsonnetEvaluator:
    """Evaluates jsonnet in worker processes that start when needed and serve many tasks.

    A worker that dies, hangs or exceeds a limit fails its task and is replaced. All workers end
    with the context manager, with `close`, or with this process.
    """

    def __init__(
        self,
        engine: str = "gojsonnet",
        limits: Limits = DEFAULT_LIMITS,
        *,
        workers: int | None = None,
        executor: Executor | None = None,
        schemas: SchemaChecker | None = None,
    ) -> None:
        """Prepare an engine; without `schemas` nothing can be checked.

        `workers` processes at most, by default one for each processor, eight at most. Another
        `executor` is shut down with the evaluator; `workers` is then how many it runs at once.

        Raises UsageError for an unknown engine, UnavailableError for an absent one.
        """
        self._engine = engine_named(engine)
        self._version = engine_version(self._engine)
        self._limits = limits
        self._schemas = schemas
        self._blobs = Blobs(_BLOB_BYTES)
        self._width = workers or _processors()
        # A worker dies with the thread that started it, so each thread has its own worker.
        self._threads: Executor = executor or ThreadPoolExecutor(self._width, thread_name_prefix="jsonnet")
        self._mine = threading.local()
        self._prepared = False
        self._ended = threading.Event()
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """Engine and exact version: ``gojsonnet 0.22.0``."""
        return self._version

    @property
    def schemas(self) -> SchemaChecker:
        """What checks config, as it was given. Raises UnavailableError where none was."""
        if self._schemas is None:
            raise UnavailableError("this evaluator was made without a checker of schemas")
        return self._schemas

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

    def prepare(self) -> None:
        """Start one worker in the background. One that cannot start is told by the first task."""
        if not self._prepared:
            self._prepared = True
            self._threads.submit(self._warm)

    def _warm(self) -> None:
        if getattr(self._mine, "worker", None) is None:
            self._start()

    def evaluate(self, tasks: Sequence[EvaluationTask]) -> tuple[Evaluation, ...]:
        """The outcome of each task, in order. Raises UnavailableError where no worker can start."""
        return tuple(outcome for _, outcome in sorted(self.stream(tasks), key=itemgetter(0)))

    def stream(self, tasks: Sequence[EvaluationTask]) -> Iterator[tuple[int, Evaluation]]:
        """As `evaluate`, each outcome when it is there; all tasks are under way from the first one on."""
        resolvers = {id(task.tree): Resolver(task.tree) for task in tasks}
        done: SimpleQueue[Future[Done]] = SimpleQueue()
        flow = Flow(self._threads, self._run_batch, resolvers, done)
        try:
            for queue in queued(tasks, self._width):
                flow.advance(queue)
            left = len(tasks)
            while left:
                each = done.get().result()
                left -= len(each.outcomes)
                yield from zip(each.batch.positions, each.outcomes, strict=True)
        except GeneratorExit:  # the caller wants no more: what runs may end
            raise
        except BaseException:
            self._kill()
            raise
        finally:
            flow.stop()

    def _run_batch(self, batch: Batch, resolver: Resolver) -> Done:
        """The outcomes of tasks that share a call; where that fails, of each by itself."""
        if len(batch.tasks) > 1:
            together = self._together(batch, resolver)
            if together is not None:
                return together
        return Done(batch, [self._run(task, resolver) for task in batch.tasks], None)

    def _together(self, batch: Batch, resolver: Resolver) -> Done | None:
        first = batch.tasks[0]
        imports = Imports(first.tree, resolver, self._blobs)
        task = EvaluationTask(first.key, batch.code, first.tree)
        deadline, worker = self._begin(task)
        try:
            values, size = self._value(task, worker, imports, deadline)
            closures = imports.closures(each.code for each in batch.tasks)
        except InputError:
            return None
        if not isinstance(values, list):
            return None
        outcomes = [
            Evaluation(each.key, value, None, closure)
            for each, value, closure in zip(batch.tasks, values, closures, strict=True)
        ]
        return Done(batch, outcomes, size // len(outcomes))

    def _run(self, task: EvaluationTask, resolver: Resolver) -> Evaluation:
        imports = Imports(task.tree, resolver, self._blobs)
        value: JsonValue = None
        failure: InputError | None = None
        deadline, worker = self._begin(task)
        try:
            value, _ = self._value(task, worker, imports, deadline)
        except InputError as error:
            failure = error
        return Evaluation(task.key, value, failure, imports.closure)

    def _begin(self, task: EvaluationTask) -> tuple[float, Worker]:
        """The worker of this thread, with the task on its way, and the task's deadline.

        A worker that was lost between two tasks is replaced: no task pays for that.
        """
        worker: Worker | None = getattr(self._mine, "worker", None)
        deadline = time.monotonic() + self._limits.wall
        if worker is not None:
            try:
                worker.begin(task.code, deadline)
            except WorkerLost:
                self._drop(worker)
            else:
                return deadline, worker
        worker = self._start()
        deadline = time.monotonic() + self._limits.wall
        try:
            worker.begin(task.code, deadline)
        except WorkerLost as lost:
            self._drop(worker)
            raise UnavailableError(
                f"two worker processes for jsonnet died before {task.key} reached them",
                hint="the machine may be out of memory; try again",
            ) from lost
        return deadline, worker

    def _start(self) -> Worker:
        if self._ended.is_set():
            raise UnavailableError("the evaluation was ended before it began")
        worker = Worker(self._engine, self._limits)
        self._mine.worker = worker
        with self._lock:
            self._workers.add(worker)
            if self._ended.is_set():  # meanwhile
                worker.kill()
        return worker

    def _drop(self, worker: Worker) -> None:
        self._mine.worker = None
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def _kill(self) -> None:
        """End what runs, and let nothing begin after it: a batch that was ended is not done one by one."""
        with self._lock:
            self._ended.set()
            for worker in self._workers:
                worker.kill()

    def _value(
        self, task: EvaluationTask, worker: Worker, imports: Imports, deadline: float
    ) -> tuple[JsonValue, int]:
        """The value of a task that was begun, and the bytes of its text. Raises InputError."""
        try:
            frame = _converse(worker, imports, deadline)
        except WorkerLost as lost:
            self._drop(worker)
            raise describe_death(lost, task.key, self._limits) from None
        if frame.kind == b"L":
            name, reached = json.loads(frame.body)
            raise describe_limit(name, reached, task.key, self._limits)
        if frame.kind in (b"E", b"X"):
            raise self._failure(frame, task.key, imports)
        return parse_value(frame.body, task.key, self._limits), len(frame.body)

    def _failure(self, frame: Frame, key: str, imports: Imports) -> InputError:
        """Why a task has no value: the engine's words, or what we refused and where that is written."""
        refusal = imports.refusal
        text = frame.body.decode(errors="replace")
        if frame.kind == b"X":
            summary, hint, text = json.loads(frame.body)
            refusal = InputError(visible(summary), hint=hint)
        if refusal and refusal is imports.refusal and not refusal.place and not self._engine.places_imports:
            refusal = InputError(refusal.summary, place=imports.last_place(), hint=refusal.hint)
        return explain(go_form(self._engine.name, text), key, imports.read, refusal)


def _converse(worker: Worker, imports: Imports, deadline: float) -> Frame:
    """Answer a worker's imports, and return the frame that ends its task. Raises WorkerLost."""
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
