"""The `Cluster` port on a Kubernetes API server."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from envctl.errors import InputError, Problem, UnavailableError
from envctl.kube.client import Client
from envctl.kube.connection import Request
from envctl.kube.discovery import Discovery
from envctl.kube.endpoint import Headers, Load
from envctl.kube.failures import Subject, is_absent, refusal
from envctl.kube.lists import PAGE, Scope, whole
from envctl.kube.paths import creation_path, identity, object_path, query, warning_texts
from envctl.kube.transport import Answer, Transport, always
from envctl.kube.watch import USUAL, Lifetime, Watch
from envctl.model.cluster import FIELD_MANAGER, Listing, ResourceType, object_id
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject

_JSON: Headers = (("Accept", "application/json"), ("Content-Type", "application/json"))
# The media type says YAML, and JSON is YAML; the server reads it with its JSON decoder.
_APPLY: Headers = (("Accept", "application/json"), ("Content-Type", "application/apply-patch+yaml"))
_PATCH: Headers = (("Accept", "application/json"), ("Content-Type", "application/json-patch+json"))
_NO_VERSION = "1"
_WRITE = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_WARNINGS_KEPT = 1000


class KubeCluster:
    """One API server. Fulfils `envctl.ports.Cluster`; safe to use from many threads."""

    def __init__(
        self, load: Load, may_write: Callable[[], bool] = always, lifetime: Lifetime = USUAL
    ) -> None:
        """`may_write` is asked before each write is sent (see `Transport`); `lifetime` is that of watches."""
        self._transport = Transport(load, may_write)
        self._client = Client(self._transport)
        self._discovery = Discovery(self._client)
        self._lock = threading.Lock()
        self._warnings: dict[Problem, None] = {}
        self._without_initial: set[ResourceType] = set()
        self._lifetime = lifetime

    @property
    def url(self) -> str:
        return self._transport.endpoint.url

    def ping(self, timeout: float = 5) -> None:
        answer = self._transport.send(Request("GET", "/readyz", timeout=timeout))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise self._client.refused(
                answer, Subject(ResourceType("", "v1", "", "", namespaced=False), self.url)
            )
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UnavailableError(
                f"the API server at {self.url} is not ready ({answer.status})",
                hint="it may be starting; if it stays so, ask it for /readyz?verbose",
            )

    def warnings(self) -> tuple[Problem, ...]:
        with self._lock:
            found = tuple(self._warnings)
            self._warnings.clear()
        return found

    def requests(self) -> Mapping[str, int]:
        return self._transport.sent()

    def answers(self) -> Mapping[tuple[str, int], int]:
        return self._transport.answered()

    def close(self) -> None:
        self._transport.close()

    def resource_type(self, group: str, kind: str, version: str = "") -> ResourceType | None:
        return self._discovery.find(group, kind, version)

    def throttled(self) -> int:
        return self._transport.throttled

    def apply(
        self,
        kind: ResourceType,
        value: JsonObject,
        *,
        force: bool = False,
        dry_run: bool = False,
        create: bool = False,
    ) -> JsonObject:
        fields = {"force": "true" if force else "", "dryRun": "All" if dry_run else ""}
        if not create:
            return self._apply(kind, value, "", fields)
        # The server compares a resourceVersion with that of the object it updates, and takes any when it
        # creates one. No object is as old as this, so nothing that exists is ever updated.
        metadata = {**_mapping(value.get("metadata")), "resourceVersion": _NO_VERSION}
        return self._apply(kind, {**value, "metadata": metadata}, "", fields)

    def hand_over(self, kind: ResourceType, live: JsonObject, operations: Sequence[JsonObject]) -> JsonObject:
        subject = object_id(live)
        version = _mapping(live.get("metadata")).get("resourceVersion")
        # What the server refuses with 409 where the object has another version by now.
        fence = {"op": "replace", "path": "/metadata/resourceVersion", "value": version}
        body = json.dumps([*operations, fence], separators=(",", ":")).encode("ascii")
        target = object_path(kind, subject.namespace, subject.name) + query(_WRITE)
        return self._write(Request("PATCH", target, body, _PATCH), kind, live)

    def apply_status(self, kind: ResourceType, value: JsonObject) -> JsonObject:
        return self._apply(kind, value, "/status", {"force": "true"})

    def get(self, kind: ResourceType, namespace: str, name: str) -> JsonObject | None:
        subject = _subject(kind, identity(kind, namespace, name))
        answer = self._transport.send(Request("GET", object_path(kind, namespace, name)))
        if self._absent(answer, name):
            return None
        return self._result(answer, subject)

    def create(self, kind: ResourceType, value: JsonObject) -> JsonObject:
        target = creation_path(kind, value) + query(_WRITE)
        return self._write(Request("POST", target, _body(value), _JSON, repeatable=False), kind, value)

    def replace(self, kind: ResourceType, value: JsonObject) -> JsonObject:
        subject = object_id(value)
        metadata = value.get("metadata")
        if not isinstance(metadata, dict) or not metadata.get("resourceVersion"):
            raise InputError(
                "an object is only replaced at the resourceVersion it carries", place=str(subject)
            )
        target = object_path(kind, subject.namespace, subject.name) + query(_WRITE)
        return self._write(Request("PUT", target, _body(value), _JSON, repeatable=False), kind, value)

    def delete(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        policy: str = "Background",
    ) -> bool:
        conditions = {"uid": uid, "resourceVersion": resource_version}
        options: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": policy,
            "preconditions": {name: value for name, value in conditions.items() if value},
        }
        request = Request("DELETE", object_path(kind, namespace, name), json.dumps(options).encode(), _JSON)
        answer = self._transport.send(request)
        if self._absent(answer, name):
            return False
        self._result(answer, _subject(kind, identity(kind, namespace, name)))
        return True

    def list(
        self, kind: ResourceType, *, selector: str = "", namespace: str = "", limit: int = PAGE
    ) -> Listing:
        """As the port says; `limit` is the number of objects a page, for tests and slow links."""
        return whole(self._client, Scope(kind, selector, namespace), limit)

    def watch(
        self, kind: ResourceType, *, selector: str = "", namespace: str = "", metadata_only: bool = False
    ) -> Watch:
        scope = Scope(kind, selector, namespace, metadata_only)
        return Watch(self._client, scope, self._without_initial, self._lifetime)

    def _apply(
        self, kind: ResourceType, value: JsonObject, subresource: str, fields: Mapping[str, str]
    ) -> JsonObject:
        subject = object_id(value)
        target = (
            object_path(kind, subject.namespace, subject.name) + subresource + query({**_WRITE, **fields})
        )
        return self._write(Request("PATCH", target, _body(value), _APPLY), kind, value)

    def _write(self, request: Request, kind: ResourceType, value: JsonObject) -> JsonObject:
        subject = Subject(kind, str(object_id(value)), value)
        return self._result(self._transport.send(request), subject)

    def _result(self, answer: Answer, subject: Subject) -> JsonObject:
        """The object in an answer, with the server's warnings set aside."""
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._client.refused(answer, subject)
        texts = warning_texts(answer.headers.get_all("Warning") or ())
        if texts and not subject.secret:
            with self._lock:
                for text in texts:
                    if len(self._warnings) < _WARNINGS_KEPT:
                        self._warnings[Problem(subject.place, text)] = None
        return self._client.read(answer, subject)

    def _absent(self, answer: Answer, name: str) -> bool:
        return (
            is_absent(refusal(answer.status, answer.body), name)
            if answer.status == HTTPStatus.NOT_FOUND
            else False
        )


def _subject(kind: ResourceType, subject: ObjectId) -> Subject:
    return Subject(kind, str(subject))


def _body(value: JsonObject) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
