"""A fetch in a process of its own, which is killed when it takes too long, too much memory or too many bytes.

The child reads one order from its standard input and writes one answer to its standard output, both JSON.
Between two fetches there is no such process.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envctl.errors import (
    AccessError,
    ConflictError,
    DamagedError,
    EnvctlError,
    InputError,
    RefusedError,
    UnavailableError,
)
from envctl.gitstore.programs import end_group

_MIB = 1 << 20
_ERRORS: Mapping[str, type[EnvctlError]] = {
    each.__name__: each
    for each in (AccessError, ConflictError, DamagedError, InputError, RefusedError, UnavailableError)
}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What talking to a server may take.

    - `look_up`, `fetch`: seconds for one look-up, and for one fetch as a whole.
    - `memory`: bytes that the process of a fetch may have for itself.
    - `pack`: bytes of one pack. `file`: bytes of one file of a deploy tree; `files`: how many of them.
    """

    look_up: float = 30
    fetch: float = 300
    memory: int = 192 * _MIB
    pack: int = 512 * _MIB
    file: int = 8 * _MIB
    files: int = 100_000


DEFAULT_LIMITS = FetchLimits()


@dataclass(frozen=True, slots=True)
class Order:
    """What a child shall do: ``fetch`` refs, or ``trim`` the store to what the commits of `keep` need."""

    task: str
    folder: str
    remote: str = ""
    refs: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    access: Mapping[str, str] | None = None
    limits: FetchLimits = DEFAULT_LIMITS

    def text(self) -> bytes:
        """For the child."""
        return json.dumps(asdict(self)).encode()


def order_of(text: bytes) -> Order:
    """What the child reads."""
    found = json.loads(text)
    lists = {name: tuple(found[name]) for name in ("refs", "keep")}
    return Order(**{**found, **lists, "limits": FetchLimits(**found["limits"])})


class Carrier:
    """Lets children carry out orders, one at a time, until it is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def close(self) -> None:
        """End the child that there is, and begin none any more. May be called by any thread."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                end_group(self._process)

    def carried_out(self, order: Order, incoming: Path) -> Mapping[str, Any]:
        """Let a child carry out an order; its answer. Files on their way lie in the folder `incoming`.

        Raises what the child raised, and UnavailableError where it was killed or gave no answer.
        """
        with self._begun(order, incoming) as process:
            try:
                out, _ = process.communicate(order.text(), order.limits.fetch)
            except subprocess.TimeoutExpired as error:
                raise UnavailableError(
                    f"the {order.task} was not done within {order.limits.fetch:g} seconds, and was ended",
                    place=order.folder,
                    hint="where it needs longer: --fetch-timeout",
                ) from error
            finally:
                with self._lock:
                    self._process = None
                end_group(process)
        return _answer(order, process.returncode, out)

    def _begun(self, order: Order, incoming: Path) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._closed:
                raise UnavailableError("the store is closed", place=order.folder)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "envctl.gitstore.fetcher"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "TMPDIR": str(incoming)},
                    start_new_session=True,
                )
            except OSError as error:
                raise UnavailableError(f"no process can be started for a fetch: {error.strerror}") from error
            return self._process


def _answer(order: Order, code: int, out: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(out)
    except ValueError:
        why = f"it was ended by signal {-code}" if code < 0 else f"its exit code is {code}"
        raise UnavailableError(
            f"the process of the {order.task} gave no answer: {why}", place=order.folder
        ) from None
    if isinstance(error := found.get("error"), dict):
        raised = _ERRORS.get(error["kind"], UnavailableError)(
            error["summary"], place=error["place"], hint=error["hint"]
        )
        raised.retry_after = float(error["retry_after"])
        raise raised
    return dict(found)


def told(error: EnvctlError) -> dict[str, Any]:
    """An error as part of an answer."""
    kind = next((name for name, each in _ERRORS.items() if type(error) is each), "UnavailableError")
    return {
        "error": {
            "kind": kind,
            "summary": error.summary,
            "place": error.place,
            "hint": error.hint,
            "retry_after": error.retry_after,
        }
    }
