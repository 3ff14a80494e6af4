"""The proxy that breaks the line to the API server: each fault does what it says, and nothing else."""

import contextlib
import json
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from envctl.errors import ClusterError, EnvctlError, UnavailableError
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.model.cluster import EventKind, ResourceType
from tests.support.apifaults import (
    answered,
    cut_after,
    cut_before,
    cut_body,
    delayed,
    doubled,
    dropped,
    events,
    nonsense,
    replayed,
    rewritten,
    silent_after,
    stalled,
    swapped,
    then,
    truncated,
)
from tests.support.apiproxy import WATCH, ApiProxy, api_proxy

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SELECTOR = "envctl.test/proxied=yes"


def config_map(namespace: str, name: str, value: str = "v") -> Any:
    metadata = {"name": name, "namespace": namespace, "labels": {"envctl.test/proxied": "yes"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": value}}


@pytest.fixture
def proxy(cluster: Any) -> Iterator[ApiProxy]:
    with api_proxy(cluster.kubeconfig) as running:
        yield running


@pytest.fixture
def behind(proxy: ApiProxy) -> Iterator[KubeCluster]:
    """A client that knows the proxy only."""
    with contextlib.closing(connect(proxy.kubeconfig)) as client:
        yield client


def data(kube: KubeCluster, namespace: str, name: str) -> Any:
    live = kube.get(CONFIG_MAP, namespace, name)
    return live.get("data") if live else None


def test_without_faults_a_client_sees_no_difference(
    kube: KubeCluster, behind: KubeCluster, proxy: ApiProxy, namespace: str
) -> None:
    """All verbs, lists and discovery; and the log has each request with its status."""
    behind.create(CONFIG_MAP, config_map(namespace, "a"))
    assert behind.get(CONFIG_MAP, namespace, "a") == kube.get(CONFIG_MAP, namespace, "a")
    behind.replace(CONFIG_MAP, dict(behind.get(CONFIG_MAP, namespace, "a") or {}) | {"data": {"k": "w"}})
    behind.apply(CONFIG_MAP, config_map(namespace, "b"))
    through, direct = behind.list(CONFIG_MAP, namespace=namespace), kube.list(CONFIG_MAP, namespace=namespace)
    assert through.items == direct.items  # the list's own version moves with whatever else the server does
    assert behind.delete(CONFIG_MAP, namespace, "a")
    assert behind.get(CONFIG_MAP, namespace, "a") is None
    assert behind.resource_type("apps", "Deployment") == kube.resource_type("apps", "Deployment")
    mine = [(each.method, each.status) for each in proxy.exchanges(path=namespace)]
    assert mine == [
        ("POST", 201),
        ("GET", 200),
        ("GET", 200),
        ("PUT", 200),
        ("PATCH", 201),
        ("GET", 200),
        ("DELETE", 200),
        ("GET", 404),
    ]
    assert all(each.served == each.status and not each.fault for each in proxy.log)


BROKEN = {
    "cut before": (cut_before, None),
    "cut after": (cut_after, {"k": "v"}),
    "cut in the body": (cut_body(20), {"k": "v"}),
    "cut before the body": (cut_body(0), {"k": "v"}),
    "truncated": (truncated(20), {"k": "v"}),
    "nonsense": (nonsense, {"k": "v"}),
    "500": (answered(500), None),
    "500 after it was done": (answered(500, after=True), {"k": "v"}),
    "403": (answered(403), None),
    "no JSON": (answered(503, b"<html>", {"Content-Type": "text/html"}), None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_write_fails_and_took_effect_or_not(
    name: str, kube: KubeCluster, behind: KubeCluster, proxy: ApiProxy, namespace: str
) -> None:
    """The client gets an error each time; the next request is served."""
    act, expected = BROKEN[name]
    behind.list(CONFIG_MAP, namespace=namespace)
    fault = proxy.fault(act, "POST", f"{namespace}/configmaps")
    with pytest.raises(EnvctlError):
        behind.create(CONFIG_MAP, config_map(namespace, "a"))
    assert data(kube, namespace, "a") == expected
    assert (fault.seen, fault.hit) == (1, 1)
    behind.create(CONFIG_MAP, config_map(namespace, "b"))
    assert data(kube, namespace, "b") == {"k": "v"}


def test_the_nth_request_that_fits_is_met(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """The second and the third of those that the method and the path pick."""
    fault = proxy.fault(answered(500), "GET", "/configmaps/b$", nth=2, times=2)
    found = []
    for name in ("b", "a", "b", "b", "b", "a"):
        try:
            behind.get(CONFIG_MAP, namespace, name)
            found.append(f"{name} fine")
        except ClusterError as error:
            found.append(f"{name} {error.status}")
        except UnavailableError:
            found.append(f"{name} failed")
    assert [each.endswith("fine") for each in found] == [True, True, False, False, True, True]
    assert (fault.seen, fault.hit) == (4, 2)
    fault = proxy.fault(cut_before, "GET", times=math.inf)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            behind.get(CONFIG_MAP, namespace, "a")
    fault.lift()
    assert behind.get(CONFIG_MAP, namespace, "a") is None


def test_headers_reach_the_client(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """A server that asks to wait a second is asked again after it."""
    proxy.fault(answered(429, headers={"Retry-After": "1"}), "PATCH", namespace)
    behind.apply(CONFIG_MAP, config_map(namespace, "a"))
    assert [each.status for each in proxy.exchanges("PATCH", namespace)] == [429, 201]


def test_an_older_answer_is_replayed(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """A server that lags behind says what was true before."""
    behind.apply(CONFIG_MAP, config_map(namespace, "a"))
    behind.list(CONFIG_MAP, selector=SELECTOR, namespace=namespace)
    (exchange,) = proxy.exchanges("GET", f"{namespace}/configmaps[?]")
    behind.apply(CONFIG_MAP, config_map(namespace, "b"))
    assert exchange.answer
    proxy.fault(replayed(exchange.answer), "GET", f"{namespace}/configmaps[?]")
    names = [
        [
            each["metadata"]["name"]
            for each in behind.list(CONFIG_MAP, selector=SELECTOR, namespace=namespace).items
        ]
        for _ in range(2)
    ]
    assert names == [["a"], ["a", "b"]]


def test_an_answer_is_rewritten(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """A body of one's own, made of the server's."""
    behind.apply(CONFIG_MAP, config_map(namespace, "a"))

    def change(answer: Any) -> Any:
        return type(answer)(answer.status, answer.headers, answer.body.replace(b'"k":"v"', b'"k":"w"'))

    proxy.fault(rewritten(change), "GET", "configmaps/a")
    assert [data(behind, namespace, "a") for _ in range(2)] == [{"k": "w"}, {"k": "v"}]


def test_something_else_happens_at_a_request(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """A test is told of it before the line breaks; so it can kill the client."""
    seen: list[Any] = []
    proxy.fault(then(lambda: seen.append(data(behind, namespace, "a")), cut_before, after=True), "POST")
    with pytest.raises(UnavailableError):
        behind.create(CONFIG_MAP, config_map(namespace, "a"))
    assert seen == [{"k": "v"}]


def test_a_slow_answer_comes(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """And does not hold up the next client."""
    fault = proxy.fault(delayed(0.2), "GET", "configmaps/a")
    assert behind.get(CONFIG_MAP, namespace, "a") is None
    assert fault.hit == 1


def test_a_stalled_request_ends_with_its_line(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """It waits with the connection open, until that is broken."""
    fault = proxy.fault(stalled, "GET", "configmaps/a")
    errors: list[EnvctlError] = []

    def ask() -> None:
        try:
            behind.get(CONFIG_MAP, namespace, "a")
        except EnvctlError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not fault.hit:
        threading.Event().wait(0.01)
    assert thread.is_alive()
    proxy.cut()
    thread.join(30)
    assert [type(each) for each in errors] == [UnavailableError]
    assert not thread.is_alive()


def test_a_server_that_is_down_refuses_and_comes_back(
    behind: KubeCluster, proxy: ApiProxy, namespace: str
) -> None:
    """At the same address."""
    behind.get(CONFIG_MAP, namespace, "a")
    proxy.down()
    with pytest.raises(UnavailableError, match="refused"):
        behind.get(CONFIG_MAP, namespace, "a")
    proxy.up()
    assert behind.get(CONFIG_MAP, namespace, "a") is None


def test_a_line_that_is_held_lets_nothing_pass(behind: KubeCluster, proxy: ApiProxy, namespace: str) -> None:
    """Not a byte either way, without breaking; then all goes on."""
    proxy.hold()
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(behind.get(CONFIG_MAP, namespace, "a")))
    thread.start()
    thread.join(0.3)
    assert (answers, proxy.count("GET", "configmaps/a")) == ([], 0)
    proxy.release()
    thread.join(30)
    assert answers == [None]


EDITS: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "untouched": (lambda lines: lines, [("modified", "1"), ("modified", "2"), ("modified", "3")]),
    "dropped": (dropped(2), [("modified", "1"), ("modified", "3")]),
    "doubled": (doubled(2), [("modified", "1"), ("modified", "2"), ("modified", "2"), ("modified", "3")]),
    "swapped": (swapped(1), [("modified", "2"), ("modified", "1"), ("modified", "3")]),
    "silent": (silent_after(3), [("modified", "1")]),
}


@pytest.mark.parametrize("name", EDITS)
def test_the_events_of_a_watch_are_edited(
    name: str, kube: KubeCluster, behind: KubeCluster, proxy: ApiProxy, namespace: str
) -> None:
    """The initial state comes whole; changes after it are lost, doubled or in another order."""
    edit, expected = EDITS[name]
    kube.apply(CONFIG_MAP, config_map(namespace, "a", "0"))
    proxy.fault(events(edit), "GET", WATCH)
    with behind.watch(CONFIG_MAP, selector=SELECTOR, namespace=namespace) as found:
        assert [next(found).kind, next(found).kind] == [EventKind.ADDED, EventKind.SYNCED]
        for value in "123":
            kube.apply(CONFIG_MAP, config_map(namespace, "a", value))
        got = []
        for _ in expected:
            event: Any = next(found)
            got.append((str(event.kind), event.object["data"]["k"]))
    assert got == expected


def test_a_watch_is_cut_in_the_middle_of_an_event(
    kube: KubeCluster, behind: KubeCluster, proxy: ApiProxy, namespace: str
) -> None:
    """Half an event is none."""
    for name in "ab":
        kube.apply(CONFIG_MAP, config_map(namespace, name))
    proxy.fault(cut_body(700), "GET", WATCH)
    names: list[Any] = []
    with behind.watch(CONFIG_MAP, selector=SELECTOR, namespace=namespace) as found:
        names.append(next(found).object["metadata"]["name"])
        with pytest.raises(UnavailableError):
            next(found)
    assert names == ["a"]


def test_a_client_with_a_token_is_itself(
    cluster: Any, token: str, namespace: str, unique_name: Callable[[str], str]
) -> None:
    """What a service account may not do, it may not do here; without a token the proxy's user asks."""
    with (
        api_proxy(cluster.kubeconfig, token=token) as proxy,
        contextlib.closing(connect(proxy.kubeconfig)) as who,
    ):
        with pytest.raises(ClusterError, match=f'serviceaccount:{namespace}:nobody" cannot get'):
            who.get(CONFIG_MAP, namespace, unique_name("x"))
        assert json.loads(proxy.log[-1].answer.body)["code"] == 403  # type: ignore[union-attr]
