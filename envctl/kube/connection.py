"""One TCP or TLS connection to an API server, kept alive between requests.

Request line, headers and body go out in one write; the standard library parses the answer.
Redirects are not followed. Nothing here retries.
"""

import base64
import contextlib
import http.client
import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from envctl.kube.endpoint import Endpoint, Headers

CONNECT_SECONDS = 10.0
# Cloud load balancers drop idle connections without a word, the shortest known after 60 s.
_IDLE_SECONDS = 50.0
_PORTS = {"http": 80, "https": 443}
# Dead peers are noticed within a minute although a quiet watch sends nothing.
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `target` is the path with its query, already encoded.

    `timeout` is how long each wait for the server may last, in seconds. `repeatable` says that
    sending it twice does no harm, so it may be sent again when a kept-alive connection broke.
    """

    method: str
    target: str
    body: bytes = b""
    headers: Headers = field(default=(("Accept", "application/json"),))
    timeout: float = 65.0
    repeatable: bool = True


class Connection:
    """A connection to the server of one endpoint. Raises OSError and http.client.HTTPException."""

    def __init__(self, endpoint: Endpoint, timeout: float = CONNECT_SECONDS) -> None:
        self.endpoint = endpoint
        self.used = False
        self._parts = urlsplit(endpoint.url)
        self._host = _host_header(self._parts)
        self._idle_since = time.monotonic()
        self.socket = self._open(min(timeout, CONNECT_SECONDS))

    def send(self, request: Request) -> http.client.HTTPResponse:
        """Send a request and return the answer with its headers read and its body unread."""
        self.socket.settimeout(request.timeout)
        self.socket.sendall(self._head(request) + request.body)
        response = http.client.HTTPResponse(self.socket, method=request.method)
        try:
            response.begin()
        except BaseException:
            response.close()
            raise
        self.used = True
        return response

    def rest(self) -> None:
        """Note that the connection is idle from now on."""
        self._idle_since = time.monotonic()

    def fresh(self) -> bool:
        """Whether an idle connection may still be used: not too old, and nothing arrived meanwhile.

        What arrives on an idle connection is its end.
        """
        if time.monotonic() - self._idle_since > _IDLE_SECONDS:
            return False
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(0)

    def interrupt(self) -> None:
        """Wake a thread that reads here; callable from any thread. The reader sees the end of the stream."""
        with contextlib.suppress(OSError):  # It may be closed already.
            # Not SSLSocket.shutdown: it takes TLS off the socket under the reader.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _head(self, request: Request) -> bytes:
        lines = [f"{request.method} {self._parts.path}{request.target} HTTP/1.1", f"Host: {self._host}"]
        lines.append("User-Agent: envctl")
        lines += [f"{name}: {value}" for name, value in (*request.headers, *self.endpoint.headers())]
        if request.body:
            lines.append(f"Content-Length: {len(request.body)}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def _open(self, timeout: float) -> socket.socket:
        proxy = urlsplit(self.endpoint.proxy) if self.endpoint.proxy else None
        raw = socket.create_connection(_address(proxy or self._parts), timeout)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                if hasattr(socket, option):  # not the same set on every system
                    raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
            if proxy is not None:
                _tunnel(raw, proxy, self._parts)
            return self._wrap(raw)
        except BaseException:
            raw.close()
            raise

    def _wrap(self, raw: socket.socket) -> socket.socket:
        if self.endpoint.tls is None:
            return raw
        name = self.endpoint.server_name or self._parts.hostname or ""
        wrapped: ssl.SSLSocket = self.endpoint.tls.wrap_socket(raw, server_hostname=name)
        return wrapped


def _address(parts: SplitResult) -> tuple[str, int]:
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def _host_header(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _tunnel(raw: socket.socket, proxy: SplitResult, server: SplitResult) -> None:
    """Ask an HTTP proxy for a plain way to the server. Raises OSError with the proxy's words."""
    host, port = _address(server)
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
    raw.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    response = http.client.HTTPResponse(raw, method="CONNECT")
    try:
        response.begin()
        if response.status != http.HTTPStatus.OK:
            raise OSError(f"the proxy {proxy.hostname}:{proxy.port} answered {response.status}")
    finally:
        response.close()
