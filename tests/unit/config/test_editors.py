"""The shipped schemas and envctl's own reading accept and refuse the same documents."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from envctl.config.component import parse_component
from envctl.config.environment import parse_environment
from envctl.config.lock import parse_lock
from envctl.config.pauses import parse_pause
from envctl.config.settings import parse_settings
from envctl.config.shipped import SHIPPED, shipped_schema
from envctl.config.yamlfile import read_yaml
from envctl.errors import InputError
from envctl.model.settings import Settings

READERS: dict[str, tuple[Callable[[bytes, str], object], str]] = {
    "settings": (parse_settings, "envctl.yaml"),
    "environment": (parse_environment, "environments/prod/environment.yaml"),
    "component": (parse_component, "components/web/component.yaml"),
    "lock": (parse_lock, "environments/prod/lock.yaml"),
    "freeze": (parse_pause, "environments/prod/freeze.yaml"),
    "suspend": (parse_pause, "environments/prod/suspend.yaml"),
}
LONGEST = "a" * 63
WINDOW = "rule: FREQ=DAILY, start: 2026-01-02T16:00, duration: 2h, timezone: UTC"
PAUSES = {
    True: [
        "{until: 2026-01-02T16:00Z, reason: x}",
        "until: 2026-01-02T16:00:59+14:00\nreason: x\nby: Ann <ann@example.com>",
    ],
    False: [
        "{}",
        "until: 2026-01-02T16:00Z",
        "reason: x",
        "{until: 2026-01-02T16:00, reason: x}",
        "{until: 2026-01-02, reason: x}",
        "{until: never, reason: x}",
        "{until: 1767225600, reason: x}",
        "{until: 2026-01-02T16:00Z, reason: ''}",
        "{until: 2026-01-02T16:00Z, reason: x, from: y}",
    ],
}
REVISION = "0123456789abcdef" * 2 + "01234567"
DOCUMENTS = {
    "settings": {
        True: [
            "{}",
            "sourceBranch: main",
            "remote: upstream",
            "limits: {}",
            "limits: {objectBytes: 1}",
            "limits: {objectBytes: 999Gi}",
            "limits: {commitBytes: 999999Ki, objects: 1000000}",
            "evaluation: {}",
            "evaluation: {engine: rjsonnet}",
            "evaluation: {seconds: 86400, jobs: 256}",
            "evaluation: {memory: 16777216}",
            "evaluation: {memory: 16384Ki}",
            "evaluation: {memory: 16Mi}",
            "evaluation: {jobs: 2.0}",
        ],
        False: [
            "[]",
            "text",
            "sourcebranch: main",
            "sourceBranch: ''",
            "sourceBranch: null",
            "remote: 3",
            "limits: []",
            "limits: {objectBytes: 0}",
            "limits: {objectBytes: 1000Gi}",
            "limits: {objectBytes: 1MB}",
            "limits: {objectBytes: '5'}",
            "limits: {commitBytes: -1}",
            "limits: {objects: 1.5}",
            "limits: {objects: 1000001}",
            "evaluation: {engine: kjsonnet}",
            "evaluation: {seconds: 0}",
            "evaluation: {memory: 1e99}",
            "evaluation: {memory: 1}",
            "evaluation: {memory: 1Ki}",
            "evaluation: {memory: 16383Ki}",
            "evaluation: {memory: 15Mi}",
            "evaluation: {jobs: true}",
        ],
    },
    "environment": {
        True: [
            "{}",
            "abstract: true",
            "extends: base",
            "extends: [a, b]",
            "extends: []",
            "promotesFrom: []",
            "promotesFrom: dev",
            "namespace: a",
            f"namespace: {LONGEST}",
            "components: []",
            "components: [web, {name: api}]",
            "components: [{name: web, enabled: false, config: {a: null}}]",
            "config: {a: {b: [1, null]}}",
            "gates: {}",
            "gates: {health: true, soak: 30m, approvals: 0, windows: []}",
            "gates: {soak: 1d12h30m5s, approvals: 2.0}",
            f"gates: {{windows: [{{{WINDOW}}}, {{{WINDOW}, reason: weekend}}]}}",
        ],
        False: [
            "abstract: 1",
            "extends: null",
            "extends: [Base]",
            "extends: {}",
            "promotesFrom: [a, 1]",
            "namespace: ''",
            "namespace: -a",
            "namespace: a-",
            f"namespace: a{LONGEST}",
            "components: web",
            "components: [[web]]",
            "components: [{}]",
            "components: [{name: web, enable: true}]",
            "components: [{name: web, config: []}]",
            "config: []",
            "unknown: 1",
            "gates: []",
            "gates: {healthy: true}",
            "gates: {health: 1}",
            "gates: {soak: 30}",
            "gates: {soak: 30 m}",
            "gates: {soak: ''}",
            "gates: {soak: 1h2d}",
            "gates: {approvals: -1}",
            "gates: {approvals: 21}",
            f"gates: {{windows: {{{WINDOW}}}}}",
            "gates: {windows: [{}]}",
            f"gates: {{windows: [{{{WINDOW}, reason: ''}}]}}",
            f"gates: {{windows: [{{{WINDOW}, until: x}}]}}",
            f"gates: {{windows: [{{{WINDOW.replace('16:00', '16:00Z')}}}]}}",
            f"gates: {{windows: [{{{WINDOW.replace('UTC', '../etc')}}}]}}",
            f"gates: {{windows: [{{{WINDOW.replace('FREQ', 'RRULE:FREQ')}}}]}}",
        ],
    },
    "component": {
        True: [
            "{}",
            "description: ''",
            "owners: [team]",
            "dependsOn: [a, b]",
            "renderer: jsonnet",
        ],
        False: [
            "description: 1",
            "owners: ['']",
            "owners: team",
            "dependsOn: [a, a]",
            "dependsOn: [A]",
            "renderer: helm",
            "images: []",
        ],
    },
    "lock": {
        True: [
            "{}",
            "components: null",
            "components: {}",
            f"components: {{web: {{revision: {REVISION}}}}}",
            f"components: {{web: {{revision: {REVISION}, from: dev, why: 1}}}}\nmore: 1",
        ],
        False: [
            "components: []",
            "components: {web: null}",
            "components: {web: {}}",
            "components: {web: {revision: abc}}",
            f"components: {{web: {{revision: {REVISION.upper()}}}}}",
            f"components: {{Web: {{revision: {REVISION}}}}}",
            f"components: {{web: {{revision: {REVISION}, from: Dev}}}}",
        ],
    },
    "freeze": PAUSES,
    "suspend": PAUSES,
}
CASES = [
    pytest.param(name, text, fits, id=f"{name} {text[:40]}")
    for name, both in DOCUMENTS.items()
    for fits, texts in both.items()
    for text in texts
]


def is_read(name: str, text: str) -> bool:
    reader, path = READERS[name]
    try:
        reader(text.encode(), path)
    except InputError:
        return False
    return True


def is_valid(name: str, text: str) -> bool:
    """As an editor sees it: with a validator that knows nothing of envctl."""
    value: Any = read_yaml(text.encode(), "f.yaml").value
    return Draft202012Validator(shipped_schema(name)).is_valid(value)


@pytest.mark.parametrize(("name", "text", "fits"), CASES)
def test_editors_and_envctl_agree(name: str, text: str, fits: Any) -> None:
    """Both accept, or both refuse."""
    assert (is_valid(name, text), is_read(name, text)) == (fits, fits)


def test_there_are_enough_documents() -> None:
    """Sixty, and every schema has documents of both kinds."""
    assert len(CASES) >= 60
    assert DOCUMENTS.keys() == SHIPPED.keys() == READERS.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_schemas_are_valid(name: str) -> None:
    """Against the metaschema of 2020-12."""
    Draft202012Validator.check_schema(shipped_schema(name))


def properties(schema: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every key that a schema knows, at any depth: its place in the schema, and what is said of it."""
    if isinstance(schema, dict):
        for key, each in schema.get("properties", {}).items():
            yield f"{place}.{key}", each
        for key, each in schema.items():
            inner = each if key in {"properties", "$defs"} else {"": each}
            if key not in {"default", "examples"}:
                yield from (
                    found for name, at in inner.items() for found in properties(at, f"{place}.{name or key}")
                )
    elif isinstance(schema, list):
        yield from (found for each in schema for found in properties(each, place))


