"""Connections, retries and renewed credentials, against a server that misbehaves by script."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envctl.errors import UnavailableError
from envctl.kube.connection import Request
from envctl.kube.endpoint import Endpoint, trust
from envctl.kube.transport import Transport

GET = Request("GET", "/x")
POST = Request("POST", "/x", b"{}", repeatable=False)
BEGINS = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"


def anonymous(url: str, **more: Any) -> Endpoint:
    return Endpoint(url, "a test", tuple, **more)


def test_requests_share_one_connection(server: Any, transport: Transport) -> None:
    """A kept-alive connection is used again, and each request carries the credentials."""
    for _ in range(3):
        server.reply(200)
        assert transport.send(GET).status == 200
    assert [each.connection for each in server.received] == [1, 1, 1]
    assert [each.headers["Authorization"] for each in server.received] == ["Bearer one"] * 3
    assert transport.sent() == {"GET": 3}


def test_a_connection_that_is_too_old_is_not_used_again(server: Any, transport: Transport) -> None:
    """The server ended the idle connection, so the next request opens another."""
    server.reply(200, b"{}", "Connection: close")
    server.reply(200)
    transport.send(GET)
    transport.send(POST)
    assert [each.connection for each in server.received] == [1, 2]


def test_a_repeatable_request_is_sent_again_when_an_idle_connection_broke(
    server: Any, transport: Transport
) -> None:
    """The connection ends between request and answer; one more try on a new one succeeds."""
    server.reply(200)
    server.drop()
    server.reply(200, b"[2]")
    transport.send(GET)
    assert transport.send(GET).body == b"[2]"
    assert [each.connection for each in server.received] == [1, 1, 2]


def test_a_request_with_an_effect_is_never_sent_twice(server: Any, transport: Transport) -> None:
    """A create may have taken effect, so the caller is told that nobody knows."""
    server.reply(200)
    server.drop()
    transport.send(GET)
    with pytest.raises(UnavailableError) as caught:
        transport.send(POST)
    assert str(caught.value) == (
        f"the API server at {server.url} closed the connection without an answer; "
        "whether the write took effect is unknown\n"
        "hint: try again; if it persists, look at the API server's log and what stands in between"
    )
    assert server.lines == ["GET /x HTTP/1.1", "POST /x HTTP/1.1"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(b"", "closed the connection without an answer", id="nothing"),
        pytest.param(BEGINS, "broke off its answer", id="half a body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
            "broke off its answer",
            id="half a chunk",
        ),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "does not speak HTTP", id="another protocol"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
            "broke the connection (the answer is larger than 134217728 bytes)",
            id="too large",
        ),
    ],
)
def test_a_broken_answer_is_an_error(server: Any, transport: Transport, answer: bytes, reason: str) -> None:
    """Nothing half read is ever taken for an answer, and a new connection is not tried again."""
    server.raw(answer, keep=False)
    with pytest.raises(UnavailableError) as caught:
        transport.send(GET)
    assert caught.value.summary == f"the API server at {server.url} {reason}"
    assert len(server.received) == 1


def test_a_silent_server_is_given_up_after_the_timeout(server: Any, transport: Transport) -> None:
    """A server that never answers is named with the time that was waited."""
    server.raw(b"")
    with pytest.raises(UnavailableError) as caught:
        transport.send(Request("GET", "/x", timeout=0.05))
    assert caught.value.summary == f"the API server at {server.url} did not answer within 0.05 s"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param(429, (), id="too many requests"),
        pytest.param(429, ("Retry-After: 0",), id="too many requests, with a wait"),
        pytest.param(503, ("Retry-After: 0",), id="unavailable, with a wait"),
    ],
)
def test_a_busy_server_is_asked_again(
    server: Any, transport: Transport, status: int, headers: tuple[str, ...]
) -> None:
    """These answers say that nothing was done, so even a create is sent again."""
    server.reply(status, b"{}", *headers)
    server.reply(201)
    assert transport.send(POST).status == 201


def test_a_server_that_stays_busy_is_not_asked_for_ever(server: Any, transport: Transport) -> None:
    """After four tries the answer is the caller's."""
    for _ in range(4):
        server.reply(429)
    assert transport.send(GET).status == 429
    assert len(server.received) == 4


@pytest.mark.parametrize(
    ("status", "headers", "asked"),
    [
        pytest.param(503, (), 0, id="unavailable without a wait"),
        pytest.param(500, (), 0, id="an internal error"),
        pytest.param(429, ("Retry-After: 60",), 60, id="a long wait"),
        pytest.param(409, ("Retry-After: 0",), 0, id="a conflict"),
    ],
)
def test_other_refusals_stand(
    server: Any, transport: Transport, status: int, headers: tuple[str, ...], asked: float
) -> None:
    """What may have had an effect, or asks to wait long, goes back to the caller at once."""
    server.reply(status, b"{}", *headers)
    answer = transport.send(GET)
    assert (answer.status, answer.retry_after, len(server.received)) == (status, asked, 1)


def test_closing_ends_the_wait_of_a_busy_server(server: Any, transport: Transport) -> None:
    """A closed transport does not sit out waits."""
    transport.close()
    server.reply(429)
    assert transport.send(GET).status == 429
    assert len(server.received) == 1


