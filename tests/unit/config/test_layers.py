"""Who set what: each misfit with the layer of its value, and never one that did not set it."""

import json
from typing import Any

import pytest

from envctl.config.environment import parse_environment, resolve_environment
from envctl.config.layers import ConfigSubject, config_problems
from envctl.config.schema import misfits
from envctl.errors import Problem

BASE = b"""\
abstract: true
config:
  domain: 3
  deep: {a: {b: 1}}
components:
- name: web
  config:
    size: small
    ports: [80, 0]
    count: 1
"""
PROD = b"""\
extends: base
config:
  color: green
components:
- name: web
  config:
    replicas: "3"
    nmae: y
    deep: {a: 7}
    limits: {}
    rules: [{}]
"""
GIVEN: dict[str, Any] = {
    "color": "green",
    "domain": 3,
    "deep": {"a": 7},
    "size": "small",
    "ports": [80, 0],
    "count": 1,
    "replicas": "3",
    "nmae": "y",
    "limits": {},
    "rules": [{}],
}
BASE_FILE = "environments/base/environment.yaml"
PROD_FILE = "environments/prod/environment.yaml"
OWN = ("environments/prod/web.jsonnet",)
BOTH = ("environments/base/web.jsonnet", "environments/prod/web.jsonnet")


def problems(config: Any, schema: Any, overlays: tuple[str, ...] = ()) -> list[Problem]:
    files = {
        name: parse_environment(data, f"environments/{name}/environment.yaml")
        for name, data in (("base", BASE), ("prod", PROD))
    }
    instance = resolve_environment("prod", files).components[0]
    assert instance.config == GIVEN
    found = misfits(config, json.dumps({"properties": schema}).encode(), "schemas/web.schema.json")
    return list(config_problems(found, config, ConfigSubject(instance, "prod", overlays)))


