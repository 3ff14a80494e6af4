"""Real Git servers on this machine, for tests: ``git http-backend`` behind Python's own HTTP server."""

import base64
import contextlib
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body of a scripted answer."""


@dataclass
class GitServer:
    """A running server. `requests` lists what was asked: method, path with query, and headers; `connections`
    counts who came.

    `script` may answer a request instead of Git: called with method and path, None lets Git answer.
    `edit` makes another answer of Git's own, given the body of the request. `cut` gives, for a request's body and
    that of its answer, after how many bytes the line breaks; None for not. `halt` is called with a request's body in
    the middle of the answer.
    `tokens` open the repositories as bearer tokens.
    """

    root: Path
    address: str
    users: Mapping[str, str] = field(default_factory=dict)
    tokens: frozenset[str] = frozenset()
    certificate: Path | None = None
    requests: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    connections: int = 0
    script: Callable[[str, str], Answer | None] = lambda _method, _path: None
    edit: Callable[[bytes, Answer], Answer] = lambda _body, answer: answer
    cut: Callable[[bytes, bytes], int | None] = lambda _body, _answer: None
    halt: Callable[[bytes], object] = lambda _body: None

    def url(self, name: str, *, user: str = "") -> str:
        """The address of a repository below the root, with the user's credentials in it if one is named."""
        scheme, _, rest = self.address.partition("://")
        login = f"{user}:{self.users.get(user, '')}@" if user else ""
        return f"{scheme}://{login}{rest}/{name}"


@contextlib.contextmanager
def git_http_server(
    root: Path,
    *,
    users: Mapping[str, str] | None = None,
    tokens: frozenset[str] = frozenset(),
    tls: Path | None = None,
    host: str = "127.0.0.1",
    age: timedelta = timedelta(),
) -> Iterator[GitServer]:
    """Serve all repositories below a folder on a free port of 127.0.0.1, for reading and for pushing.

    With `users` (name to password) every request needs basic authentication. With `tls` (a folder
    for the key and certificate) the server speaks HTTPS; clients need its `certificate`, which is for
    `host` and was made an `age` ago.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    scheme = "https" if tls else "http"
    served = GitServer(root, f"{scheme}://127.0.0.1:{server.server_address[1]}", users or {}, tokens)
    server.git = served  # type: ignore[attr-defined]
    if tls:
        served.certificate = make_certificate(tls, host, age)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(served.certificate, tls / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """Serve all repositories below a folder by Git's own protocol; the address to put names behind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--export-all", "--enable=receive-pack", "--reuseaddr", "--listen=127.0.0.1"]
    daemon = subprocess.Popen(
        ["git", "daemon", *options, f"--port={port}", f"--base-path={root}", str(root)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)
        daemon.wait()


def _wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
            return
        time.sleep(0.01)
    raise AssertionError("git daemon did not start")


def make_certificate(folder: Path, host: str = "127.0.0.1", age: timedelta = timedelta()) -> Path:
    """A self-signed certificate, good for a day since an `age` ago: ``server.pem`` beside ``server.key``."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "git server for tests")])
    now = datetime.now(UTC) - age
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "server.pem"


class _Handler(BaseHTTPRequestHandler):
    """One request: to the script, or as CGI to ``git http-backend``."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self._git.connections += 1

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    @property
    def _git(self) -> GitServer:
        return self.server.git  # type: ignore[attr-defined,no-any-return]

    def _answer(self, body: bytes) -> None:
        self._git.requests.append((self.command, self.path, dict(self.headers)))
        scripted = self._git.script(self.command, self.path)
        if scripted is not None:
            self._send(*scripted)
        elif (self._git.users or self._git.tokens) and not self._is_known():
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"who are you?")
        else:
            answer = self._git.edit(body, self._backend(body))
            self._send(*answer, cut=self._git.cut(body, answer[2]), halt=lambda: self._git.halt(body))

    def _is_known(self) -> bool:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token in self._git.tokens
        if scheme.lower() != "basic":
            return False
        user, _, password = base64.b64decode(token).decode().partition(":")
        return self._git.users.get(user) == password

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _backend(self, body: bytes) -> Answer:
        parts = urlsplit(self.path)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_COMMITTER_NAME": "server",
            "GIT_COMMITTER_EMAIL": "server@example.com",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "tester",
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=environment, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return int(headers.pop("Status", "200 OK").split()[0]), headers, content

    def _send(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        cut: int | None = None,
        halt: Callable[[], object] = lambda: None,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = body if cut is None else body[:cut]
        self.wfile.write(sent[: len(sent) // 2])
        halt()
        self.wfile.write(sent[len(sent) // 2 :])
        self.close_connection = self.close_connection or cut is not None
