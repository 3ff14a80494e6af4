"""What the keywords of JSON Schema say to people, without a word of Python or of the schema's syntax."""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from envctl.model.values import JsonValue

_LONGEST: Final = 60
_TYPES: Final = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def shown(value: JsonValue) -> str:
    """A value as it is told in a message: ``the text "abc"``, ``4``, ``an empty list``."""
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, Mapping):
        return "an object" if value else "an empty object"
    if isinstance(value, Sequence):
        return "a list" if value else "an empty list"
    return json.dumps(value)


def quoted(value: JsonValue) -> str:
    """A value as JSON, shortened where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def listed(words: Iterable[str], last: str = "or") -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    found = list(words)
    return f"{', '.join(found[:-1])} {last} {found[-1]}" if len(found) > 1 else "".join(found)


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "known here") -> str:
    """A hint that names the nearest known word, or all of them where none is near."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.7)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"{otherwise}: {', '.join(names)}" if names else ""


def type_text(types: str | Sequence[str]) -> str:
    """What a value must be, of these types."""
    return listed(_TYPES[name] for name in ([types] if isinstance(types, str) else types))


def _count(number: float, what: str) -> str:
    return f"{json.dumps(number)} {what}" if number == 1 else f"{json.dumps(number)} {what}s"


def _items(value: Any) -> str:
    return f"has {len(value)}"


Words = Callable[[Any, Any], str]

# (value of the keyword, value of the document) -> the reason, to be read behind the path and a colon.
KEYWORDS: Final[Mapping[str, Words]] = {
    "type": lambda wanted, value: f"must be {type_text(wanted)}, is {shown(value)}",
    "const": lambda wanted, value: f"must be {quoted(wanted)}, is {shown(value)}",
    "enum": lambda wanted, value: f"must be {listed(map(quoted, wanted))}, is {shown(value)}",
    "format": lambda wanted, value: (
        f"must be a valid {wanted.replace('regex', 'regular expression')}, is {shown(value)}"
    ),
    "pattern": lambda wanted, value: f"must match the pattern {wanted}, is {shown(value)}",
    "minLength": lambda wanted, value: f"must have at least {_count(wanted, 'character')}, {_items(value)}",
    "maxLength": lambda wanted, value: f"must have at most {_count(wanted, 'character')}, {_items(value)}",
    "minimum": lambda wanted, value: f"must be at least {wanted}, is {shown(value)}",
    "maximum": lambda wanted, value: f"must be at most {wanted}, is {shown(value)}",
    "exclusiveMinimum": lambda wanted, value: f"must be more than {wanted}, is {shown(value)}",
    "exclusiveMaximum": lambda wanted, value: f"must be less than {wanted}, is {shown(value)}",
    "multipleOf": lambda wanted, value: f"must be a multiple of {wanted}, is {shown(value)}",
    "minItems": lambda wanted, value: f"must have at least {_count(wanted, 'item')}, {_items(value)}",
    "maxItems": lambda wanted, value: f"must have at most {_count(wanted, 'item')}, {_items(value)}",
    "uniqueItems": lambda _wanted, value: f"has an item twice: {quoted(_repeated(value))}",
    "contains": lambda _wanted, _value: "has no item of the kind that the schema asks for",
    "minContains": lambda wanted, _value: f"needs at least {wanted} of the items that the schema asks for",
    "maxContains": lambda wanted, _value: f"may have at most {wanted} of the items that the schema asks for",
    "minProperties": lambda wanted, value: f"must have at least {_count(wanted, 'key')}, {_items(value)}",
    "maxProperties": lambda wanted, value: f"must have at most {_count(wanted, 'key')}, {_items(value)}",
    "items": lambda _wanted, value: f"has more items than the schema allows, {_items(value)}",
    "unevaluatedItems": lambda _wanted, value: f"has more items than the schema allows, {_items(value)}",
    "unevaluatedProperties": lambda _wanted, value: (
        f"has a key that the schema does not allow, among {', '.join(value)}"
    ),
    "not": lambda _wanted, value: f"is {shown(value)}, which the schema excludes",
}


def _repeated(values: Sequence[JsonValue]) -> JsonValue:
    """The first value that came up before."""
    seen: list[str] = []
    for value in values:
        text = json.dumps(value, sort_keys=True)
        if text in seen:
            return value
        seen.append(text)
    return None
