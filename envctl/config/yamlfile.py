"""YAML that people edit: parsed safely, with the line of every key.

YAML 1.2 by ruamel.yaml's round-trip loader. Size and depth are bounded before the parser
sees the text; anchors, tags, tabs and merge conflicts are refused with their line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from envctl.errors import InputError
from envctl.model.values import JsonValue

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 40

_CONFLICT = re.compile(r"^(<{7}|={7}$|>{7})", re.MULTILINE)
_ANCHOR = re.compile(r"(?:^|[\s:\[,{-])([&*!][^\s,\]}]+)")
_STRINGS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|(?:^|\s)#.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """One parsed file: its plain value, and the document that knows lines."""

    path: str
    value: JsonValue
    document: Any

    def place(self, keys: Sequence[str | int]) -> str:
        """``file:line`` of a key path, of its nearest parent where the key itself is absent."""
        node, line = self.document, 1
        for key in keys:
            try:
                line = _line_of(node, key)
                node = node[key]
            except (KeyError, IndexError, TypeError):
                break
        return f"{self.path}:{line}"


def _line_of(node: Any, key: str | int) -> int:
    position = node.lc.key(key) if isinstance(node, CommentedMap) else node.lc.item(key)
    return int(position[0]) + 1


def round_trip() -> YAML:
    """The one loader and dumper of edited files: keeps comments, order and quotes."""
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 2**16
    yaml.indent(mapping=2, sequence=2, offset=0)
    return yaml


def parse_yaml(data: bytes, path: str) -> YamlFile:
    """One document. Raises InputError with file and line for anything else."""
    text = _decoded(data, path)
    _refuse_oddities(text, path)
    try:
        document = round_trip().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(f"not valid YAML: {_reason(error)}", place=f"{path}{line}") from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"not valid YAML: {error}", place=path) from error
    return YamlFile(path, _plain(document, path, 0), document)


def _reason(error: MarkedYAMLError) -> str:
    key = re.search(r'found duplicate key "([^"]*)"', str(error.problem))
    if key:
        return f"the key `{key[1]}` stands twice"
    return str(error.problem or error.context or error).splitlines()[0]


def _decoded(data: bytes, path: str) -> str:
    if len(data) > MOST_BYTES:
        raise InputError(f"the file has {len(data)} bytes, more than {MOST_BYTES}", place=path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError("not UTF-8", place=f"{path}:{line}", hint="save the file as UTF-8") from error


def _refuse_oddities(text: str, path: str) -> None:
    conflict = _CONFLICT.search(text)
    if conflict:
        raise InputError(
            "the file has an unresolved merge conflict",
            place=f"{path}:{_line(text, conflict.start())}",
            hint="keep one of the two sides and delete the lines with <<<<<<<, ======= and >>>>>>>",
        )
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip(" ").startswith("\t"):
            raise InputError("a tab in the indentation", place=f"{path}:{number}", hint="indent with spaces")
    depth = max((len(line) - len(line.lstrip(" -")) for line in text.split("\n")), default=0)
    if depth > MOST_DEPTH * 4 or max(text.count("["), text.count("{")) > MOST_BYTES // 64:
        raise InputError("the file is nested too deeply", place=path)
    _refuse_references(text, path)


def _refuse_references(text: str, path: str) -> None:
    bare = _STRINGS.sub(lambda match: " " * len(match[0]), text)
    found = _ANCHOR.search(bare)
    if found:
        raise InputError(
            f"anchors, aliases and tags are not supported: {found[1]}",
            place=f"{path}:{_line(bare, found.start(1))}",
            hint="write the value out, or quote it if it is meant as text",
        )


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _plain(node: Any, path: str, depth: int) -> JsonValue:
    """Plain JSON values; keys must be strings."""
    if depth > MOST_DEPTH:
        raise InputError(f"the file is nested more than {MOST_DEPTH} levels deep", place=path)
    if isinstance(node, CommentedMap):
        for key in node:
            if not isinstance(key, str):
                raise InputError(
                    f"the key {key} is no text", place=f"{path}:{_line_of(node, key)}", hint="quote it"
                )
        return {str(key): _plain(value, path, depth + 1) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value, path, depth + 1) for value in node]
    return _scalar(node)


def _scalar(node: Any) -> JsonValue:
    if isinstance(node, bool | ScalarBoolean):
        return bool(node)
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return None if node is None else str(node)
