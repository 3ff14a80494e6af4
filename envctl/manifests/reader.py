"""A strict reader of one YAML document, made from parser events and safe with hostile input.

libyaml's own composer recurses in C and kills the process on deep nesting, so values are built
here, one event at a time, with the depth known before it grows.
"""

from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml
from yaml import events

from envctl.errors import InputError, Problem
from envctl.manifests.building import LOADER, NO_CHARACTER, Open, collection, line_of, syntax_problem
from envctl.manifests.scalars import SURROGATE, find_unsafe, read_plain
from envctl.model.values import JsonObject

_MAX_PROBLEMS: Final = 20
_NAMES: Final = {"\r": "a carriage return", "\ufeff": "a byte order mark"}
_QUOTE_HINT = "put it in double quotes if it is a string"


def read(data: bytes, place: str, max_bytes: int, max_depth: int, loader: Any = LOADER) -> JsonObject:
    """The mapping that is the one document of a file. Raises InputError; see `text.from_yaml`.

    `loader` is libyaml's parser where it was compiled in, else PyYAML's own.
    """
    text = _decode(data, place, max_bytes)
    builder = _Builder(text, place, max_depth)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        builder.give_up(*syntax_problem(error))
    except (ValueError, OverflowError):
        builder.give_up(1, NO_CHARACTER)
    return builder.result()


def _decode(data: bytes, place: str, max_bytes: int) -> str:
    if len(data) > max_bytes:
        raise InputError(f"is {len(data):,} bytes long; the limit is {max_bytes:,}", place=place)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _refused(place, data.count(b"\n", 0, error.start) + 1, "is not UTF-8") from error
    found = find_unsafe(text)
    if found:
        code = f"the character U+{ord(found.group()):04X}"
        line = text.count("\n", 0, found.start()) + 1
        raise _refused(place, line, f"holds {_NAMES.get(found.group(), code)}, which may not stand as it is")
    return text


def _refused(place: str, line: int, reason: str) -> InputError:
    return InputError("cannot be read", problems=(Problem(f"{place}:{line}", reason),))


@dataclass(slots=True)
class _Builder:
    """Builds plain values from events; notes what it refuses and goes on as far as sensible."""

    text: str
    place: str
    max_depth: int
    problems: list[Problem] = field(default_factory=list)
    stack: list[Open] = field(default_factory=list)
    root: Any = None
    documents: int = 0
    tabs: int = 0
    has_tabs: bool = field(init=False)

    def __post_init__(self) -> None:
        self.has_tabs = "\t" in self.text

    def take(self, event: Any) -> None:
        """Take the next event. Raises InputError where going on makes no sense."""
        if isinstance(event, events.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, events.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, events.CollectionEndEvent):
            self.stack.pop()
        elif isinstance(event, events.AliasEvent):
            self._stop(event, "has an alias; write the value out")
        elif isinstance(event, events.DocumentStartEvent):
            self._document(event)

    def result(self) -> JsonObject:
        """The document. Raises InputError with everything that was refused."""
        if self.has_tabs and self.text.count("\t") != self.tabs:
            self._note(self._first_tab(), "has a tab between values", "indent with spaces")
        if not self.problems and not isinstance(self.root, dict):
            self._note(1, "is not a mapping" if self.documents else "is empty")
        if self.problems:
            raise InputError("cannot be read", problems=tuple(self.problems))
        result: JsonObject = self.root
        return result

    def give_up(self, line: int, reason: str) -> NoReturn:
        """Refuse the rest. Raises InputError with what was noted before, too."""
        self.problems.append(Problem(f"{self.place}:{line}", reason))
        raise InputError("cannot be read", problems=tuple(self.problems))

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._stop(event, "starts a second document; a file holds one object")
        if event.version or event.tags:
            self._note(1, "has a YAML directive", "leave lines out that start with %")

    def _start(self, event: Any) -> None:
        if len(self.stack) >= self.max_depth:
            self._stop(event, f"is nested more than {self.max_depth} levels deep")
        self._refuse_properties(event)
        value = collection(event)
        self._add(value, event, is_key_allowed=False)
        self.stack.append(Open(value))

    def _scalar(self, event: Any) -> None:
        self._refuse_properties(event)
        value = event.value
        if not event.style:
            value = self._plain(event)
        elif self.has_tabs:
            self.tabs += self.text.count("\t", event.start_mark.index, event.end_mark.index)
        if event.style == '"' and SURROGATE.search(value):
            self._note(line_of(event), "has half of a surrogate pair, which is no character")
        self._add(value, event, is_key_allowed=isinstance(value, str))

    def _plain(self, event: Any) -> Any:
        try:
            return read_plain(event.value)
        except ValueError:
            shown = event.value[:40] or "an empty value"
            self._note(line_of(event), f"{shown} is not read alike by all YAML readers", _QUOTE_HINT)
            return event.value

    def _add(self, value: Any, event: Any, *, is_key_allowed: bool) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        if top.take(value):
            return
        if not is_key_allowed:
            self._stop(event, "has a key that is not a string; put it in double quotes")
        self._key(top, value, event)

    def _key(self, top: Open, key: str, event: Any) -> None:
        if key in top.value:
            self._note(line_of(event), f"has the key {key[:40]} twice")
        top.key = key

    def _refuse_properties(self, event: Any) -> None:
        if event.anchor:
            self._note(line_of(event), "has an anchor; write the value out where it is needed")
        if event.tag:
            self._note(line_of(event), f"has the tag {event.tag[:40]}", "leave tags out")

    def _first_tab(self) -> int:
        lines = (number for number, line in enumerate(self.text.split("\n"), 1) if "\t" in line)
        return next(lines, 1)

    def _note(self, line: int, reason: str, hint: str = "") -> None:
        self.problems.append(Problem(f"{self.place}:{line}", reason, hint))
        if len(self.problems) >= _MAX_PROBLEMS:
            raise InputError("cannot be read", problems=tuple(self.problems))

    def _stop(self, event: Any, reason: str) -> NoReturn:
        self.give_up(line_of(event), reason)
