"""The one queue of an agent: everything that happens outside arrives here."""

import queue
from collections.abc import Iterator
from dataclasses import dataclass

from envctl.agent.healthbook import HealthChange
from envctl.agent.observe import Doubt, Drift
from envctl.agent.source import Head


@dataclass(frozen=True, slots=True)
class Wake:
    """Nothing but a reason to look up: the end was asked for."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A bug ended one of the agent's threads."""

    error: Exception


Message = Head | Drift | HealthChange | Doubt | Wake | Crash


class Mailbox:
    """Messages from any thread, for the thread that decides."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        """Add a message."""
        self._queue.put(message)

    def is_empty(self) -> bool:
        """Whether there is no message now."""
        return self._queue.empty()

    def take(self, seconds: float | None) -> Iterator[Message]:
        """All messages that there are; waits so long for a first one (None: until there is one)."""
        try:
            yield self._queue.get(timeout=seconds) if seconds != 0 else self._queue.get_nowait()
            while True:
                yield self._queue.get_nowait()
        except queue.Empty:
            return
