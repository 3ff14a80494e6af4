"""Files that people write, read strictly: plain values, and the line where each of them stands.

One YAML 1.2 document of JSON values. What would surprise somebody is refused with its line: keys
given twice, anchors and aliases, tags, merge keys, values that readers disagree about, and
unresolved merge conflicts. Values are built from parser events and never by recursion, so size
and depth are bounded before anything grows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml import events

from envctl.config.keypath import key_text
from envctl.config.scalars import AmbiguousError, read_plain
from envctl.errors import InputError, Problem
from envctl.model.environment import KeyPath, nearest_place
from envctl.model.values import JsonValue

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
_LFS: Final = b"version https://git-lfs.github.com/spec/"
_MAX_PROBLEMS: Final = 50
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONFLICT = re.compile(r"^(?:<{7} |>{7} |<{7}$|>{7}$)", re.MULTILINE)
_CONFLICT_HINT = (
    "keep the lines that are right, remove the lines with <<<<<<<, ======= and >>>>>>>, then git add"
)
# Control characters, and line breaks and marks that readers of YAML treat differently.
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

# What the parser says, and what it means to a person. Matched by their beginnings.
_EXPLAINED: Final = (
    (
        "mapping values are not allowed",
        "a `:` stands where no key can be",
        "indent the line like its neighbours, or put a text that contains `: ` in quotes",
    ),
    ("could not find expected ':'", "a key without its `:`", "write `key: value`"),
    (
        "did not find expected key",
        "the line does not fit the one above",
        "indent keys of one object alike, and close quotes and brackets",
    ),
    (
        "did not find expected '-' indicator",
        "the line does not fit the list above",
        "start items of one list with `- ` in one column",
    ),
    (
        "did not find expected ',' or",
        "a bracket is opened here and not closed",
        "close it, or write the missing `,`",
    ),
    ("found unexpected end of stream", "a quote is opened here and not closed", "close it"),
    (
        "found character that cannot start any token",
        "a value may not start with this character",
        "put it in quotes",
    ),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A file, read. `lines` has the line of each key and list item, and of the document itself."""

    path: str
    value: JsonValue
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def place(self, where: KeyPath) -> str:
        """Where a value stands, or the nearest one around it: ``<file>:<line>``."""
        return nearest_place(self.path, self.lines, where)


def read_yaml(data: bytes, path: str, *, conflict_hint: str = _CONFLICT_HINT) -> Document:
    """Read a file; an empty one has the value None. Raises InputError with every problem and its line."""
    text = _decode(data, path)
    conflict = _CONFLICT.search(text)
    if conflict:
        raise _error(
            path, _line(text, conflict.start()), "this file has an unresolved merge conflict", conflict_hint
        )
    builder = _Builder(path)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(path, text, error) from error
    if builder.problems:
        raise _together(builder.problems)
    return Document(path, builder.root, builder.lines)


def _decode(data: bytes, path: str) -> str:
    if len(data) > MAX_BYTES:
        raise InputError(f"the file has {len(data):,} bytes; {MAX_BYTES:,} are allowed", place=path)
    if data.startswith(_LFS):
        hint = "commit the file itself: git lfs untrack, then add it again"
        raise InputError("the file is a Git LFS pointer, whose contents are not here", place=path, hint=hint)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _error(path, line, "the file is not UTF-8 text", "save it with the encoding UTF-8") from error
    found = _UNSAFE.search(text)
    if found:
        reason = f"the character U+{ord(found.group()):04X} may not stand here as it is"
        hint = f'write it as "\\u{ord(found.group()):04x}" in double quotes, or remove it'
        raise _error(path, _line(text, found.start()), reason, hint)
    return text


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _error(path: str, line: int, reason: str, hint: str = "") -> InputError:
    return InputError(reason, place=f"{path}:{line}", hint=hint)


def _syntax_error(path: str, text: str, error: yaml.MarkedYAMLError) -> InputError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "it cannot be parsed"
    if mark and _at(text, mark) == "\t":
        return _error(
            path, mark.line + 1, "not valid YAML: a tab stands where spaces are needed", "indent with spaces"
        )
    for beginning, reason, hint in _EXPLAINED:
        if problem.startswith(beginning):
            mark = error.context_mark if error.context_mark and "opened here" in reason else mark
            return _error(path, mark.line + 1 if mark else 1, f"not valid YAML: {reason}", hint)
    return _error(path, mark.line + 1 if mark else 1, f"not valid YAML: {problem}")


