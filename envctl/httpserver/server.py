"""Answers GET requests from a function. Slow, many and strange clients cost a bounded amount."""

import io
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from envctl.errors import InputError, UsageError
from envctl.model.page import Page

_SECONDS = 5.0
_AT_ONCE = 8


class Server:
    """Listens in threads of its own until it is closed."""

    def __init__(self, address: str, answer: Callable[[str], Page], seconds: float = _SECONDS) -> None:
        """Listen at ``[HOST]:PORT``. Raises UsageError for no address, InputError for one that is taken.

        A client has so many `seconds` to say its request, and as many to take the answer.
        """
        host, port = parsed_address(address)
        try:
            self._server = _Bounded((host, port), _handler(answer, seconds))
        except OSError as error:
            raise InputError(
                f"cannot listen at {address}: {(error.strerror or str(error)).lower()}",
                hint="name another port: --listen 127.0.0.1:9090",
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, name="envctl-http", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is listened at."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def parsed_address(address: str) -> tuple[str, int]:
    """Host (empty for all) and port. Raises UsageError for any other text."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        raise UsageError(
            f"{address!r} is no address to listen at", hint="write HOST:PORT, or :PORT for every address"
        )
    return host.strip("[]"), int(port)


class _Bounded(ThreadingHTTPServer):
    """Whoever comes while all threads are busy is turned away at once."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client)
        except BaseException:  # no thread could be started that would give it back
            self._free.release()
            raise

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client: object
    ) -> None:
        try:
            super().process_request_thread(request, client)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


class _Until(io.RawIOBase):
    """What a socket receives until a moment, however little comes at a time."""

    def __init__(self, received: socket.socket, seconds: float) -> None:
        self._socket = received
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Receive something. Raises TimeoutError when the time is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)


def _handler(answer: Callable[[str], Page], seconds: float) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "envctl"
        sys_version = ""

        def setup(self) -> None:
            super().setup()
            self.rfile = io.BufferedReader(_Until(self.connection, seconds))

        def do_GET(self) -> None:
            page = answer(self.path.partition("?")[0])
            body = page.text.encode()
            self.connection.settimeout(seconds)
            self.send_response(page.status)
            self.send_header("Content-Type", page.type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
            """Probes come every few seconds: they are no events."""

    return Handler
