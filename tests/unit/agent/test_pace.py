"""How often something may be said, whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.pace import Pace

times = st.lists(st.floats(0, 10, allow_nan=False), max_size=200)


def test_a_burst_goes_at_once_and_then_one_in_a_while() -> None:
    """Three at once, then one in five seconds."""
    pace = Pace(3, 5)
    assert [pace.take(100) for _ in range(4)] == [True, True, True, False]
    assert [pace.next_at(100), pace.take(104.9), pace.take(105), pace.take(105)] == [105, False, True, False]


def test_who_was_quiet_has_the_whole_burst_again() -> None:
    """And never more than it."""
    pace = Pace(3, 5)
    assert [pace.take(now) for now in (0, 1000, 1000, 1000, 1000)] == [True, True, True, True, False]


@given(times)
def test_however_often_it_is_asked_no_more_go_than_burst_and_time(gaps: list[float]) -> None:
    """The bound that everybody may count on; and who waits until it is due may go."""
    pace, now, gone = Pace(4, 2), 0.0, 0
    for gap in gaps:
        now += gap
        due = pace.next_at(now) <= now
        assert pace.take(now) is due
        gone += due
    assert gone <= 4 + sum(gaps) / 2 + 1
    assert pace.take(pace.next_at(now))
