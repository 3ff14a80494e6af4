"""Which kinds are served, from each form in which servers tell it."""

import json
from typing import Any

import pytest

from envctl.errors import ClusterError, UnavailableError
from envctl.kube.client import Client
from envctl.kube.discovery import Discovery, Served, aggregated, plain
from envctl.kube.transport import Transport
from envctl.model.cluster import ResourceType

POD = ResourceType("", "v1", "Pod", "pods", namespaced=True)
V2 = ResourceType("shop.test", "v2", "Cart", "carts", namespaced=True)
V1 = ResourceType("shop.test", "v1", "Cart", "carts", namespaced=True)
SITE = ResourceType("shop.test", "v1", "Site", "sites", namespaced=False)


def resource(entry: ResourceType) -> dict[str, Any]:
    scope = "Namespaced" if entry.namespaced else "Cluster"
    return {"resource": entry.plural, "responseKind": {"kind": entry.kind}, "scope": scope, "verbs": ["get"]}


def group(name: str, *versions: tuple[str, str, list[ResourceType]]) -> dict[str, Any]:
    told = [
        {"version": v, "freshness": f, "resources": [resource(each) for each in types]}
        for v, f, types in versions
    ]
    return {"metadata": {"name": name}, "versions": told}


def document(*groups: dict[str, Any]) -> bytes:
    return json.dumps({"kind": "APIGroupDiscoveryList", "items": list(groups)}).encode()


CORE = document(group("", ("v1", "Current", [POD])))
SHOP = group("shop.test", ("v2", "Current", [V2]), ("v1", "Current", [V1, SITE]))


def test_the_aggregated_document_is_read_in_the_servers_order() -> None:
    """Types keep the server's order of preference; stale versions are remembered; odd entries are left out."""
    items = [
        SHOP,
        group("dead.test", ("v1", "Stale", [])),
        7,
        {"metadata": None, "versions": [{"version": "v1"}]},
    ]
    assert aggregated({"items": items}) == Served((V2, V1, SITE), frozenset({("dead.test", "v1")}))


def test_a_kind_that_is_only_a_question_is_no_kind_of_objects() -> None:
    """A TokenReview is created and never there: neither form of the document tells of it."""
    questions = {**resource(POD), "verbs": ["create"]}
    item = {"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": [questions]}]}
    assert aggregated({"items": [item]}) == Served()
    older = {"name": "bindings", "kind": "Binding", "namespaced": True, "verbs": ["create"]}
    assert plain("", "v1", {"resources": [older]}) == Served()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(("", "Pod"), POD, id="core"),
        pytest.param(("shop.test", "Cart"), V2, id="preferred version"),
        pytest.param(("shop.test", "Cart", "v1"), V1, id="a version"),
        pytest.param(("shop.test", "Site"), SITE, id="only in an older version"),
        pytest.param(("shop.test", "Cart", "v9"), None, id="unknown version"),
        pytest.param(("shop.test", "Pod"), None, id="unknown kind"),
        pytest.param(("other.test", "Cart"), None, id="unknown group"),
    ],
)
def test_a_kind_is_found_by_group_and_version(
    server: Any, transport: Transport, asked: tuple[str, ...], found: ResourceType | None
) -> None:
    """Two requests tell all kinds; further questions cost nothing."""
    server.reply(200, CORE)
    server.reply(200, document(SHOP))
    discovery = Discovery(Client(transport))
    assert discovery.find(*asked) == found
    assert discovery.find(*asked) == found
    assert server.lines == ["GET /api HTTP/1.1", "GET /apis HTTP/1.1"]


def test_a_group_whose_server_is_down_is_unknown_not_absent(server: Any, transport: Transport) -> None:
    """Absence would make a caller prune, so it is an error; what the server still remembers is told."""
    server.reply(200, CORE)
    server.reply(200, document(group("shop.test", ("v1", "Stale", [SITE]))))
    discovery = Discovery(Client(transport))
    assert discovery.find("shop.test", "Site") == SITE
    with pytest.raises(UnavailableError) as caught:
        discovery.find("shop.test", "Cart")
    assert str(caught.value) == (
        "Cart.shop.test: the extension API server behind shop.test does not answer, so its kinds are unknown now\n"
        "hint: look at the APIService objects of shop.test: one is not Available"
    )
    assert discovery.find("other.test", "Cart") is None
    assert discovery.find("shop.test", "Cart", "v3") is None


def test_an_outdated_answer_is_asked_for_again(server: Any, transport: Transport) -> None:
    """A 404 for a whole kind makes discovery ask again, with the ETag that it has."""
    server.reply(200, CORE, 'ETag: "1"')
    server.reply(200, document(SHOP), 'ETag: "2"')
    client = Client(transport)
    discovery = Discovery(client)
    assert discovery.find("shop.test", "Site") == SITE
    client.outdated.set()
    server.reply(304, b"")
    server.reply(200, document(), 'ETag: "3"')
    assert discovery.find("shop.test", "Site") is None
    assert [each.headers.get("If-None-Match") for each in server.received] == [None, None, '"1"', '"2"']


def test_an_older_server_is_asked_group_by_group(server: Any, transport: Transport) -> None:
    """The preferred version comes first; a group that does not answer is unknown."""
    groups = [
        {
            "name": "shop.test",
            "versions": [{"version": "v1"}, {"version": "v2"}],
            "preferredVersion": {"version": "v2"},
        },
        {"name": "dead.test", "versions": [{"version": "v1"}]},
    ]
    carts = {
        "resources": [
            {"name": "carts", "kind": "Cart", "namespaced": True},
            {"name": "carts/status", "kind": "Cart"},
        ]
    }
    server.reply(200, b'{"kind":"APIVersions","versions":["v1"]}')
    server.reply(200, b'{"resources":[{"name":"pods","kind":"Pod","namespaced":true}]}')
    server.reply(200, json.dumps({"kind": "APIGroupList", "groups": groups}).encode())
    server.reply(200, json.dumps(carts).encode())
    server.reply(200, json.dumps(carts).encode())
    server.reply(503)
    discovery = Discovery(Client(transport))
    assert (discovery.find("", "Pod"), discovery.find("shop.test", "Cart")) == (POD, V2)
    with pytest.raises(UnavailableError, match=r"^Any.dead.test: the extension API server behind dead.test"):
        discovery.find("dead.test", "Any")
    assert [each.split()[1] for each in server.lines] == [
        "/api",
        "/api/v1",
        "/apis",
        "/apis/shop.test/v2",
        "/apis/shop.test/v1",
        "/apis/dead.test/v1",
    ]


def test_a_refused_discovery_is_an_error(server: Any, transport: Transport) -> None:
    """Nothing is taken for not served when the server refuses to tell."""
    server.reply(403, b'{"kind":"Status","code":403,"reason":"Forbidden","message":"no","details":{}}')
    with pytest.raises(ClusterError) as caught:
        Discovery(Client(transport)).find("", "Pod")
    assert (str(caught.value), caught.value.status) == ("/api: no", 403)
