"""Bounds on talking to a server: how long in all, and how much it may say before it sends objects.

dulwich waits for as long as a server keeps sending, one byte a minute if it likes. So a timer ends what
an operation has open: its sockets and its child processes. Whoever reads from them then wakes up.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from envctl.errors import UnavailableError

OPERATION_SECONDS = 600
_KEPT = 4
LISTED_BYTES = 32 << 20
"""What a server's list of refs may be long: about 400,000 of them."""


class Watcher(Protocol):
    """Who is told of each connection that is opened."""

    def watch(self, opened: socket.socket) -> None:
        """Shut a connection down when the time is up, however it is wrapped by then."""
        ...


class KeptSockets:
    """Connections that outlive one operation: each operation's deadline watches those that are open."""

    def __init__(self) -> None:
        self._twins: list[socket.socket] = []

    def watch(self, opened: socket.socket) -> None:
        """Remember a connection. Only the newest ones count: there is one at a time, and at times a spare."""
        self._twins.append(socket.socket(fileno=os.dup(opened.fileno())))
        if self._deadline:
            self._deadline.watch(opened)
        while len(self._twins) > _KEPT:
            self._twins.pop(0).close()

    _deadline: "Deadline | None" = None

    def follow(self, deadline: "Deadline") -> None:
        """Let a deadline end what is open, and what is opened from now on."""
        self._deadline = deadline
        for each in self._twins:
            deadline.watch(each)

    def forget(self) -> None:
        """Close all twins: the connections themselves are closed by who opened them."""
        self._deadline = None
        while self._twins:
            self._twins.pop().close()


class Deadline:
    """Ends everything that is registered with it, once, when the time is up. Safe for threads."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._lock = threading.Lock()
        self._ends: list[Callable[[], None]] = []
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._ends.clear()
            for each in self._sockets:
                each.close()

    def on_end(self, end: Callable[[], None]) -> None:
        """Call `end` when the time is up; at once where it is already."""
        with self._lock:
            if not self.passed:
                self._ends.append(end)
                return
        end()

    def watch(self, opened: socket.socket) -> None:
        """Shut a connection down when the time is up, however it is wrapped by then."""
        twin = socket.socket(fileno=os.dup(opened.fileno()))
        self._sockets.append(twin)
        self.on_end(lambda: _shut(twin))

    def check(self, place: str) -> None:
        """Raise UnavailableError where the time was up."""
        if self.passed:
            raise self.error(place)

    def error(self, place: str) -> UnavailableError:
        """What to raise where the time was up."""
        return UnavailableError(
            f"the server was not done within {self.seconds:g} seconds",
            place=place,
            hint="try again; where it needs longer, say so in seconds: git config envctl.timeout 3600",
        )

    def _end(self) -> None:
        with self._lock:
            self.passed = True
            ends, self._ends = self._ends, []
        for each in ends:
            each()


class Allowance:
    """How much a server may say before objects come: it says which refs it has."""

    def __init__(self, limit: int) -> None:
        self._left: int | None = limit

    def lift(self) -> None:
        """What comes from now on are objects, of any size."""
        self._left = None

    def counted(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """The same function, within the allowance. Raises UnavailableError when it is used up."""

        def counting(size: int) -> bytes:
            data = read(size)
            if self._left is not None:
                self._left -= len(data)
                if self._left < 0:
                    raise UnavailableError("the server lists more refs than any repository has")
            return data

        return counting


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
