"""How often progress is told where nobody sees it pass by."""

import pytest

from envctl.cli.printers import is_due

LINE, OTHER = "waiting: 1 of 2 objects are healthy", "waiting: 2 of 2 objects are healthy"


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        pytest.param(0, None, True, id="the first line"),
        pytest.param(9, (OTHER, 0), False, id="news, too soon"),
        pytest.param(10, (OTHER, 0), True, id="news"),
        pytest.param(59, (LINE, 0), False, id="nothing new"),
        pytest.param(60, (LINE, 0), True, id="nothing new for a minute, but it still works"),
    ],
)
def test_a_pipe_gets_news_soon_and_the_same_seldom(
    now: float, last: tuple[str, float] | None, *, expected: bool
) -> None:
    """A log of CI would hold the same reason sixty times; without any line it would look stuck."""
    assert is_due(LINE, now, last) is expected
