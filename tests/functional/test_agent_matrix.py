"""The fault matrix of the agent has 74 rows: a test names each that must be shown."""

import ast
import re
from pathlib import Path

RUNS = (
    (1, 3),
    (6, 16),
    (18, 18),
    (20, 20),
    (22, 25),
    (28, 37),
    (40, 43),
    (45, 46),
    (48, 50),
    (54, 55),
    (57, 58),
)
MUST = frozenset(row for first, last in (*RUNS, (62, 68), (71, 73)) for row in range(first, last + 1))
# Whoever shows a row takes it out of here.
TO_COME = frozenset(
    {
        10,
        11,
        12,
        13,
        16,
        18,
        20,
        22,
        23,
        24,
        25,
        28,
        29,
        30,
        31,
        32,
        33,
        34,
        35,
        36,
        37,
        40,
        41,
        42,
        43,
        45,
        46,
        48,
        49,
        50,
        54,
        62,
        63,
        64,
        65,
        66,
        67,
        68,
        71,
        72,
        73,
    }
)
_NAMED = re.compile(r"Agent's fault rows? (\d+(?:(?:, | and |, and )\d+)*)")


def named(path: Path) -> set[int]:
    """The rows that the docstrings of a file's tests name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for rows in _NAMED.findall(" ".join((ast.get_docstring(node) or "").split())):
                found |= {int(row) for row in re.findall(r"\d+", rows)}
    return found


def test_each_row_that_must_be_shown_has_a_test() -> None:
    """Which tests those are, `grep -rn "Agent's fault row" tests` lists."""
    found = set().union(*map(named, Path(__file__).parents[1].rglob("test_*.py")))
    assert found <= set(range(1, 75))
    assert MUST - found <= TO_COME