KEYS = [
    pytest.param(name, each, id=f"{name}{place}")
    for name in SHIPPED
    for place, each in properties(shipped_schema(name))
]


def test_all_keys_are_looked_at() -> None:
    """One more or less is to be put here on purpose."""
    counts = {name: sum(each.values[0] == name for each in KEYS) for name in SHIPPED}
    assert counts == {"settings": 11, "environment": 20, "component": 4, "lock": 4, "freeze": 3, "suspend": 3}


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_every_key_is_explained_to_editors(name: str, key: dict[str, Any]) -> None:
    """A title, a sentence, and a default or examples, all of which fit."""
    assert key["title"][0].isupper()
    assert key["description"].endswith(".")
    shown = [*([key["default"]] if "default" in key else []), *key.get("examples", [])]
    assert shown
    schema = {**key, "$defs": shipped_schema(name).get("$defs", {})}
    assert [each for each in shown if not Draft202012Validator(schema).is_valid(each)] == []


def test_the_defaults_told_to_editors_are_the_real_ones() -> None:
    """A file with all of them is the empty file."""
    given: Any = {"limits": {}, "evaluation": {}}
    for key, each in (properties_of := shipped_schema("settings")["properties"]).items():
        inner = each.get("properties", {})
        given |= {key: each["default"]} if "default" in each else {}
        given |= (
            {key: {name: at["default"] for name, at in inner.items() if "default" in at}} if inner else {}
        )
    assert set(given) == set(properties_of) - {"sourceBranch"}
    assert parse_settings(json.dumps(given).encode(), "envctl.yaml") == Settings()


words = st.sampled_from(["a", "web", "A", "", "1Gi", "gojsonnet", "jsonnet", REVISION])
keys = st.sampled_from(
    [
        "name",
        "config",
        "enabled",
        "revision",
        "from",
        "extends",
        "components",
        "limits",
        "evaluation",
        "objects",
        "memory",
        "jobs",
        "engine",
        "seconds",
        "dependsOn",
        "owners",
        "renderer",
        "remote",
        "gates",
        "soak",
        "approvals",
        "windows",
        "until",
        "x",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(SHIPPED)), st.dictionaries(keys, values, max_size=3))
def test_editors_and_envctl_agree_on_anything(name: str, value: dict[str, Any]) -> None:
    """But for a component that is listed twice, which no schema can tell."""
    listed = value.get("components")
    items = listed if isinstance(listed, list) else ()
    names = [each.get("name") if isinstance(each, dict) else each for each in items if each]
    text = json.dumps(value)
    if name == "environment" and isinstance(listed, list) and len(names) != len(set(map(str, names))):
        return
    assert is_read(name, text) == is_valid(name, text)
