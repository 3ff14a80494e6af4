"""Several agents in one process: each environment has its own, and a bug in one ends all."""

import threading
from collections.abc import Callable, Mapping
from functools import partial

Work = Callable[[threading.Event], None]


def run_together(works: Mapping[str, Work], stop: threading.Event) -> None:
    """Run all until `stop` is set, each in a thread named after it; returns when all have ended.

    Where one raises, the others are stopped, and its error is raised here: whoever supervises the process
    starts it anew, instead of leaving an environment without an agent.
    """
    if len(works) == 1:
        next(iter(works.values()))(stop)
        return
    over, errors = threading.Event(), list[BaseException]()
    threads = [
        threading.Thread(target=partial(_guarded, work, over, errors), name=f"envctl-{name}", daemon=True)
        for name, work in works.items()
    ]
    for thread in threads:
        thread.start()
    while not over.is_set() and any(thread.is_alive() for thread in threads):
        if stop.wait(0.2):
            over.set()
    over.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _guarded(work: Work, over: threading.Event, errors: list[BaseException]) -> None:
    try:
        work(over)
    except BaseException as error:  # noqa: BLE001  (handed on: the thread that started us raises it)
        errors.append(error)
        over.set()
