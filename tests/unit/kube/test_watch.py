"""Watches on a server that streams by script: what healthy servers seldom do."""

import http.client
import io
import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import ClusterError, UnavailableError
from envctl.kube.client import Client
from envctl.kube.lists import Scope
from envctl.kube.transport import Transport
from envctl.kube.watch import Lifetime, Watch, lines
from envctl.model.cluster import ResourceType, WatchEvent

TYPE = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SCOPE = Scope(TYPE)
END = {"metadata": {"annotations": {"k8s.io/initial-events-end": "true"}}}


def line(kind: str, value: Any) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


def watch(transport: Transport, lifetime: Lifetime | None = None) -> Watch:
    return Watch(Client(transport), SCOPE, set(), lifetime or Lifetime())


def short(event: WatchEvent) -> str:
    metadata = event.object.get("metadata", {})
    return f"{event.kind} {metadata.get('name')}" if event.object else str(event.kind)  # type: ignore[union-attr]


class Canned:
    """What HTTPResponse needs of a socket, with all bytes there already."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


@given(st.lists(st.binary(max_size=40).map(lambda each: each.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_come_out_whole_however_they_were_cut(whole: list[bytes], data: st.DataObject) -> None:
    """Chunk borders mean nothing."""
    text = b"".join(each + b"\n" for each in whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part)
    canned = Canned(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n")
    response = http.client.HTTPResponse(canned)  # type: ignore[arg-type]
    response.begin()
    assert list(lines(response)) == whole


def test_the_state_comes_before_the_changes(server: Any, transport: Transport) -> None:
    """One request: objects, the bookmark that ends them, changes; other bookmarks say nothing."""
    bookmark = {"metadata": {"resourceVersion": "9"}}
    server.chunks(
        line("ADDED", named("a")) + line("BOOKMARK", END),
        line("BOOKMARK", bookmark),
        line("MODIFIED", named("a")) + line("DELETED", named("a")),
    )
    with watch(transport) as events:
        assert [short(event) for event in events] == ["added a", "synced", "modified a", "deleted a"]
    assert transport.sent() == {"WATCH": 1}


def test_a_server_without_watch_list_is_asked_for_a_list_first(server: Any, transport: Transport) -> None:
    """The refusal is remembered, so the next watch of that type does not try again."""
    refused: set[ResourceType] = set()
    state = json.dumps({"metadata": {"resourceVersion": "7"}, "items": [named("a")]}).encode()
    server.reply(422, b'{"kind":"Status","message":"sendInitialEvents is forbidden"}')
    for _ in range(2):
        server.reply(200, state)
        server.chunks(line("DELETED", named("a")))
    for _ in range(2):
        with Watch(Client(transport), SCOPE, refused) as events:
            assert [short(event) for event in events] == ["added a", "synced", "deleted a"]
    asked = [each.partition("?")[2] for each in server.lines]
    assert ["sendInitialEvents" in each for each in asked] == [True, False, False, False, False]
    assert ["resourceVersion=7" in each for each in asked] == [False, False, True, False, True]
    assert refused == {TYPE}


def test_a_snapshot_that_goes_away_while_listing_asks_for_a_new_watch(
    server: Any, transport: Transport
) -> None:
    """Objects were told of already, so the state cannot simply begin again."""
    server.reply(400)
    server.reply(
        200,
        json.dumps({"metadata": {"resourceVersion": "7", "continue": "t"}, "items": [named("a")]}).encode(),
    )
    server.reply(410, b'{"kind":"Status","code":410}')
    with watch(transport) as events:
        assert [short(event) for event in events] == ["added a", "expired"]


@pytest.mark.parametrize(
    "in_stream", [pytest.param(True, id="in the stream"), pytest.param(False, id="at once")]
)
def test_a_version_that_is_gone_asks_for_a_new_watch(
    server: Any, transport: Transport, *, in_stream: bool
) -> None:
    """410 ends the iteration with EXPIRED, not with an error."""
    gone = {"kind": "Status", "code": 410, "reason": "Expired"}
    if in_stream:
        server.chunks(line("BOOKMARK", END) + line("ERROR", gone), end=False)
    else:
        server.reply(410, json.dumps(gone).encode())
    with watch(transport) as events:
        assert [short(event) for event in events][-1] == "expired"


def test_another_error_in_the_stream_is_raised(server: Any, transport: Transport) -> None:
    """An ERROR event carries a Status, told like any refusal."""
    server.chunks(
        line("ERROR", {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcd is away"})
    )
    with pytest.raises(ClusterError) as caught, watch(transport) as events:
        list(events)
    assert (str(caught.value), caught.value.status) == ("ConfigMap: etcd is away", 500)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(line("ADDED", named("a")), id="between events"),
        pytest.param(line("ADDED", named("a"))[:-9], id="in an event"),
    ],
)
def test_a_stream_that_breaks_is_an_error(server: Any, transport: Transport, data: bytes) -> None:
    """A cut stream differs from one that the server ended, so callers can back off."""
    server.chunks(data, end=False, keep=False)
    with pytest.raises(UnavailableError) as caught, watch(transport) as events:
        list(events)
    assert caught.value.summary == f"the API server at {server.url} broke off its answer"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"not json\n", id="no JSON"),
        pytest.param(b'{"type":"ADDED"}\n', id="no object"),
        pytest.param(line("RENAMED", named("a")), id="unknown type"),
    ],
)
def test_an_event_that_makes_no_sense_is_an_error(server: Any, transport: Transport, data: bytes) -> None:
    """Unknown input is not skipped: it might have been a deletion."""
    server.chunks(data)
    with pytest.raises(UnavailableError) as caught, watch(transport) as events:
        list(events)
    assert caught.value.summary == f"what {server.url} answered is no API object"


def test_a_stalled_stream_ends(server: Any, transport: Transport) -> None:
    """Silence beyond the life of the stream counts as its end."""
    server.chunks(line("ADDED", named("a")), end=False)
    with watch(transport, Lifetime(shortest=0, longest=0, margin=0.05)) as events:
        assert [short(event) for event in events] == ["added a"]


def test_silence_after_a_bookmark_ends_a_stream_sooner(server: Any, transport: Transport) -> None:
    """A server that sends bookmarks sends one a minute, so more silence than that tells enough."""
    bookmark = line("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
    server.chunks(line("ADDED", named("a")) + line("BOOKMARK", END), bookmark, end=False)
    with watch(transport, Lifetime(quiet=0.05)) as events:
        assert [short(event) for event in events] == ["added a", "synced"]


@given(st.floats(2, 3600))
def test_a_stream_ends_within_the_time_that_it_is_given(seconds: float) -> None:
    """Also where nothing is heard any more: then its life and the margin have passed."""
    life = Lifetime.within(seconds)
    assert 1 <= life.shortest <= life.longest
    assert life.margin > 0
    assert life.longest + life.margin == pytest.approx(seconds)


def test_a_watch_that_is_not_read_sends_nothing(server: Any, transport: Transport) -> None:
    """Opening is left to the thread that reads."""
    with watch(transport):
        pass
    assert server.received == []


def test_leaving_closes_the_connection(server: Any, transport: Transport) -> None:
    """The server sees the end at once, and a closed watch yields nothing more."""
    server.chunks(line("ADDED", named("a")), end=False)
    with watch(transport) as events:
        assert short(next(events)) == "added a"
    assert list(events) == []


@pytest.mark.parametrize(
    "answered", [pytest.param(True, id="in the stream"), pytest.param(False, id="before it began")]
)
def test_any_thread_may_close_a_watch_that_is_being_read(
    server: Any, transport: Transport, *, answered: bool
) -> None:
    """The reader gets the end of the iteration although the server is silent."""
    if answered:
        server.chunks(line("ADDED", named("a")), end=False)
    else:
        server.raw(b"")
    seen: list[str] = []
    waiting = threading.Event()
    watched = watch(transport)

    def read() -> None:
        waiting.set()
        for event in watched:
            seen.append(short(event))
            waiting.set()
        seen.append("end")

    reader = threading.Thread(target=read)
    reader.start()
    while len(server.received) < 1:
        waiting.wait(0.01)
    watched.close()
    reader.join(5)
    assert not reader.is_alive()
    assert seen[-1] == "end"
