"""Schemas of components, and config against them with who set what."""

import json
from typing import Any

import pytest

from envctl.config.environment import parse_environment, resolve_environment
from envctl.config.schema import check_config, parse_schema
from envctl.config.shipped import shipped_schema
from envctl.errors import InputError, Problem
from envctl.model.environment import ComponentInstance

PATH = "schemas/web.schema.json"

BASE = b"""\
abstract: true
components:
- name: web
  config:
    size: small
    ports: [80, 0]
"""
PROD = b"""\
extends: base
config:
  domain: x
components:
- name: web
  config:
    replicas: "3"
    nmae: y
"""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image"],
    "properties": {
        "domain": {"type": "string"},
        "image": {"type": "string"},
        "name": {"type": "string"},
        "replicas": {"type": "integer"},
        "size": {"enum": ["small", "large"]},
        "ports": {"items": {"type": "integer", "minimum": 1}},
        "limits": {"type": "object", "required": ["cpu"]},
    },
}


def instance() -> ComponentInstance:
    files = {
        name: parse_environment(data, f"environments/{name}/environment.yaml")
        for name, data in (("base", BASE), ("prod", PROD))
    }
    return resolve_environment("prod", files).components[0]


def check(config: dict[str, Any]) -> tuple[Problem, ...]:
    return check_config(config, SCHEMA, instance(), "prod")


def test_each_problem_names_the_layer_that_set_the_value() -> None:
    """File and line in a YAML layer; else the component, with where it may come from."""
    final = {
        "domain": "x",
        "size": "smal",
        "ports": [80, 0],
        "replicas": "3",
        "nmae": "y",
        "limits": {},
    }
    assert set(check(final)) == {
        Problem(
            "components/web",
            "web in prod: config: the key `image` is missing",
            "set config.image for web in environments/prod/environment.yaml, or give it a default in the component",
        ),
        Problem(
            "environments/prod/environment.yaml:8",
            "web in prod: config.nmae: unknown key",
            "did you mean `name`?",
        ),
        Problem(
            "environments/prod/environment.yaml:7",
            'web in prod: config.replicas: must be a whole number, is the text "3"',
            "remove the quotes",
        ),
        Problem(
            "components/web",
            'web in prod: config.size: must be "small" or "large", is the text "smal" '
            "(set by the component's defaults or an overlay)",
            "did you mean `small`?",
        ),
        Problem(
            "environments/base/environment.yaml:6", "web in prod: config.ports[1]: must be at least 1, is 0"
        ),
        Problem(
            "components/web",
            "web in prod: config.limits: the key `cpu` is missing",
            "set config.limits.cpu for web in environments/prod/environment.yaml, or give it a default in the component",
        ),
    }


def test_config_that_fits_has_no_problems() -> None:
    """Then there is nothing to say."""
    assert check({"image": "x", "replicas": 3}) == ()


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"$ref": "https://example.com/x.json"},
            f"{PATH}: $ref: https://example.com/x.json leads out of this document, and a render fetches nothing\n"
            "hint: copy the definition into $defs of this schema",
            id="remote reference",
        ),
        pytest.param(
            {"properties": {"a": {"$ref": "other.json#/x"}}},
            f"{PATH}: properties.a.$ref: other.json#/x leads out of this document, and a render fetches nothing\n"
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
            f"{PATH}: properties.a.type is not valid JSON Schema: 'strin' is not valid under any of the given schemas",
            id="no type",
        ),
        pytest.param(
            {"properties": {"a": {"pattern": "("}}},
            f"{PATH}: properties.a.pattern is not valid JSON Schema: '(' is not a 'regex'",
            id="no pattern",
        ),
        pytest.param([], f"{PATH}: a schema must be an object", id="no object"),
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
            f"{PATH}: not valid JSON: NaN is no number that JSON knows",
            id="not a number",
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
    schema = parse_schema(
        json.dumps(
            {
                "$id": "https://example.com/web.json",
                "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#n"}, "$ref": {"type": "string"}},
                "$defs": {"n": {"$anchor": "n", "type": "integer", "default": {"$ref": "x"}}},
            }
        ).encode(),
        PATH,
    )
    problems = check_config({"a": "x", "b": "y"}, schema, ComponentInstance("web"), "prod")
    assert [problem.reason for problem in problems] == [
        'web in prod: config.a: must be a whole number, is the text "x" (set by the component\'s defaults or an overlay)',
        'web in prod: config.b: must be a whole number, is the text "y" (set by the component\'s defaults or an overlay)',
    ]


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
