"""A real TCP server that answers by script, for what a healthy API server never does."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from envctl.kube.endpoint import Endpoint
from envctl.kube.transport import Transport


@dataclass(frozen=True)
class Received:
    """One request as it came in, with the number of the connection that it came in on."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Answers the n-th request with the n-th step; a step gets the socket and says whether to keep it."""

    steps: list[Callable[[socket.socket], bool]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def lines(self) -> list[str]:
        return [each.line for each in self.received]

    def reply(self, status: int, body: bytes = b"{}", *headers: str) -> None:
        """Next, an ordinary answer."""
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
        self.raw("\r\n".join(lines).encode() + body)

    def chunks(self, *parts: bytes, end: bool = True, keep: bool = True) -> None:
        """Next, a streamed answer, each part a chunk; without `end` it stays unfinished."""
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.raw(start + body + (b"0\r\n\r\n" if end else b""), keep=keep)

    def drop(self) -> None:
        """Next, the end of the connection without an answer."""
        self.raw(b"", keep=False)

    def raw(self, data: bytes, *, keep: bool = True) -> None:
        """Next, these very bytes."""

        def step(sock: socket.socket) -> bool:
            sock.sendall(data)
            return keep

        self.steps.append(step)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for each in self._open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(raw)
            number += 1
            self._threads.append(threading.Thread(target=self._serve, args=(raw, number)))
            self._threads[-1].start()

    def _serve(self, raw: socket.socket, number: int) -> None:
        try:
            with raw if self.tls is None else self.tls.wrap_socket(raw, server_side=True) as sock:
                self._open.append(sock)
                keep = True
                while keep:
                    request = self._read(sock, number)
                    if request is None:
                        return
                    with self._lock:
                        self.received.append(request)
                        step = self.steps.pop(0) if self.steps else _unexpected
                    keep = step(sock)
        except OSError:
            raw.close()

    def _read(self, sock: socket.socket, number: int) -> Received | None:
        data = b""
        while b"\r\n\r\n" not in data:
            part = sock.recv(65536)
            if not part:
                return None
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        line, *rest = head.decode().split("\r\n")
        headers = dict(each.split(": ", 1) for each in rest)
        while len(body) < int(headers.get("Content-Length", "0")):
            body += sock.recv(65536)
        return Received(number, line, headers, body)


def _unexpected(sock: socket.socket) -> bool:
    sock.sendall(b"HTTP/1.1 599 no step is left\r\nContent-Length: 0\r\n\r\n")
    return True


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A scripted server on a free port."""
    made = ScriptedServer()
    yield made
    made.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Makes more servers, with TLS where a context is given."""
    made: list[ScriptedServer] = []

    def make(tls: ssl.SSLContext | None = None) -> ScriptedServer:
        made.append(ScriptedServer(tls=tls))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def transport(server: ScriptedServer) -> Iterator[Transport]:
    """A transport to the scripted server, with a token."""
    made = Transport(lambda: Endpoint(server.url, "a test", lambda: (("Authorization", "Bearer one"),)))
    yield made
    made.close()


def write_certificate(folder: Path, name: str, host: str = "127.0.0.1", days: int = 1) -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=9))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[..., Path]:
    """Makes self-signed certificates: name, then host and days of life."""
    return partial(write_certificate, tmp_path)
