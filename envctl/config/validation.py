"""Values against JSON Schema (2020-12): every problem in one pass, in words.

`format` says something to readers only, as the standard has it by default; use `pattern` to
check. No schema is ever fetched: references lead into the same document or nowhere.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from envctl.config.acceptance import accepts
from envctl.config.keypath import key_text
from envctl.config.patterns import holds_match
from envctl.config.wording import KEYWORDS, did_you_mean, shown, type_text
from envctl.config.yamlfile import Document
from envctl.errors import InputError, Problem
from envctl.model.environment import KeyPath
from envctl.model.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


MAX_FINDINGS: Final = 200
_LONG_PATTERN: Final = 40  # beyond it a description says more


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit. `path` is the value at fault; for a missing key the object without it."""

    path: KeyPath
    reason: str
    hint: str = ""
    missing: str = ""

    def __str__(self) -> str:
        where = key_text(self.path)
        return f"{where}: {self.reason}" if where else self.reason


def validate(document: Document, schema: JsonObject) -> tuple[Problem, ...]:
    """Everything in a file that does not fit a schema, in the order of the file."""
    problems = [
        (document.lines.get(each.path, 0), Problem(document.place(each.path), str(each), each.hint))
        for each in find_all(document.value, schema)
    ]
    return tuple(problem for _, problem in sorted(problems, key=lambda pair: pair[0]))


def find_all(value: JsonValue, schema: JsonObject, place: str = "") -> tuple[Finding, ...]:
    """Everything in a value that does not fit.

    Raises InputError for a schema, found at `place`, that refers to itself without end. A schema that
    somebody else wrote may take for ever: check with it where that can be ended.
    """
    if accepts(value, schema):
        return ()
    # Files are mostly right, and this import takes longer than reading them.
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.validators import extend  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    validator = extend(Draft202012Validator, {"pattern": _pattern})(schema, registry=Registry())  # type: ignore[no-untyped-call]
    try:
        return misfits_of(validator, value)
    except RecursionError as error:
        raise InputError("the schema refers to itself without end", place=place) from error


def misfits_of(validator: Any, value: JsonValue) -> tuple[Finding, ...]:
    """What a validator of the jsonschema package finds, each thing once. Raises RecursionError."""
    findings = (finding for error in validator.iter_errors(value) for finding in _findings(error))
    found = tuple(dict.fromkeys(islice(findings, MAX_FINDINGS)))
    more = Finding((), f"there are more problems than the {MAX_FINDINGS} that are told")
    return (*found, more) if next(findings, None) else found


def _pattern(validator: Any, wanted: str, value: Any, _: Any) -> Iterator["ValidationError"]:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415

    if validator.is_type(value, "string") and not holds_match(wanted, value):
        yield ValidationError(f"{value!r} does not match {wanted!r}")


def require_none(problems: Iterable[Problem], path: str) -> None:
    """Raise InputError where there are problems."""
    found = tuple(problems)
    if len(found) == 1:
        raise InputError(found[0].reason, place=found[0].place, hint=found[0].hint)
    if found:
        raise InputError(f"{len(found)} problems found in {path}", problems=found)


def _findings(error: "ValidationError") -> Iterator[Finding]:
    path: KeyPath = tuple(error.absolute_path)
    keyword = str(error.validator)
    wanted: Any = error.validator_value
    value: Any = error.instance
    if _is_about_a_key(error):
        yield Finding((*path, value), f"this key is not allowed: it {_reason(keyword, wanted, value)}")
    elif keyword == "additionalProperties":
        yield from _unknown_keys(path, value, error.schema)
    elif keyword == "required":
        yield from (_missing(path, name) for name in wanted if name not in value)
    elif keyword == "dependentRequired":
        yield from _dependent(path, wanted, value)
    elif keyword in {"anyOf", "oneOf"}:
        yield from _alternatives(path, error)
    else:
        hint = _hint(keyword, wanted, value, error.schema)
        if keyword == "pattern" and hint and len(wanted) > _LONG_PATTERN:
            yield Finding(path, f"is {shown(value)}, which does not fit", hint)
        else:
            yield Finding(path, _reason(keyword, wanted, value), hint)


