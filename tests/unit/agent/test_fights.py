"""When healing becomes a fight, and when the agent stops healing for a while."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.fights import AFTER_TRUCE, BUDGET, Fight, Fights
from envctl.model.objects import ObjectId

KEY = ObjectId("", "ConfigMap", "ns", "a")


def heals(fights: Fights, *times: float) -> list[Fight]:
    return [fights.healed(KEY, "kubectl", time) for time in times]


def storm(fights: Fights, start: float) -> float:
    """Heals ten a second until a truce begins; when that was."""
    now = start
    while fights.healed(KEY, "loop", now) is not Fight.TRUCE:
        now += 0.1
    return now


def test_five_heals_a_minute_are_no_fight() -> None:
    """And neither are many, as long as they are not close together."""
    assert heals(Fights(), 0, 1, 2, 3, 4) == [Fight.NONE] * 5
    assert heals(Fights(), *range(0, 1300, 13)) == [Fight.NONE] * 100


def test_the_sixth_heal_within_a_minute_is_told_once() -> None:
    """The other manager is named; healing goes on at once."""
    fights = Fights()
    assert heals(fights, 0, 1, 2, 3, 4, 5, 6) == [Fight.NONE] * 5 + [Fight.BEGUN, Fight.NONE]
    assert fights.waits_until(KEY, 6) is None
    assert fights.running(6) == {KEY: "kubectl"}


def test_two_hundred_edits_in_a_row_are_all_healed_at_once() -> None:
    """Five a second, as a script makes them: nobody has to wait."""
    found = heals(Fights(), *(step / 5 for step in range(200)))
    assert Fight.TRUCE not in found


def test_a_loop_of_machines_is_left_alone_for_longer_each_time_up_to_five_minutes() -> None:
    """The first storm has the whole budget; after a truce a handful of heals is enough to see that it goes on."""
    fights, now, waits = Fights(), 0.0, []
    for _ in range(7):
        begun = storm(fights, now)
        now = fights.waits_until(KEY, begun) or begun
        waits.append(round(now - begun))
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_a_fight_is_forgotten_ten_minutes_after_it_ended() -> None:
    """Then the budget is whole again."""
    fights = Fights()
    end = fights.waits_until(KEY, storm(fights, 0)) or 0
    assert fights.running(end + 600) == {KEY: "loop"}
    assert fights.running(end + 601) == {}
    assert Fight.TRUCE not in heals(fights, *(end + 700 + step / 10 for step in range(int(BUDGET) - 10)))


@pytest.mark.parametrize("pause", [0.01, 0.05, 0.5, 0.9, 1, 1.1, 2, 4, 6, 8, 12])
def test_a_machine_that_never_stops_costs_a_bounded_number_of_heals_an_hour(pause: float) -> None:
    """Whatever its pace: a first budget, then a handful for each truce."""
    fights, now, count = Fights(), 0.0, 0
    while now < 3600:
        fights.healed(KEY, "loop", now)
        count += 1
        now = fights.waits_until(KEY, now) or now + pause
    assert count < 2 * BUDGET + 20 * 3 * AFTER_TRUCE


def test_a_fight_may_last_for_weeks() -> None:
    """Truces stay at five minutes, however many there were."""
    fights, now = Fights(), 0.0
    while now < 14 * 86_400:
        fights.healed(KEY, "loop", now)
        now = fights.waits_until(KEY, now) or now + 0.1
    begun = storm(fights, now)
    assert fights.waits_until(KEY, begun) == begun + 300


@given(st.lists(st.floats(0.001, 500), min_size=1, max_size=300))
def test_a_truce_is_never_without_end(pauses: list[float]) -> None:
    """However heals are spread, the object is healed again within five minutes."""
    fights, now = Fights(), 0.0
    for pause in pauses:
        now += pause
        fights.healed(KEY, "x", now)
        until = fights.waits_until(KEY, now)
        assert until is None or now < until <= now + 300


def test_objects_that_were_healed_once_do_not_pile_up() -> None:
    """Nothing is remembered of a calm object, so memory stays flat over years."""
    fights = Fights()
    for number in range(100):
        fights.healed(ObjectId("", "ConfigMap", "ns", str(number)), "x", number * 100.0)
        fights.running(number * 100.0)
    assert len(fights._records) == 1
