"""A reader of objects as other tools print them: streams of YAML or JSON documents, lists of objects in them.

For looking at, never for rendering: it takes what ``kubectl get -o yaml`` and people write, reads a plain
scalar that YAML readers disagree about as a text, and keeps where each object stands. What is refused is told
with its line. As in `manifests.reader`, values are built from parser events and never by recursion.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml
from yaml import events

from envctl.errors import InputError, Problem
from envctl.manifests.building import LOADER, NO_CHARACTER, Open, collection, line_of, syntax_problem
from envctl.manifests.extract import find
from envctl.manifests.scalars import read_plain
from envctl.model.values import JsonObject, JsonValue

MAX_DEPTH: Final = 64
_SPACE: Final = re.compile(r"\s*")
_WORDS: Final = {"": None, "~": None, "Null": None, "NULL": None} | {
    form: value for word, value in (("true", True), ("false", False)) for form in (word.title(), word.upper())
}


@dataclass(frozen=True, slots=True)
class Placed:
    """One object of a file, and where it stands: ``live.yaml:12``."""

    place: str
    value: JsonObject


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a stream; `lines` has the lines of its mappings, by their id()."""

    line: int
    value: JsonValue
    lines: dict[int, int] = field(default_factory=dict)


def read_objects(data: bytes, name: str) -> tuple[Placed, ...]:
    """All objects of a file, in its order; items of lists one by one. None in an empty one.

    Raises InputError with every problem and its place, for what is no text, no YAML or JSON, or no object.
    """
    found, problems = list[Placed](), list[Problem]()
    for document in _documents(_decode(data, name), name):
        objects, wrong = find(document.value)
        line = document.line
        found += [
            Placed(f"{name}:{document.lines.get(id(each.value), line)}", each.value) for each in objects
        ]
        problems += [Problem(f"{name}:{line}", f"{_named(each.place)} {each.reason}", "") for each in wrong]
    if problems:
        raise InputError("not everything here is a Kubernetes object", problems=tuple(problems))
    return tuple(found)


def _named(path: str) -> str:
    """A place in a document, in words."""
    return path.removeprefix("$").removeprefix(".") or "the document"


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(name, line, "is not UTF-8 text") from error


def _refused(name: str, line: int, reason: str) -> InputError:
    return InputError(reason, place=f"{name}:{line}")


def _documents(text: str, name: str) -> Iterator[Document]:
    return _json(text, name) if text.lstrip().startswith(("{", "[")) else _yaml(text, name)


def _json(text: str, name: str) -> Iterator[Document]:
    """The JSON values of a stream, one after the other; where it is none, maybe YAML in flow style."""
    decoder, end, line, found = json.JSONDecoder(), 0, 1, list[Document]()
    while (at := _after_space(text, end)) < len(text):
        line += text.count("\n", end, at)
        try:
            value, end = decoder.raw_decode(text, at)
        except RecursionError:
            raise _refused(name, line, f"is nested more than {MAX_DEPTH} levels deep") from None
        except json.JSONDecodeError as error:
            if not found:
                return _yaml(text, name)
            raise _refused(name, error.lineno, f"is not JSON: {error.msg}") from error
        found.append(Document(line, value))
        line += text.count("\n", at, end)
    return iter(found)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _yaml(text: str, name: str) -> Iterator[Document]:
    builder = _Builder(name)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            builder.take(event)
            if isinstance(event, events.DocumentEndEvent):
                yield builder.document()
    except yaml.MarkedYAMLError as error:
        raise _refused(name, *syntax_problem(error)) from error
    except yaml.YAMLError as error:
        line = _line(text, getattr(error, "position", 0))
        raise _refused(name, line, "holds a character that YAML does not allow") from error
    except (ValueError, OverflowError):
        raise _refused(name, 1, NO_CHARACTER) from None


@dataclass(slots=True)
class _Builder:
    """Builds the plain value of one document after the other from events."""

    name: str
    stack: list[Open] = field(default_factory=list)
    root: Any = None
    line: int = 1
    lines: dict[int, int] = field(default_factory=dict)

    def take(self, event: Any) -> None:
        """Take the next event. Raises InputError."""
        if isinstance(event, events.ScalarEvent):
            self._refuse_tag(event)
            self._add(_scalar(event), event)
        elif isinstance(event, events.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, events.CollectionEndEvent):
            self.stack.pop()
        elif isinstance(event, events.AliasEvent):
            self._stop(event, "has an alias; write the value out")

    def document(self) -> Document:
        """The document that just ended; the next one begins."""
        found = Document(self.line, self.root, self.lines)
        self.root, self.lines = None, {}
        return found

    def _start(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self._stop(event, f"is nested more than {MAX_DEPTH} levels deep")
        self._refuse_tag(event)
        value = collection(event)
        self._add(value, event)
        self.lines[id(value)] = line_of(event)
        self.stack.append(Open(value))

    def _add(self, value: Any, event: Any) -> None:
        if not self.stack:
            self.root, self.line = value, line_of(event)
            return
        top = self.stack[-1]
        if not top.take(value):
            self._key(top, event)

    def _key(self, top: Open, event: Any) -> None:
        if not isinstance(event, events.ScalarEvent):
            self._stop(event, "has a key that is no text")
        if event.value in top.value:
            self._stop(event, f"has the key {event.value[:40]} twice")
        top.key = event.value

    def _refuse_tag(self, event: Any) -> None:
        if event.tag and not event.tag.startswith("tag:yaml.org,2002:"):
            self._stop(event, f"has the tag {event.tag[:40]}")

    def _stop(self, event: Any, reason: str) -> NoReturn:
        raise _refused(self.name, line_of(event), reason)


def _scalar(event: Any) -> JsonValue:
    text = str(event.value)
    if event.style or not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    try:
        return read_plain(text)
    except ValueError:
        return text
