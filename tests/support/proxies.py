"""Machines between a client and a Git server, for tests: a CONNECT proxy, and a line that breaks."""

import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_BLOCK = 65536


@dataclass
class Proxy:
    """A running proxy. `asked` lists the hosts that it was asked for."""

    port: int
    asked: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def connect_proxy(login: str = "") -> Iterator[Proxy]:
    """A proxy that opens tunnels (CONNECT) to any port of 127.0.0.1; with `login` (user:password) only for it."""
    expected = f"Basic {base64.b64encode(login.encode()).decode()}"

    def serve(client: socket.socket) -> None:
        head = _read_head(client)
        target = head.split(" ")[1]
        proxy.asked.append(target)
        if login and f"proxy-authorization: {expected}".lower() not in head.lower():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2]))) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            _join(client, server, lambda _: True, lambda _: True)

    proxy = Proxy(0)
    with _listening(serve) as proxy.port:
        yield proxy


@contextlib.contextmanager
def breaking_line(port: int, mark: bytes = b"PACK", *, lose: str = "answer") -> Iterator[Proxy]:
    """A line to a port of this machine that breaks at a push: when the client sends `mark`.

    With `lose` "answer", what is pushed arrives, and the line breaks when the server answers; with
    "request", it breaks before the server hears anything of it. Only the first such line breaks.
    """
    broken = threading.Event()

    def serve(client: socket.socket) -> None:
        pushed = threading.Event()

        def forward(data: bytes) -> bool:
            if mark in data and not broken.is_set():
                broken.set()
                pushed.set()
                return lose != "request"
            return True

        with socket.create_connection(("127.0.0.1", port)) as server:
            _join(client, server, forward, lambda _: not pushed.is_set())

    proxy = Proxy(0)
    with _listening(serve) as proxy.port:
        yield proxy


def _join(
    client: socket.socket,
    server: socket.socket,
    forward: Callable[[bytes], bool],
    back: Callable[[bytes], bool],
) -> None:
    """Copy both ways until one side ends, or a function says that the line breaks here."""
    other = threading.Thread(target=_copy, args=(server, client, back), daemon=True)
    other.start()
    _copy(client, server, forward)
    other.join()


def _copy(source: socket.socket, target: socket.socket, passes: Callable[[bytes], bool]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_BLOCK):
            if not passes(data):
                break
            target.sendall(data)
        else:
            target.shutdown(socket.SHUT_WR)
            return
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _read_head(client: socket.socket) -> str:
    head = b""
    while b"\r\n\r\n" not in head and (data := client.recv(_BLOCK)):
        head += data
    return head.decode()


@contextlib.contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose connections are each served by a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            serve(client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
