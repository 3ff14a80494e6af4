"""A line between a client and a real API server that fails as a script says, request by request.

    with api_proxy(cluster.kubeconfig) as proxy, closing(connect(proxy.kubeconfig)) as kube:
        proxy.fault(cut_after, "PATCH", "configmaps/web", nth=2)     # done, and the answer is lost
        proxy.fault(answered(429, headers={"Retry-After": "1"}), "PATCH", times=3)
        proxy.fault(events(dropped(1)), path=WATCH)
        ...
        assert proxy.count("PATCH", "configmaps/") == 5

The proxy ends TLS on both sides: `proxy.kubeconfig` names it and trusts it, and what comes in is
forwarded with the client certificate of the kubeconfig that the proxy was given, so the API server
(and its audit log) sees that user. A request with an `Authorization` header is forwarded without a
certificate, as itself. One connection of a client is one connection to the server: where one breaks,
the other does. Faults (acts) are functions of a `Turn`; see `apifaults`.
"""

import base64
import contextlib
import http.client
import json
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from envctl.devcluster.certificates import Authority

WATCH = r"[?&]watch=true"
"""The path of watches, for `fault` and `count`."""
WRITES = "POST|PUT|PATCH|DELETE"
"""The methods that change something, for the same."""
_HOP = frozenset(
    {"connection", "content-length", "transfer-encoding", "keep-alive", "host", "accept-encoding"}
)
_LOCAL = "127.0.0.1"
_FOR_EVER = 600.0


@dataclass(frozen=True)
class Answer:
    """What is said to a client: a whole body, or the lines of a stream."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lines: Iterator[bytes] | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request as the proxy saw it. `served` is the API server's status, 0 where it was not asked or not heard."""

    method: str
    target: str
    sent: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    served: int = 0
    status: int = 0
    received: int = 0
    fault: str = ""
    answer: Answer | None = None


Act = Callable[["Turn"], None]


def _is_one_of(method: str, wanted: str) -> bool:
    return not wanted or method in wanted.split("|")


@dataclass
class Fault:
    """A line of the script: what happens to which requests. `seen` counts those that fit, `hit` those that it met."""

    act: Act
    method: str
    path: re.Pattern[str]
    nth: int
    times: float
    seen: int = 0
    hit: int = 0
    over: bool = False

    def meets(self, method: str, target: str) -> bool:
        """Count a request, and say whether the fault is for it."""
        if self.over or not _is_one_of(method, self.method) or not self.path.search(target):
            return False
        self.seen += 1
        if not self.nth <= self.seen < self.nth + self.times:
            return False
        self.hit += 1
        return True

    def lift(self) -> None:
        """It happens no more."""
        self.over = True


class Cut(Exception):  # noqa: N818  (no error: it ends a connection)
    """The connection breaks here."""


@dataclass
class Turn:
    """One request in the hands of an act, which must answer it or cut the line."""

    exchange: Exchange
    proxy: "ApiProxy"
    line: "_Line"

    def forward(self) -> Answer:
        """Send the request on; the server's answer."""
        return self.line.forward(self.exchange)

    def reply(self, answer: Answer, cut_after: int | None = None) -> None:
        """Answer the client; with `cut_after` the line breaks after so many bytes of the body."""
        self.line.reply(self.exchange, answer, cut_after)

    def pass_on(self) -> None:
        """What a proxy without faults does."""
        self.reply(self.forward())

    def cut(self) -> None:
        """Break the line."""
        raise Cut

    def wait(self, seconds: float = _FOR_EVER) -> None:
        """Let time pass, with the connection open; until the proxy ends, or the line breaks, at most."""
        self.proxy.over.wait(seconds)


