"""Schemas of components: read, refused where they are not fit to be used, and used."""

import json
from typing import Any

import pytest

from envctl.config.schema import certainly_fits, misfits, parse_schema
from envctl.config.shipped import shipped_schema
from envctl.errors import InputError

PATH = "schemas/web.schema.json"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"$ref": "https://example.com/x.json"},
            f"{PATH}: $ref: https://example.com/x.json leads out of this repository, and a render fetches nothing\n"
            "hint: copy the definition into $defs of this schema",
            id="remote reference",
        ),
        pytest.param(
            {"properties": {"a": {"$ref": "other.json#/x"}}},
            f"{PATH}: properties.a.$ref: other.json#/x leads to another file, and each schema stands alone\n"
            "hint: copy the definition into $defs of this schema",
            id="another file",
        ),
        pytest.param(
            {"items": {"$ref": "#/$defs/x"}},
            f"{PATH}: items.$ref: #/$defs/x leads nowhere in this document",
            id="reference to nothing",
        ),
        pytest.param(
            {"items": {"$id": "x"}},
            f"{PATH}: items.$id: may stand at the top of the document only\nhint: remove it",
            id="id inside",
        ),
        pytest.param(
            {"$schema": "http://json-schema.org/draft-07/schema#"},
            f"{PATH}: $schema: http://json-schema.org/draft-07/schema# is not supported\n"
            'hint: write "$schema": "https://json-schema.org/draft/2020-12/schema"',
            id="another draft",
        ),
        pytest.param(
            {"properties": {"a": {"type": "strin"}}},
            f'{PATH}: properties.a.type: must be "array", "boolean", "integer", "null", "number", "object" or "string", is the text "strin"\n'
            "hint: did you mean `string`?",
            id="no type",
        ),
        pytest.param(
            {"properties": {"a": {"pattern": "("}}},
            f'{PATH}: properties.a.pattern: must be a valid regular expression, is the text "("',
            id="no pattern",
        ),
        pytest.param(
            {"minItems": -1, "properties": {"a": {"maxLength": "3"}}, "required": "a"},
            f"3 problems found in {PATH}\n"
            f'  {PATH}: properties.a.maxLength: must be a whole number, is the text "3" (remove the quotes)\n'
            f"  {PATH}: minItems: must be at least 0, is -1\n"
            f'  {PATH}: required: must be a list, is the text "a"',
            id="several problems",
        ),
        pytest.param(
            {"properties": {"default": {"$dynamicRef": "//example.com/x.json#a"}}},
            f"{PATH}: properties.default.$dynamicRef: //example.com/x.json#a leads out of this repository, "
            "and a render fetches nothing\nhint: copy the definition into $defs of this schema",
            id="remote reference below a property with the name of a keyword",
        ),
        pytest.param(
            {"items": {"$ref": "#/$defs/prot"}, "$defs": {"port": {}}},
            f"{PATH}: items.$ref: #/$defs/prot leads nowhere in this document\nhint: did you mean `#/$defs/port`?",
            id="reference to a misspelt name",
        ),
        pytest.param(
            {"$schema": "https://json-schema.org/draft/2019-09/schema"},
            f"{PATH}: $schema: https://json-schema.org/draft/2019-09/schema is not supported\n"
            'hint: write "$schema": "https://json-schema.org/draft/2020-12/schema"',
            id="the draft before",
        ),
        pytest.param(
            [],
            f'{PATH}: a schema must be an object\nhint: {{"type": "object"}} fits any config',
            id="no object",
        ),
    ],
)
def test_a_schema_that_is_not_fit_to_be_used_is_refused(schema: Any, expected: str) -> None:
    """Before any config is checked with it."""
    with pytest.raises(InputError) as caught:
        parse_schema(json.dumps(schema).encode(), PATH)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            b'{\n"a": }',
            f"{PATH}:2: not valid JSON: Expecting value\n"
            "hint: JSON has no comments, no comma behind a last value, and only texts in double quotes",
            id="syntax",
        ),
        pytest.param(
            b'{"a": 1, "a": 2}', f"{PATH}: not valid JSON: the key `a` is given twice", id="key twice"
        ),
        pytest.param(
            b'{"minimum": NaN}',
            f"{PATH}: not valid JSON: NaN is no number that envctl can hold",
            id="not a number",
        ),
        pytest.param(
            b'{"minimum": 1e400}',
            f"{PATH}: not valid JSON: 1e400 is no number that envctl can hold",
            id="too large a number",
        ),
        pytest.param(
            b'{"minimum": ' + b"9" * 5000 + b"}",
            f"{PATH}: not valid JSON: {'9' * 300}… is no number that envctl can hold",
            id="too long a number",
        ),
        pytest.param(
            b"{}" + b" " * 1024 * 1024,
            f"{PATH}: the file has 1,048,578 bytes; 1,048,576 are allowed",
            id="too large a file",
        ),
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            f"{PATH}: the file is a Git LFS pointer, whose contents are not here\n"
            "hint: commit the file itself: git lfs untrack, then add it again",
            id="LFS pointer",
        ),
        pytest.param(
            b"\n", f'{PATH}: the file is empty\nhint: {{"type": "object"}} fits any config', id="empty"
        ),
        pytest.param(b"\xff", f"{PATH}: the file is not UTF-8 text", id="not UTF-8"),
        pytest.param(b"[" * 100_000, f"{PATH}: values are nested too deeply", id="depth of JSON"),
        pytest.param(
            b'{"not":' * 400 + b"{}" + b"}" * 400,
            f"{PATH}: values are nested too deeply",
            id="depth of a schema",
        ),
    ],
)
def test_a_schema_file_that_is_no_json_is_refused(text: bytes, expected: str) -> None:
    """What Python's parser lets pass is refused too."""
    with pytest.raises(InputError) as caught:
        parse_schema(text, PATH)
    assert str(caught.value) == expected


