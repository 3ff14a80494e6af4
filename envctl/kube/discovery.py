"""Which kinds an API server serves, and under which path.

One aggregated document each for ``/api`` and ``/apis`` (KEP-3352); servers that do not know
it are asked group by group. An extension server that is down leaves its group *stale*: a kind
that is missing there is unknown, not absent, because absence would make callers prune.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from envctl.errors import UnavailableError
from envctl.kube.client import Client
from envctl.kube.connection import Request
from envctl.kube.failures import Subject
from envctl.kube.transport import Answer
from envctl.model.cluster import ResourceType
from envctl.model.values import JsonObject

_AGGREGATED = ";as=APIGroupDiscoveryList"
_ACCEPT = ",".join(
    [
        f"application/json;g=apidiscovery.k8s.io;v=v2{_AGGREGATED}",
        f"application/json;g=apidiscovery.k8s.io;v=v2beta1{_AGGREGATED}",
        "application/json",
    ]
)
_KINDS_LIST = ResourceType("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList", "", namespaced=False)
# A miss younger than this is answered from the document at hand, so a loop of misses stays cheap.
_FRESH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Served:
    """What one document says: types in the server's order of preference, and stale (group, version)s."""

    types: tuple[ResourceType, ...] = ()
    stale: frozenset[tuple[str, str]] = frozenset()

    def __add__(self, other: "Served") -> "Served":
        return Served(self.types + other.types, self.stale | other.stale)


def aggregated(document: Mapping[str, Any]) -> Served:
    """Read an APIGroupDiscoveryList."""
    types: list[ResourceType] = []
    stale: set[tuple[str, str]] = set()
    for group in _objects(document.get("items")):
        name = str(_mapping(group.get("metadata")).get("name") or "")
        for version in _objects(group.get("versions")):
            types += _types(name, str(version.get("version")), _objects(version.get("resources")))
            if version.get("freshness") == "Stale":
                stale.add((name, str(version.get("version"))))
    return Served(tuple(types), frozenset(stale))


def _types(group: str, version: str, resources: Iterable[Mapping[str, Any]]) -> Iterator[ResourceType]:
    for resource in resources:
        kind = str(_mapping(resource.get("responseKind")).get("kind") or "")
        if kind and _is_kept(resource):
            namespaced = resource.get("scope") == "Namespaced"
            yield ResourceType(group, version, kind, str(resource.get("resource")), namespaced)


def plain(group: str, version: str, document: Mapping[str, Any]) -> Served:
    """Read an APIResourceList, the older form, of one group and version."""
    resources = (entry for entry in _objects(document.get("resources")) if "/" not in str(entry.get("name")))
    return Served(
        tuple(
            ResourceType(
                group, version, str(entry.get("kind")), str(entry.get("name")), bool(entry.get("namespaced"))
            )
            for entry in resources
            if _is_kept(entry)
        )
    )


def _is_kept(resource: Mapping[str, Any]) -> bool:
    """Whether a resource is of objects that can be read again, and no question like a TokenReview."""
    verbs = resource.get("verbs")
    return not isinstance(verbs, list) or "get" in verbs


@dataclass(slots=True)
class _Document:
    """The last answer for one path, so that an unchanged one costs a 304."""

    etag: str = ""
    served: Served = field(default_factory=Served)


class Discovery:
    """The cached answer to "is this kind served?". Safe to use from many threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._documents = {"/api": _Document(), "/apis": _Document()}
        self._table: dict[tuple[str, str], tuple[ResourceType, ...]] = {}
        self._stale: frozenset[tuple[str, str]] = frozenset()
        self._read_at = float("-inf")

    def find(self, group: str, kind: str, version: str = "") -> ResourceType | None:
        """The served type, None where not served; a miss asks the server once more.

        Raises UnavailableError where the group is stale, so that nobody can tell.
        """
        found = self._lookup(group, kind, version)
        if found is None or self._client.outdated.is_set():
            self._refresh(time.monotonic())
            found = self._lookup(group, kind, version)
        if found is None and any(g == group and version in ("", v) for g, v in self._stale):
            raise UnavailableError(
                f"the extension API server behind {group} does not answer, so its kinds are unknown now",
                place=f"{kind}.{group}",
                hint=f"look at the APIService objects of {group}: one is not Available",
            )
        return found

    def _lookup(self, group: str, kind: str, version: str) -> ResourceType | None:
        types = self._table.get((group, kind), ())
        return next((entry for entry in types if version in ("", entry.version)), None)

    def _refresh(self, asked_at: float) -> None:
        """Read again, unless somebody has since `asked_at` or only just now, and nothing changed since."""
        with self._lock:
            if self._read_at > asked_at - _FRESH_SECONDS and not self._client.outdated.is_set():
                return
            self._client.outdated.clear()
            started = time.monotonic()
            served = self._read("/api") + self._read("/apis")
            table: dict[tuple[str, str], tuple[ResourceType, ...]] = {}
            for entry in served.types:
                key = (entry.group, entry.kind)
                table[key] = (*table.get(key, ()), entry)
            self._table, self._stale, self._read_at = table, served.stale, started

    def _read(self, path: str) -> Served:
        known = self._documents[path]
        headers = (("Accept", _ACCEPT), *((("If-None-Match", known.etag),) if known.etag else ()))
        answer = self._client.transport.send(Request("GET", path, headers=headers))
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return known.served
        document = self._document(answer, path)
        if document.get("kind") == "APIGroupDiscoveryList":
            known.etag, known.served = answer.headers.get("ETag", ""), aggregated(document)
            return known.served
        return self._one_by_one(document)

    def _one_by_one(self, document: Mapping[str, Any]) -> Served:
        """Ask for each version of each group: APIVersions lists the core group, APIGroupList the others."""
        found = Served()
        for version in _texts(document.get("versions")):
            found += plain("", version, self._document(self._get(f"/api/{version}"), f"/api/{version}"))
        for group in _objects(document.get("groups")):
            name = str(group.get("name"))
            for version in _preferred_first(group):
                answer = self._get(f"/apis/{name}/{version}")
                if answer.status == HTTPStatus.OK:
                    found += plain(name, version, self._document(answer, name))
                else:
                    found += Served(stale=frozenset({(name, version)}))
        return found

    def _get(self, path: str) -> Answer:
        return self._client.transport.send(Request("GET", path))

    def _document(self, answer: Answer, path: str) -> JsonObject:
        subject = Subject(_KINDS_LIST, path)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, subject)
        return self._client.read(answer, subject)


def _preferred_first(group: Mapping[str, Any]) -> list[str]:
    preferred = _mapping(group.get("preferredVersion")).get("version")
    versions = [str(entry.get("version")) for entry in _objects(group.get("versions"))]
    return sorted(versions, key=lambda version: version != preferred)


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else iter(())


def _texts(value: object) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
