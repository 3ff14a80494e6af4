"""``schemas/<component>.schema.json``: read, checked itself, and config checked with it.

A schema is somebody else's program. What is done in this process never takes long; everything else
is for a process that can be ended (`SchemaChecker`).
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from envctl.config.acceptance import accepts, is_plain
from envctl.config.validation import Finding, find_all, misfits_of, require_none
from envctl.config.wording import did_you_mean
from envctl.errors import InputError, Problem
from envctl.model.environment import KeyPath
from envctl.model.values import JsonObject, JsonValue

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DATA: Final = frozenset({"const", "default", "enum", "examples"})
_JSON_HINT: Final = "JSON has no comments, no comma behind a last value, and only texts in double quotes"
_ANY: Final = '{"type": "object"} fits any config'
_DIGITS: Final = 300
_MAX_BYTES: Final = 1024 * 1024
_LFS: Final = b"version https://git-lfs.github.com/spec/"
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_MAPS: Final = frozenset({"$defs", "properties", "patternProperties", "dependentSchemas", "definitions"})


def certainly_fits(config: JsonValue, data: bytes, path: str) -> bool:
    """Whether the schema in a file is valid and config fits it beyond doubt. Always quick.

    False means that `misfits` has to look. Raises InputError for a file that holds no schema at all.
    """
    schema, plain = _read(data, path)
    return plain and accepts(config, schema)


@lru_cache(maxsize=1024)
def _read(data: bytes, path: str) -> tuple[JsonObject, bool]:
    schema = _json(data, path)
    return schema, str(schema.get("$schema", _DIALECT)).rstrip("#") == _DIALECT and is_plain(schema)


def misfits(config: JsonValue, data: bytes, path: str) -> tuple[Finding, ...]:
    """Everything in config that does not fit the schema in a file. May take as long as the schema wants.

    Raises InputError with every problem of the schema itself.
    """
    return find_all(config, parse_schema(data, path), path)


def parse_schema(data: bytes, path: str) -> JsonObject:
    """A JSON Schema that is fit to be used. Raises InputError with every problem.

    Only 2020-12, and only references into the same document: a render fetches nothing.
    """
    return _parsed(data, path)


@lru_cache(maxsize=1024)
def _parsed(data: bytes, path: str) -> JsonObject:
    # Checking a schema costs milliseconds, and one schema serves a component in every environment.
    schema = _json(data, path)
    try:
        problems = _schema_problems(schema, path)
    except RecursionError as error:
        raise InputError("values are nested too deeply", place=path) from error
    require_none(problems, path)
    return schema


def _json(data: bytes, path: str) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise InputError(f"the file has {len(data):,} bytes; {_MAX_BYTES:,} are allowed", place=path)
    if not data.strip():
        raise InputError("the file is empty", place=path, hint=_ANY)
    if data.startswith(_LFS):
        hint = "commit the file itself: git lfs untrack, then add it again"
        raise InputError("the file is a Git LFS pointer, whose contents are not here", place=path, hint=hint)
    try:
        schema = json.loads(
            data, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except UnicodeDecodeError as error:
        raise InputError("the file is not UTF-8 text", place=path) from error
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}"
        raise InputError(f"not valid JSON: {error.msg}", place=place, hint=_JSON_HINT) from error
    except _RefusedError as error:
        raise InputError(f"not valid JSON: {error}", place=path) from error
    except RecursionError as error:
        raise InputError("values are nested too deeply", place=path) from error
    if not isinstance(schema, dict):
        raise InputError("a schema must be an object", place=path, hint=_ANY)
    return schema


class _RefusedError(ValueError):
    """JSON that parsers let pass and that nobody means."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _RefusedError(f"the key `{twice}` is given twice")
    return result


def _constant(text: str) -> Any:
    raise _RefusedError(f"{text} is no number that envctl can hold")


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _constant(text)


def _int(text: str) -> int:
    return int(text) if len(text) <= _DIGITS else _constant(f"{text[:_DIGITS]}…")


def _schema_problems(schema: dict[str, Any], path: str) -> list[Problem]:
    dialect = schema.get("$schema", _DIALECT)
    if str(dialect).rstrip("#") != _DIALECT:
        return [Problem(path, f"$schema: {dialect} is not supported", f'write "$schema": "{_DIALECT}"')]
    # Needed for schemas of components only, and not while these and their configs stay as they are.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    meta = Draft202012Validator(
        Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    wrong = misfits_of(meta, schema) or _reference_findings(schema)
    return [Problem(path, str(finding), finding.hint) for finding in wrong]


def _reference_findings(schema: dict[str, Any]) -> Iterator[Finding]:
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    resource = DRAFT202012.create_resource(schema)
    resolver = Registry().with_resource("", resource).resolver("")
    for path, key, value in _keywords(schema, ()):
        if key in {"$id", "$schema"} and path:
            yield Finding((*path, key), "may stand at the top of the document only", "remove it")
        elif key in {"$ref", "$dynamicRef"} and not value.startswith("#"):
            yield Finding((*path, key), *_foreign(value))
        elif key in {"$ref", "$dynamicRef"}:
            try:
                resolver.lookup(value)
            except Unresolvable:
                hint = did_you_mean(value, [f"#/$defs/{each}" for each in schema.get("$defs", {})])
                yield Finding((*path, key), f"{value} leads nowhere in this document", hint)


def _foreign(reference: str) -> tuple[str, str]:
    """Why a reference that leads out of the document is refused, and what to do."""
    hint = "copy the definition into $defs of this schema"
    if _REMOTE.match(reference):
        return f"{reference} leads out of this repository, and a render fetches nothing", hint
    return f"{reference} leads to another file, and each schema stands alone", hint


def _keywords(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str, str]]:
    """Each `$` keyword with a text, wherever a schema stands in the schema."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key.startswith("$") and isinstance(each, str):
                yield path, key, each
            elif key in _MAPS and isinstance(each, Mapping):
                for name, inner in each.items():
                    yield from _keywords(inner, (*path, key, name))
            elif key not in _DATA:
                yield from _keywords(each, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, each in enumerate(value):
            yield from _keywords(each, (*path, index))