def test_references_within_the_document_are_followed() -> None:
    """By pointer and by anchor; what is data is not taken for a reference."""
    schema = {
        "$id": "https://example.com/web.json",
        "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#n"}, "$ref": {"type": "string"}},
        "$defs": {"n": {"$anchor": "n", "type": "integer", "default": {"$ref": "x"}}},
    }
    found = misfits({"a": "x", "b": "y"}, json.dumps(schema).encode(), PATH)
    assert [str(each) for each in found] == [
        'a: must be a whole number, is the text "x"',
        'b: must be a whole number, is the text "y"',
    ]


@pytest.mark.parametrize(
    ("schema", "config", "expected"),
    [
        pytest.param({"type": "object"}, {}, True, id="plain"),
        pytest.param({"type": "object"}, [], False, id="does not fit"),
        pytest.param({"properties": {"a": {"type": "strin"}}}, {}, False, id="no type"),
        pytest.param({"properties": {"a": {"$ref": "#/$defs/x"}}}, {}, False, id="reference to nothing"),
        pytest.param({"properties": {"a": {"$ref": "https://x.org"}}}, {}, False, id="remote reference"),
        pytest.param({"$schema": "http://json-schema.org/schema#"}, {}, False, id="another draft"),
        pytest.param({"properties": {"a": {"$id": "x"}}}, {}, False, id="id inside"),
        pytest.param({"properties": {"a": {"pattern": "^(a+)+$"}}}, {}, False, id="pattern that may explode"),
        pytest.param({"properties": {"a": {"pattern": "^a+$"}}}, {"a": "aa"}, True, id="harmless pattern"),
    ],
)
def test_the_quick_yes_is_for_plain_valid_schemas(schema: Any, config: Any, expected: Any) -> None:
    """Also where config does not reach the part of the schema that is wrong."""
    assert certainly_fits(config, json.dumps(schema).encode(), PATH) is expected


@pytest.mark.parametrize("name", ["settings", "environment", "component", "lock"])
def test_the_shipped_schemas_are_valid_and_explain_every_key(name: str) -> None:
    """Editors show the descriptions."""
    schema: Any = shipped_schema(name)
    assert parse_schema(json.dumps(schema).encode(), name) == schema
    assert schema["$id"] == f"https://envctl.dev/schemas/{name}.schema.json"
    assert [path for path, each in keys_of(schema, "") if not described(each, schema)] == []


def keys_of(schema: Any, path: str) -> list[tuple[str, Any]]:
    found = []
    for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key == "properties":
            found += [(f"{path}.{name}", each) for name, each in value.items()]
        if isinstance(value, dict | list):
            found += keys_of(value, f"{path}.{key}")
    return found


def described(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    name = value.get("$ref", "").removeprefix("#/$defs/")
    return "description" in value or (bool(name) and "description" in schema["$defs"][name])
