"""CSV for auditors: RFC 4180, and nothing in it that a spreadsheet would run."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from envctl.cli.terminal import harmless

# Spreadsheets take a cell that starts so for a formula (OWASP, "CSV Injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV: a header, CRLF behind each line, quotes where they are needed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return out.getvalue()


def neutral(cell: str) -> str:
    """A cell that spreadsheets show as it is: with an apostrophe in front where it would be a formula.

    What a terminal would obey is escaped, too.
    """
    marked = f"'{cell}" if cell.startswith(_FORMULA) else cell
    return harmless(marked).replace("\x1b", "\\x1b")
