"""A few threads that send requests, while the thread that decides stays free to notice things."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# How often the deciding thread looks up from waiting, in seconds. Answers wake it at once.
_GLANCE = 0.1


class Workers:
    """A pool that never holds more work than it needs to stay busy, so that stopping is quick."""

    def __init__(self, concurrency: int) -> None:
        self._window = 2 * concurrency
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="envctl-apply")

    def run(
        self, function: Callable[[Item], Answer], items: Iterable[Item], stopped: Callable[[], bool]
    ) -> list[Answer]:
        """The answers for the items, as they came in. Once `stopped`, no further item is begun."""
        todo = iter(items)
        running: set[Future[Answer]] = set()
        answers: list[Answer] = []
        more = True
        while running or more:
            while more and len(running) < self._window:
                more = self._begin(function, todo, running, stopped)
            done, running = wait(running, timeout=_GLANCE, return_when=FIRST_COMPLETED)
            answers += [future.result() for future in done]
            more = more and not stopped()
        return answers

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _begin(
        self,
        function: Callable[[Item], Answer],
        todo: Iterable[Item],
        running: set[Future[Answer]],
        stopped: Callable[[], bool],
    ) -> bool:
        for item in todo:
            if stopped():
                return False
            running.add(self._pool.submit(function, item))
            return True
        return False
