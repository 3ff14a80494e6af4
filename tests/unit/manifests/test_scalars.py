"""Strings and numbers that YAML readers are known to take for something else."""

import json
from io import StringIO
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from envctl.manifests.scalars import (
    UnwritableError,
    find_unsafe,
    is_literal,
    is_plain,
    number,
    quoted,
    read_plain,
)
from envctl.manifests.text import from_yaml, to_yaml

WORDS = (
    "y Y n N yes Yes YES no No NO on On ON off OFF true True TRUE false False null Null NULL ~ none None nan"
)
NUMBERS = (
    "0 00 007 0o7 0O7 010 08 09 0x1f 0X1F 0b1 0b102 1 -1 +1 1. .1 1.0 -1.5 1e3 1E3 1e+3 1.5e3 1.0e+20 1_000 1,000 "
    "_1 1_ 0.1.2 1.2.3 10.0.0.0/8 1:20 1:20:30 190:20:30.15 -1:20 .inf -.inf +.inf .Inf .NAN inf -inf Infinity "
    "2001-01-01 2001-1-1 2001-12-14t21:59:43.10-05:00 12e03 1e 0e0 -0 - -- --- ... 100m 1Gi 0.5Gi 5s 01s 50% 1E 1h30m"
)
STARTS = "@a `a` %a !a &a *a ?a ?? |a >a 'a' \"a\" #a ,a [a] {a} ]a }a :a ::a -a --a ---a -- =a = << <a ~a .a /a \\a ;a (a)"
INSIDE = "a:b a: a:: a#b a,b a[0] a{b} a'b a\"b a\\b a&b a*b a!b a|b a>b a%b a@b a=b a?b a-b a~b $(A) ${A} {{.A}} a{{.B}}"
SPACED = [
    "",
    " ",
    "  ",
    " a",
    "a ",
    "a  b",
    "a b",
    "a #b",
    "a# b",
    "a : b",
    "a :b",
    "a: b",
    "- a",
    "? a",
    "a - b",
    "\t",
    "\ta",
    "a\t",
    "a\tb",
]
LINES = [
    "\n",
    "\n\n",
    "a\n",
    "a\n\n",
    "a\n\n\n",
    "a\nb",
    "a\nb\n",
    "a\n\nb\n",
    "a\n\n\nb",
    "\na",
    " a\nb",
    "a\n b\n",
    "a\n  b\n c\n",
    "\ta\nb",
    "a\n\tb\n",
    "a\tb\nc\n",
    "a \nb",
    "a\nb ",
    "a\n \nb",
    "a\n\t\nb",
    "a\n---\nb\n",
    "---\na\n",
    "...\na\n",
    "# a\nb\n",
    "a\n# b\n",
    "a: b\nc: d\n",
    "- a\n- b\n",
    "key: |\n  text\n",
    "%YAML 1.1\n---\n",
    "a\r\nb\r\n",
    "a\rb",
    "a\x85b\nc",
    "a\u2028b\n",
    "é\nü\n",
    "|\n",
    ">\n-\n",
]
CODES = [
    "\x00",
    "\x07",
    "\x1b[31m",
    "\x7f",
    "\x80",
    "\x85",
    "\x9f",
    "\xa0",
    "\xad",
    "é",
    "a é",
    "ﬀ",
    "日本",
    "\u200b",
    "\u200d",
    "\u202e",
    "\u2028",
    "\u2029",
    "\u2066",
    "\ufdd0",
    "\ufeff",
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\ue000",
    "😀",
    "a😀",
    "\U0001fffe",
    "\U0010ffff",
    "\U000e0041",
    "\\u0041",
    "\\",
    '"',
    '\\"',
    "x" * 5000,
    "x y " * 999,
]
AWKWARD = [*WORDS.split(), *NUMBERS.split(), *STARTS.split(), *INSIDE.split(), *SPACED, *LINES, *CODES]


def read_11(text: bytes) -> Any:
    """What PyYAML over libyaml, a YAML 1.1 reader, makes of a text."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def read_12(text: bytes) -> Any:
    """What ruamel.yaml, here a YAML 1.2 reader, makes of a text."""
    return YAML(typ="safe", pure=True).load(StringIO(text.decode()))


@pytest.mark.parametrize("string", AWKWARD, ids=lambda text: json.dumps(text)[:30])
def test_an_awkward_string_stays_itself_for_every_reader(string: str) -> None:
    """As value, in a list, in a nested list, last in its document: three readers read the same string."""
    value = {"list": [string, [string], {"nested": string}], "value": string, "z": {"last": string}}
    text = to_yaml(value)
    assert [from_yaml(text, "f"), read_11(text), read_12(text)] == [value] * 3
    assert to_yaml(from_yaml(text, "f")) == text


@pytest.mark.parametrize(
    "string", [s for s in AWKWARD if len(s) < 900], ids=lambda text: json.dumps(text)[:30]
)
def test_an_awkward_key_stays_itself_for_every_reader(string: str) -> None:
    """At the top, nested, and as the first key of a list's item."""
    value = {string: "v", "z": {string: {string: 1}}, "zz": [{string: []}]}
    text = to_yaml(value)
    assert [from_yaml(text, "f"), read_11(text), read_12(text)] == [value] * 3


