"""The server for probes and metrics: slow, many and strange clients cost a bounded amount."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from envctl.errors import InputError, UsageError
from envctl.httpserver.server import Server, parsed_address
from envctl.model.page import Page


@pytest.fixture
def server() -> Iterator[Server]:
    """Answers with the path that was asked for."""
    with contextlib.closing(Server("127.0.0.1:0", lambda path: Page(200, path))) as found:
        yield found


AT_ONCE = 8


@pytest.fixture
def answered() -> Iterator[Callable[..., Server]]:
    """Makes servers."""
    with contextlib.ExitStack() as stack:

        def make(answer: Callable[[str], Page] = lambda path: Page(200, path), **options: float) -> Server:
            return stack.enter_context(contextlib.closing(Server("127.0.0.1:0", answer, **options)))

        yield make


def ask(server: Server, method: str = "GET", path: str = "/healthz?x=1") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_page_is_chosen_by_its_path_alone(server: Server) -> None:
    """A query belongs to nobody here."""
    assert ask(server) == (200, "/healthz")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_nothing_can_be_written(server: Server, method: str) -> None:
    """There is nothing that a request could change."""
    assert ask(server, method)[0] == 501


def test_slow_clients_keep_nobody_else_out_for_long(server: Server) -> None:
    """More than there are threads for connect and say nothing; a probe gets through when their time is over."""
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        answered = threading.Event()

        def keep_asking() -> None:
            while not answered.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if ask(server) == (200, "/healthz"):
                        answered.set()

        thread = threading.Thread(target=keep_asking, daemon=True)
        thread.start()
        assert answered.wait(60)
        thread.join()


def test_a_request_has_one_time_for_all_of_it(answered: Callable[..., Server]) -> None:
    """A client that always says a little more is let go, and its thread with it."""
    server, began = answered(seconds=1), time.monotonic()
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(AT_ONCE)
        ]
        for client in slow:
            client.settimeout(0.01)
        while slow and time.monotonic() < began + 20:
            slow = [client for client in slow if goes_on(client)]
            time.sleep(0.1)
        assert slow == []
        assert 1 <= time.monotonic() - began < 10
    assert ask(server) == (200, "/healthz")


def goes_on(client: socket.socket) -> bool:
    """Say one more letter of a header; whether the server still listens."""
    try:
        client.sendall(b"a" if client.getpeername() else b"")
        return client.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_an_answer_that_nobody_takes_is_given_up(answered: Callable[..., Server]) -> None:
    """Clients that ask for much, and then do not read, or go away in the middle."""
    server = answered(lambda _: Page(200, "x" * 50_000_000), seconds=0.5)
    with contextlib.ExitStack() as stack:
        for number in range(2 * AT_ONCE):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            if number % 2:
                client.close()
        time.sleep(2)
        status, text = ask(server)
        assert (status, len(text)) == (200, 50_000_000)


def test_a_thread_that_cannot_be_started_costs_no_place(server: Server) -> None:
    """The machine has no room for one more thread for a while; afterwards all places are there."""
    before = threading.stack_size(1 << 46)
    try:
        for _ in range(2 * AT_ONCE):
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert ask(server) == ()
    finally:
        threading.stack_size(before)
    assert ask(server) == (200, "/healthz")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="TLS"),
        pytest.param(b"GET\r\n\r\n", id="no path"),
        pytest.param(b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n", id="a path without end"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", id="headers without end"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_strange_clients_do_not_disturb_it(server: Server, sent: bytes) -> None:
    """They get an error or nothing, and the next one an answer."""
    with socket.create_connection(("127.0.0.1", server.port)) as client, contextlib.suppress(OSError):
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(20)
        while client.recv(65536):
            pass
    assert ask(server) == (200, "/healthz")


@pytest.mark.parametrize(
    ("address", "expected"),
    [(":8080", ("", 8080)), ("127.0.0.1:1", ("127.0.0.1", 1)), ("[::1]:9090", ("::1", 9090))],
)
def test_an_address_is_a_host_and_a_port(address: str, expected: tuple[str, int]) -> None:
    """The host may be left out."""
    assert parsed_address(address) == expected


@pytest.mark.parametrize("address", ["8080", "localhost", "localhost:http", ":70000", "", ":-1", ":8\uff10"])
def test_anything_else_is_no_address(address: str) -> None:
    """And the error says how one is written."""
    with pytest.raises(UsageError) as error:
        parsed_address(address)
    assert str(error.value).startswith(f"{address!r} is no address to listen at")
    assert error.value.hint == "write HOST:PORT, or :PORT for every address"


def test_a_port_that_is_taken_is_told(server: Server) -> None:
    """With what to do."""
    with pytest.raises(InputError) as error:
        Server(f"127.0.0.1:{server.port}", lambda path: Page(200, path))
    assert str(error.value).startswith(f"cannot listen at 127.0.0.1:{server.port}: address already in use")
