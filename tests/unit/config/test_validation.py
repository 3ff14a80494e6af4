"""JSON Schema in words: each keyword, every problem at once, with file and line."""

from typing import Any

import pytest

from envctl.config.validation import find_all, validate
from envctl.config.wording import did_you_mean, listed, quoted
from envctl.config.yamlfile import read_yaml
from envctl.errors import InputError, Problem


def findings(value: Any, schema: dict[str, Any]) -> list[str]:
    return [
        f"{each} ({each.hint})" if each.hint else str(each)
        for each in find_all({"a": value}, wrapped(schema))
    ]


def wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"a": schema}}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        pytest.param(
            {"type": "integer"},
            "3",
            'a: must be a whole number, is the text "3" (remove the quotes)',
            id="type",
        ),
        pytest.param({"type": "string"}, 3, "a: must be text, is 3 (put it in quotes)", id="text wanted"),
        pytest.param(
            {"type": "boolean"}, "no", 'a: must be true or false, is the text "no"', id="boolean wanted"
        ),
        pytest.param(
            {"type": ["object", "null"]}, [], "a: must be an object or null, is an empty list", id="types"
        ),
        pytest.param({"type": "array"}, {"b": 1}, "a: must be a list, is an object", id="list wanted"),
        pytest.param({"type": "number"}, True, "a: must be a number, is true", id="true is no number"),
        pytest.param({"type": "number"}, None, "a: must be a number, is null", id="null is no number"),
        pytest.param(
            {"enum": ["small", "large"]},
            "smal",
            'a: must be "small" or "large", is the text "smal" (did you mean `small`?)',
            id="enum",
        ),
        pytest.param({"enum": [1, None]}, 2, "a: must be 1 or null, is 2", id="enum of others"),
        pytest.param({"const": "jsonnet"}, "helm", 'a: must be "jsonnet", is the text "helm"', id="const"),
        pytest.param({"pattern": "^x$"}, "y", 'a: must match the pattern ^x$, is the text "y"', id="pattern"),
        pytest.param(
            {"pattern": "^x$"},
            "x\n",
            'a: must match the pattern ^x$, is the text "x\\n"',
            id="a line break behind the end",
        ),
        pytest.param(
            {"pattern": r"^[]$]\$$"},
            "$$\n",
            r'a: must match the pattern ^[]$]\$$, is the text "$$\n"',
            id="dollars that are no anchor",
        ),
        pytest.param({"minLength": 1}, "", "a: must have at least 1 character, has 0", id="minLength"),
        pytest.param({"maxLength": 2}, "abc", "a: must have at most 2 characters, has 3", id="maxLength"),
        pytest.param({"minimum": 1}, 0, "a: must be at least 1, is 0", id="minimum"),
        pytest.param({"maximum": 1.5}, 2, "a: must be at most 1.5, is 2", id="maximum"),
        pytest.param({"exclusiveMinimum": 0}, 0, "a: must be more than 0, is 0", id="exclusiveMinimum"),
        pytest.param({"exclusiveMaximum": 1}, 1, "a: must be less than 1, is 1", id="exclusiveMaximum"),
        pytest.param({"multipleOf": 2}, 3, "a: must be a multiple of 2, is 3", id="multipleOf"),
        pytest.param({"minItems": 2}, [1], "a: must have at least 2 items, has 1", id="minItems"),
        pytest.param({"maxItems": 1}, [1, 2], "a: must have at most 1 item, has 2", id="maxItems"),
        pytest.param({"uniqueItems": True}, ["x", "y", "x"], 'a: has an item twice: "x"', id="uniqueItems"),
        pytest.param(
            {"contains": {"const": 1}},
            [2],
            "a: has no item of the kind that the schema asks for",
            id="contains",
        ),
        pytest.param(
            {"contains": {"const": 1}, "maxContains": 1},
            [1, 1],
            "a: may have at most 1 of the items that the schema asks for",
            id="maxContains",
        ),
        pytest.param(
            {"contains": {"const": 1}, "minContains": 2},
            [1],
            "a: needs at least 2 of the items that the schema asks for",
            id="minContains",
        ),
        pytest.param({"minProperties": 1}, {}, "a: must have at least 1 key, has 0", id="minProperties"),
        pytest.param(
            {"maxProperties": 1}, {"b": 1, "c": 1}, "a: must have at most 1 key, has 2", id="maxProperties"
        ),
        pytest.param(
            {"prefixItems": [True], "items": False},
            [1, 2],
            "a: has more items than the schema allows, has 2",
            id="items",
        ),
        pytest.param(
            {"prefixItems": [True], "unevaluatedItems": False},
            [1, 2],
            "a: has more items than the schema allows, has 2",
            id="unevaluatedItems",
        ),
        pytest.param(
            {"properties": {"b": True}, "unevaluatedProperties": False},
            {"b": 1, "c": 2},
            "a: has a key that the schema does not allow, among b, c",
            id="unevaluatedProperties",
        ),
        pytest.param(
            {"not": {"type": "string"}}, "x", 'a: is the text "x", which the schema excludes', id="not"
        ),
        pytest.param({"properties": {"b": False}}, {"b": 1}, "a: 1 is not allowed here", id="false schema"),
        pytest.param({"required": ["b"]}, {}, "a: the key `b` is missing", id="required"),
        pytest.param(
            {"dependentRequired": {"b": ["c"]}},
            {"b": 1},
            "a: the key `c` is missing, which `b` needs",
            id="dependent",
        ),
        pytest.param(
            {"properties": {"name": {}, "config": {}}, "additionalProperties": False},
            {"nmae": 1},
            "a.nmae: unknown key (did you mean `name`?)",
            id="unknown key that is nearly known",
        ),
        pytest.param(
            {
                "properties": {"name": {}, "config": {}},
                "patternProperties": {"^x-": {}},
                "additionalProperties": False,
            },
            {"x-y": 1, "zzz": 1},
            "a.zzz: unknown key (keys here: name, config)",
            id="unknown key",
        ),
        pytest.param({"additionalProperties": False}, {"b": 1}, "a.b: unknown key", id="no key is allowed"),
        pytest.param(
            {"propertyNames": {"pattern": "^[a-z]+$"}},
            {"B": 1},
            'a.B: this key is not allowed: it must match the pattern ^[a-z]+$, is the text "B"',
            id="propertyNames",
        ),
        pytest.param(
            {"properties": {"propertyNames": {"minLength": 3}}},
            {"propertyNames": "x"},
            "a.propertyNames: must have at least 3 characters, has 1",
            id="a key that is called propertyNames",
        ),
        pytest.param(
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            4,
            "a: must be text or a list, is 4",
            id="anyOf: of no allowed type",
        ),
        pytest.param(
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            ["x", 4],
            "a[1]: must be text, is 4 (put it in quotes)",
            id="anyOf: the one of this type is meant",
        ),
        pytest.param(
            {
                "oneOf": [
                    {"properties": {"kind": {"const": "disk"}, "size": {"type": "integer"}}},
                    {"properties": {"kind": {"const": "memory"}}},
                ]
            },
            {"kind": "disk", "size": "x"},
            'a.size: must be a whole number, is the text "x"',
            id="oneOf: the one with this discriminator is meant",
        ),
        pytest.param(
            {"oneOf": [{"required": ["b", "d"]}, {"required": ["c"]}]},
            {},
            "a: fits none of the 2 allowed forms, is an empty object (nearest to fit: a: the key `c` is missing)",
            id="oneOf: nobody knows which is meant",
        ),
        pytest.param(
            {"oneOf": [{"type": "number"}, {"type": "integer"}]},
            1,
            "a: fits more than one of the forms that exclude each other, is 1",
            id="oneOf: more than one fits",
        ),
        pytest.param(
            {"if": {"required": ["b"]}, "then": {"required": ["c"]}},
            {"b": 1},
            "a: the key `c` is missing",
            id="if and then",
        ),
    ],
)
def test_each_keyword_speaks_to_people(schema: dict[str, Any], value: Any, expected: str) -> None:
    """Path, reason, what is there, and a hint where there is one."""
    assert findings(value, schema) == [expected]