def test_a_redirect_is_refused(server: Any, transport: Transport) -> None:
    """Credentials never follow to another address."""
    server.reply(302, b"", "Location: http://127.0.0.1:1/")
    with pytest.raises(UnavailableError) as caught:
        transport.send(GET)
    assert caught.value.summary == f"{server.url} answers with a redirect (302), which is never followed"


def test_refused_credentials_are_read_again_once(server: Any) -> None:
    """A rotated token is picked up; a second refusal in a row is final and asks no plugin again."""
    tokens = iter(["old", "new"])

    def load() -> Endpoint:
        header = (("Authorization", f"Bearer {next(tokens)}"),)
        return Endpoint(server.url, "a test", lambda: header)

    transport = Transport(load)
    for status in (401, 200, 401):
        server.reply(status)
    assert [transport.send(GET).status, transport.send(GET).status] == [200, 401]
    transport.close()
    sent = [each.headers["Authorization"] for each in server.received]
    assert sent == ["Bearer old", "Bearer new", "Bearer new"]


def test_no_server_is_an_error_that_names_the_address() -> None:
    """A refused connection says where, why, and whose credentials were meant."""
    closed = Transport(lambda: anonymous("http://127.0.0.1:9"))
    with pytest.raises(UnavailableError) as caught:
        closed.send(GET)
    assert str(caught.value) == (
        "no cluster answers at http://127.0.0.1:9: connection refused\n"
        "hint: check that the cluster of a test is up and can be reached from here"
    )


def test_a_name_that_does_not_exist_is_an_error() -> None:
    """DNS failing is told in plain words."""
    transport = Transport(lambda: anonymous("https://envctl.invalid", tls=trust()))
    with pytest.raises(UnavailableError) as caught:
        transport.send(GET)
    assert caught.value.summary == "no cluster answers at https://envctl.invalid: its name cannot be resolved"


def test_a_proxy_is_asked_for_a_tunnel(server: Any) -> None:
    """Requests go through CONNECT, with the proxy's own credentials and none of the cluster's."""
    server.reply(200, b"")
    server.reply(200, b"[1]")
    proxy = server.url.replace("http://", "http://me:p%40ss@")
    transport = Transport(lambda: anonymous("http://cluster.test:6443", proxy=proxy))
    assert transport.send(GET).body == b"[1]"
    transport.close()
    assert server.lines == ["CONNECT cluster.test:6443 HTTP/1.1", "GET /x HTTP/1.1"]
    assert server.received[0].headers["Proxy-Authorization"] == "Basic bWU6cEBzcw=="
    assert server.received[1].headers["Host"] == "cluster.test:6443"


def test_a_proxy_that_refuses_is_named(server: Any) -> None:
    """The proxy's status is the reason."""
    server.reply(403, b"")
    transport = Transport(lambda: anonymous("http://cluster.test:6443", proxy=server.url))
    with pytest.raises(UnavailableError) as caught:
        transport.send(GET)
    where = server.url.removeprefix("http://")
    assert caught.value.summary == (
        f"no cluster answers at http://cluster.test:6443: the proxy {where} answered 403"
    )


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(
    ("host", "days", "trusted", "server_name", "reason"),
    [
        pytest.param("127.0.0.1", 1, False, "", "self-signed certificate", id="unknown CA"),
        pytest.param(
            "other.test",
            1,
            True,
            "",
            "IP address mismatch, certificate is not valid for '127.0.0.1'.",
            id="another name",
        ),
        pytest.param("127.0.0.1", -1, True, "", "certificate has expired", id="expired"),
        pytest.param(
            "other.test", 1, True, "other.test", "", id="the name that was asked for by tls-server-name"
        ),
        pytest.param("127.0.0.1", 1, True, "", "", id="good"),
    ],
)
def test_a_server_is_trusted_only_for_a_good_certificate(
    certificate: Callable[..., Path],
    serve: Callable[..., Any],
    host: str,
    days: int,
    server_name: str,
    reason: str,
    *,
    trusted: bool,
) -> None:
    """Wrong CA, wrong name and expiry are each refused before any credential is sent."""
    path = certificate("server", host, days)
    server = serve(serving(path))
    server.reply(200)
    ca = path if trusted else certificate("another")
    transport = Transport(lambda: anonymous(server.url, tls=trust(str(ca)), server_name=server_name))
    if reason:
        with pytest.raises(UnavailableError) as caught:
            transport.send(GET)
        expected = f"no cluster answers at {server.url}: its certificate is not trusted ({reason})"
        assert caught.value.summary == expected
        assert server.received == []
    else:
        assert transport.send(GET).status == 200
    transport.close()


def test_a_rotated_ca_is_picked_up(certificate: Callable[..., Path], serve: Callable[..., Any]) -> None:
    """A certificate that is not trusted makes the CA be read again, once."""
    new = certificate("new")
    authorities = iter([certificate("old"), new])
    server = serve(serving(new))
    server.reply(200)
    transport = Transport(lambda: anonymous(server.url, tls=trust(str(next(authorities)))))
    assert transport.send(GET).status == 200
    transport.close()


def test_tls_connections_are_used_again(certificate: Callable[..., Path], serve: Callable[..., Any]) -> None:
    """Session tickets that arrive after the handshake do not look like the end of the connection."""
    path = certificate("server")
    server = serve(serving(path))
    transport = Transport(lambda: anonymous(server.url, tls=trust(str(path))))
    for _ in range(3):
        server.reply(200)
        transport.send(GET)
    transport.close()
    assert [each.connection for each in server.received] == [1, 1, 1]
