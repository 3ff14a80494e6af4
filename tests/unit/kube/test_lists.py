"""Whole collections or errors, against a server that loses its snapshots by script."""

import json
from typing import Any

import pytest

from envctl.errors import ClusterError, UnavailableError
from envctl.kube.client import Client
from envctl.kube.lists import Scope, whole
from envctl.kube.transport import Transport
from envctl.model.cluster import Listing, ResourceType

SCOPE = Scope(ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True), "app=web", "ops")
GONE = {
    "kind": "Status",
    "code": 410,
    "reason": "Expired",
    "message": "The provided continue parameter is too old",
}


def page(names: str, token: str = "", version: str = "7") -> bytes:
    items = [{"metadata": {"name": name}} for name in names]
    metadata = {"resourceVersion": version, "continue": token}
    return json.dumps({"kind": "ConfigMapList", "metadata": metadata, "items": items}).encode()


def names(listing: Listing) -> str:
    return "".join(item["metadata"]["name"] for item in listing.items)  # type: ignore[index,call-overload]


def test_pages_become_one_list(server: Any, transport: Transport) -> None:
    """Each item gets the type that the server leaves out of lists."""
    server.reply(200, page("ab", "t1"))
    server.reply(200, page("c"))
    listing = whole(Client(transport), SCOPE, 2)
    assert listing.resource_version == "7"
    assert listing.items == tuple(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in "abc"
    )
    path = "GET /api/v1/namespaces/ops/configmaps?labelSelector=app%3Dweb&limit=2"
    assert server.lines == [f"{path} HTTP/1.1", f"{path}&continue=t1 HTTP/1.1"]


def test_a_snapshot_that_went_away_begins_again(server: Any, transport: Transport) -> None:
    """Pages of two snapshots are never mixed."""
    server.reply(200, page("ax", "t1"))
    server.reply(410, json.dumps(GONE).encode())
    server.reply(200, page("ab", "t2", "9"))
    server.reply(200, page("c", "", "9"))
    listing = whole(Client(transport), SCOPE, 2)
    assert (names(listing), listing.resource_version) == ("abc", "9")


def test_a_snapshot_that_keeps_going_away_is_an_error(server: Any, transport: Transport) -> None:
    """The list is given up, not cut."""
    for _ in range(4):
        server.reply(200, page("a", "t"))
        server.reply(410, json.dumps(GONE).encode())
    with pytest.raises(ClusterError) as caught:
        whole(Client(transport), SCOPE, 1)
    assert str(caught.value) == "ConfigMap in ops: The provided continue parameter is too old"
    assert caught.value.status == 410


def test_an_empty_collection_is_an_empty_list(server: Any, transport: Transport) -> None:
    """Null items are how Go writes none."""
    server.reply(200, b'{"metadata":{"resourceVersion":"1"},"items":null}')
    assert whole(Client(transport), SCOPE) == Listing("1", ())


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(b'{"items":[]', id="cut"),
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"items":[]}', id="no metadata"),
        pytest.param(b'{"metadata":{},"items":[]}', id="no version"),
        pytest.param(b'{"metadata":{"resourceVersion":"1"},"items":{}}', id="items of another type"),
        pytest.param(b'{"metadata":{"resourceVersion":"1"},"items":[1]}', id="an item of another type"),
        pytest.param(b'{"metadata":{"resourceVersion":"1"},"items":[' + b"[" * 100_000, id="deep nesting"),
    ],
)
def test_a_page_that_makes_no_sense_is_an_error(server: Any, transport: Transport, second: bytes) -> None:
    """A page with status 200 is not taken for an answer if it is not one."""
    server.reply(200, page("a", "t"))
    server.reply(200, second)
    with pytest.raises(UnavailableError) as caught:
        whole(Client(transport), SCOPE, 1)
    assert caught.value.place == "ConfigMap in ops"
    assert caught.value.summary == f"what {server.url} answered is no API object"


@pytest.mark.parametrize("cut", range(0, 150, 10))
def test_a_list_that_breaks_off_anywhere_is_an_error(server: Any, transport: Transport, cut: int) -> None:
    """Wherever the connection ends, nothing partial comes out."""
    body = page("c" * 3)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server.reply(200, page("ab", "t1"), "Connection: close")
    server.raw((head + body)[:cut], keep=False)
    with pytest.raises(UnavailableError):
        whole(Client(transport), SCOPE, 2)
