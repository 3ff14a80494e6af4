"""Requests to one API server: pooled connections, bounded retries, renewed credentials.

Rules:

- A kept-alive connection that broke is replaced once, and only for repeatable requests.
- 429, and 5xx with ``Retry-After``, mean that nothing was done yet: the wait that the server
  asks for is kept, jittered, for a bounded number of times. Longer waits are the caller's. No other
  request begins meanwhile either.
- 401 and an untrusted certificate make the endpoint load again once, at most every ten
  seconds, so rotated tokens and CA bundles are picked up and a plugin is not run in a storm.
- Redirects are refused: no credential ever goes to another address.
- Answers are bounded in size.
"""

import http.client
import random
import socket
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus

from envctl.errors import UnavailableError
from envctl.kube.connection import CONNECT_SECONDS, Connection, Request
from envctl.kube.endpoint import Endpoint, Load, tls_reason

ANSWER_LIMIT = 128 * 1024 * 1024
LONGEST_WAIT = 10.0
_ATTEMPTS = 4
_FIRST_WAIT = 0.1
_RENEW_SECONDS = 10.0
_IDLE_CONNECTIONS = 16
_CHUNK = 64 * 1024
# What a server that closed an idle connection looks like to the next request.
_BROKEN = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503, 504})
_FAILURES = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `stream` is the unread body of a successful streaming request, else None."""

    status: int
    headers: Message
    body: bytes = b""
    stream: http.client.HTTPResponse | None = None

    @property
    def retry_after(self) -> float:
        """The seconds that the server asks to wait, 0 where it does not."""
        value = self.headers.get("Retry-After", "")
        return float(value) if value.isascii() and value.isdigit() else 0.0


def always() -> bool:
    """Whether one may write who needs nobody's leave."""
    return True


class Transport:
    """All traffic to one API server. Safe to use from many threads.

    `may_write` is asked right before each request that changes something, also before each try of
    one that is sent again: who has lost the lead sends nothing more.
    """

    def __init__(self, load: Load, may_write: Callable[[], bool] = always) -> None:
        self._load = load
        self._may_write = may_write
        self._endpoint = load()
        self._renewed_at = float("-inf")
        self._lock = threading.Lock()
        self._idle: deque[Connection] = deque()
        self._sent: Counter[str] = Counter()
        self._answered: Counter[tuple[str, int]] = Counter()
        self._throttled = 0
        self._quiet_until = 0.0
        self._closed = threading.Event()

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint in use now."""
        return self._endpoint

    def sent(self) -> Mapping[str, int]:
        """How many requests were sent so far, by method; streaming ones as ``WATCH``."""
        with self._lock:
            return dict(self._sent)

    def answered(self) -> Mapping[tuple[str, int], int]:
        """How many requests were sent so far, by method and status; status 0 where no answer came."""
        with self._lock:
            return dict(self._answered)

    @property
    def throttled(self) -> int:
        """How often the server answered so far that it is too busy."""
        return self._throttled

    def send(self, request: Request) -> Answer:
        """Send a request and read the whole answer, whatever its status. Raises UnavailableError."""
        return self._patiently(request, self._exchange)

    def stream(self, request: Request, register: Callable[[Connection], None]) -> Answer:
        """Send a request on a connection of its own and leave a successful answer unread.

        `register` gets the connection before anything is sent, so that another thread can
        interrupt it; from then on the caller closes it.
        """

        def once(request: Request) -> Answer:
            connection = self._dial(request)
            register(connection)
            return self._begin_stream(connection, request)

        return self._patiently(request, once)

    def close(self) -> None:
        """Close idle connections and end waits. Requests under way finish."""
        self._closed.set()
        while self._idle:
            self._idle.pop().close()

    def failure(self, error: Exception, request: Request) -> UnavailableError:
        """The error for a connection that failed after it stood."""
        unknown = "" if request.repeatable else "; whether the write took effect is unknown"
        return UnavailableError(
            f"the API server at {self._endpoint.url} {_after(error, request.timeout)}{unknown}",
            hint="try again; if it persists, look at the API server's log and what stands in between",
        )

    def _patiently(self, request: Request, once: Callable[[Request], Answer]) -> Answer:
        self._keep_quiet()
        answer = self._trusted(request, once)
        self._hear(answer)
        for attempt in range(1, _ATTEMPTS):
            wait = _pause(answer, attempt)
            if wait is None or self._closed.wait(wait):
                break
            answer = self._trusted(request, once)
            self._hear(answer)
        if answer.status in _REDIRECTS:
            raise UnavailableError(
                f"{self._endpoint.url} answers with a redirect ({answer.status}), which is never followed",
                hint="name the API server's own address in the kubeconfig",
            )
        return answer

    def _hear(self, answer: Answer) -> None:
        """Take note of a server that is too busy: what it asks one request to wait, all wait."""
        if answer.status in _BUSY:
            with self._lock:
                self._throttled += 1
                quiet = time.monotonic() + min(answer.retry_after, LONGEST_WAIT)
                self._quiet_until = max(self._quiet_until, quiet)

    def _keep_quiet(self) -> None:
        """Wait as long as the server asked for; spread a little, so that not all begin at once."""
        wait = self._quiet_until - time.monotonic()
        if wait > 0:
            self._closed.wait(wait * random.uniform(1.0, 1.25))  # noqa: S311  (no secret: it only spreads requests)

    def _trusted(self, request: Request, once: Callable[[Request], Answer]) -> Answer:
        """Once, and once more where new trust or credentials can be had."""
        endpoint = self._endpoint
        try:
            answer = once(request)
        except UnavailableError as error:
            untrusted = isinstance(error.__cause__, ssl.SSLCertVerificationError)
            if not untrusted or not self._renew(endpoint):
                raise
            return once(request)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._renew(endpoint):
            return once(request)
        return answer

    def _renew(self, stale: Endpoint) -> bool:
        """Load the endpoint again unless another thread did; whether there is a newer one than `stale`."""
        with self._lock:
            if self._endpoint is not stale:
                return True
            if time.monotonic() - self._renewed_at < _RENEW_SECONDS:
                return False
            self._renewed_at = time.monotonic()
            self._endpoint = self._load()
            return True

    def _exchange(self, request: Request) -> Answer:
        connection = self._idle_connection() or self._dial(request)
        reused = connection.used
        try:
            response = self._begin(connection, request)
        except UnavailableError as error:
            if not (reused and request.repeatable and isinstance(error.__cause__, _BROKEN)):
                raise
            connection = self._dial(request)
            response = self._begin(connection, request)
        body = self._whole(connection, request, response)
        self._keep(connection, response)
        return Answer(response.status, response.headers, body)

    def _begin_stream(self, connection: Connection, request: Request) -> Answer:
        response = self._begin(connection, request, "WATCH")
        if response.status == HTTPStatus.OK:
            return Answer(response.status, response.headers, stream=response)
        body = self._whole(connection, request, response)
        connection.close()
        return Answer(response.status, response.headers, body)

    def _dial(self, request: Request) -> Connection:
        endpoint = self._endpoint
        try:
            return Connection(endpoint, request.timeout)
        except _FAILURES as error:
            raise UnavailableError(
                f"no cluster answers at {endpoint.url}: {_reason(error)}",
                hint=_connect_hint(error, endpoint.origin),
            ) from error

    def _begin(self, connection: Connection, request: Request, counted: str = "") -> http.client.HTTPResponse:
        if request.method != "GET" and not self._may_write():
            connection.close()
            raise UnavailableError("not the leader any more: nothing more is written")
        method, status = counted or request.method, 0
        with self._lock:
            self._sent[method] += 1
        try:
            response = connection.send(request)
            status = response.status
        except _FAILURES as error:
            connection.close()
            raise self.failure(error, request) from error
        finally:
            with self._lock:
                self._answered[method, status] += 1
        return response

    def _whole(self, connection: Connection, request: Request, response: http.client.HTTPResponse) -> bytes:
        try:
            return read_bounded(response, ANSWER_LIMIT)
        except _FAILURES as error:
            connection.close()
            raise self.failure(error, request) from error
        finally:
            response.close()

    def _idle_connection(self) -> Connection | None:
        """The idle connection that was used last, if one is still good."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            if connection.endpoint is self._endpoint and connection.fresh():
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection, response: http.client.HTTPResponse) -> None:
        if response.will_close or self._closed.is_set() or len(self._idle) >= _IDLE_CONNECTIONS:
            connection.close()
            return
        connection.rest()
        self._idle.append(connection)