def test_a_value_that_fits_has_no_findings() -> None:
    """format informs readers only."""
    assert findings("x", {"type": "string", "format": "hostname"}) == []


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    """Each with the line of the value at fault."""
    document = read_yaml(b"b: 1\nname: 2\nlist:\n- x\n- 3\n", "f.yaml")
    schema = {
        "properties": {"name": {"type": "string"}, "list": {"items": {"type": "string"}}},
        "required": ["size", "color"],
        "additionalProperties": False,
    }
    assert validate(document, schema) == (
        Problem("f.yaml:1", "the key `size` is missing"),
        Problem("f.yaml:1", "the key `color` is missing"),
        Problem("f.yaml:1", "b: unknown key", "keys here: name, list"),
        Problem("f.yaml:2", "name: must be text, is 2", "put it in quotes"),
        Problem("f.yaml:5", "list[1]: must be text, is 3", "put it in quotes"),
    )


def test_a_schema_without_end_is_an_error_and_no_crash() -> None:
    """A reference to itself in place."""
    with pytest.raises(InputError) as caught:
        find_all(1, {"$ref": "#"}, "schemas/web.schema.json")
    assert str(caught.value) == "schemas/web.schema.json: the schema refers to itself without end"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param([], "", id="none"),
        pytest.param(["a"], "a", id="one"),
        pytest.param(["a", "b"], "a or b", id="two"),
        pytest.param(["a", "b", "c"], "a, b or c", id="three"),
    ],
)
def test_lists_of_words_are_told_as_in_a_sentence(words: list[str], expected: str) -> None:
    """Commas and one `or`."""
    assert listed(words) == expected


def test_hints_name_the_nearest_word_or_all() -> None:
    """A hint that guesses wildly is worse than a list."""
    assert did_you_mean("gatway", ["gateway", "platform"]) == "did you mean `gateway`?"
    assert did_you_mean("xyz", ["gateway", "platform"]) == "known here: gateway, platform"
    assert did_you_mean("xyz", []) == ""


def test_long_values_are_shortened() -> None:
    """A message stays one line."""
    assert quoted("x" * 100) == '"' + "x" * 58 + "…"