PLAIN = (
    "a web-1 app.kubernetes.io/name registry.example.com/web:1.2 --listen=:8080 -v /bin/sh 100m 128Mi 30s 50% v1 __name__ "
    'sum(rate(x{job="y"}[5m])) key=a,b=c https://example.com/?a=b#c'
)


@pytest.mark.parametrize("string", [*PLAIN.split(), "two words", "it's"])
def test_what_people_write_without_quotes_is_written_without(string: str) -> None:
    """Quotes are for what needs them, so that files read as people write them."""
    assert to_yaml({"a": string}) == f"a: {string}\n".encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(0, "0", id="zero"),
        pytest.param(-0.0, "0", id="minus zero"),
        pytest.param(1000000, "1000000", id="a million"),
        pytest.param(1e6, "1000000", id="a million as a float"),
        pytest.param(30000000.0, "30000000", id="what Go's YAML writes as 3e+07"),
        pytest.param(2.0**53, "9007199254740992", id="beyond which floats have gaps"),
        pytest.param(1e17, "100000000000000000", id="an exact 64-bit integer that came as a float"),
        pytest.param(2**63 - 1, "9223372036854775807", id="the largest 64-bit integer"),
        pytest.param(-(2**63), "-9223372036854775808", id="the smallest 64-bit integer"),
        pytest.param(2**63, "9.223372036854776e+18", id="one more, exact as a float"),
        pytest.param(1e20, "1.0e+20", id="a float that needs its dot for YAML 1.1"),
        pytest.param(-1e300, "-1.0e+300", id="a large negative one"),
        pytest.param(0.1, "0.1", id="a tenth"),
        pytest.param(1e-7, "1.0e-07", id="a small one"),
        pytest.param(5e-324, "5.0e-324", id="the smallest"),
        pytest.param(0.5999999999999999, "0.5999999999999999", id="all its digits"),
    ],
)
def test_numbers_are_written_so_that_every_reader_reads_the_same_number(value: float, text: str) -> None:
    """Integers in digits, floats with a dot and a signed exponent; and back with equal value."""
    assert number(value) == text
    document = f"a: {text}\n".encode()
    readings = [from_yaml(document, "f")["a"], read_11(document)["a"], read_12(document)["a"]]
    assert readings == [value] * 3
    assert len({type(each) for each in readings}) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(float("nan"), "is not a finite number", id="nan"),
        pytest.param(float("inf"), "is not a finite number", id="infinity"),
        pytest.param(
            2**63 + 1, "is an integer of more than 64 bits, which readers round differently", id="65 bits"
        ),
        pytest.param(
            10**400, "is an integer of more than 64 bits, which readers round differently", id="huge"
        ),
    ],
)
def test_numbers_that_readers_disagree_about_are_refused(value: float, reason: str) -> None:
    """Rather no text than one that means something else elsewhere."""
    with pytest.raises(UnwritableError) as caught:
        number(value)
    assert str(caught.value) == reason


def test_half_a_surrogate_pair_is_refused() -> None:
    """It is no character and has no UTF-8."""
    with pytest.raises(UnwritableError, match="has half of a surrogate pair"):
        quoted("a\ud83d")


def test_higher_planes_are_escaped_in_the_long_form() -> None:
    """YAML readers do not join two \\u escapes to one character."""
    assert quoted("\U000e0041\U0001fffe\x85") == '"\\U000e0041\\U0001fffe\\u0085"'


@given(
    st.text(alphabet=st.characters(max_codepoint=0x7F))
    | st.from_regex(r"[-+0-9._:exobnaif~ y#]{1,8}", fullmatch=True)
)
def test_plain_text_is_read_as_text_by_everybody(string: str) -> None:
    """Whatever `is_plain` lets through, YAML 1.1 and 1.2 readers read as that very string."""
    if is_plain(string):
        document = f"a: {string}\n".encode()
        assert read_11(document)["a"] == read_12(document)["a"] == read_plain(string) == string


@given(st.text(alphabet="ab \t\n#-:|é\x85", max_size=12))
def test_literal_blocks_are_read_as_written(string: str) -> None:
    """Whatever `is_literal` lets through comes back from a block, character by character."""
    if is_literal(string):
        document = to_yaml({"a": string, "b": [string, 1]})
        assert document.startswith(b"a: |")
        assert read_11(document) == read_12(document) == {"a": string, "b": [string, 1]}


def test_of_ascii_only_visible_characters_blanks_and_newlines_stand_as_they_are() -> None:
    """Alone, and beside a character for which the long search is needed."""
    harmless = {"\t", "\n", *map(chr, range(0x20, 0x7F))}
    for other in ("a", "é"):
        found = {chr(code) for code in range(0x80) if find_unsafe(other + chr(code)) is None}
        assert found == harmless
    assert find_unsafe("visible\nand \x1b more").start() == 12  # type: ignore[union-attr]