CASES = [
    pytest.param(
        {},
        {"domain": {"type": "string"}},
        (),
        Problem(
            f"{BASE_FILE}:3",
            "web in prod: config.domain: must be text, is 3 (set for every component in environment base)",
            "put it in quotes",
        ),
        id="for all components, in the parent",
    ),
    pytest.param(
        {},
        {"color": {"enum": ["red"]}},
        (),
        Problem(
            f"{PROD_FILE}:3",
            'web in prod: config.color: must be "red", is the text "green" '
            "(set for every component in environment prod)",
        ),
        id="for all components, in the environment",
    ),
    pytest.param(
        {},
        {"size": {"enum": ["smal"]}},
        BOTH,
        Problem(
            f"{BASE_FILE}:8",
            'web in prod: config.size: must be "smal", is the text "small" (set for web in environment base)',
            "did you mean `smal`?",
        ),
        id="for the component, in the parent",
    ),
    pytest.param(
        {},
        {"replicas": {"type": "integer"}},
        OWN,
        Problem(
            f"{PROD_FILE}:7",
            'web in prod: config.replicas: must be a whole number, is the text "3" (set for web in environment prod)',
            "remove the quotes",
        ),
        id="for the component, in the environment",
    ),
    pytest.param(
        {"size": "huge"},
        {"size": {"enum": ["small"]}},
        OWN,
        Problem(
            OWN[0],
            'web in prod: config.size: must be "small", is the text "huge" (set by this overlay)',
        ),
        id="replaced by the one overlay",
    ),
    pytest.param(
        {"size": "huge"},
        {"size": {"enum": ["small"]}},
        BOTH,
        Problem(
            "components/web",
            'web in prod: config.size: must be "small", is the text "huge" '
            "(set by an overlay: environments/base/web.jsonnet or environments/prod/web.jsonnet)",
        ),
        id="replaced by one of two overlays",
    ),
    pytest.param(
        {"image": 3},
        {"image": {"type": "string"}},
        (),
        Problem(
            "components/web",
            "web in prod: config.image: must be text, is 3 (set by the component)",
            "put it in quotes",
        ),
        id="only the component is left",
    ),
    pytest.param(
        {"image": 3},
        {"image": {"type": "string"}},
        OWN,
        Problem(
            "components/web",
            "web in prod: config.image: must be text, is 3 "
            "(set by the component or an overlay: environments/prod/web.jsonnet)",
            "put it in quotes",
        ),
        id="the component or the overlay",
    ),
    pytest.param(
        {"count": True},
        {"count": {"type": "integer"}},
        OWN,
        Problem(OWN[0], "web in prod: config.count: must be a whole number, is true (set by this overlay)"),
        id="true is not the 1 of a file",
    ),
    pytest.param(
        {"deep": {"a": {"b": 1}}},
        {"deep": {"properties": {"a": {"properties": {"b": {"minimum": 2}}}}}},
        OWN,
        Problem(OWN[0], "web in prod: config.deep.a.b: must be at least 2, is 1 (set by this overlay)"),
        id="what a later file replaced is not its parent's any more",
    ),
    pytest.param(
        {},
        {"ports": {"items": {"minimum": 1}}},
        (),
        Problem(
            f"{BASE_FILE}:9",
            "web in prod: config.ports[1]: must be at least 1, is 0 (set for web in environment base)",
        ),
        id="item of a list",
    ),
    pytest.param(
        {"ports": [80, 0, 1]},
        {"ports": {"items": {"minimum": 1}}},
        OWN,
        Problem(
            f"{BASE_FILE}:9",
            "web in prod: config.ports[1]: must be at least 1, is 0 (set for web in environment base)",
        ),
        id="item of a list that an overlay made longer",
    ),
    pytest.param(
        {"ports": [80, 0, -1]},
        {"ports": {"items": {"minimum": 0}}},
        OWN,
        Problem(OWN[0], "web in prod: config.ports[2]: must be at least 0, is -1 (set by this overlay)"),
        id="item that an overlay added",
    ),
    pytest.param(
        {"ports": [0]},
        {"ports": {"items": {"minimum": 1}, "maxItems": 9, "uniqueItems": False, "contains": {}}},
        OWN,
        Problem(OWN[0], "web in prod: config.ports[0]: must be at least 1, is 0 (set by this overlay)"),
        id="list that an overlay replaced",
    ),
    pytest.param(
        {},
        {"image": {}},
        (),
        None,
        id="nothing wrong",
    ),
    pytest.param(
        {},
        {"limits": {"required": ["cpu"]}},
        (),
        Problem(
            f"{PROD_FILE}:10",
            "web in prod: config.limits: the key `cpu` is missing",
            "set `cpu` there",
        ),
        id="key missing in what a file says",
    ),
    pytest.param(
        {},
        {"rules": {"items": {"required": ["host"]}}},
        (),
        Problem(
            f"{PROD_FILE}:11",
            "web in prod: config.rules[0]: the key `host` is missing",
            "set `host` there",
        ),
        id="key missing in an item that a file says",
    ),
    pytest.param(
        {"hosts": [{}]},
        {"hosts": {"items": {"required": ["name"]}}},
        OWN,
        Problem(
            "components/web",
            "web in prod: config.hosts[0]: the key `name` is missing",
            "set `name` where that item comes from: set by the component or an overlay: "
            "environments/prod/web.jsonnet",
        ),
        id="key missing in an item of jsonnet",
    ),
    pytest.param(
        {"tls": {}},
        {"tls": {"required": ["secret"]}},
        (),
        Problem(
            "components/web",
            "web in prod: config.tls: the key `secret` is missing",
            "set config.tls.secret for web in environments/prod/environment.yaml, "
            "or give it a default in the component",
        ),
        id="key missing in an object of the component",
    ),
]


@pytest.mark.parametrize(("changes", "schema", "overlays", "expected"), CASES)
def test_each_problem_names_the_layer_that_set_the_value(
    changes: dict[str, Any], schema: Any, overlays: tuple[str, ...], expected: Problem | None
) -> None:
    """File and line in a YAML layer; else the component and the overlays that may have set it."""
    found = problems({**GIVEN, **changes}, schema, overlays)
    wanted = [expected] if expected else []
    assert found == wanted
