"""One watch: a single streaming request that first tells the state, then each change.

The initial state comes in the stream itself (watch-list, KEP-3157); servers that refuse
that are asked for a paged list first. Nothing is remembered between two events and each
line is decoded once, so memory does not grow with the number of objects.
"""

import http.client
import random
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType

from envctl.errors import ClusterError, UnavailableError
from envctl.kube.client import Client, parsed
from envctl.kube.connection import Connection, Request
from envctl.kube.endpoint import Headers
from envctl.kube.failures import status_refusal
from envctl.kube.lists import Scope, pages
from envctl.kube.paths import collection_path, query
from envctl.model.cluster import EventKind, ResourceType, WatchEvent
from envctl.model.values import JsonObject

_ACCEPT: Headers = (("Accept", "application/json"),)
_ACCEPT_METADATA: Headers = (("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),)
_LINE_LIMIT = 32 * 1024 * 1024
_CHUNK = 64 * 1024
_INITIAL = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
_INITIAL_END = "k8s.io/initial-events-end"
_KINDS = {"ADDED": EventKind.ADDED, "MODIFIED": EventKind.MODIFIED, "DELETED": EventKind.DELETED}
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long one stream lasts, in seconds.

    The server ends it after a time between `shortest` and `longest`. The watch that follows is the
    resync that makes up for a lost event; the spread keeps all watches from coming back together.
    A stream that is silent for `margin` longer than its life counts as stalled, and one that had
    bookmarks (the server sends one a minute) after `quiet`.
    """

    shortest: int = 285
    longest: int = 570
    margin: float = 30
    quiet: float = 180

    @classmethod
    def within(cls, seconds: float) -> "Lifetime":
        """Streams that end, whatever happens to them, within so many seconds (at least two)."""
        longest = max(int(seconds * 0.95), 1)
        return cls(max(longest // 2, 1), longest, seconds - longest)


USUAL = Lifetime()


class Watch:
    """A watch as a context manager and iterator. One thread reads, any thread may close."""

    def __init__(
        self,
        client: Client,
        scope: Scope,
        without_initial: set[ResourceType],
        lifetime: Lifetime = USUAL,
    ) -> None:
        """`without_initial` collects, for all watches of a cluster, the types that refuse watch-list."""
        self._client = client
        self._scope = scope
        self._without_initial = without_initial
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._closed = threading.Event()
        self._reading = False
        self._events = self._run()

    def __enter__(self) -> Iterator[WatchEvent]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[WatchEvent]:
        return self

    def __next__(self) -> WatchEvent:
        with self._lock:
            if self._closed.is_set():
                raise StopIteration
            self._reading = True
        try:
            return next(self._events)
        finally:
            with self._lock:
                self._reading = False
                closed = self._closed.is_set()
            if closed:
                self._events.close()

    def close(self) -> None:
        """End the watch at once. A thread that reads gets the end of the iteration."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            if self._connection is not None:
                self._connection.interrupt()
            reading = self._reading
        if not reading:
            self._events.close()

    def _run(self) -> Generator[WatchEvent, None, None]:
        try:
            yield from self._state_and_changes()
        except UnavailableError:
            if not self._closed.is_set():
                raise
        except ClusterError as error:
            if error.status != HTTPStatus.GONE:
                raise
            yield self._event(EventKind.EXPIRED)

    def _state_and_changes(self) -> Generator[WatchEvent, None, None]:
        scope = self._scope
        if scope.type not in self._without_initial:
            try:
                yield from self._stream(_INITIAL)
            except ClusterError as error:
                if error.status not in _REFUSED:
                    raise
                self._without_initial.add(scope.type)
            else:
                return
        reader = pages(self._client, scope)
        while True:
            try:
                for item in next(reader):
                    yield self._event(EventKind.ADDED, item)
            except StopIteration as end:
                version = str(end.value)
                break
        yield self._event(EventKind.SYNCED)
        yield from self._stream({"resourceVersion": version})

    def _stream(self, fields: dict[str, str]) -> Generator[WatchEvent, None, None]:
        request, silence = self._request(fields)
        try:
            answer = self._client.transport.stream(request, self._register)
            if answer.stream is None:
                raise self._client.refused(answer, self._scope.subject)
            with answer.stream:
                if self._connection is not None:
                    self._connection.socket.settimeout(silence)
                yield from self._decode(answer.stream)
        except TimeoutError:
            return  # A stalled stream ends like any other: the next watch tells the state again.
        except (OSError, http.client.HTTPException) as error:
            raise self._client.transport.failure(error, request) from error
        finally:
            if self._connection is not None:
                self._connection.close()

    def _request(self, fields: dict[str, str]) -> tuple[Request, float]:
        scope = self._scope
        life = self._lifetime
        seconds = random.randint(life.shortest, life.longest)  # noqa: S311  (no secret: spreads watches)
        all_fields = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            "labelSelector": scope.selector,
            **fields,
        }
        target = collection_path(scope.type, scope.namespace) + query(all_fields)
        headers = _ACCEPT_METADATA if scope.metadata_only else _ACCEPT
        return Request("GET", target, headers=headers), seconds + life.margin

    def _register(self, connection: Connection) -> None:
        with self._lock:
            self._connection = connection
            if self._closed.is_set():
                connection.interrupt()

    def _decode(self, stream: http.client.HTTPResponse) -> Generator[WatchEvent, None, None]:
        for line in lines(stream):
            if self._closed.is_set():
                return
            content = parsed(line) or {}
            value = content.get("object")
            if not isinstance(value, dict):
                raise self._client.nonsense(self._scope.subject)
            match str(content.get("type")):
                case "BOOKMARK" if _ends_initial(value):
                    yield self._event(EventKind.SYNCED)
                case "BOOKMARK":
                    self._expect_more()
                case "ERROR":
                    raise self._client.status_error(status_refusal(value), self._scope.subject)
                case known if known in _KINDS:
                    yield self._event(_KINDS[known], self._whole(value))
                case _:
                    raise self._client.nonsense(self._scope.subject)

    def _expect_more(self) -> None:
        """From the first bookmark on, silence tells sooner that a stream is dead."""
        sock = self._connection.socket if self._connection else None
        if sock is not None and (now := sock.gettimeout()) is not None:
            sock.settimeout(min(now, self._lifetime.quiet))

    def _whole(self, value: JsonObject) -> JsonObject:
        return self._scope.typed(value) if self._scope.metadata_only else value

    def _event(self, kind: EventKind, value: JsonObject | None = None) -> WatchEvent:
        return WatchEvent(kind, self._scope.type, value or {})


def _ends_initial(bookmark: JsonObject) -> bool:
    metadata = bookmark.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and annotations.get(_INITIAL_END) == "true"


def lines(stream: http.client.HTTPResponse) -> Iterator[bytes]:
    """The lines of a stream as they arrive. Raises HTTPException where one is cut or endless."""
    parts: list[bytes] = []
    size = 0
    while chunk := stream.read1(_CHUNK):
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield b"".join((*parts, line))
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > _LINE_LIMIT:
            raise http.client.HTTPException(f"an event is larger than {_LINE_LIMIT} bytes")
    if size:
        raise http.client.IncompleteRead(b"".join(parts))
