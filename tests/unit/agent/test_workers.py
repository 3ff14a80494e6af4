"""The threads that send requests."""

import threading

import pytest

from envctl.agent.workers import Window, Workers


@pytest.fixture
def workers():
    made = Workers(4)
    yield made
    made.close()


def test_every_item_gets_its_answer(workers) -> None:
    """More items than threads, and none is lost."""
    assert sorted(workers.run(lambda item: item * 2, range(100), lambda: False)) == [
        2 * item for item in range(100)
    ]


def test_as_many_run_at_once_as_there_are_threads(workers) -> None:
    """Four meet at a barrier that only opens for four, once the first answers made room for them."""
    workers.run(lambda item: item, range(4), lambda: False)
    barrier = threading.Barrier(4, timeout=10)
    assert len(workers.run(lambda _: barrier.wait(), range(4), lambda: False)) == 4


def test_after_a_stop_nothing_is_begun_and_what_runs_is_finished(workers) -> None:
    """The answers of what was begun are there; the rest was never touched."""
    begun = []
    stop = threading.Event()

    def work(item):
        begun.append(item)
        stop.set()
        return item

    answers = workers.run(work, range(1000), stop.is_set)
    assert sorted(answers) == sorted(begun)
    assert len(answers) <= 16


def test_a_run_inside_a_run_is_served(workers) -> None:
    """Healing happens while a wave is sent."""
    inner = []

    def stopped():
        if not inner:
            inner.append(workers.run(lambda item: item, ["healed"], lambda: False))
        return False

    assert len(workers.run(lambda item: item, range(50), stopped)) == 50
    assert inner == [["healed"]]


def test_an_exception_of_an_item_is_not_swallowed(workers) -> None:
    """A bug in a task ends the run with that very exception."""

    def fail(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workers.run(fail, [1], lambda: False)


def test_room_doubles_with_each_round_trip_and_halves_when_the_server_is_too_busy() -> None:
    """Agent's fault row 6: slow start up to the most that is allowed, never less than one."""
    heard = [0]
    window = Window(8, lambda: heard[0])
    sizes = [window.size]
    for _ in range(8):
        window.answered()
        sizes.append(window.size)
    assert sizes == [2, 3, 4, 5, 6, 7, 8, 8, 8]
    for _ in range(4):
        heard[0] += 1
        window.answered()
        sizes.append(window.size)
    assert sizes[-4:] == [4, 2, 1, 1]
    window.answered()
    assert window.size == 2
