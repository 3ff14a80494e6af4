"""A component's config against ``schemas/<component>.schema.json``."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from envctl.config.keypath import key_text
from envctl.config.validation import Finding, find_all, require_none
from envctl.errors import InputError, Problem
from envctl.model.environment import ComponentInstance, KeyPath, Layer
from envctl.model.values import JsonObject, JsonValue

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DATA: Final = frozenset({"const", "default", "enum", "examples"})
_JSON_HINT: Final = "JSON has no comments, no comma behind a last value, and only texts in double quotes"
_ABSENT: Final = object()


def parse_schema(data: bytes, path: str) -> JsonObject:
    """A JSON Schema that is fit to be used. Raises InputError with every problem.

    Only 2020-12, and only references into the same document: a render fetches nothing.
    """
    return _parsed(data, path)


@lru_cache(maxsize=1024)
def _parsed(data: bytes, path: str) -> JsonObject:
    # Checking a schema costs milliseconds, and one schema serves a component in every environment.
    try:
        schema = _json(data, path)
        problems = _schema_problems(schema, path)
    except RecursionError as error:
        raise InputError("values are nested too deeply", place=path) from error
    require_none(problems, path)
    return schema


def _json(data: bytes, path: str) -> dict[str, Any]:
    try:
        schema = json.loads(data, object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise InputError("the file is not UTF-8 text", place=path) from error
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}"
        raise InputError(f"not valid JSON: {error.msg}", place=place, hint=_JSON_HINT) from error
    except _RefusedError as error:
        raise InputError(f"not valid JSON: {error}", place=path) from error
    if not isinstance(schema, dict):
        raise InputError("a schema must be an object", place=path)
    return schema


class _RefusedError(ValueError):
    """JSON that parsers let pass and that nobody means."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [key for key, _ in pairs]
        raise _RefusedError(f"the key `{next(key for key in names if names.count(key) > 1)}` is given twice")
    return result


def _constant(text: str) -> Any:
    raise _RefusedError(f"{text} is no number that JSON knows")


def _schema_problems(schema: dict[str, Any], path: str) -> list[Problem]:
    dialect = schema.get("$schema", _DIALECT)
    if str(dialect).rstrip("#") != _DIALECT:
        return [Problem(path, f"$schema: {dialect} is not supported", f'write "$schema": "{_DIALECT}"')]
    # Needed for schemas of components only, and not while these and their configs stay as they are.
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = key_text(tuple(error.absolute_path)) or "the schema"
        return [Problem(path, f"{where} is not valid JSON Schema: {error.message}")]
    return [Problem(path, str(finding), finding.hint) for finding in _reference_findings(schema)]


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
            reason = f"{value} leads out of this document, and a render fetches nothing"
            yield Finding((*path, key), reason, "copy the definition into $defs of this schema")
        elif key in {"$ref", "$dynamicRef"}:
            try:
                resolver.lookup(value)
            except Unresolvable:
                yield Finding((*path, key), f"{value} leads nowhere in this document")


def _keywords(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str, str]]:
    """Each `$` keyword with a text, wherever it stands in the schema."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key.startswith("$") and isinstance(each, str):
                yield path, key, each
            elif key not in _DATA:
                yield from _keywords(each, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, each in enumerate(value):
            yield from _keywords(each, (*path, index))


def check_config(
    config: JsonValue, schema: JsonObject, instance: ComponentInstance, environment: str
) -> tuple[Problem, ...]:
    """Everything in a component's final config that does not fit its schema, each with who set it."""
    found = find_all(config, schema, f"schemas/{instance.name}.schema.json")
    return tuple(_problem(finding, config, instance, environment) for finding in found)


def _problem(finding: Finding, config: JsonValue, instance: ComponentInstance, environment: str) -> Problem:
    where = f"{instance.name} in {environment}"
    shown = str(Finding(("config", *finding.path), finding.reason))
    if finding.missing:
        file = f"environments/{environment}/environment.yaml"
        key = key_text(("config", *finding.path, finding.missing))
        hint = f"set {key} for {instance.name} in {file}, or give it a default in the component"
        return Problem(f"components/{instance.name}", f"{where}: {shown}", hint)
    layer = _setter(finding.path, config, instance.layers)
    if layer:
        return Problem(layer.place(finding.path), f"{where}: {shown}", finding.hint)
    origin = "set by the component's defaults or an overlay"
    return Problem(f"components/{instance.name}", f"{where}: {shown} ({origin})", finding.hint)


def _setter(path: KeyPath, config: JsonValue, layers: Sequence[Layer]) -> Layer | None:
    """The strongest layer that holds the value at fault, unless something above the layers replaced it."""
    final = _value_at(config, path)
    for layer in reversed(layers):
        value = _value_at(layer.value, path)
        if value is not _ABSENT:
            return layer if value == final or isinstance(value, Mapping) else None
    return None


def _value_at(value: Any, path: KeyPath) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return value
