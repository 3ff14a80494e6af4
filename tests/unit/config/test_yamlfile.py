"""The strict reader of files that people write."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from envctl.config.keypath import key_text
from envctl.config.yamlfile import MAX_BYTES, Document, read_yaml
from envctl.errors import InputError


def read(text: str | bytes) -> Any:
    return read_yaml(text.encode() if isinstance(text, str) else text, "f.yaml").value


def refusal(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", None, id="empty"),
        pytest.param("# only a comment\n", None, id="only a comment"),
        pytest.param("---\na: 1\n...\n", {"a": 1}, id="one document with its marks"),
        pytest.param("\ufeffa: 1\r\nb: 2\r\n", {"a": 1, "b": 2}, id="byte order mark and CRLF"),
        pytest.param("{a: [1, {b: 'x'}], c: \"y\"}", {"a": [1, {"b": "x"}], "c": "y"}, id="flow style"),
        pytest.param("a: |\n  x\n  y\n", {"a": "x\ny\n"}, id="block text"),
        pytest.param("'1': a\n'on': b\n", {"1": "a", "on": "b"}, id="quoted keys"),
        pytest.param("a: 'yes'\nb: '010'\n", {"a": "yes", "b": "010"}, id="quoted scalars are text"),
    ],
)
def test_files_are_read_as_json_values(text: str, expected: Any) -> None:
    """YAML in, JSON values out."""
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("~", None, id="tilde"),
        pytest.param("Null", None, id="Null"),
        pytest.param("true", True, id="true"),
        pytest.param("FALSE", False, id="FALSE"),
        pytest.param("0", 0, id="zero"),
        pytest.param("-12", -12, id="negative"),
        pytest.param("+3", 3, id="plus"),
        pytest.param("0o17", 15, id="octal of 1.2"),
        pytest.param("0x1F", 31, id="hexadecimal"),
        pytest.param("1.10", 1.1, id="decimal"),
        pytest.param(".5", 0.5, id="leading point"),
        pytest.param("1e3", 1000.0, id="exponent without a point"),
        pytest.param("9007199254740992", 2**53, id="the largest exact integer"),
        pytest.param("y", "y", id="y"),
        pytest.param("12:30", "12:30", id="time"),
        pytest.param("2026-01-02", "2026-01-02", id="date"),
        pytest.param("1.2.3", "1.2.3", id="version"),
        pytest.param("100m", "100m", id="quantity"),
        pytest.param("-", "-", id="hyphen in a list"),
        pytest.param("=", "=", id="equals"),
        pytest.param("10.0.0.1", "10.0.0.1", id="address"),
        pytest.param("tRue", "tRue", id="odd case is text"),
        pytest.param("nan", "nan", id="nan is text"),
    ],
)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, expected: Any) -> None:
    """Value and type, so that 1 is not True."""
    value = read(f"[{text}]" if text != "-" else "['-']")
    found = value[0] if text else read("a:")["a"]
    assert (found, type(found)) == (expected, type(expected))


QUOTES = "put it in quotes if it is text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "no",
            "`no` is true or false to some readers of YAML and text to others\n"
            "hint: write true or false, or put it in quotes if it is text",
            id="no",
        ),
        pytest.param(
            "0644",
            "`0644` is a different number, or text, depending on the reader of YAML\n"
            f"hint: write plain digits (or 0o… for octal), or {QUOTES}",
            id="octal of 1.1",
        ),
        pytest.param(
            "1_000",
            "`1_000` is a different number, or text, depending on the reader of YAML\n"
            f"hint: write plain digits (or 0o… for octal), or {QUOTES}",
            id="grouped digits",
        ),
        pytest.param("-.inf", f"`-.inf` is no number that JSON knows\nhint: {QUOTES}", id="infinity"),
        pytest.param("1e999", f"`1e999` is too large a number\nhint: {QUOTES}", id="too large"),
        pytest.param(
            "9007199254740993",
            f"`9007199254740993` is a larger number than jsonnet can hold exactly\nhint: {QUOTES}",
            id="not exact",
        ),
        pytest.param(
            "1" * 5000,
            f"`{'1' * 5000}` is a larger number than jsonnet can hold exactly\nhint: {QUOTES}",
            id="thousands of digits",
        ),
        pytest.param(
            "0xFFFFFFFFFFFFFFFF",
            f"`0xFFFFFFFFFFFFFFFF` is a larger number than jsonnet can hold exactly\nhint: {QUOTES}",
            id="large hexadecimal",
        ),
    ],
)
def test_scalars_that_readers_disagree_about_are_refused(text: str, expected: str) -> None:
    """Nobody's `no` becomes false."""
    assert refusal(f"a: 1\nb: {text}\n") == f"f.yaml:2: {expected}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "a:\n  b: 1\n  c: 2\n  b: 3\n",
            "f.yaml:4: the key a.b is given twice, first in line 2\nhint: keep one of them",
            id="key twice",
        ),
        pytest.param(
            "a: &x {b: 1}\n",
            "f.yaml:1: the anchor &x is not supported\nhint: write the value out where it is used",
            id="anchor",
        ),
        pytest.param(
            "a: !secret x\n", "f.yaml:1: the tag !secret is not supported\nhint: remove it", id="tag"
        ),
        pytest.param(
            "<<: {a: 1}\n",
            "f.yaml:1: merge keys (<<) are not supported\nhint: write the keys out",
            id="merge key",
        ),
        pytest.param(
            "8080: x\n", "f.yaml:1: the key `8080` is not text\nhint: put it in quotes", id="number"
        ),
        pytest.param(
            "? [a]\n: 1\n", "f.yaml:1: a key must be text, not an object or a list", id="list as key"
        ),
        pytest.param(
            "a: 1\n---\nb: 2\n",
            "f.yaml:2: a second document starts here; a file holds one",
            id="two documents",
        ),
        pytest.param(
            "%YAML 1.1\n---\na: 1\n",
            "f.yaml:1: YAML directives are not supported\nhint: remove the line that starts with %",
            id="directive",
        ),
        pytest.param(
            "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n",
            "f.yaml:2: this file has an unresolved merge conflict\n"
            "hint: keep the lines that are right, remove the lines with <<<<<<<, ======= and >>>>>>>, then git add",
            id="merge conflict",
        ),
        pytest.param(
            "a: 1\n>>>>>>> other\n",
            "f.yaml:2: this file has an unresolved merge conflict\n"
            "hint: keep the lines that are right, remove the lines with <<<<<<<, ======= and >>>>>>>, then git add",
            id="half of a merge conflict",
        ),
        pytest.param(
            "a:\n\tb: 1\n",
            "f.yaml:2: not valid YAML: a tab stands where spaces are needed\nhint: indent with spaces",
            id="tab",
        ),
        pytest.param(
            "a: b: c\n",
            "f.yaml:1: not valid YAML: a `:` stands where no key can be\n"
            "hint: indent the line like its neighbours, or put a text that contains `: ` in quotes",
            id="two colons",
        ),
        pytest.param(
            "a:\n  b: 1\n c: 2\n",
            "f.yaml:3: not valid YAML: the line does not fit the one above\n"
            "hint: indent keys of one object alike, and close quotes and brackets",
            id="indentation",
        ),
        pytest.param(
            "a: [1,\nb: 2\n",
            "f.yaml:1: not valid YAML: a bracket is opened here and not closed\n"
            "hint: close it, or write the missing `,`",
            id="open bracket",
        ),
        pytest.param(
            "b: 1\na: 'x\n",
            "f.yaml:2: not valid YAML: a quote is opened here and not closed\nhint: close it",
            id="open quote",
        ),
        pytest.param(
            "a: @x\n",
            "f.yaml:1: not valid YAML: a value may not start with this character\nhint: put it in quotes",
            id="reserved character",
        ),
        pytest.param(
            b"a: 1\nb: \xff\n",
            "f.yaml:2: the file is not UTF-8 text\nhint: save it with the encoding UTF-8",
            id="not UTF-8",
        ),
        pytest.param(
            b"a: 1\nb: \x00\n",
            "f.yaml:2: the character U+0000 may not stand here as it is\n"
            'hint: write it as "\\u0000" in double quotes, or remove it',
            id="NUL",
        ),
        pytest.param(
            b" " * (MAX_BYTES + 1), "f.yaml: the file has 1,048,577 bytes; 1,048,576 are allowed", id="size"
        ),
        pytest.param(
            "a: " + "[" * 100_000, "f.yaml:1: values are nested more than 64 levels deep", id="depth in flow"
        ),
        pytest.param(
            "- " * 100_000, "f.yaml:1: values are nested more than 64 levels deep", id="depth in blocks"
        ),
    ],
)
def test_what_would_surprise_somebody_is_refused_with_its_line(text: str | bytes, expected: str) -> None:
    """File, line, reason and the next step, in full."""
    assert refusal(text) == expected


