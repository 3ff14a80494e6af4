"""A component, its config and its overlays, put together and evaluated by the real engine."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import _gojsonnet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.config.merge import merge
from envctl.config.snippet import entry_code

MAIN = "components/web/main.jsonnet"


def evaluate(
    component: str, config: Mapping[str, Any], overlays: Sequence[str] = (), *, want_config: bool = True
) -> Any:
    paths = [f"environments/e{number}/web.jsonnet" for number in range(len(overlays))]
    files = {MAIN: component, **dict(zip(paths, overlays, strict=True))}
    code = entry_code(MAIN, config, paths, want_config=want_config)
    text = _gojsonnet.evaluate_snippet(
        "<entry>", code, import_callback=lambda _folder, path: (path, files[path].encode())
    )
    return json.loads(text)


def reason(component: str, config: Mapping[str, Any], overlays: Sequence[str] = ()) -> str:
    with pytest.raises(RuntimeError) as caught:
        evaluate(component, config, overlays)
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    ("component", "config", "overlays", "expected"),
    [
        pytest.param(
            "{ config:: { host: 'x.' + self.domain, domain: 'a' }, out: $.config.host }",
            {"domain": "b"},
            [],
            {"objects": {"out": "x.b"}, "config": {"host": "x.b", "domain": "b"}},
            id="a default that is computed from another follows it",
        ),
        pytest.param(
            "{ config:: { a: { b: 1, c: { d: 2, e: 3 } } } }",
            {"a": {"c": {"d": 4, "f": 5}}},
            [],
            {"objects": {}, "config": {"a": {"b": 1, "c": {"d": 4, "e": 3, "f": 5}}}},
            id="objects are merged at any depth",
        ),
        pytest.param(
            "{ config:: { a: { b: self.c + 1, c: 1 } } }",
            {"a": {"c": 4}},
            [],
            {"objects": {}, "config": {"a": {"b": 5, "c": 4}}},
            id="late binding holds in nested objects",
        ),
        pytest.param(
            "{ config:: { list: [1, 2], object: { a: 1 }, text: 'x', number: 1 } }",
            {"list": [{"b": 3}], "object": 5, "text": {"c": {"d": 6}}, "number": None},
            [],
            {
                "objects": {},
                "config": {"list": [{"b": 3}], "object": 5, "text": {"c": {"d": 6}}, "number": None},
            },
            id="lists, scalars, other types and null replace",
        ),
        pytest.param(
            "{ config:: { a: 1, b: 1, c: 1 } }",
            {"b": 2, "c": 2},
            ["{ config+:: { c: 3 }, out: $.config.c }"],
            {"objects": {"out": 3}, "config": {"a": 1, "b": 2, "c": 3}},
            id="an overlay wins over config, config over defaults",
        ),
        pytest.param(
            "{ who: 'component' }",
            {},
            ["{ who: super.who + ', parent' }", "{ who: super.who + ', child' }"],
            {"objects": {"who": "component, parent, child"}, "config": {}},
            id="overlays are applied in order",
        ),
        pytest.param(
            "{ config:: { shown: 1, hidden:: 2 }, out: $.config.hidden }",
            {"hidden": 3},
            [],
            {"objects": {"out": 3}, "config": {"shown": 1}},
            id="hidden fields stay hidden",
        ),
        pytest.param(
            "{ config: { replicas: 1 }, out: $.config.replicas }",
            {"replicas": 2},
            [],
            {"objects": {"out": 2}, "config": {"replicas": 2}},
            id="visible config becomes hidden",
        ),
        pytest.param(
            "{ out: 1 }",
            {"a": {"b": 1}},
            [],
            {"objects": {"out": 1}, "config": {"a": {"b": 1}}},
            id="a component without config gets what is given",
        ),
        pytest.param("{ out: 1 }", {}, [], {"objects": {"out": 1}, "config": {}}, id="no config at all"),
        pytest.param(
            "{ config: { apiVersion: 'v1', kind: 'ConfigMap' } }",
            {},
            [],
            {
                "objects": {"config": {"apiVersion": "v1", "kind": "ConfigMap"}},
                "config": {"apiVersion": "v1", "kind": "ConfigMap"},
            },
            id="without config a component is left as it is",
        ),
        pytest.param(
            "function(size=3) { out: size }",
            {},
            [],
            {"objects": {"out": 3}, "config": {}},
            id="a function is called",
        ),
        pytest.param(
            "local given = 'mine', component = 2; { out: given + component }",
            {"given": {"component": 1}},
            [],
            {"objects": {"out": "mine2"}, "config": {"given": {"component": 1}}},
            id="names in the code and in files never meet",
        ),
    ],
)
def test_component_config_and_overlays_make_one_object(
    component: str, config: dict[str, Any], overlays: list[str], expected: Any
) -> None:
    """component + config + overlays, by the rules of design §3."""
    assert evaluate(component, config, overlays) == expected


@pytest.mark.parametrize(
    ("component", "config", "overlays", "expected"),
    [
        pytest.param(
            "[1]",
            {},
            [],
            f"RUNTIME ERROR: {MAIN} must be an object, or a function that returns one; it is of type array",
            id="component is an array",
        ),
        pytest.param(
            "function() 'x'",
            {},
            [],
            f"RUNTIME ERROR: {MAIN} must be an object, or a function that returns one; it is of type string",
            id="function returns text",
        ),
        pytest.param(
            "function(a, b=1) {}",
            {},
            [],
            f"RUNTIME ERROR: {MAIN} is a function with required arguments; give each of them a default",
            id="function with required arguments",
        ),
        pytest.param(
            "{ config:: 'x' }",
            {"a": 1},
            [],
            f"RUNTIME ERROR: config in {MAIN} must be an object; it is of type string",
            id="config is text",
        ),
        pytest.param(
            "{ config: { apiVersion: 'v1', kind: 'ConfigMap' } }",
            {"a": 1},
            [],
            f"RUNTIME ERROR: config in {MAIN} is a Kubernetes object, so the config of an environment "
            "cannot go there; give that field another name",
            id="config is an object of Kubernetes",
        ),
        pytest.param(
            "{}",
            {},
            ["function() {}"],
            "RUNTIME ERROR: environments/e0/web.jsonnet must be an object, because an overlay is mixed into a "
            "component; it is of type function",
            id="overlay is a function",
        ),
    ],
)
def test_what_cannot_be_put_together_names_the_file(
    component: str, config: dict[str, Any], overlays: list[str], expected: str
) -> None:
    """The engine's error is a sentence that names the file at fault."""
    assert reason(component, config, overlays) == expected


