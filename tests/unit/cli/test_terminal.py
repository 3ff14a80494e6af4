"""Nothing that others wrote is obeyed by a terminal."""

import json

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.cli.terminal import harmless, harmless_json


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain äöü 漢字 🚀\n\tnext", "plain äöü 漢字 🚀\n\tnext", id="text"),
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="clear the screen"),
        pytest.param("\x1b]0;title\x07", "\\x1b]0;title\\x07", id="set the title"),
        pytest.param("ok\rno", "ok\\x0dno", id="write over the line"),
        pytest.param("a\x9b2Jb", "a\\x9b2Jb", id="control of the second block"),
        pytest.param("x\u202egnp.exe", "x\\u202egnp.exe", id="turned direction"),
        pytest.param("a\u2028b", "a\\u2028b", id="line separator"),
        pytest.param(click.style("red", fg="red", bold=True), "\x1b[31m\x1b[1mred\x1b[0m", id="our colours"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, expected: str) -> None:
    """Letters of all scripts, line ends and colours pass."""
    assert harmless(text) == expected


@given(st.text())
def test_harmless_text_stays_as_it_is(text: str) -> None:
    """Escaping again changes nothing."""
    assert harmless(harmless(text)) == harmless(text)


@given(st.recursive(st.text() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_harmless_json_reads_back_as_the_same_value(value: object) -> None:
    """Machines see no difference, and a terminal nothing to obey."""
    text = harmless_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert harmless(text) == text