class _Line:
    """One connection of a client, with the one to the server that belongs to it."""

    def __init__(self, proxy: "ApiProxy", handler: BaseHTTPRequestHandler) -> None:
        self._proxy = proxy
        self._handler = handler
        self._server: http.client.HTTPSConnection | None = None
        self._socket: Any = None
        self._answer: http.client.HTTPResponse | None = None

    def forward(self, exchange: Exchange) -> Answer:
        answer = self._ask(exchange)
        exchange.served = answer.status
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        if answer.status == http.client.OK and re.search(WATCH, exchange.target):
            return Answer(answer.status, headers, lines=self._lines(answer))
        found = Answer(answer.status, headers, answer.read())
        exchange.answer = found if exchange.method == "GET" else None
        return found

    def _ask(self, exchange: Exchange) -> http.client.HTTPResponse:
        headers = {name: value for name, value in exchange.headers.items() if name.lower() not in _HOP}
        if self._server is None:
            self._server = self._proxy.dial(own="authorization" in map(str.lower, headers))
            self._server.connect()
            # Kept by itself: the standard library forgets its socket after the last answer.
            self._socket = self._server.sock
            self._proxy.lines.add(self._socket)
        self._server.request(exchange.method, exchange.target, exchange.body or None, headers)
        self._answer = self._server.getresponse()
        return self._answer

    def _lines(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        while line := answer.readline():
            self._proxy.flowing.wait()
            yield line

    def reply(self, exchange: Exchange, answer: Answer, cut_after: int | None) -> None:
        exchange.status = answer.status
        how = (
            "Transfer-Encoding: chunked"
            if answer.lines is not None
            else f"Content-Length: {len(answer.body)}"
        )
        head = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Odd')}", how]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        self._handler.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1"))
        if answer.lines is None:
            body = answer.body if cut_after is None else answer.body[:cut_after]
            self._write(exchange, body)
        else:
            self._stream(exchange, answer.lines, cut_after)
        if cut_after is not None:
            raise Cut

    def _stream(self, exchange: Exchange, lines: Iterator[bytes], cut_after: int | None) -> None:
        for line in lines:
            if cut_after is not None and exchange.received + len(line) > cut_after:
                part = line[: cut_after - exchange.received]
                self._write(exchange, b"%x\r\n%s" % (len(line), part))
                return
            self._write(exchange, b"%x\r\n%s\r\n" % (len(line), line))
        if cut_after is None:
            self._write(exchange, b"0\r\n\r\n")

    def _write(self, exchange: Exchange, data: bytes) -> None:
        self._handler.wfile.write(data)
        self._handler.wfile.flush()
        exchange.received += len(data)

    def close(self) -> None:
        if self._socket is not None:
            self._proxy.lines.discard(self._socket)
        if self._server is not None:
            self._server.close()
        if self._answer is not None:
            self._answer.close()


class _Lines:
    """All open connections, so that they can be broken from outside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}

    def add(self, line: socket.socket) -> None:
        # A copy of the descriptor: an SSL socket must not be touched while another thread reads it.
        copy = socket.socket(fileno=socket.dup(line.fileno()))
        with self._lock:
            self._open[id(line)] = copy

    def discard(self, line: socket.socket) -> None:
        with self._lock:
            copy = self._open.pop(id(line), None)
        if copy is not None:
            with contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)
            copy.close()

    def cut(self) -> None:
        with self._lock:
            for line in self._open.values():
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)


class ApiProxy:
    """A running proxy. `log` holds every request so far, in the order of their arrival."""

    def __init__(self, upstream: Path, kubeconfig: Path, folder: Path) -> None:
        self.kubeconfig = kubeconfig
        self.log: list[Exchange] = []
        self.over = threading.Event()
        self.flowing = threading.Event()
        self.flowing.set()
        self.lines = _Lines()
        self._script: list[Fault] = []
        self._lock = threading.Lock()
        cluster, user = _entries(upstream)
        self._address = urlsplit(cluster["server"])
        self._trust = {own: _trust(cluster, {} if own else user, folder) for own in (True, False)}
        self._tls, authority = _server_tls(folder)
        self._server = self._listen(0)
        self.port = int(self._server.server_address[1])
        kubeconfig.write_text(_kubeconfig(f"https://{_LOCAL}:{self.port}", authority))

    def fault(self, act: Act, method: str = "", path: str = "", *, nth: int = 1, times: float = 1) -> Fault:
        """Add a fault for the `nth` request from now that fits, and the `times - 1` after it.

        `method` names one or several (``PUT|PATCH``), empty: all. `path` is a regular expression that is searched in path and query. The first fault that
        meets a request is done to it. `times=math.inf`: until it is lifted.
        """
        fault = Fault(act, method, re.compile(path), nth, times)
        with self._lock:
            self._script.append(fault)
        return fault

    def clear(self) -> None:
        """No faults any more; what stalls goes on stalling until its line is cut."""
        with self._lock:
            self._script.clear()

    def cut(self) -> None:
        """Break all open connections."""
        self.lines.cut()

    def down(self) -> None:
        """Refuse connections until `up`, and break the open ones."""
        self._close()
        self.cut()

    def up(self) -> None:
        """Listen again, at the same port."""
        self._server = self._listen(self.port)

    def hold(self) -> None:
        """Keep all connections open, and let nothing pass, until `release`."""
        self.flowing.clear()

    def release(self) -> None:
        self.flowing.set()

    def exchanges(self, method: str = "", path: str = "") -> list[Exchange]:
        """The requests of a method whose path and query fit a regular expression."""
        fits = re.compile(path)
        return [
            each for each in list(self.log) if _is_one_of(each.method, method) and fits.search(each.target)
        ]

    def count(self, method: str = "", path: str = "") -> int:
        return len(self.exchanges(method, path))

    def dial(self, *, own: bool) -> http.client.HTTPSConnection:
        """A connection to the server; `own`: the client shows credentials of its own."""
        host, port = str(self._address.hostname), self._address.port
        return http.client.HTTPSConnection(host, port, context=self._trust[own])

    def take(self, line: _Line, exchange: Exchange) -> None:
        """Serve one request."""
        with self._lock:
            self.log.append(exchange)
            due = [each for each in self._script if each.meets(exchange.method, exchange.target)]
        turn = Turn(exchange, self, line)
        if due:
            exchange.fault = getattr(due[0].act, "__name__", "fault")
            due[0].act(turn)
        else:
            turn.pass_on()

    def close(self) -> None:
        self.over.set()
        self.flowing.set()
        self._close()
        self.cut()

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _listen(self, port: int) -> ThreadingHTTPServer:
        proxy, tls = self, self._tls

        class Handler(_Handler):
            api_proxy = proxy

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, *_words: object) -> None:
                """A client that went away is no news."""

            def finish_request(self, request: Any, client_address: Any) -> None:
                """Shake hands in the thread of the connection, so that nobody else waits."""
                with contextlib.suppress(OSError), tls.wrap_socket(request, server_side=True) as line:
                    super().finish_request(line, client_address)

        server = Server((_LOCAL, port), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    """The parser of requests, from the standard library."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    api_proxy: ApiProxy

    def setup(self) -> None:
        super().setup()
        self.api_proxy.lines.add(self.connection)
        self._line = _Line(self.api_proxy, self)

    def finish(self) -> None:
        self._line.close()
        self.api_proxy.lines.discard(self.connection)
        # A file that cannot be flushed keeps its socket open unless it is closed by itself.
        for file in (self.wfile, self.rfile):
            with contextlib.suppress(OSError, ValueError):
                file.close()

    def handle(self) -> None:
        with contextlib.suppress(Cut, OSError, http.client.HTTPException, ValueError):
            super().handle()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.api_proxy.flowing.wait()
        exchange = Exchange(self.command, self.path, len(body), dict(self.headers.items()), body)
        self.api_proxy.take(self._line, exchange)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The log is the proxy's."""


@contextlib.contextmanager
def api_proxy(kubeconfig: Path, *, token: str = "") -> Iterator[ApiProxy]:
    """A proxy before the API server of a kubeconfig; with `token` its own kubeconfig shows that token."""
    with tempfile.TemporaryDirectory(prefix="api-proxy-") as name:
        folder = Path(name)
        proxy = ApiProxy(kubeconfig, folder / "kubeconfig", folder)
        if token:
            content = yaml.safe_load(proxy.kubeconfig.read_text())
            content["users"][0]["user"] = {"token": token}
            proxy.kubeconfig.write_text(yaml.safe_dump(content))
        try:
            yield proxy
        finally:
            proxy.close()


def _entries(kubeconfig: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The cluster and the user of the current context; all data is inside the file."""
    content = yaml.safe_load(kubeconfig.read_text())
    context = next(each for each in content["contexts"] if each["name"] == content["current-context"])[
        "context"
    ]
    cluster = next(each for each in content["clusters"] if each["name"] == context["cluster"])["cluster"]
    user = next(each for each in content["users"] if each["name"] == context["user"])["user"]
    return cluster, user


def _trust(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    """How the proxy talks to the server: with the user's certificate, where he has one."""
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    if "client-certificate-data" in user:
        pair = folder / "client.pem"
        parts = (user["client-certificate-data"], user["client-key-data"])
        pair.write_bytes(b"\n".join(base64.b64decode(each) for each in parts))
        context.load_cert_chain(pair)
    return context


def _server_tls(folder: Path) -> tuple[ssl.SSLContext, bytes]:
    """How clients talk to the proxy, and the authority that they have to trust."""
    authority = Authority()
    leaf = authority.server("api-proxy", [_LOCAL])
    pair = folder / "server.pem"
    pair.write_bytes(leaf.certificate + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    return context, authority.pair.certificate


def _kubeconfig(url: str, authority: bytes) -> str:
    trust = {"server": url, "certificate-authority-data": base64.b64encode(authority).decode()}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "clusters": [{"name": "proxy", "cluster": trust}],
            "users": [{"name": "proxy", "user": {}}],
        }
    )
