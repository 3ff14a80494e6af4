"""Several agents in one process: they run side by side, and an error of one ends all and is raised."""

import threading

import pytest

from envctl.agent.crew import run_together

PATIENCE = 30.0


def test_all_run_until_the_end_is_asked_for() -> None:
    """Each in a thread named after it; the last one to arrive asks for the end."""
    stop, names = threading.Event(), list[str]()
    arrived = threading.Barrier(2, action=stop.set)

    def work(over: threading.Event) -> None:
        names.append(threading.current_thread().name)
        arrived.wait(PATIENCE)
        assert over.wait(PATIENCE)

    run_together({"eu": work, "us": work}, stop)
    assert sorted(names) == ["envctl-eu", "envctl-us"]


def test_an_error_of_one_ends_all_and_is_raised() -> None:
    """No environment stays without an agent in a process that looks well."""
    ended = threading.Event()

    def fail(_: threading.Event) -> None:
        raise ValueError("broken")

    def keep(over: threading.Event) -> None:
        assert over.wait(PATIENCE)
        ended.set()

    stop = threading.Event()
    with pytest.raises(ValueError, match="broken"):
        run_together({"bad": fail, "good": keep}, stop)
    assert ended.is_set()
    assert not stop.is_set()


def test_one_that_ends_by_itself_stops_nobody() -> None:
    """The others go on until the end is asked for."""
    stop, first = threading.Event(), threading.Event()

    def short(_: threading.Event) -> None:
        first.set()

    def long(over: threading.Event) -> None:
        assert first.wait(PATIENCE)
        assert not over.is_set()
        stop.set()
        assert over.wait(PATIENCE)

    run_together({"short": short, "long": long}, stop)


def test_a_single_one_runs_in_the_thread_of_the_caller() -> None:
    """And is given the caller's own event."""
    stop, given = threading.Event(), list[object]()

    def work(over: threading.Event) -> None:
        given.extend((over, threading.current_thread()))

    run_together({"only": work}, stop)
    assert given == [stop, threading.current_thread()]
