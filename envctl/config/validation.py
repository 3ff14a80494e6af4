"""Values against JSON Schemas (2020-12): every problem in one pass, in plain words."""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from envctl.config.yamlfile import YamlFile
from envctl.errors import InputError, Problem
from envctl.model.values import JsonObject, JsonValue

_TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


@cache
def shipped_validator(name: str) -> Draft202012Validator:
    """The validator of a file format of envctl, by its shipped schema's name."""
    text = files("envctl.config").joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def check_file(file: YamlFile, schema: str) -> Mapping[str, Any]:
    """A file against its shipped schema. Raises InputError with every problem; an empty file is {}."""
    value = {} if file.value is None else file.value
    problems = problems_of(value, shipped_validator(schema), file.place)
    if problems or not isinstance(value, Mapping):
        raise InputError(f"{file.path} is not valid", problems=problems)
    return value


def problems_of(
    value: JsonValue, validator: Draft202012Validator, place: Callable[[Sequence[str | int]], str]
) -> tuple[Problem, ...]:
    """Every problem of a value, ordered by where it is."""
    errors = sorted(
        validator.iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path]
    )
    return tuple(problem for error in errors for problem in _explained(error, place))


def json_path(keys: Iterable[str | int]) -> str:
    """A path as people write it: ``components[1].name``; "" for the root."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def _explained(error: ValidationError, place: Callable[[Sequence[str | int]], str]) -> Iterable[Problem]:
    path = list(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = sorted(_properties(error.schema))
        for key in sorted(set(error.instance) - set(known)):
            yield Problem(
                place([*path, key]), f"{json_path([*path, key])}: unknown key", _nearest(key, known)
            )
        return
    if error.validator in {"oneOf", "anyOf"} and error.context:
        yield from _best_branch(error, place)
        return
    reason, hint = _reason(error)
    where = json_path(path)
    yield Problem(place(path), f"{where}: {reason}" if where else reason, hint or _description(error))


def _best_branch(error: ValidationError, place: Callable[[Sequence[str | int]], str]) -> Iterable[Problem]:
    """Of several allowed forms, the problems of the one that has the right type."""
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context or ():
        branches.setdefault(each.relative_schema_path[0], []).append(each)
    fitting = [found for found in branches.values() if not any(_wrong_type(each, error) for each in found)]
    if not fitting:
        types = " or ".join(
            dict.fromkeys(_allowed(each.schema) for found in branches.values() for each in found)
        )
        where = json_path(error.absolute_path)
        yield Problem(
            place(list(error.absolute_path)), f"{where}: must be {types}, is {_is(_instance(error))}"
        )
        return
    for each in fitting[0]:
        yield from _explained(each, place)


def _wrong_type(error: ValidationError, parent: ValidationError) -> bool:
    return error.validator == "type" and list(error.absolute_path) == list(parent.absolute_path)


def _properties(schema: Any) -> Mapping[str, Any]:
    found = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _nearest(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known keys: {', '.join(known)}" if known else "no keys are allowed here"


def _reason(error: ValidationError) -> tuple[str, str]:
    """What is wrong, and a next step where the keyword implies one."""
    wanted: Any = error.validator_value
    value = _instance(error)
    match error.validator:
        case "type":
            return f"must be {_allowed(error.schema)}, is {_is(value)}", ""
        case "required":
            missing = [key for key in wanted if key not in value]
            return f"lacks `{'`, `'.join(missing)}`", f"add `{missing[0]}`"
        case "enum":
            return f"is {_shown(value)}, must be one of {', '.join(_shown(each) for each in wanted)}", ""
        case "const":
            return f"is {_shown(value)}, must be {_shown(wanted)}", ""
        case "pattern":
            return f"is {_shown(value)}, which does not match {wanted}", ""
        case _:
            return _bound(error)


_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters long",
    "maxLength": "at most {} characters long",
    "minItems": "a list of at least {} items",
    "maxItems": "a list of at most {} items",
    "minProperties": "an object of at least {} keys",
    "maxProperties": "an object of at most {} keys",
    "multipleOf": "a multiple of {}",
}


def _bound(error: ValidationError) -> tuple[str, str]:
    if error.validator in _BOUNDS:
        return (
            f"is {_shown(_instance(error))}, must be {_BOUNDS[error.validator].format(error.validator_value)}",
            "",
        )
    if error.validator == "uniqueItems":
        return "holds the same item twice", ""
    return f"{_shown(_instance(error))} breaks the rule `{error.validator}` of the schema", ""


def _instance(error: ValidationError) -> Any:
    """The value that is wrong; typed loosely, since the library has a marker for "not set yet"."""
    return error.instance


def _allowed(schema: Any) -> str:
    kinds = schema.get("type", []) if isinstance(schema, Mapping) else []
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    return " or ".join(_TYPES.get(name, name) for name in names) or "of another type"


def _is(value: JsonValue) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return _shown(value)


def _shown(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004


def _description(error: ValidationError) -> str:
    found = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    return str(found)


def as_schema(value: JsonValue) -> JsonObject:
    """The value as a JSON object, {} for anything else."""
    return value if isinstance(value, dict) else {}
