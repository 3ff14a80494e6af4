"""Native functions: results, and errors that name the argument."""

import hashlib
import json
import math
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from envctl.jsonnet import natives
from envctl.jsonnet.natives.yamlwriter import go_float
from envctl.jsonnet.worker import NATIVES


def call(name: str, *values: Any) -> Any:
    return natives.call(name, NATIVES[name], values)


RESULTS = [
    pytest.param("sha256", ("grüezi",), hashlib.sha256("grüezi".encode()).hexdigest(), id="sha256"),
    pytest.param("parseJson", ('{"a": [1, null, "\\ud800"]}',), {"a": [1, None, "\ufffd"]}, id="parseJson"),
    pytest.param(
        "manifestJsonFromJson",
        ('{"b":1e5,"a":[{},[ ],"x: {"]}', 2.0),
        '{\n  "b": 1e5,\n  "a": [\n    {},\n    [],\n    "x: {"\n  ]\n}\n',
        id="manifestJsonFromJson",
    ),
    pytest.param(
        "manifestYamlFromJson", ('{"b":[1],"a":"yes"}',), 'a: "yes"\nb:\n    - 1\n', id="manifestYamlFromJson"
    ),
    pytest.param("escapeStringRegex", ("a.b*[c]-é",), r"a\.b\*\[c\]-é", id="escapeStringRegex"),
    pytest.param("regexMatch", ("^a.c$", "abc"), True, id="regexMatch"),
    pytest.param("regexMatch", ("^a.c$", "abc\n"), False, id="regexMatch at the very end"),
    pytest.param("regexSubst", ("p[^m]*", "pm", "po"), "pom", id="regexSubst"),
]


@pytest.mark.parametrize(("name", "values", "result"), RESULTS)
def test_a_native_returns_its_result(name: str, values: tuple[Any, ...], result: Any) -> None:
    """And the same one when it is called again."""
    assert call(name, *values) == result
    assert call(name, *values) == result


ERRORS = [
    pytest.param("sha256", (1.0,), "the argument str must be a string, not a number", id="number for string"),
    pytest.param("sha256", (None,), "the argument str must be a string, not null", id="null for string"),
    pytest.param(
        "parseJson", ([],), "the argument json must be a string, not an array", id="array for string"
    ),
    pytest.param("regexMatch", ("a", {}), "the argument string must be a string, not an object", id="object"),
    pytest.param(
        "manifestJsonFromJson",
        ("1", True),
        "the argument indent must be a number, not a boolean",
        id="indent",
    ),
    pytest.param(
        "manifestJsonFromJson",
        ("1", -1.0),
        "the argument indent must be between 0 and 100, not -1",
        id="negative",
    ),
    pytest.param(
        "parseJson",
        ("[1,]",),
        "the argument json is no JSON: Expecting value: line 1 column 4 (char 3)",
        id="no JSON",
    ),
    pytest.param("parseJson", ("[NaN]",), "the argument json is no JSON: it has NaN", id="NaN"),
    pytest.param(
        "parseJson", ("1e999",), "the argument json has a number that is too large: 1e999", id="too large"
    ),
    pytest.param(
        "parseJson", ("[" * 400 + "]" * 400,), "the argument json is nested deeper than 300 levels", id="deep"
    ),
    pytest.param(
        "parseJson", ("[" * 99999,), "the argument json is nested deeper than 300 levels", id="deeper"
    ),
    pytest.param(
        "parseYaml",
        ("a: 1\nb: [\n",),
        "the argument yaml is no YAML: line 3: did not find expected node content",
        id="YAML",
    ),
    pytest.param(
        "parseYaml",
        ("a: 1\na: 2",),
        "the argument yaml is no YAML for JSON: line 2: the key a is there twice",
        id="twice",
    ),
    pytest.param(
        "parseYaml",
        ("[" * 9999,),
        "the argument yaml is no YAML for JSON: line 1: more than 300 levels or 1,000,000 values",
        id="deep YAML",
    ),
    pytest.param(
        "regexMatch",
        ("a(?=b)", ""),
        "the argument regex 'a(?=b)' cannot be used: at 2: look-around, which RE2 does not have",
        id="look-ahead",
    ),
    pytest.param(
        "regexMatch",
        (r"(a)\1", ""),
        r"the argument regex '(a)\\1' cannot be used: at 4: a backreference, which RE2 does not have",
        id="backreference",
    ),
    pytest.param(
        "regexMatch",
        ("a++", ""),
        "the argument regex 'a++' cannot be used: at 3: a repetition stands where nothing can be repeated",
        id="possessive",
    ),
    pytest.param(
        "regexMatch",
        ("(a", ""),
        "the argument regex '(a' cannot be used: at 3: a bracket is not closed",
        id="(",
    ),
]


@pytest.mark.parametrize(("name", "values", "message"), ERRORS)
def test_a_wrong_argument_is_named(name: str, values: tuple[Any, ...], message: str) -> None:
    """And what is wrong with it."""
    with pytest.raises(natives.NativeError) as caught:
        call(name, *values)
    assert str(caught.value) == message


def test_aliases_that_double_themselves_are_refused() -> None:
    """They load at once and would never be written."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]
    with pytest.raises(natives.NativeError, match="excessive aliasing"):
        call("parseYaml", "\n".join(lines))


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\u2028\u2029"), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS.map(lambda s: s.strip("\n")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS.map(lambda s: s.strip("\n")), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_as_yaml_reads_as_the_same_value(value: Any) -> None:
    """With our own reader, for everything but texts whose form Go gets wrong itself."""
    if re.search(r'"[^"]*(?: \\n|\\n |\\r)', json.dumps(value)) or '"\\ufeff' in json.dumps(value):
        return
    assert call("parseYaml", call("manifestYamlFromJson", json.dumps(value))) == [value]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_written_as_go_writes_them_keep_their_value(number: float) -> None:
    """Every digit that counts."""
    assert float(go_float(number)) == number
    assert math.copysign(1, float(go_float(number))) == math.copysign(1, number)


@given(st.text(max_size=20))
def test_an_escaped_text_matches_itself(text: str) -> None:
    """And is replaced as a whole."""
    pattern = call("escapeStringRegex", text)
    assert call("regexMatch", f"^{pattern}$", text)
    assert call("regexSubst", f"^{pattern}$", text, "$$") == "$"


@given(VALUES)
def test_json_keeps_its_value_when_it_is_indented(value: Any) -> None:
    """Keys and numbers stay as they were written."""
    text = json.dumps(value)
    assert json.loads(call("manifestJsonFromJson", text, 3.0)) == value


def test_other_readers_agree_on_what_is_written() -> None:
    """PyYAML reads YAML 1.1, where more words have a meaning."""
    words = ["yes", "on", "y", "null", "1:20", "010", "0o7", "=", "a: b", "x\ny\n", "é", "2001-01-01"]
    written = call("manifestYamlFromJson", json.dumps(words))
    assert yaml.load(written, yaml.CBaseLoader) == words  # noqa: S506
