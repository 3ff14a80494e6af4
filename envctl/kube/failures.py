"""What the API server's refusals mean, in the words of the person who has to act.

Pure: an answer's status, headers and body become a `ClusterError`. For Secrets nothing that
the server wrote in prose is passed on, because it may quote values (CVE-2021-23135,
CVE-2025-23216); the reason, field names and, after a strict pattern match, the missing
right are.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from envctl.errors import ClusterError
from envctl.model.cluster import ResourceType
from envctl.model.values import JsonObject

_LONGEST_MESSAGE = 2000
_CONFLICT = re.compile(
    r'conflict with "(?P<manager>(?:[^"\\]|\\.)*)"'
    r'(?: with subresource "\w*")?(?: using [\w./]+)?(?: at [\w:.+-]+)?'
)
_RIGHT = re.compile(
    r'[\w.]+(?: "[\w.:-]*")? is forbidden: User "(?P<user>[\w.:@/+-]*)" cannot (?P<verb>\w+) '
    r'resource "(?P<resource>[\w./]+)" in API group "[\w.-]*" '
    r'(?P<where>in the namespace "[\w-]*"|at the cluster scope)'
)
_WITHHELD = "the server's words are withheld, they may hold secret values"

# What may be repeated of a message about a Secret: our own constants, so no value can be among them.
_PHRASES = ("field is immutable", "Required value", "Too long", "Duplicate value", "Unsupported value")
_HINTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "log in again, or renew the token or certificate",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "make the object smaller: etcd takes at most 1.5 MiB",
    HTTPStatus.TOO_MANY_REQUESTS: "the API server is overloaded; try again later",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request was about: the type, the text that names it, and for writes the value that was sent."""

    type: ResourceType
    place: str
    value: JsonObject = field(default_factory=dict)

    @property
    def secret(self) -> bool:
        """Whether the server's words about it may hold secret values."""
        return self.type.group == "" and self.type.kind == "Secret"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A Status object of the API, as far as envctl reads it."""

    status: int
    reason: str
    message: str
    causes: tuple[tuple[str, str], ...]
    name: str
    kind: str
    retry_after: float

    @property
    def unserved(self) -> bool:
        """Whether it is the type that was not found, rather than an object."""
        return self.status == HTTPStatus.NOT_FOUND and not self.name


def refusal(status: int, body: bytes, retry_after: float = 0) -> Refusal:
    """Read an answer that is no success. Of a body that is no Status object only the beginning is kept."""
    content = _status_object(body)
    return status_refusal(content or {"message": body[:200].decode("utf-8", "replace")}, status, retry_after)


def status_refusal(content: JsonObject, status: int = 0, retry_after: float = 0) -> Refusal:
    """Read a Status object. Its own code counts where no HTTP status is given."""
    details = content.get("details")
    details = details if isinstance(details, dict) else {}
    code = content.get("code")
    return Refusal(
        status=status or (code if isinstance(code, int) else 0),
        reason=_text(content.get("reason")),
        message=_text(content.get("message")),
        causes=tuple(_causes(details.get("causes"))),
        name=_text(details.get("name")),
        kind=_text(details.get("kind")),
        retry_after=retry_after,
    )


def cluster_error(refused: Refusal, subject: Subject, origin: str) -> ClusterError:
    """The error for a refused request; `origin` tells whose credentials were used."""
    causes = tuple(_safe_causes(refused, subject))
    summary = _secret_summary(refused, subject, causes) if subject.secret else _summary(refused, causes)
    if refused.status == HTTPStatus.UNAUTHORIZED:
        summary = f"the API server does not accept the credentials of {origin}"
    elif refused.unserved:
        summary = f"the API server does not serve {subject.type} {subject.type.version}"
    return ClusterError(
        summary,
        status=refused.status,
        reason=refused.reason,
        causes=causes,
        retry_after=refused.retry_after,
        place=subject.place,
        hint=_hint(refused, causes),
        lacks_right=_missing_right(refused) is not None,
    )


def is_absent(refused: Refusal, name: str) -> bool:
    """Whether a 404 is about this very object: not about its namespace, its type, or some proxy's page."""
    return refused.status == HTTPStatus.NOT_FOUND and refused.reason == "NotFound" and refused.name == name


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) and content.get("kind") == "Status" else {}


