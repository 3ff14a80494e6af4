"""A quick yes for values that fit a JSON Schema beyond doubt.

The full validator takes a tenth of a second to import and most of the time of reading a file; it
is needed to say what is wrong. This knows the plain keywords, and says no for a schema
with any other one and for every value that it is not sure of.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

_SILENT = frozenset(
    {"$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "deprecated"}
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


# An escape or a set of characters, in which `$` is only itself, or the anchor.
_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


def holds_match(pattern: str, text: str) -> bool:
    """The keyword `pattern`. Its `$` is the end of the text; Python's own lets a line break follow."""
    exact = _PART.sub(lambda part: r"\Z" if part[0] == "$" else part[0], pattern)
    return re.search(exact, text) is not None


def accepts(value: Any, schema: Any) -> bool:
    """Whether a value certainly fits a schema; False means only that the full validator has to look."""
    try:
        return _fits(value, schema, schema)
    except RecursionError:
        return False


def _fits(value: Any, schema: Any, root: Any) -> bool:
    if not isinstance(schema, dict):
        return schema is True
    return all(
        keyword in _SILENT or (keyword in _KEYWORDS and _KEYWORDS[keyword](value, schema, root))
        for keyword in schema
    )


def _ref(value: Any, schema: Any, root: Any) -> bool:
    head, slash, name = str(schema["$ref"]).partition("#/$defs/")
    found = root.get("$defs", {}).get(name) if slash and not head else None
    return found is not None and _fits(value, found, root)


def _type(value: Any, schema: Any, _: Any) -> bool:
    wanted = schema["type"]
    return any(
        each in _TYPES and _TYPES[each](value) for each in ([wanted] if isinstance(wanted, str) else wanted)
    )


def _properties(value: Any, schema: Any, root: Any) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema["properties"]
    return all(_fits(each, known[key], root) for key, each in value.items() if key in known)


def _additional(value: Any, schema: Any, root: Any) -> bool:
    if not isinstance(value, dict):
        return True
    if "patternProperties" in schema:
        return False
    known = schema.get("properties", {})
    return all(
        _fits(each, schema["additionalProperties"], root) for key, each in value.items() if key not in known
    )


def _names(value: Any, schema: Any, root: Any) -> bool:
    return not isinstance(value, dict) or all(_fits(key, schema["propertyNames"], root) for key in value)


def _items(value: Any, schema: Any, root: Any) -> bool:
    if not isinstance(value, list):
        return True
    return "prefixItems" not in schema and all(_fits(each, schema["items"], root) for each in value)


def _unique(value: Any, schema: Any, _: Any) -> bool:
    if not isinstance(value, list) or not schema["uniqueItems"]:
        return True
    return all(isinstance(each, str) for each in value) and len(set(value)) == len(value)


def _any(value: Any, schema: Any, root: Any) -> bool:
    return any(_fits(value, each, root) for each in schema["anyOf"])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KEYWORDS: Mapping[str, Callable[[Any, Any, Any], bool]] = {
    "$ref": _ref,
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "uniqueItems": _unique,
    "anyOf": _any,
    "required": lambda value, schema, _: (
        not isinstance(value, dict) or all(each in value for each in schema["required"])
    ),
    "pattern": lambda value, schema, _: not isinstance(value, str) or holds_match(schema["pattern"], value),
    "minLength": lambda value, schema, _: not isinstance(value, str) or len(value) >= schema["minLength"],
    "maxLength": lambda value, schema, _: not isinstance(value, str) or len(value) <= schema["maxLength"],
    "minimum": lambda value, schema, _: not _number(value) or value >= schema["minimum"],
    "maximum": lambda value, schema, _: not _number(value) or value <= schema["maximum"],
    "const": lambda value, schema, _: isinstance(value, str) and value == schema["const"],
    "enum": lambda value, schema, _: isinstance(value, str) and value in schema["enum"],
}