def _is_about_a_key(error: "ValidationError") -> bool:
    place = list(error.relative_schema_path)[-3:-1]
    return place[-1:] == ["propertyNames"] and place[:1] != ["properties"]


def _reason(keyword: str, wanted: Any, value: Any) -> str:
    if keyword == "None":
        return f"{shown(value)} is not allowed here"  # jsonschema tells no path for the schema `false`
    words = KEYWORDS.get(keyword)
    return words(wanted, value) if words else f"does not fit `{keyword}` of the schema, is {shown(value)}"


def _hint(keyword: str, wanted: Any, value: Any, schema: Any) -> str:
    if keyword in {"pattern", "const"}:
        return str(schema.get("description", ""))  # a sentence says more than a regular expression
    if keyword == "enum" and isinstance(value, str):
        hint = did_you_mean(value, [each for each in wanted if isinstance(each, str)])
        return hint if hint.startswith("did you mean") else ""
    if keyword == "type" and isinstance(value, str) and _is_number(value) and wanted in {"number", "integer"}:
        return "remove the quotes"
    if keyword == "type" and isinstance(value, int | float) and wanted == "string":
        return "put it in quotes"
    return ""


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", text) is not None


def _unknown_keys(path: KeyPath, value: Any, schema: Any) -> Iterator[Finding]:
    known = list(schema.get("properties", {}))
    patterns = list(schema.get("patternProperties", {}))
    for key in value:
        if key not in known and not any(holds_match(pattern, key) for pattern in patterns):
            yield Finding((*path, key), "unknown key", did_you_mean(key, known, otherwise="keys here"))


def _missing(path: KeyPath, name: str) -> Finding:
    return Finding(path, f"the key `{name}` is missing", missing=name)


def _dependent(path: KeyPath, wanted: Any, value: Any) -> Iterator[Finding]:
    for key, names in wanted.items():
        if key in value:
            yield from (
                Finding(path, f"the key `{name}` is missing, which `{key}` needs", missing=name)
                for name in names
                if name not in value
            )


def _alternatives(path: KeyPath, error: "ValidationError") -> Iterator[Finding]:
    """The problems of the one alternative that was meant, where that can be told."""
    value: Any = error.instance
    branches: dict[int, list[ValidationError]] = {}
    for each in error.context or ():
        branches.setdefault(int(each.relative_schema_path[0]), []).append(each)
    if not branches:
        yield Finding(path, f"fits more than one of the forms that exclude each other, is {shown(value)}")
        return
    fitting = [errors for errors in branches.values() if not any(map(_wrong_type, errors))]
    meant = [errors for errors in fitting if not any(map(_wrong_choice, errors))] or fitting
    if not meant:
        types = _types(each for errors in branches.values() for each in errors if _wrong_type(each))
        yield Finding(path, f"must be {type_text(types)}, is {shown(value)}")
    elif len(meant) == 1:
        yield from (finding for each in meant[0] for finding in _findings(each))
    else:
        best = min(meant, key=len)
        details = [str(finding) for each in best for finding in _findings(each)]
        reason = f"fits none of the {len(branches)} allowed forms, is {shown(value)}"
        yield Finding(path, reason, f"nearest to fit: {'; '.join(details)}")


def _wrong_type(error: "ValidationError") -> bool:
    """Whether the alternative is for values of another type altogether."""
    return error.validator == "type" and not error.relative_path


def _wrong_choice(error: "ValidationError") -> bool:
    """Whether the alternative is for objects that say so in one of their keys (a discriminator)."""
    return error.validator in {"const", "enum"} and len(error.relative_path) == 1


def _types(errors: Iterable["ValidationError"]) -> list[str]:
    found: list[str] = []
    for error in errors:
        wanted: Any = error.validator_value
        found += [wanted] if isinstance(wanted, str) else wanted
    return list(dict.fromkeys(found))