def _text(value: object) -> str:
    """A server's string, with control characters replaced and its length bounded; empty for anything else."""
    if not isinstance(value, str):
        return ""
    plain = "".join(char if char.isprintable() or char == "\n" else "?" for char in value.strip())
    return plain if len(plain) <= _LONGEST_MESSAGE else f"{plain[:_LONGEST_MESSAGE]}…"


def _causes(causes: object) -> Iterator[tuple[str, str]]:
    for cause in causes if isinstance(causes, list) else []:
        if isinstance(cause, dict):
            yield _text(cause.get("field")), _text(cause.get("message"))


def _safe_causes(refused: Refusal, subject: Subject) -> Iterator[tuple[str, str]]:
    for path, message in refused.causes:
        if not subject.secret:
            yield path, message
        elif match := _CONFLICT.fullmatch(message):
            yield path, match.group()
        else:
            yield path, next((phrase for phrase in _PHRASES if phrase in message), "")


def _summary(refused: Refusal, causes: tuple[tuple[str, str], ...]) -> str:
    owned = _owned(causes) if refused.status == HTTPStatus.CONFLICT else ""
    if owned:
        return f"other field managers own {owned}"
    if refused.status == HTTPStatus.NOT_FOUND and refused.kind == "namespaces":
        return f"the namespace {refused.name!r} does not exist"
    return refused.message or f"the API server answered {refused.status}"


def _secret_summary(refused: Refusal, subject: Subject, causes: tuple[tuple[str, str], ...]) -> str:
    if right := _RIGHT.match(refused.message):
        return right.group()
    if refused.status == HTTPStatus.CONFLICT and (owned := _owned(causes)):
        return f"other field managers own {owned}"
    if refused.status == HTTPStatus.NOT_FOUND:
        return _summary(refused, ()) if refused.kind == "namespaces" else "it does not exist"
    told = (f"{path} ({message})" if message else path for path, message in causes if path)
    fields = ", ".join(_unique([*told, *_named_fields(refused, subject)]))
    at = f" at {fields}" if fields else ""
    return f"the API server refused it ({refused.reason or refused.status}){at}; {_WITHHELD}"


def _owned(causes: Iterable[tuple[str, str]]) -> str:
    found = ((path, _CONFLICT.match(message)) for path, message in causes)
    return ", ".join(f"{path} ({match['manager']})" for path, match in found if match)


def _holders(causes: Iterable[tuple[str, str]]) -> str:
    return " and ".join(_unique(match["manager"] for _, each in causes if (match := _CONFLICT.match(each))))


def _named_fields(refused: Refusal, subject: Subject) -> Iterator[str]:
    """Those of our own fields that the message names; the text comes from us, so it holds no value."""
    encoding = "illegal base64" in refused.message  # the server does not say where
    for part in ("data", "stringData"):
        content = subject.value.get(part)
        for key, value in content.items() if isinstance(content, Mapping) else ():
            named = f"{part}.{key}" in refused.message or f"{part}[{key}]" in refused.message
            if named or (encoding and part == "data" and not _is_base64(value)):
                yield f"{part}.{key}"


def _is_base64(value: object) -> bool:
    try:
        base64.b64decode(value if isinstance(value, str) else "", validate=True)
    except ValueError:
        return False
    return True


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _missing_right(refused: Refusal) -> re.Match[str] | None:
    return _RIGHT.match(refused.message) if refused.status == HTTPStatus.FORBIDDEN else None


def _hint(refused: Refusal, causes: tuple[tuple[str, str], ...]) -> str:
    if right := _missing_right(refused):
        return f"grant {right['user']} the right to {right['verb']} {right['resource']} {right['where']}"
    if refused.status == HTTPStatus.CONFLICT and _owned(causes):
        return f"take the fields out of the rendered object, or let {_holders(causes)} give them up"
    if refused.status == HTTPStatus.NOT_FOUND and refused.kind == "namespaces":
        return "render the namespace too, or create it first"
    if refused.unserved:
        return "install the CustomResourceDefinition first, or use a version that is served"
    return _HINTS.get(refused.status, "")
