"""Reading a whole collection page by page: all of it or an error."""

from collections.abc import Generator
from dataclasses import dataclass
from http import HTTPStatus

from envctl.errors import ClusterError
from envctl.kube.client import Client
from envctl.kube.connection import Request
from envctl.kube.endpoint import Headers
from envctl.kube.failures import Subject
from envctl.kube.paths import collection_path, query
from envctl.model.cluster import Listing, ResourceType
from envctl.model.values import JsonObject

PAGE = 500
_RESTARTS = 3
_ACCEPT: Headers = (("Accept", "application/json"),)
_ACCEPT_METADATA: Headers = (("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is listed or watched: the objects of a type that a label selector picks (empty: all)."""

    type: ResourceType
    selector: str = ""
    namespace: str = ""
    metadata_only: bool = False

    @property
    def subject(self) -> Subject:
        """What messages say that a request was about."""
        inside = f" in {self.namespace}" if self.namespace else ""
        return Subject(self.type, f"{self.type}{inside}")

    def typed(self, value: JsonObject) -> JsonObject:
        """An object of a list, which may lack its type, or a metadata-only one, which shows another."""
        return {**value, "apiVersion": self.type.api_version, "kind": self.type.kind}


def pages(client: Client, scope: Scope, limit: int = PAGE) -> Generator[tuple[JsonObject, ...], None, str]:
    """Yield a collection page by page; the return value is its resource version.

    Raises ClusterError with status 410 where the snapshot that the pages are of is gone.
    """
    token = ""
    while True:
        fields = {"labelSelector": scope.selector, "limit": str(limit), "continue": token}
        target = collection_path(scope.type, scope.namespace) + query(fields)
        accept = _ACCEPT_METADATA if scope.metadata_only else _ACCEPT
        page = client.ask(Request("GET", target, headers=accept), scope.subject)
        metadata, items = page.get("metadata"), page.get("items", ())
        if not isinstance(metadata, dict) or not isinstance(items, list | tuple | None):
            raise client.nonsense(scope.subject)
        objects = tuple(scope.typed(item) for item in items or () if isinstance(item, dict))
        version = str(metadata.get("resourceVersion") or "")
        if len(objects) != len(items or ()) or not version:
            raise client.nonsense(scope.subject)
        yield objects
        token = str(metadata.get("continue") or "")
        if not token:
            return version


def whole(client: Client, scope: Scope, limit: int = PAGE) -> Listing:
    """The whole collection at one resource version; begins again where its snapshot went away in between."""
    for _ in range(_RESTARTS):
        try:
            return _gather(client, scope, limit)
        except ClusterError as error:
            if error.status != HTTPStatus.GONE:
                raise
    return _gather(client, scope, limit)


def _gather(client: Client, scope: Scope, limit: int) -> Listing:
    items: list[JsonObject] = []
    reader = pages(client, scope, limit)
    while True:
        try:
            items += next(reader)
        except StopIteration as end:
            return Listing(str(end.value), tuple(items))
