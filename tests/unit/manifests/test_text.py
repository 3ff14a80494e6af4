"""The canonical text: one value, one text, and back."""

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from envctl.errors import InputError, Problem
from envctl.manifests.text import from_yaml, sample, to_yaml

TEXT = st.text(max_size=20) | st.text(
    alphabet="aA0 1-.:#'\"\\|>%@{}[],\n\t\r_~=yesno\x85\u2028\ufeff😀", max_size=12
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer() or abs(x) >= 2**63)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=25,
)
OBJECTS = st.dictionaries(TEXT | st.sampled_from(["kind", "apiVersion", "metadata"]), VALUES, max_size=6)


def typed(value: Any) -> Any:
    """A value in which numbers of different types differ."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return (type(value).__name__, value)


def shuffled(value: Any) -> Any:
    """The same value with the keys of all mappings in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in sorted(value, key=lambda key: (hash(key), key))}
    return [shuffled(each) for each in value] if isinstance(value, list) else value


@given(OBJECTS)
def test_what_was_written_is_read_back_with_its_types(value: dict[str, Any]) -> None:
    """Reading gives the value back, and writing that gives the text back."""
    text = to_yaml(value)
    assert typed(from_yaml(text, "f")) == typed(value)
    assert to_yaml(from_yaml(text, "f")) == text


@given(OBJECTS)
def test_readers_of_yaml_1_1_and_1_2_read_the_same_value(value: dict[str, Any]) -> None:
    """PyYAML over libyaml (1.1), PyYAML in Python (1.1) and ruamel.yaml (1.2) agree with us, types included."""
    text = to_yaml(value)
    assert typed(yaml.load(text, Loader=yaml.CSafeLoader)) == typed(value)
    assert typed(yaml.load(text, Loader=yaml.SafeLoader)) == typed(value)
    assert typed(YAML(typ="safe", pure=True).load(text)) == typed(value)


@given(OBJECTS)
def test_the_text_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    """Equal values have equal bytes."""
    assert to_yaml(shuffled(value)) == to_yaml(value)


@given(OBJECTS)
def test_every_text_is_visible_utf_8_that_ends_with_one_newline(value: dict[str, Any]) -> None:
    """No tab but in blocks, no carriage return, no space at the end of a line."""
    text = to_yaml(value).decode()
    assert text.endswith("\n")
    assert "\r" not in text
    assert [line for line in text.split("\n") if line.endswith(" ")] == []


def test_an_object_looks_as_people_write_it() -> None:
    """The whole text of a typical object."""
    value = {
        "spec": {
            "template": {"containers": [{"name": "web", "args": ["--port=80", "-v"], "env": []}, {}]},
            "replicas": 3.0,
            "matrix": [[1, [2]], []],
        },
        "metadata": {"name": "web", "annotations": {"on": "yes", "note": "it's: fine"}},
        "kind": "Deployment",
        "data": {"run.sh": "#!/bin/sh\n\nexec web\n", "tail": "a\nb", "null": None, "ok": True},
        "apiVersion": "apps/v1",
    }
    assert to_yaml(value).decode() == (
        """\
apiVersion: apps/v1
kind: Deployment
metadata:
  annotations:
    note: "it's: fine"
    "on": "yes"
  name: web
data:
  "null": null
  ok: true
  run.sh: |
    #!/bin/sh

    exec web
  tail: |-
    a
    b
spec:
  matrix:
  - - 1
    - - 2
  - []
  replicas: 3
  template:
    containers:
    - args:
      - --port=80
      - -v
      env: []
      name: web
    - {}
"""
    )


def test_an_empty_object_is_written() -> None:
    """Even nothing is one document."""
    assert (to_yaml({}), from_yaml(b"{}\n", "f")) == (b"{}\n", {})


def test_everything_that_cannot_be_written_is_named_at_once() -> None:
    """Each place with its reason, keys included; long keys are cut in messages."""
    value = {"a": [math.nan, {"b c": 10**400}], "d": {"\ud800": 1}, "e": "x\udc00", "k" * 2000: 1}
    with pytest.raises(InputError) as caught:
        to_yaml(value)
    assert caught.value.summary == "cannot be written as YAML"
    assert caught.value.problems == (
        Problem("$.a[0]", "is not a finite number"),
        Problem('$.a[1]["b c"]', "is an integer of more than 64 bits, which readers round differently"),
        Problem("$.d", "has a key that has half of a surrogate pair, which is no character"),
        Problem("$.e", "has half of a surrogate pair, which is no character"),
        Problem("$", "has a key longer than 1000 bytes, 'kkkkkkkkkkkkkkkkkkkk'..."),
    )


@pytest.mark.parametrize(
    "wrap", [lambda inner: {"a": inner}, lambda inner: [inner]], ids=["mappings", "lists"]
)
def test_64_levels_are_written_and_read_and_one_more_is_refused(wrap: Any) -> None:
    """Both directions have the same limit, so that nothing is written that cannot be read."""
    value: Any = {}
    for _ in range(62):
        value = wrap(value)
    assert from_yaml(to_yaml({"a": value}), "f") == {"a": value}
    with pytest.raises(InputError, match="is nested more than 64 levels deep"):
        to_yaml({"a": wrap(value)})


def test_a_sample_shows_the_first_lines() -> None:
    """Ten lines of at most a hundred characters, whatever the value."""
    value = {f"key{index}": "x" * 500 for index in range(20)}
    lines = sample(value).split("\n")
    assert (len(lines), max(map(len, lines)), lines[-1]) == (11, 98, "...")
    assert (sample("text"), sample(5), sample([math.inf])) == ("text", "5", "...")
