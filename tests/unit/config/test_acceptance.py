"""The quick yes agrees with the full validator wherever it says yes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from envctl.config.acceptance import accepts
from envctl.config.shipped import shipped_schema

names = st.sampled_from(["a", "b", "c", "ab"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5, -0.0])
    | st.sampled_from(["", "a", "ab", "é", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(TYPES)
        | st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True),
        "properties": st.dictionaries(names, inner, max_size=2),
        "additionalProperties": inner,
        "propertyNames": inner,
        "items": inner,
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "required": st.lists(names, max_size=2, unique=True),
        "pattern": st.sampled_from(["a", "^a$", "b?"]),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(-2, 2),
        "const": values,
        "enum": st.lists(values, min_size=1, max_size=2),
        "uniqueItems": st.booleans(),
        "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y"]),
        "not": inner,
        "patternProperties": st.dictionaries(st.just("a"), inner, max_size=1),
        "prefixItems": st.lists(inner, min_size=1, max_size=1),
        "title": st.just("a title"),
    }
    return st.fixed_dictionaries({}, optional=keywords)


plain = st.recursive(st.booleans() | st.just({}), schemas, max_leaves=6)


@settings(deadline=None)
@given(schema=schemas(plain), x=plain, y=plain, value=values)
def test_whoever_is_accepted_is_valid(schema: dict[str, Any], x: Any, y: Any, value: Any) -> None:
    """A yes is never wrong, whatever the schema; a no is always allowed."""
    schema = {**schema, "$defs": {"x": x, "y": y}}
    try:
        valid = Draft202012Validator(schema).is_valid(value)
    except RecursionError:
        return  # a schema that refers to itself without end: the standard gives it no meaning
    assert valid or not accepts(value, schema)


GOOD = [
    pytest.param("settings", {}, id="no settings"),
    pytest.param("settings", {"limits": {"objects": 5}, "evaluation": {"seconds": 3}}, id="settings"),
    pytest.param("environment", {"namespace": "prod", "components": ["a", {"name": "b"}]}, id="environment"),
    pytest.param("lock", {"components": {"a": {"revision": "0" * 40, "from": "dev"}}}, id="lock"),
    pytest.param("component", {"dependsOn": ["a"], "owners": ["team"]}, id="component"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_good_files_are_accepted_at_once(name: str, value: Any) -> None:
    """The full validator is not needed for files that are right."""
    assert accepts(value, shipped_schema(name))


def test_a_schema_without_end_is_not_accepted() -> None:
    """A schema that only refers to itself is left to the full validator."""
    assert not accepts(1, {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}})