def test_all_problems_of_a_file_come_at_once() -> None:
    """One run shows everything there is to fix."""
    assert refusal("a: yes\nb: &x 1\nc: *x\n*x : 2\nb: 2\nd: 010\n") == (
        "6 problems found\n"
        "  f.yaml:1: `yes` is true or false to some readers of YAML and text to others"
        " (write true or false, or put it in quotes if it is text)\n"
        "  f.yaml:2: the anchor &x is not supported (write the value out where it is used)\n"
        "  f.yaml:3: the alias *x is not supported (write the value out)\n"
        "  f.yaml:4: the alias *x is not supported (write the value out)\n"
        "  f.yaml:5: the key b is given twice, first in line 2 (keep one of them)\n"
        "  f.yaml:6: `010` is a different number, or text, depending on the reader of YAML"
        " (write plain digits (or 0o… for octal), or put it in quotes if it is text)"
    )


def test_a_file_of_thousands_of_problems_ends_after_fifty() -> None:
    """Nobody reads more, and nothing grows without bound."""
    assert refusal("[" + "*x, " * 10_000 + "]").splitlines()[0] == "50 problems found"


def test_each_value_knows_its_line() -> None:
    """Keys and list items, at any depth; what is not known has the place of what is around it."""
    document = read_yaml(b"a: 1\nb:\n- c: 2\n  d:\n    e: x\n- f\n", "f.yaml")
    assert dict(document.lines) == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 0, "c"): 3,
        ("b", 0, "d"): 4,
        ("b", 0, "d", "e"): 5,
        ("b", 1): 6,
    }
    assert document.place(("b", 0, "d", "missing")) == "f.yaml:4"
    assert Document("f.yaml", {}).place(("x",)) == "f.yaml"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param((), "", id="document"),
        pytest.param(("components", 1, "config", "log-level"), "components[1].config.log-level", id="plain"),
        pytest.param(("a.b", "é", "x"), '["a.b"]["é"].x', id="keys that are no words"),
    ],
)
def test_paths_are_written_as_people_read_them(path: tuple[str | int, ...], expected: str) -> None:
    """Dots, brackets, and quotes where they are needed."""
    assert key_text(path) == expected


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda each: "." in repr(each))
    | st.text(
        st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Zl", "Zp"))
    )
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(deadline=None)
@given(trees)
def test_json_is_read_as_json_reads_it(value: Any) -> None:
    """JSON is YAML; nothing changes on the way."""
    assert read(json.dumps(value, ensure_ascii=False)) == value


@settings(deadline=None)
@given(st.text("ab:-#[]{}'\"|>&*!%@`, \n01.~?", max_size=40))
def test_what_is_accepted_means_the_same_to_an_independent_reader(text: str) -> None:
    """ruamel.yaml refuses a little more (`|#`), but reads nothing differently."""
    try:
        value = read(text)
        other = YAML(typ="safe", pure=True).load(text)
    except (InputError, YAMLError):
        return
    assert value == other


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No other exception, whatever the bytes."""
    with contextlib.suppress(InputError):
        read(data)


def test_a_pointer_of_git_lfs_is_named() -> None:
    """It is valid YAML, and nothing that anybody wrote."""
    with pytest.raises(InputError) as caught:
        read_yaml(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "f.yaml")
    assert str(caught.value) == (
        "f.yaml: the file is a Git LFS pointer, whose contents are not here\n"
        "hint: commit the file itself: git lfs untrack, then add it again"
    )
