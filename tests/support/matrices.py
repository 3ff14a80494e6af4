"""Rows of a fault matrix, as the docstrings of tests name them: "Writer's fault rows 3, 4 and 9: ..."."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def named_rows(whose: str, tests: Path = TESTS) -> set[int]:
    """The rows of one matrix that the docstrings of all tests name. `whose` is its name: ``Writer``."""
    named = re.compile(rf"{whose}'s fault rows? (\d+(?:(?:, and | and |, )\d+)*)")
    found = set()
    for path in tests.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for rows in named.findall(" ".join((ast.get_docstring(node) or "").split())):
                    found |= {int(row) for row in re.findall(r"\d+", rows)}
    return found
