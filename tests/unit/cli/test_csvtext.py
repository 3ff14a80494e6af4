"""CSV for auditors: read back as it was, and never a formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.cli.csvtext import csv_text, neutral

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp")))


@pytest.mark.parametrize(
    ("cell", "shown"),
    {
        "formula": ("=1+1", "'=1+1"),
        "plus": ("+1", "'+1"),
        "minus": ("-1", "'-1"),
        "at": ("@SUM(A1)", "'@SUM(A1)"),
        "tab": ("\t=1", "'\t=1"),
        "carriage return": ("\r=1", "'\\x0d=1"),
        "line feed": ("\n=1", "'\n=1"),
        "escape": ("\x1b[31mred", "\\x1b[31mred"),
        "plain": ("a=b", "a=b"),
        "empty": ("", ""),
    }.values(),
    ids=repr,
)
def test_a_cell_is_never_a_formula(cell: str, shown: str) -> None:
    """What spreadsheets would run is told as text."""
    assert neutral(cell) == shown


def test_a_table_is_written_as_rfc_4180_says() -> None:
    """CRLF, and quotes where they are needed, doubled inside."""
    text = csv_text(("a", "b"), [('say "hi", please', "two\nlines"), ("=1", "")])
    assert text == 'a,b\r\n"say ""hi"", please","two\nlines"\r\n\'=1,\r\n'


@given(st.lists(st.tuples(CELLS, CELLS)))
def test_what_is_written_is_read_back(rows: list[tuple[str, str]]) -> None:
    """By Python's own reader; only the apostrophes are more."""
    text = csv_text(("a", "b"), rows)
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["a", "b"], *([neutral(cell) for cell in row] for row in rows)]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in read[1:] for cell in row)
