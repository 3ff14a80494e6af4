"""The strict reader of deploy files: what it refuses, and where."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError, Problem
from envctl.manifests import reader
from envctl.manifests.scalars import find_unsafe
from envctl.manifests.text import from_yaml, to_yaml

QUOTE = "put it in double quotes if it is a string"
AMBIGUOUS = (
    "yes No ON off y N TRUE False Null ~ 1e3 1E3 010 0o7 0x1f 0b1 1_000 +1 1. .5 1e+20 .inf -.INF .nan "
    "2001-01-01 1:20 1.2.3 = << ./a ~a é 99999999999999999999 1.0e+999 _1"
)
REFUSED = [
    pytest.param(b"", 1, "is empty", "", id="nothing"),
    pytest.param(b"# only\n", 1, "is empty", "", id="a comment only"),
    pytest.param(b"- 1\n", 1, "is not a mapping", "", id="a list"),
    pytest.param(b"text\n", 1, "is not a mapping", "", id="a scalar"),
    pytest.param(
        b"a: 1\n---\nb: 2\n", 2, "starts a second document; a file holds one object", "", id="two documents"
    ),
    pytest.param(
        b"a: 1\n---\n", 2, "starts a second document; a file holds one object", "", id="an empty second one"
    ),
    pytest.param(b"a: 1\n\nb: *x\n", 3, "has an alias; write the value out", "", id="an alias"),
    pytest.param(
        b"a: &x 1\n",
        1,
        "has an anchor; write the value out where it is needed",
        "",
        id="an anchor on a scalar",
    ),
    pytest.param(
        b"a: &x\n- 1\n",
        1,
        "has an anchor; write the value out where it is needed",
        "",
        id="an anchor on a list",
    ),
    pytest.param(b"a: !!str 1\n", 1, "has the tag tag:yaml.org,2002:str", "leave tags out", id="a tag"),
    pytest.param(b"a: !mine {}\n", 1, "has the tag !mine", "leave tags out", id="a tag of one's own"),
    pytest.param(
        b"%YAML 1.1\n---\na: 1\n", 1, "has a YAML directive", "leave lines out that start with %", id="%YAML"
    ),
    pytest.param(b"a: 1\nb: 2\na: 3\n", 3, "has the key a twice", "", id="a key twice"),
    pytest.param(
        b'b:\n- {a: 1, "a": 2}\n', 2, "has the key a twice", "", id="a key twice, quoted differently"
    ),
    pytest.param(
        b"1: a\n", 1, "has a key that is not a string; put it in double quotes", "", id="a number as key"
    ),
    pytest.param(
        b"null: a\n", 1, "has a key that is not a string; put it in double quotes", "", id="null as key"
    ),
    pytest.param(
        b"? [a]\n: b\n", 1, "has a key that is not a string; put it in double quotes", "", id="a list as key"
    ),
    pytest.param(
        b"a:\nb: 1\n", 1, "an empty value is not read alike by all YAML readers", QUOTE, id="no value"
    ),
    pytest.param(
        b"\xef\xbb\xbfa: 1\n", 1, "holds a byte order mark, which may not stand as it is", "", id="a BOM"
    ),
    pytest.param(b"a: 1\r\n", 1, "holds a carriage return, which may not stand as it is", "", id="CRLF"),
    pytest.param(
        b"a: 'x\x1b[1m'\n", 1, "holds the character U+001B, which may not stand as it is", "", id="escape"
    ),
    pytest.param(
        b"a: 1\nb: \x00\n", 2, "holds the character U+0000, which may not stand as it is", "", id="NUL"
    ),
    pytest.param(
        "a: 'x\x85'\n".encode(), 1, "holds the character U+0085, which may not stand as it is", "", id="NEL"
    ),
    pytest.param(
        "a: 'x\u202e'\n".encode(),
        1,
        "holds the character U+202E, which may not stand as it is",
        "",
        id="direction mark",
    ),
    pytest.param(b"a: 1\nb: \xff\n", 2, "is not UTF-8", "", id="Latin-1"),
    pytest.param("a: 1\n".encode("utf-16"), 1, "is not UTF-8", "", id="UTF-16"),
    pytest.param(b"a: 1\nb:\t2\n", 2, "has a tab between values", "indent with spaces", id="a tab as space"),
    pytest.param(
        b"a: 1 \t\n", 1, "has a tab between values", "indent with spaces", id="a tab behind a value"
    ),
    pytest.param(
        b"a:\n\t- 1\n",
        2,
        "is not YAML: while scanning for the next token, found character that cannot start any token",
        "",
        id="a tab as indentation",
    ),
    pytest.param(
        b"a: b: c\n",
        1,
        "is not YAML: mapping values are not allowed in this context",
        "",
        id="two colons on a line",
    ),
    pytest.param(
        b'a: "\\ud800"\n',
        1,
        "is not YAML: while parsing a quoted scalar, found invalid Unicode character escape code",
        "",
        id="half a surrogate pair",
    ),
    pytest.param(b"[" * 100_000, 1, "is nested more than 64 levels deep", "", id="deep lists"),
    pytest.param(b"{a: " * 100_000, 1, "is nested more than 64 levels deep", "", id="deep mappings"),
    pytest.param(b"- " * 100_000, 1, "is nested more than 64 levels deep", "", id="deep blocks"),
    pytest.param(
        b"? " * 100_000,
        1,
        "has a key that is not a string; put it in double quotes",
        "",
        id="keys that are mappings, deeply",
    ),
]


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        from_yaml(data, "web/prod/x.yaml")
    return caught.value


@pytest.mark.parametrize(("data", "line", "reason", "hint"), REFUSED)
def test_what_is_refused_names_its_line_and_reason(data: bytes, line: int, reason: str, hint: str) -> None:
    """One problem, at the file and line, saying why."""
    error = refusal(data)
    assert (error.summary, error.problems) == (
        "cannot be read",
        (Problem(f"web/prod/x.yaml:{line}", reason, hint),),
    )


@pytest.mark.parametrize("scalar", AMBIGUOUS.split())
def test_ambiguous_plain_scalars_are_refused(scalar: str) -> None:
    """What readers take for different values is to be quoted."""
    problem = Problem("web/prod/x.yaml:2", f"{scalar} is not read alike by all YAML readers", QUOTE)
    assert refusal(f"a: 1\nb: {scalar}\n".encode()).problems == (problem,)


def test_all_problems_of_a_file_are_named_in_one_pass() -> None:
    """Only what ends the reading hides what comes after it; and there are at most twenty."""
    assert [str(each) for each in refusal(b"a: yes\nb: !x c\nb: 1e3\n- d\n").problems[:3]] == [
        f"web/prod/x.yaml:1: yes is not read alike by all YAML readers ({QUOTE})",
        "web/prod/x.yaml:2: has the tag !x (leave tags out)",
        "web/prod/x.yaml:3: has the key b twice",
    ]
    assert len(refusal(b"a: [" + b"yes, " * 1000 + b"]").problems) == 20


def test_a_file_over_the_limit_is_not_even_parsed() -> None:
    """The size is checked first."""
    error = refusal(b"a: 1\n" + b"#" * (8 << 20))
    assert str(error) == "web/prod/x.yaml: is 8,388,613 bytes long; the limit is 8,388,608"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b'{"a": [1, "x", null, true, 1.5]}', {"a": [1, "x", None, True, 1.5]}, id="JSON"),
        pytest.param(b"---\na: 'it''s'\n...\n", {"a": "it's"}, id="markers and single quotes"),
        pytest.param(b"a: >-\n  b\n  c\n# note\n", {"a": "b c"}, id="folded, with a comment"),
        pytest.param(b"a: b\n  c\n", {"a": "b c"}, id="plain over two lines"),
        pytest.param("é: 'ü\tx'\n".replace("é", '"é"').encode(), {"é": "ü\tx"}, id="a tab inside quotes"),
        pytest.param("a: |\n  é\tx\n  \ty\n".encode(), {"a": "é\tx\n\ty\n"}, id="tabs inside a block"),
        pytest.param(b'? a\n: "\\x41\\u00e9\\U0001F600"\n', {"a": "Aé😀"}, id="escapes"),
    ],
)
def test_other_yaml_that_means_one_thing_only_is_read(data: bytes, value: object) -> None:
    """A file edited by hand need not be canonical to be understood."""
    assert from_yaml(data, "f") == value


@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
@given(
    data=st.binary(max_size=60)
    | st.text(alphabet="aU: -[]{}&*!|>'\"\\#%\n\t?,1", max_size=40).map(str.encode)
)
def test_any_bytes_are_read_or_refused(data: bytes, loader: type) -> None:
    """Nothing but a value or an InputError leaves; what was read can be written."""
    try:
        value = reader.read(data, "f", 1 << 20, 64, loader)
    except InputError:
        return
    assert from_yaml(to_yaml(value), "f") == value


@pytest.mark.parametrize("escape", ["\\U00110000", "\\UFFFFFFFF", "\\ud800", "\\xZZ", "\\q"])
@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
def test_escapes_of_no_character_are_refused(escape: str, loader: type) -> None:
    """By both parsers, each in its words."""
    with pytest.raises(InputError, match=r"f:1: (is not YAML|has half)"):
        reader.read(f'a: "{escape}"'.encode(), "f", 1 << 20, 64, loader)


@pytest.mark.parametrize(("data", "line", "reason", "hint"), REFUSED)
def test_without_libyaml_the_same_is_refused(data: bytes, line: int, reason: str, hint: str) -> None:
    """PyYAML's parser in Python is the fallback; only its wording of syntax errors differs."""
    with pytest.raises(InputError) as caught:
        reader.read(data, "f", 1 << 20, 64, yaml.SafeLoader)
    problem = caught.value.problems[0]
    assert problem.place == f"f:{line}"
    if "is not YAML" not in reason + problem.reason:
        assert (problem.reason, problem.hint) == (reason, hint)


@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
def test_every_character_that_is_written_as_it_is_can_be_read(loader: type) -> None:
    """All characters of the basic plane that are safe, and the first of all others, in one string."""
    codes = [*range(0x20, 0x10000), *range(0x10000, 0x110000, 0x1000)]
    text = "".join(chr(code) for code in codes if find_unsafe(chr(code)) is None)
    assert reader.read(to_yaml({"a": text}), "f", 1 << 20, 64, loader) == {"a": text}
