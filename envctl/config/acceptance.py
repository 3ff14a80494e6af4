"""A quick yes for values that fit a JSON Schema beyond doubt.

The full validator takes a tenth of a second to import and most of the time of reading a file; it
is needed to say what is wrong. This knows the plain keywords, and says no for a schema
with any other one and for every value that it is not sure of. It never takes long: a schema that
makes much work of a value is left to the full validator, which runs where it can be ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envctl.config.patterns import holds_match, steps

_BUDGET: Final = 200_000
_STEPS_AT_ONCE: Final = 32  # of matching a pattern, for one step of the budget

_SILENT = frozenset(
    {"$schema", "$id", "$defs", "$comment"}
    | {"title", "description", "default", "examples", "deprecated", "format"}
)
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: type(value) is list,
    "object": lambda value: type(value) is dict,
}


@dataclass(slots=True)
class _Run:
    """One question: the whole schema, and how much work is still allowed."""

    root: Any
    left: float = _BUDGET

    def spend(self, work: float) -> None:
        self.left -= work
        if self.left < 0:
            raise _TooMuchError


class _TooMuchError(Exception):
    """The answer would take too long."""


def accepts(value: Any, schema: Any) -> bool:
    """Whether a value certainly fits a schema; False means only that the full validator has to look."""
    try:
        return _fits(value, schema, _Run(schema))
    except (RecursionError, _TooMuchError):
        return False


def _fits(value: Any, schema: Any, run: _Run) -> bool:
    # Some keywords look at every item, or compare a value with every entry of a list.
    run.spend(1 + _length(value) / _STEPS_AT_ONCE)
    if not isinstance(schema, dict):
        return schema is True
    run.spend((_length(schema.get("enum")) + _length(schema.get("required"))) / _STEPS_AT_ONCE)
    return all(
        keyword in _SILENT or (keyword in _KEYWORDS and _KEYWORDS[keyword](value, schema, run))
        for keyword in schema
    )


def _ref(value: Any, schema: Any, run: _Run) -> bool:
    head, slash, name = str(schema["$ref"]).partition("#/$defs/")
    found = run.root.get("$defs", {}).get(name) if slash and not head else None
    return found is not None and _fits(value, found, run)


def _type(value: Any, schema: Any, _: _Run) -> bool:
    wanted = schema["type"]
    return any(
        each in _TYPES and _TYPES[each](value) for each in ([wanted] if isinstance(wanted, str) else wanted)
    )


def _properties(value: Any, schema: Any, run: _Run) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema["properties"]
    return all(_fits(each, known[key], run) for key, each in value.items() if key in known)


def _additional(value: Any, schema: Any, run: _Run) -> bool:
    if not isinstance(value, dict):
        return True
    if "patternProperties" in schema:
        return False
    known = schema.get("properties", {})
    return all(
        _fits(each, schema["additionalProperties"], run) for key, each in value.items() if key not in known
    )


def _names(value: Any, schema: Any, run: _Run) -> bool:
    return not isinstance(value, dict) or all(_fits(key, schema["propertyNames"], run) for key in value)


def _items(value: Any, schema: Any, run: _Run) -> bool:
    if not isinstance(value, list):
        return True
    return "prefixItems" not in schema and all(_fits(each, schema["items"], run) for each in value)


def _unique(value: Any, schema: Any, _: _Run) -> bool:
    if not isinstance(value, list) or not schema["uniqueItems"]:
        return True
    return all(isinstance(each, str) for each in value) and len(set(value)) == len(value)


def _pattern(value: Any, schema: Any, run: _Run) -> bool:
    if not isinstance(value, str):
        return True
    run.spend(steps(schema["pattern"], value) / _STEPS_AT_ONCE)
    return holds_match(schema["pattern"], value)


def _all(value: Any, schema: Any, run: _Run) -> bool:
    return all(_fits(value, each, run) for each in schema["allOf"])


def _any(value: Any, schema: Any, run: _Run) -> bool:
    return any(_fits(value, each, run) for each in schema["anyOf"])


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | dict | str) else 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KEYWORDS: Mapping[str, Callable[[Any, Any, _Run], bool]] = {
    "$ref": _ref,
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "uniqueItems": _unique,
    "anyOf": _any,
    "allOf": _all,
    "required": lambda value, schema, _: (
        not isinstance(value, dict) or all(each in value for each in schema["required"])
    ),
    "pattern": _pattern,
    "minLength": lambda value, schema, _: not isinstance(value, str) or len(value) >= schema["minLength"],
    "maxLength": lambda value, schema, _: not isinstance(value, str) or len(value) <= schema["maxLength"],
    "minimum": lambda value, schema, _: not _number(value) or value >= schema["minimum"],
    "maximum": lambda value, schema, _: not _number(value) or value <= schema["maximum"],
    "exclusiveMinimum": lambda value, schema, _: not _number(value) or value > schema["exclusiveMinimum"],
    "exclusiveMaximum": lambda value, schema, _: not _number(value) or value < schema["exclusiveMaximum"],
    "minItems": lambda value, schema, _: not isinstance(value, list) or len(value) >= schema["minItems"],
    "maxItems": lambda value, schema, _: not isinstance(value, list) or len(value) <= schema["maxItems"],
    "minProperties": lambda value, schema, _: (
        not isinstance(value, dict) or len(value) >= schema["minProperties"]
    ),
    "maxProperties": lambda value, schema, _: (
        not isinstance(value, dict) or len(value) <= schema["maxProperties"]
    ),
    "const": lambda value, schema, _: isinstance(value, str) and value == schema["const"],
    "enum": lambda value, schema, _: isinstance(value, str) and value in schema["enum"],
}


def is_plain(schema: Any) -> bool:
    """Whether a schema is certainly valid 2020-12 and has only keywords that are known here."""
    try:
        return isinstance(schema, dict) and _plain(schema, _Run(schema))
    except (RecursionError, _TooMuchError):
        return False


def _plain(schema: Any, run: _Run) -> bool:
    run.spend(1)
    if not isinstance(schema, dict):
        return isinstance(schema, bool)
    inner = schema.get("$id") is not None and schema is not run.root
    return not inner and all(key in _FORMS and _FORMS[key](each, run) for key, each in schema.items())


def _plain_all(schemas: Any, run: _Run) -> bool:
    return type(schemas) is dict and all(_plain(each, run) for each in schemas.values())


def _plain_some(schemas: Any, run: _Run) -> bool:
    return type(schemas) is list and schemas != [] and all(_plain(each, run) for each in schemas)


def _plain_ref(value: Any, run: _Run) -> bool:
    head, slash, name = value.partition("#/$defs/") if isinstance(value, str) else ("", "", "")
    plain = bool(slash) and not head and not any(each in name for each in "/~%#")
    return plain and name in run.root.get("$defs", {})


def _plain_type(value: Any, _: _Run) -> bool:
    if isinstance(value, str):
        return value in _TYPES
    return value != [] and _names_once(value, _) and set(value) <= set(_TYPES)


def _names_once(value: Any, _: _Run) -> bool:
    return (
        type(value) is list and all(isinstance(each, str) for each in value) and len(set(value)) == len(value)
    )


def _count(value: Any, _: _Run) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: Any, _: _Run) -> bool:
    return isinstance(value, str)


def _anything(_: Any, __: _Run) -> bool:
    return True


_FORMS: Mapping[str, Callable[[Any, _Run], bool]] = {
    "$schema": _text,
    "$id": lambda value, _: isinstance(value, str) and "#" not in value,
    "$comment": _text,
    "title": _text,
    "description": _text,
    "default": _anything,
    "examples": lambda value, _: type(value) is list,
    "deprecated": lambda value, _: isinstance(value, bool),
    "format": _text,
    "$defs": _plain_all,
    "$ref": _plain_ref,
    "type": _plain_type,
    "properties": _plain_all,
    "additionalProperties": _plain,
    "propertyNames": _plain,
    "items": _plain,
    "anyOf": _plain_some,
    "allOf": _plain_some,
    "uniqueItems": lambda value, _: isinstance(value, bool),
    "required": _names_once,
    "pattern": lambda value, _: isinstance(value, str) and steps(value, "") < float("inf"),
    "minLength": _count,
    "maxLength": _count,
    "minItems": _count,
    "maxItems": _count,
    "minProperties": _count,
    "maxProperties": _count,
    "minimum": lambda value, _: _number(value),
    "maximum": lambda value, _: _number(value),
    "exclusiveMinimum": lambda value, _: _number(value),
    "exclusiveMaximum": lambda value, _: _number(value),
    "const": _anything,
    "enum": lambda value, _: type(value) is list,
}
