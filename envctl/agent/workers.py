"""A few threads that send requests, while the thread that decides stays free to notice things."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# How often the deciding thread looks up from waiting, in seconds. Answers wake it at once.
_GLANCE = 0.1
_FIRST = 2


def never() -> int:
    """How often the server was too busy, where nobody tells."""
    return 0


class Window:
    """How many requests may be under way: slow start, and half as many whenever the server is too busy.

    Each answer makes room for one more, so their number doubles with each round trip, up to `most`.
    """

    def __init__(self, most: int, throttled: Callable[[], int] = never) -> None:
        self._most = most
        self._throttled = throttled
        self._heard = throttled()
        self.size = min(_FIRST, most)

    def answered(self) -> None:
        """An answer came in."""
        heard = self._throttled()
        if heard > self._heard:
            self._heard, self.size = heard, max(self.size // 2, 1)
        else:
            self.size = min(self.size + 1, self._most)


@dataclass(frozen=True, slots=True)
class _Job:
    function: Callable[[Any], Any]
    item: Any
    answers: "queue.SimpleQueue[tuple[Any, BaseException | None]]"

    def do(self) -> None:
        try:
            self.answers.put((self.function(self.item), None))
        except BaseException as error:  # noqa: BLE001  (raised where the answers are waited for)
            self.answers.put((None, error))


class Workers:
    """Threads that never hold more work than is under way, so that stopping is quick."""

    def __init__(self, concurrency: int, throttled: Callable[[], int] = never) -> None:
        self._window = Window(concurrency, throttled)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"envctl-apply-{number}", daemon=True)
            for number in range(concurrency)
        ]
        self._started = False

    def run(
        self, function: Callable[[Item], Answer], items: Iterable[Item], stopped: Callable[[], bool]
    ) -> list[Answer]:
        """The answers for the items, as they came in. Once `stopped`, no further item is begun.

        An exception of an item is raised here, after what is under way has ended.
        """
        self._start()
        answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        jobs = (_Job(function, item, answers) for item in items)
        found: list[Answer] = []
        errors: list[BaseException] = []
        running = self._fill(jobs, 0, stopped)
        while running:
            try:
                answer, error = answers.get(timeout=_GLANCE)
            except queue.Empty:
                stopped()  # whoever decides looks around while nothing comes
                continue
            running -= 1
            self._window.answered()
            if error:
                errors.append(error)
            else:
                found.append(answer)
            running += 0 if errors else self._fill(jobs, running, stopped)
        if errors:
            raise errors[0]
        return found

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads if self._started else ():
            thread.join()

    def _fill(self, jobs: Iterator[_Job], running: int, stopped: Callable[[], bool]) -> int:
        """Begin as many as there is room for. Returns how many."""
        begun = 0
        while running + begun < self._window.size and not stopped():
            job = next(jobs, None)
            if job is None:
                break
            self._jobs.put(job)
            begun += 1
        return begun

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.do()
