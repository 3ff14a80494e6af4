"""Watches and long lists on a real API server."""

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from envctl.devcluster.cluster import ClusterOptions, DevCluster
from envctl.errors import ClusterError, UnavailableError
from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect
from envctl.kube.lists import Scope, pages, whole
from envctl.kube.watch import Watch
from envctl.model.cluster import EventKind, ResourceType, WatchEvent
from tests.support.etcd import compact

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SECRET = ResourceType("", "v1", "Secret", "secrets", namespaced=True)
SELECTOR = "envctl.test/watched=yes"
API_ONLY = ClusterOptions(nodes=0, controllers=False, scheduler=False)


def config_map(namespace: str, name: str, data: str = "v", *, labelled: bool = True) -> Any:
    labels = {"envctl.test/watched": "yes"} if labelled else {}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": data}}


def short(event: WatchEvent) -> tuple[str, str]:
    metadata: Any = event.object.get("metadata", {})
    return str(event.kind), str(metadata.get("name", ""))


def take(events: Iterator[WatchEvent], count: int) -> list[tuple[str, str]]:
    return [short(next(events)) for _ in range(count)]


def test_a_watch_tells_the_state_then_each_change(kube: KubeCluster, namespace: str) -> None:
    """Initial objects, SYNCED, then live events, all from one request."""
    for name in ("a", "b"):
        kube.apply(CONFIG_MAP, config_map(namespace, name))
    kube.apply(CONFIG_MAP, config_map(namespace, "unlabelled", labelled=False))
    before = dict(kube.requests())
    with kube.watch(CONFIG_MAP, selector=SELECTOR, namespace=namespace) as events:
        assert sorted(take(events, 2)) == [("added", "a"), ("added", "b")]
        assert take(events, 1) == [("synced", "")]
        kube.apply(CONFIG_MAP, config_map(namespace, "a", "w"))
        kube.apply(CONFIG_MAP, config_map(namespace, "c"))
        kube.delete(CONFIG_MAP, namespace, "b")
        assert take(events, 3) == [("modified", "a"), ("added", "c"), ("deleted", "b")]
    after = kube.requests()
    assert after["WATCH"] - before.get("WATCH", 0) == 1
    assert after.get("GET") == before.get("GET")


def test_an_object_that_loses_its_label_is_deleted_for_the_watch(kube: KubeCluster, namespace: str) -> None:
    """That is how the agent notices that somebody stripped its label."""
    kube.apply(CONFIG_MAP, config_map(namespace, "a"))
    with kube.watch(CONFIG_MAP, selector=SELECTOR, namespace=namespace) as events:
        assert take(events, 2) == [("added", "a"), ("synced", "")]
        kube.apply(CONFIG_MAP, config_map(namespace, "a", labelled=False))
        assert take(events, 1) == [("deleted", "a")]
        assert kube.get(CONFIG_MAP, namespace, "a") is not None


def test_a_metadata_only_watch_never_sees_values(kube: KubeCluster, namespace: str) -> None:
    """Type and metadata with managed fields come, data does not."""
    value: Any = config_map(namespace, "a") | {"kind": "Secret", "data": {"k": "Q0FOQVJZ"}}
    kube.apply(SECRET, value)
    with kube.watch(SECRET, selector=SELECTOR, namespace=namespace, metadata_only=True) as events:
        first, synced = next(events), next(events)
        value["data"] = {"k": "Q0FOQVJZMg=="}
        kube.apply(SECRET, value)
        changed = next(events)
    assert [first.kind, synced.kind, changed.kind] == [EventKind.ADDED, EventKind.SYNCED, EventKind.MODIFIED]
    for event in (first, changed):
        assert (event.object["apiVersion"], event.object["kind"], event.type) == ("v1", "Secret", SECRET)
        assert set(event.object) == {"apiVersion", "kind", "metadata"}
        metadata: Any = event.object["metadata"]
        assert metadata["managedFields"][0]["fieldsV1"]["f:data"] == {"f:k": {}}
        assert "Q0FOQVJZ" not in repr(event)


def test_a_server_without_watch_list_tells_the_same(
    start_cluster: Callable[[ClusterOptions], DevCluster],
) -> None:
    """With the feature switched off on the server, a paged list comes first; events are the same."""
    dev = start_cluster(
        ClusterOptions(
            nodes=0, controllers=False, scheduler=False, apiserver=("--feature-gates=WatchList=false",)
        )
    )
    kube = connect(dev.kubeconfig)
    for name in ("a", "b"):
        kube.apply(CONFIG_MAP, config_map("default", name))
    for metadata_only in (False, True):
        with kube.watch(CONFIG_MAP, selector=SELECTOR, metadata_only=metadata_only) as events:
            assert take(events, 3) == [("added", "a"), ("added", "b"), ("synced", "")]
            kube.apply(CONFIG_MAP, config_map("default", "a", str(metadata_only)))
            assert take(events, 1) == [("modified", "a")]
    sent = kube.requests()
    assert (sent["WATCH"], sent["GET"]) == (3, 2)
    kube.close()


