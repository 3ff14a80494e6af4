"""A component's config against its own JSON Schema (schemas/<component>.schema.json)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from envctl.config.validation import json_path, problems_of
from envctl.errors import InputError, Problem
from envctl.model.environment import ComponentInstance
from envctl.model.values import JsonObject, JsonValue


def parse_schema(data: bytes, path: str) -> JsonObject:
    """A JSON Schema, itself checked. Raises InputError; references out of the document are refused."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"not valid JSON: {error}", place=f"{path}{line}") from error
    try:
        Draft202012Validator.check_schema(value)
    except SchemaError as error:
        where = json_path(error.absolute_path)
        raise InputError(f"not a valid JSON Schema: {where}: {error.message}", place=path) from error
    outside = [ref for ref in _references(value) if not ref.startswith("#")]
    if outside:
        raise InputError(
            f"refers to {outside[0]}, outside the file", place=path, hint="copy the definition into $defs"
        )
    return value if isinstance(value, dict) else {}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in {"$ref", "$dynamicRef"} and isinstance(inner, str):
                yield inner
            yield from _references(inner)
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def check_config(
    config: JsonValue, schema: JsonObject, instance: ComponentInstance, environment: str
) -> tuple[Problem, ...]:
    """Every problem of a component's final config, with the layer that set the value."""
    found = problems_of(config, Draft202012Validator(dict(schema)), lambda keys: _layer(keys, instance))
    prefix = f"{instance.name} in {environment}"
    return tuple(Problem(each.place, f"{prefix}: config {each.reason}", each.hint) for each in found)


def _layer(keys: Sequence[str | int], instance: ComponentInstance) -> str:
    """The last layer that sets the value or its nearest parent."""
    for depth in range(len(keys), 0, -1):
        for layer in reversed(instance.layers):
            if _holds(layer.value, keys[:depth]):
                return layer.source
    return f"components/{instance.name}/ or its overlay"


def _holds(value: JsonValue, keys: Sequence[str | int]) -> bool:
    for key in keys:
        if isinstance(value, Mapping) and key in value:
            value = value[str(key)]
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return False
    return True
