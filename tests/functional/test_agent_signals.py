"""How signals end an agent."""

import signal
from collections.abc import Iterator

import pytest

from envctl.cli.agent import stopped_by_signals

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def handlers() -> Iterator[None]:
    """The handlers of this process come back after the test."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_middle_of_a_wait_is_not_waited_for(number: signal.Signals) -> None:
    """Agent's fault row 58: it comes while the main thread holds the event's own lock, and twice."""
    stop = stopped_by_signals()
    with stop._cond:
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert not stop.is_set()
    assert stop.wait(30)