def test_closing_from_another_thread_ends_a_quiet_watch(kube: KubeCluster, namespace: str) -> None:
    """The reader that waits for an event gets the end at once, many times over."""
    for _ in range(20):
        watch = kube.watch(CONFIG_MAP, selector=SELECTOR, namespace=namespace)
        seen: list[WatchEvent] = []
        synced = threading.Event()

        def read(
            watch: Watch = watch, seen: list[WatchEvent] = seen, synced: threading.Event = synced
        ) -> None:
            for event in watch:
                seen.append(event)
                synced.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert synced.wait(10)
        watch.close()
        reader.join(10)
        assert not reader.is_alive()
        assert [event.kind for event in seen] == [EventKind.SYNCED]


def test_a_refused_watch_is_an_error(kube: KubeCluster) -> None:
    """A kind that is not served, and a selector that makes no sense, are told."""
    unserved = ResourceType("shop.test", "v1", "Cart", "carts", namespaced=True)
    with pytest.raises(ClusterError) as caught, kube.watch(unserved) as events:
        next(events)
    assert (caught.value.status, caught.value.summary) == (
        404,
        "the API server does not serve Cart.shop.test v1",
    )
    with pytest.raises(ClusterError) as wrong, kube.watch(CONFIG_MAP, selector="a==,") as events:
        next(events)
    assert wrong.value.status == 400


class FromVersionOne(Watch):
    """A watch that goes on from a version long gone."""

    def _state_and_changes(self) -> Generator[WatchEvent, None, None]:
        yield from self._stream({"resourceVersion": "1"})


@pytest.fixture
def compactable(
    start_cluster: Callable[[ClusterOptions], DevCluster],
) -> Iterator[tuple[DevCluster, KubeCluster]]:
    """A cluster of its own whose history may be dropped; reads are not served from the server's memory."""
    off = "--feature-gates=ListFromCacheSnapshot=false"
    dev = start_cluster(ClusterOptions(nodes=0, controllers=False, scheduler=False, apiserver=(off,)))
    kube = connect(dev.kubeconfig)
    yield dev, kube
    kube.close()


def test_a_version_that_is_compacted_asks_for_a_new_watch(
    compactable: tuple[DevCluster, KubeCluster],
) -> None:
    """410 becomes EXPIRED, and the next watch tells the state."""
    dev, kube = compactable
    kube.apply(CONFIG_MAP, config_map("default", "a"))
    compact(dev)
    dev.restart("kube-apiserver")  # it keeps some history in memory
    dev.wait_ready()
    with FromVersionOne(kube._client, Scope(CONFIG_MAP), set()) as events:
        assert [short(event) for event in events] == [("expired", "")]
    with kube.watch(CONFIG_MAP, selector=SELECTOR) as events:
        assert take(events, 2) == [("added", "a"), ("synced", "")]


def test_a_list_whose_snapshot_is_compacted_begins_again(compactable: tuple[DevCluster, KubeCluster]) -> None:
    """The pages after a compaction are of a new snapshot, so all are read again."""
    dev, kube = compactable
    for number in range(4):
        kube.apply(CONFIG_MAP, config_map("default", f"a{number}"))
    reader = pages(kube._client, Scope(CONFIG_MAP, SELECTOR), 1)
    assert [item["metadata"]["name"] for item in next(reader)] == ["a0"]  # type: ignore[index,call-overload]
    kube.delete(CONFIG_MAP, "default", "a3")
    compact(dev)
    with pytest.raises(ClusterError) as caught:
        list(reader)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")
    found = whole(kube._client, Scope(CONFIG_MAP, SELECTOR), 1)
    assert [item["metadata"]["name"] for item in found.items] == ["a0", "a1", "a2"]  # type: ignore[index,call-overload]


def test_a_watch_of_a_killed_server_is_an_error_and_the_next_one_works(
    start_cluster: Callable[[ClusterOptions], DevCluster],
) -> None:
    """A killed server is not the orderly end of a stream; after its restart the state is told again."""
    dev = start_cluster(API_ONLY)
    kube = connect(dev.kubeconfig)
    kube.apply(CONFIG_MAP, config_map("default", "a"))
    with kube.watch(CONFIG_MAP, selector=SELECTOR) as events:
        assert take(events, 2) == [("added", "a"), ("synced", "")]
        dev.kill("kube-apiserver")
        with pytest.raises(UnavailableError):
            next(events)
    dev.restart("kube-apiserver")
    dev.wait_ready()
    with kube.watch(CONFIG_MAP, selector=SELECTOR) as events:
        assert take(events, 2) == [("added", "a"), ("synced", "")]
    kube.close()