def test_config_with_functions_is_no_problem_where_no_schema_asks_for_it() -> None:
    """Only with `want_config` is config turned into JSON."""
    component = "{ config:: { double(x): x * 2 }, out: $.config.double(2) }"
    assert evaluate(component, {"a": 1}, want_config=False) == {"objects": {"out": 4}}
    assert reason(component, {"a": 1}) == "RUNTIME ERROR: couldn't manifest function as JSON"


def test_the_code_of_a_component_reads_well() -> None:
    """The whole code, for one look at it."""
    assert entry_code("c.jsonnet", {"a": 1, "b": {"c": None}}, ["o.jsonnet"], want_config=True) == (
        'local imported = import "c.jsonnet";\n'
        "local called = if !std.isFunction(imported) then imported\n"
        '  else if std.length(function(x=0) x) == 0 && std.length(imported) > 0 then error "c.jsonnet is a function with required arguments; '
        'give each of them a default"\n'
        "  else imported();\n"
        "local component = if std.isObject(called) then called else error "
        '"c.jsonnet must be an object, or a function that returns one; it is of type " + std.type(called);\n'
        "local final = component\n"
        "  + { config::\n"
        '    local given = { "a": 1, "b": (local given = { "c": null }; '
        'if "b" in super && std.isObject(super["b"]) then super["b"] + given else given) };\n'
        "    if !('config' in super) then given\n"
        '    else if !std.isObject(super.config) then error "config in c.jsonnet must be an object; it is of type "'
        " + std.type(super.config)\n"
        "    else if std.objectHas(super.config, 'apiVersion') && std.objectHas(super.config, 'kind')\n"
        '    then error "config in c.jsonnet is a Kubernetes object, so the config of an environment cannot go '
        'there; give that field another name"\n'
        "    else super.config + given }\n"
        '  + (local overlay = import "o.jsonnet"; if std.isObject(overlay) then overlay else error "o.jsonnet '
        'must be an object, because an overlay is mixed into a component; it is of type " + std.type(overlay));\n'
        "{ objects: final, config: if std.objectHasAll(final, 'config') then final.config else {} }\n"
    )


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)
objects = st.dictionaries(texts | st.sampled_from("abc"), values, max_size=4)


@settings(deadline=None)
@given(objects)
def test_any_config_arrives_as_it_is(config: dict[str, Any]) -> None:
    """No text, key or number in YAML config can change the code or be changed by it."""
    assert evaluate("{}", config)["config"] == config


@settings(deadline=None)
@given(objects, objects)
def test_the_engine_merges_config_as_resolving_does(below: dict[str, Any], above: dict[str, Any]) -> None:
    """One rule of merging for defaults in jsonnet and for layers in YAML."""
    below = {key: value for key, value in below.items() if key not in {"apiVersion", "kind"}}
    component = f"{{ config:: {json.dumps(below, ensure_ascii=False)} }}"
    assert evaluate(component, above)["config"] == merge(below, above)
