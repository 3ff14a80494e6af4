"""Whose turn it is: an apply from outside holds the environment's Lease as an agent does, while it acts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from envctl.agent.lease import Elector, Record
from envctl.errors import RefusedError
from envctl.ports import Clock

PREFIX = "apply_"
"""How applies call themselves in a Lease. No host name has an underscore, so no agent is called so."""

_STEP = 1.0


@contextmanager
def turn(
    elector: Elector, clock: Clock, stop: threading.Event, timeout: float, tell: Callable[[str], None]
) -> Iterator[None]:
    """Hold the Lease inside the context. Another apply is waited for, `timeout` seconds at most.

    Raises RefusedError where an agent leads: as soon as it is seen to be alive, so that the Lease of one that
    is gone does not stop anybody for longer than it lasts. And where `stop` is set while waiting.
    """
    _take(elector, clock, stop, clock.monotonic() + timeout, tell)
    over = threading.Event()
    keeper = threading.Thread(target=elector.keep, args=(over,), name="envctl-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        elector.release()


def _take(
    elector: Elector, clock: Clock, stop: threading.Event, end: float, tell: Callable[[str], None]
) -> None:
    first: Record | None = None
    while (found := elector.ask()) is not None:
        if first is None or first.holder != found.holder:
            first = found
        alive = found.version != first.version
        if alive and not found.holder.startswith(PREFIX):
            raise RefusedError(
                f"the agent {found.holder} acts for this environment",
                hint="it applies what is published by itself: envctl status --cluster; or stop it first, "
                "or use --force to act beside it",
            )
        if clock.monotonic() >= end or stop.is_set():
            raise RefusedError(
                f"{_who(found)} still acts for this environment", hint="try again when it has ended"
            )
        tell(f"waiting: {_who(found)} acts for this environment")
        stop.wait(_STEP)


def _who(record: Record) -> str:
    name = record.holder.removeprefix(PREFIX)
    return f"another apply ({name})" if record.holder.startswith(PREFIX) else record.holder or "somebody"
