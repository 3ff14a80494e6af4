"""Servers that never finish, for tests: they say a beginning, and then a little of the rest, again and again."""

import contextlib
import socket
import threading
from collections.abc import Iterator

ADVERTISED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
SERVICE = b"22\r\n001e# service=git-upload-pack\n0000\r\n"


@contextlib.contextmanager
def endless_server(beginning: bytes, more: bytes, pause: float) -> Iterator[int]:
    """A port on which everybody hears `beginning`, then `more` each `pause` seconds (0: as fast as it goes)."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def speak(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.sendall(beginning)
            while not over.wait(pause):
                client.sendall(more)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=speak, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked HTTP answer."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def packets(count: int, length: int = 10) -> bytes:
    """Lines of a list of refs, as servers send them; the last part of a name has a length."""
    lines = (b"%040x refs/heads/branch-%0*d\n" % (each + 1, length, each) for each in range(count))
    return b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines)
