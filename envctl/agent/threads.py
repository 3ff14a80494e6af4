"""Threads that cannot end without a word: an agent that is deaf but runs on looks well, and is not."""

import threading
from collections.abc import Callable

Crashed = Callable[[Exception], None]
"""Takes the bug that ended a thread."""


class AgentThread(threading.Thread):
    """A thread that hands on what nobody expected, so that the agent can end with it and be started again."""

    def __init__(self, name: str, work: Callable[[], None], crashed: Crashed) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._crashed = crashed

    def run(self) -> None:
        """Do the work."""
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  (handed on: the thread that decides raises it)
            self._crashed(error)