def read_bounded(response: http.client.HTTPResponse, limit: int) -> bytes:
    """The whole body. Raises HTTPException where it is longer than `limit` bytes or breaks off."""
    if (response.length or 0) > limit:
        raise http.client.HTTPException(f"the answer is larger than {limit} bytes")
    if not response.chunked:
        return response.read()
    parts: list[bytes] = []
    size = 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise http.client.HTTPException(f"the answer is larger than {limit} bytes")
    return b"".join(parts)


def _pause(answer: Answer, attempt: int) -> float | None:
    """How long to wait before sending again, in seconds; None: the answer stands."""
    busy = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    asked = answer.retry_after
    if not busy and not (
        answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and "Retry-After" in answer.headers
    ):
        return None
    if asked > LONGEST_WAIT:
        return None
    wait: float = max(asked, _FIRST_WAIT * 2.0**attempt)
    return wait * random.uniform(1.0, 1.25)  # noqa: S311  (no secret: it only spreads clients)


def _reason(error: Exception) -> str:
    """Why a connection could not be made, in the words of the person who has to look after it."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"the TLS handshake failed ({tls_reason(error)})"
        case socket.gaierror():
            return "its name cannot be resolved"
        case TimeoutError():
            return f"no answer within {CONNECT_SECONDS:g} s"
        case OSError():
            return (error.strerror or str(error)).lower()
        case _:
            return "the proxy in between does not speak HTTP"


def _connect_hint(error: Exception, origin: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"check the certificate authority and the address in {origin}"
    return f"check that the cluster of {origin} is up and can be reached from here"


def _after(error: Exception, timeout: float) -> str:
    """What the server did with a connection that stood."""
    match error:
        case http.client.IncompleteRead():
            return "broke off its answer"
        case TimeoutError():
            return f"did not answer within {timeout:g} s"
        case ConnectionError() | ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "closed the connection without an answer"
        case http.client.BadStatusLine() | http.client.UnknownProtocol():
            return "does not speak HTTP"
        case _:
            return f"broke the connection ({error})"
