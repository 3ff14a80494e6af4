"""The fault matrix of the writer has 33 rows, and a test names each that it shows."""

from tests.support.matrices import named_rows

ROWS = range(1, 34)


def test_each_row_of_the_fault_matrix_has_a_test() -> None:
    """Which tests those are, `grep -rn "Writer's fault row" tests` lists."""
    assert named_rows("Writer") == set(ROWS)
