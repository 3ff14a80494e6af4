"""The fault matrix of the writer has 33 rows, and a test names each that it shows."""

import ast
import re
from pathlib import Path

ROWS = range(1, 34)
_NAMED = re.compile(r"Writer's fault rows? (\d+(?:(?:, | and |, and )\d+)*)")


def named(path: Path) -> set[int]:
    """The rows that the docstrings of a file's tests name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for rows in _NAMED.findall(" ".join((ast.get_docstring(node) or "").split())):
                found |= {int(row) for row in re.findall(r"\d+", rows)}
    return found


def test_each_row_of_the_fault_matrix_has_a_test() -> None:
    """Which tests those are, `grep -rn "Writer's fault row" tests` lists."""
    tests = Path(__file__).parents[2].rglob("test_*.py")
    found = set().union(*map(named, tests))
    assert found == set(ROWS)
