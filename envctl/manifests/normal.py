"""One found object to the object that goes to the deploy tree: checked, cleaned, in its namespace.

What generated libraries leave behind and says nothing is dropped: a null creationTimestamp, an
empty status. What only a server may set is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envctl.manifests.kinds import Scopes, group_of
from envctl.manifests.limits import annotations_over
from envctl.manifests.names import bad_api_version, bad_kind, bad_name, is_label, is_label_key, is_label_value
from envctl.model.keeping import annotation_problems
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject, JsonValue

SCOPE_ANNOTATION: Final = "envctl.dev/scope"
_NO_TEXT: Final = "(not a string)"
_SHOWN: Final = 80
_KEY_HINT: Final = "use letters, digits, -, _ and ., with a domain and a slash before them or not"
_VALUE_HINT: Final = "use at most 63 letters, digits, -, _ and ., with letters or digits at the ends"
_SERVER_SET: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)

Complaint = tuple[str, str]
"""A reason and a hint."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A checked object and its identity."""

    id: ObjectId
    value: JsonObject


def normalize(value: JsonObject, scopes: Scopes, default_namespace: str) -> Normal | tuple[Complaint, ...]:
    """The object as it goes to the deploy tree, or everything that is wrong with it.

    Objects of namespaced kinds without a namespace get the default one. Kinds that nothing is
    known about count as namespaced, unless the annotation ``envctl.dev/scope: cluster`` says
    otherwise. A namespace on a cluster-scoped object is dropped, as the API server does.
    """
    metadata = value.get("metadata")
    if not isinstance(metadata, Mapping):
        return (("has no metadata", "add metadata with a name"),)
    group, kind = group_of(value), str(value["kind"])
    known = scopes.is_namespaced(group, kind)
    namespaced, complaints = _scope(metadata, known=known)
    cleaned = {key: each for key, each in metadata.items() if each is not None or key not in _SERVER_SET}
    namespace = _namespace(cleaned, default_namespace, namespaced=namespaced)
    complaints += (
        *_heading(value, metadata, known=known is not None),
        *_server_set(value, cleaned),
        *_texts(cleaned),
        *((problem.summary, problem.hint) for problem in annotation_problems(value)),
    )
    if known and not namespace:
        complaints += (("has no namespace, and the environment sets no default", "set metadata.namespace"),)
    if namespace and not is_label(namespace):
        complaints += ((f"metadata.namespace {namespace[:253]!r} is no name of a namespace", ""),)
    if complaints:
        return complaints
    return Normal(
        ObjectId(group, kind, namespace, str(metadata["name"])), _rebuilt(value, cleaned, namespace)
    )


def _scope(metadata: JsonObject, *, known: bool | None) -> tuple[bool, tuple[Complaint, ...]]:
    """Whether the object is to have a namespace."""
    declared = _mapping(metadata.get("annotations")).get(SCOPE_ANNOTATION)
    if declared is None:
        return known is not False, ()
    if declared != "cluster":
        return True, ((f"annotation {SCOPE_ANNOTATION} is {declared!r}; only cluster is known", ""),)
    if known:
        return True, ((f"annotation {SCOPE_ANNOTATION} says cluster, but the kind is namespaced", ""),)
    return False, ()


def _namespace(metadata: JsonObject, default: str, *, namespaced: bool) -> str:
    if not namespaced:
        return ""
    own = metadata.get("namespace")
    if own is None:
        return default
    return own or default if isinstance(own, str) else _NO_TEXT


def _heading(value: JsonObject, metadata: JsonObject, *, known: bool) -> Iterator[Complaint]:
    """What is wrong with apiVersion, kind and name."""
    api_version, kind, group = str(value["apiVersion"]), str(value["kind"]), group_of(value)
    for reason in (bad_api_version(api_version), bad_kind(kind)):
        if reason:
            yield reason, ""
    name = metadata.get("name")
    if metadata.get("generateName") and not name:
        yield "has generateName: a declared object needs a name that stays", "set metadata.name"
    elif not isinstance(name, str) or not name:
        yield "has no metadata.name", "set metadata.name"
    elif reason := bad_name(group, kind, name, known=known):
        yield reason, ""


def _server_set(value: JsonObject, metadata: JsonObject) -> Iterator[Complaint]:
    for key in _SERVER_SET:
        if key in metadata:
            yield f"has metadata.{key}, which only the API server sets", "leave it out"
    if not _is_blank(value.get("status")):
        yield "has a status, which only controllers set", "leave it out"


def _texts(metadata: JsonObject) -> Iterator[Complaint]:
    """Labels and annotations map strings to strings, and there is a limit to annotations."""
    for name in ("labels", "annotations"):
        entries = metadata.get(name)
        if entries is not None and not isinstance(entries, Mapping):
            yield f"metadata.{name} is no mapping", ""
        for key, each in sorted(_mapping(entries).items()):
            if not is_label_key(key if name == "labels" else key.lower()):
                yield f"metadata.{name} has the key {key[:_SHOWN]!r}, which is not allowed", _KEY_HINT
            if not isinstance(each, str):
                yield f"metadata.{name} has {key} with a value that is no string", "quote the value"
            elif name == "labels" and not is_label_value(each):
                yield (
                    f"metadata.labels has {key} with the value {each[:_SHOWN]!r}, which is not allowed",
                    _VALUE_HINT,
                )
    if reason := annotations_over(metadata):
        yield reason, ""


def _is_blank(value: JsonValue) -> bool:
    """Whether a status says nothing, as generated ones do."""
    if isinstance(value, Mapping):
        return all(_is_blank(each) for each in value.values())
    return value is None or value in ("", [], ())


def _rebuilt(value: JsonObject, metadata: Mapping[str, Any], namespace: str) -> JsonObject:
    fields = {key: each for key, each in metadata.items() if key != "namespace"}
    if namespace:
        fields["namespace"] = namespace
    rest = {key: each for key, each in value.items() if key not in ("metadata", "status")}
    return {**rest, "metadata": fields}


def _mapping(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}
