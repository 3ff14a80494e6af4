"""Batches under way on an executor."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from envctl.jsonnet.batches import Batch, Queue
from envctl.jsonnet.resolver import Resolver
from envctl.model.evaluation import Evaluation
from envctl.ports import Executor


@dataclass(frozen=True, slots=True)
class Done:
    """A batch and its outcomes. `weight` is the bytes of one value, None where they were evaluated alone."""

    batch: Batch
    outcomes: list[Evaluation]
    weight: int | None


class Flow:
    """Keeps batches running: the end of one starts the next of its queue, whoever is waiting for what."""

    def __init__(
        self,
        executor: Executor,
        run: Callable[[Batch, Resolver], Done],
        resolvers: Mapping[int, Resolver],
        done: "SimpleQueue[Future[Done]]",
    ) -> None:
        self._executor = executor
        self._run = run
        self._resolvers = resolvers
        self._done = done
        self._running: set[Future[Done]] = set()
        self._stopped = False

    def advance(self, queue: Queue) -> None:
        """Start the next batch of a queue, if there is one."""
        batch = None if self._stopped else queue.take()
        if batch is None:
            return
        future = self._executor.submit(self._run, batch, self._resolvers[id(batch.tasks[0].tree)])
        self._running.add(future)
        future.add_done_callback(partial(self._ended, queue))

    def _ended(self, queue: Queue, future: "Future[Done]") -> None:
        self._running.discard(future)
        if not future.cancelled() and future.exception() is None:
            try:
                self._next(queue, future.result())
            except Exception as error:  # noqa: BLE001  whoever waits has to hear of it
                refused: Future[Done] = Future()
                refused.set_exception(error)
                self._done.put(refused)
        self._done.put(future)

    def _next(self, queue: Queue, done: Done) -> None:
        if len(done.batch.tasks) > 1:
            queue.learn(done.weight)
        self.advance(queue)

    def stop(self) -> None:
        """Start nothing more."""
        self._stopped = True
        for each in tuple(self._running):
            each.cancel()
