"""YAML documents → JSON values, read as Go's yaml.v3 reads them.

Only the tokens come from PyYAML; what they mean is decided here, for the two differ: ``yes`` is a string,
``010`` is 8, dates become RFC 3339 text, a key twice is an error.
"""

import base64
import binascii
import math
from collections.abc import Iterator
from typing import Any

import yaml

from .problem import NativeError
from .yamlscalars import resolved

_DEPTH = 300
_NODES = 1_000_000
_TAG = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "null": (type(None),),
    "timestamp": (str,),
}
# The pure Python parser accepts other texts; the outcome must not depend on how PyYAML was built.
_Parser: Any = yaml.CBaseLoader


class _Merge:
    """The key that merges another mapping in."""


def documents(text: str) -> list[Any]:
    """All documents of a stream. Raises NativeError with the line for text that is no YAML."""
    try:
        return list(_Reader(text).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise NativeError(f"the argument yaml is no YAML: {where}{error.problem}") from None
    except yaml.YAMLError as error:
        raise NativeError(f"the argument yaml is no YAML: {error}") from None


class _Reader:
    """Builds values from the events of one stream."""

    def __init__(self, text: str) -> None:
        self._parser = _Parser(text)
        self._anchors: dict[str, Any] = {}
        self._nodes = 0

    def documents(self) -> Iterator[Any]:
        while not isinstance(event := self._parser.get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._node(self._parser.get_event(), 0)

    def _node(self, event: Any, depth: int) -> Any:
        self._nodes += 1
        if depth > _DEPTH or self._nodes > _NODES:
            raise _problem(event, f"more than {_DEPTH} levels or {_NODES:,} values")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = list(self._items(depth))
        else:
            value = self._mapping(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise _problem(event, f"unknown anchor {event.anchor}")
        value = self._anchors[event.anchor]
        # Copies count: references to references may grow without end.
        self._nodes += _size(value)
        if self._nodes > _NODES:
            raise _problem(event, "the document contains excessive aliasing")
        return value

    def _items(self, depth: int) -> Iterator[Any]:
        while not isinstance(event := self._parser.get_event(), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, start: Any, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(event := self._parser.get_event(), yaml.MappingEndEvent):
            merge = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]
            key = self._node(event, depth + 1)
            below = self._node(self._parser.get_event(), depth + 1)
            if merge:
                merged = below if isinstance(below, list) else [below]
                continue
            if not isinstance(key, str):
                raise _problem(event, "a key is no string, and JSON has no other keys")
            if key in value:
                raise _problem(event, f"the key {key} is there twice")
            value[key] = below
        return {**_merged(start, merged), **value}


def _merged(event: Any, sources: list[Any]) -> dict[str, Any]:
    """The mappings that a merge key names, earlier ones first."""
    found: dict[str, Any] = {}
    for source in sources:
        if not isinstance(source, dict):
            raise _problem(event, "map merge requires a mapping or a list of mappings")
        found = {**source, **found}
    return found


def _scalar(event: Any) -> Any:
    tag = "" if event.tag == "!" else (event.tag or "").removeprefix(_TAG)
    if tag == "binary":
        return _decoded(event)
    if tag not in ("", *_TYPES) or (not tag and event.style):
        return event.value
    value = resolved(event.value)
    if tag and not isinstance(value, _TYPES[tag]):
        raise _problem(event, f"cannot read {event.value!r} as !!{tag}")
    if isinstance(value, float) and not math.isfinite(value):
        raise _problem(event, f"{event.value} is a number that JSON cannot carry")
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole or tag == "float" else value


def _decoded(event: Any) -> str:
    try:
        return base64.b64decode(event.value, validate=False).decode(errors="replace")
    except binascii.Error as error:
        raise _problem(event, f"!!binary holds no base64: {error}") from None


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _problem(event: Any, text: str) -> NativeError:
    return NativeError(f"the argument yaml is no YAML for JSON: line {event.start_mark.line + 1}: {text}")
