"""Find the Kubernetes objects in an evaluated component: at any depth, in lists, in `List` kinds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from envctl.errors import InputError, Problem
from envctl.manifests import jsonpath
from envctl.manifests.masking import masked
from envctl.manifests.text import sample
from envctl.model.values import JsonObject, JsonValue

_HINT: Final = "hide what is no object with two colons (name:: value)"
_MAX_DEPTH: Final = 64
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Found:
    """One object and where it stands in the evaluated value (``$.deployment``)."""

    origin: str
    value: JsonObject


def extract(value: JsonValue) -> tuple[Found, ...]:
    """All objects of an evaluated component, in the order of their paths.

    An object is a mapping with an apiVersion and a kind. Nulls and empty collections are passed
    over. Raises InputError with a problem for each other visible value, naming its path.
    """
    found, problems = find(value)
    if problems:
        raise InputError("the component holds what is no Kubernetes object", problems=problems)
    return found


def find(value: JsonValue) -> tuple[tuple[Found, ...], tuple[Problem, ...]]:
    """As `extract`, but with the problems as data."""
    both = tuple(_walk(value, "$", 1))
    return (
        tuple(each for each in both if isinstance(each, Found)),
        tuple(each for each in both if isinstance(each, Problem)),
    )


def _walk(value: JsonValue, path: str, depth: int) -> Iterator[Found | Problem]:
    if value is None:
        return
    if depth > _MAX_DEPTH:
        yield Problem(path, f"is nested more than {_MAX_DEPTH} levels deep")
    elif isinstance(value, Mapping):
        yield from _walk_mapping(value, path, depth)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _walk(each, jsonpath.item(path, index), depth + 1)
    else:
        yield Problem(path, f"is {_named(value)}, not a Kubernetes object: {sample(value)}", _HINT)


def _walk_mapping(value: JsonObject, path: str, depth: int) -> Iterator[Found | Problem]:
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if _is_text(api_version) and _is_text(kind):
        yield from _object(value, path, depth)
    elif _is_text(api_version) or _is_text(kind):
        has, lacks = ("kind", "apiVersion") if _is_text(kind) else ("apiVersion", "kind")
        yield Problem(path, f"has {has} {value[has]} but no {lacks}:{_block(value)}", f"add {lacks}")
    elif scalars := {key: each for key, each in value.items() if _is_scalar(each)}:
        names = ", ".join(sorted(scalars)[:_SHOWN]) + (", ..." if len(scalars) > _SHOWN else "")
        reason = f"is neither a Kubernetes object nor a collection of them, because of {names}:"
        yield Problem(path, reason + _block(scalars), f"add apiVersion and kind, or {_HINT}")
    else:
        for key in sorted(value):
            yield from _walk(value[key], jsonpath.field(path, key), depth + 1)


def _object(value: JsonObject, path: str, depth: int) -> Iterator[Found | Problem]:
    """The object itself or, of a `List` or `RoleList`, its items."""
    if not _is_list(value):
        yield Found(path, value)
        return
    items = value.get("items") or ()
    if isinstance(items, list | tuple):
        yield from _walk(items, jsonpath.field(path, "items"), depth + 1)
    else:
        yield Problem(path, f"is a {value['kind']} whose items are {_named(items)}, not a list")


def _is_list(value: JsonObject) -> bool:
    """Whether an object is a list of objects: a name would make it one object of an odd kind."""
    if value["kind"] == "List" and value["apiVersion"] == "v1":
        return True
    metadata = value.get("metadata")
    named = isinstance(metadata, Mapping) and metadata.get("name")
    return str(value["kind"]).endswith("List") and isinstance(value.get("items"), list | tuple) and not named


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str) and bool(value)


def _is_scalar(value: JsonValue) -> bool:
    return isinstance(value, str | bool | int | float)


def _named(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    return "a mapping" if isinstance(value, Mapping) else "a number"


def _block(value: JsonObject) -> str:
    shown = masked({}, value)[1]
    return "\n" + "\n".join(f"      {line}" for line in sample(shown).splitlines())