def _at(text: str, mark: yaml.Mark) -> str:
    """The character at a mark, empty at the end of a line."""
    lines = text.split("\n", mark.line + 1)
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""


def _together(problems: list[Problem]) -> InputError:
    if len(problems) == 1:
        return InputError(problems[0].reason, place=problems[0].place, hint=problems[0].hint)
    return InputError(f"{len(problems)} problems found", problems=tuple(problems))


@dataclass(slots=True)
class _Open:
    """A collection that is being read. `key` is the mapping key that waits for its value."""

    value: dict[str, Any] | list[Any]
    path: KeyPath
    key: str | None = None
    dropped: bool = False


@dataclass(slots=True)
class _Builder:
    """Builds plain values from events; notes what it refuses and goes on."""

    path: str
    root: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    documents: int = 0

    def take(self, event: Any) -> None:
        """Take the next event. Raises InputError where going on makes no sense."""
        if isinstance(event, events.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, events.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, events.CollectionEndEvent):
            self.stack.pop()
        elif isinstance(event, events.AliasEvent):
            self._note(event, f"the alias *{event.anchor} is not supported", "write the value out")
            if self._waits_for_key():
                self.stack[-1].key, self.stack[-1].dropped = "", True
            else:
                self._add(event, None)
        elif isinstance(event, events.DocumentStartEvent):
            self._document(event)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _error(
                self.path, event.start_mark.line + 1, "a second document starts here; a file holds one"
            )
        if event.version or event.tags:
            self._note(event, "YAML directives are not supported", "remove the line that starts with %")

    def _start(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            reason = f"values are nested more than {MAX_DEPTH} levels deep"
            raise _error(self.path, event.start_mark.line + 1, reason)
        self._refuse_properties(event)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, events.MappingStartEvent) else []
        if self._waits_for_key():
            self._note(event, "a key must be text, not an object or a list", "")
            self.stack.append(_Open(value, self._here()))
            self.stack[-2].key, self.stack[-2].dropped = "", True
            return
        path = self._add(event, value)
        self.stack.append(_Open(value, path))

    def _scalar(self, event: Any) -> None:
        self._refuse_properties(event)
        value = self._resolve(event)
        if self._waits_for_key():
            self._take_key(event, value)
        else:
            self._add(event, value)

    def _resolve(self, event: Any) -> JsonValue:
        if _SURROGATE.search(event.value):
            self._note(event, "half of a surrogate pair is no character", "write the character itself")
            return None
        if not event.implicit[0]:
            return str(event.value)
        try:
            return read_plain(event.value)
        except AmbiguousError as error:
            self._note(event, error.reason, error.hint)
            return None if not self._waits_for_key() else str(event.value)

    def _waits_for_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None

    def _take_key(self, event: Any, key: JsonValue) -> None:
        top = self.stack[-1]
        top.key, top.dropped = str(event.value), False
        where = (*top.path, top.key)
        if not isinstance(key, str):
            self._note(event, f"the key `{event.value}` is not text", "put it in quotes")
        elif key == "<<":
            self._note(event, "merge keys (<<) are not supported", "write the keys out")
        elif key in top.value:
            reason = f"the key {key_text(where)} is given twice, first in line {self.lines[where]}"
            self._note(event, reason, "keep one of them")
            top.dropped = True
            return
        self.lines[where] = event.start_mark.line + 1

    def _add(self, event: Any, value: Any) -> KeyPath:
        """Put a finished scalar or a collection that starts where it belongs; gives its path."""
        path = self._here()
        if not self.stack:
            self.root = value
            self.lines[path] = event.start_mark.line + 1
            return path
        top = self.stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
            self.lines[path] = event.start_mark.line + 1
        elif top.key is not None:
            if not top.dropped:
                top.value[top.key] = value
            top.key = None
        return path

    def _here(self) -> KeyPath:
        if not self.stack:
            return ()
        top = self.stack[-1]
        return (*top.path, len(top.value) if isinstance(top.value, list) else top.key or "")

    def _refuse_properties(self, event: Any) -> None:
        if event.anchor:
            self._note(
                event, f"the anchor &{event.anchor} is not supported", "write the value out where it is used"
            )
        if event.tag:
            self._note(event, f"the tag {event.tag} is not supported", "remove it")

    def _note(self, event: Any, reason: str, hint: str) -> None:
        self.problems.append(Problem(f"{self.path}:{event.start_mark.line + 1}", reason, hint))
        if len(self.problems) >= _MAX_PROBLEMS:
            raise _together(self.problems)
