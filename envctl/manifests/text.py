"""The canonical text of one object: one value, one text (docs/adr/0002-canonical-yaml.md).

Reading what was written gives the value back, with its types; writing what was read gives the
text back, if it was canonical.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from envctl.errors import InputError, Problem
from envctl.manifests import jsonpath
from envctl.manifests.reader import read
from envctl.manifests.scalars import MAX_KEY, UnwritableError, is_literal, is_plain, literal, number, quoted
from envctl.model.values import JsonObject, JsonValue

MAX_DEPTH: Final = 64
MAX_BYTES: Final = 8 << 20  # more than any API server stores: keeps hostile text out, is nothing to tune
_FIRST = ("apiVersion", "kind", "metadata")
_MEMO_LIMIT = 64
_MEMO_SIZE = 8192
# What short keys and strings are written as, from object to object: most of them are the same.
_KEYS: Final[dict[str, str]] = {}
_STRINGS: Final[dict[str, str]] = {}
_NO_MAPPINGS = frozenset({list, int, float, bool, type(None)})
_SAMPLE_WIDTH = 100

_Put = Callable[[str], None]
_Items = Iterable[tuple[str, Any]]


def to_yaml(value: JsonObject) -> bytes:
    """The canonical text of an object, the same for equal values in any key order.

    Raises InputError, with a problem for each place, for what canonical YAML cannot say:
    numbers that are not finite, integers that are not exact, half surrogate pairs, keys
    longer than 1,000 bytes, more than 64 levels.
    """
    if not value:
        return b"{}\n"
    parts: list[str] = []
    try:
        _Writer(parts.append).mapping(top_level(value), "", "", 1)
    except UnwritableError as error:
        problems = tuple(_unwritable(value, "$", 1))
        raise InputError("cannot be written as YAML", problems=problems) from error
    return "".join(parts).encode()


def from_yaml(text: bytes, place: str) -> JsonObject:
    """The object in a file of a deploy tree. `place` names the file in messages.

    Reads what `to_yaml` writes, and such other YAML as every reader surely reads alike. Raises
    InputError naming file and line for anything else: more than one document, anchors, tags,
    duplicate or non-string keys, plain scalars that YAML 1.1 and 1.2 read differently, tabs
    between values, carriage returns, byte order marks, other encodings than UTF-8, more
    than 64 levels, more than 8 MiB.
    """
    return read(text, place, MAX_BYTES, MAX_DEPTH)


def sample(value: JsonValue, lines: int = 10) -> str:
    """The first lines of a value as people read it in a message; never raises for odd values."""
    parts: list[str] = []
    try:
        _Writer(parts.append).sequence([value], "", "", 1)
    except UnwritableError:
        parts.append("  ...\n")
    text = [line[2:_SAMPLE_WIDTH] for line in "".join(parts).splitlines()]
    return "\n".join([*text[:lines], "..."] if len(text) > lines else text)


def top_level(value: JsonObject) -> Iterable[tuple[str, Any]]:
    """The fields of an object in their canonical order: apiVersion, kind, metadata, the rest sorted."""
    yield from ((key, value[key]) for key in _FIRST if key in value)
    yield from sorted((item for item in value.items() if item[0] not in _FIRST), key=_by_key)


def _by_key(item: tuple[str, Any]) -> str:
    return item[0]


class _Writer:
    """Writes block style, two spaces a level, list items at their key's indentation as kubectl does."""

    def __init__(self, put: _Put) -> None:
        self._put = put
        for memo in (_KEYS, _STRINGS):
            if len(memo) > _MEMO_SIZE:
                memo.clear()

    def mapping(self, items: _Items, first: str, indent: str, depth: int) -> None:
        """Write items; the first one behind `first` (a list's dash), the others behind `indent`."""
        put, keys = self._put, _KEYS
        _check_depth(depth)
        lead = first
        for key, value in items:
            head = lead + (keys.get(key) or self._key(key))
            lead = indent
            if isinstance(value, str):
                put(f"{head} {self._string(value, indent)}")
            elif _is_mapping(value):
                put(f"{head}\n" if value else f"{head} {{}}\n")
                self.mapping(sorted(value.items(), key=_by_key), indent + "  ", indent + "  ", depth + 1)
            elif isinstance(value, list | tuple):
                put(f"{head}\n" if value else f"{head} []\n")
                self.sequence(value, indent, indent, depth + 1)
            else:
                put(f"{head} {_scalar(value)}\n")

    def sequence(self, values: Iterable[Any], first: str, indent: str, depth: int) -> None:
        """Write list items; the first one behind `first`, the others behind `indent`."""
        put = self._put
        _check_depth(depth)
        lead, inner = first, indent + "  "
        for value in values:
            head = lead + "- "
            lead = indent
            if isinstance(value, str):
                put(head + self._string(value, indent))
            elif _is_mapping(value):
                if not value:
                    put(f"{head}{{}}\n")
                self.mapping(sorted(value.items(), key=_by_key), head, inner, depth + 1)
            elif isinstance(value, list | tuple):
                if not value:
                    put(f"{head}[]\n")
                self.sequence(value, head, inner, depth + 1)
            else:
                put(f"{head}{_scalar(value)}\n")

    def _key(self, key: str) -> str:
        text = _written(key)
        if len(text) > MAX_KEY:
            raise UnwritableError(f"has a key longer than {MAX_KEY} bytes")
        text += ":"
        if len(key) <= _MEMO_LIMIT:
            _KEYS[key] = text
        return text

    def _string(self, text: str, indent: str) -> str:
        known = _STRINGS.get(text)
        if known is not None:
            return known
        if is_literal(text):
            return literal(text, indent + "  ")
        if len(text) > _MEMO_LIMIT:
            return _written(text) + "\n"
        _STRINGS[text] = written = _written(text) + "\n"
        return written


def _is_mapping(value: Any) -> bool:
    """Exact types first: asking an abstract class takes several times as long."""
    kind = type(value)
    return kind is dict or (kind not in _NO_MAPPINGS and isinstance(value, Mapping))


def _written(text: str) -> str:
    return text if is_plain(text) else quoted(text)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnwritableError(f"is nested more than {MAX_DEPTH} levels deep")


def _scalar(value: float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value)


def _unwritable(value: JsonValue, path: str, depth: int) -> Iterable[Problem]:
    """Every place of a value that cannot be written, looked for after writing has failed."""
    try:
        if isinstance(value, Mapping | list | tuple):
            _check_depth(depth)
        elif isinstance(value, str):
            quoted(value)
        elif isinstance(value, int | float):
            _scalar(value)
    except UnwritableError as error:
        yield Problem(path, str(error))
        return
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _unwritable_key(key, path)
            yield from _unwritable(value[key], jsonpath.field(path, key), depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unwritable(item, jsonpath.item(path, index), depth + 1)


def _unwritable_key(key: str, path: str) -> Iterable[Problem]:
    try:
        if len(quoted(key)) > MAX_KEY:
            yield Problem(path, f"has a key longer than {MAX_KEY} bytes, {key[:20]!r}...")
    except UnwritableError as error:
        yield Problem(path, f"has a key that {error}")
