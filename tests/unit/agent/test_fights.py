"""When healing becomes a fight."""

from envctl.agent.fights import Fights
from envctl.model.objects import ObjectId

KEY = ObjectId("", "ConfigMap", "ns", "a")


def heals(fights: Fights, *times: float) -> list[bool]:
    return [fights.healed(KEY, "kubectl", time) for time in times]


def test_five_heals_a_minute_are_no_fight() -> None:
    """And neither are many, as long as they are not close together."""
    assert heals(Fights(), 0, 1, 2, 3, 4) == [False] * 5
    assert heals(Fights(), *range(0, 1300, 13)) == [False] * 100


def test_the_sixth_heal_within_a_minute_begins_a_truce() -> None:
    """The object is left alone for ten seconds, and the other manager is named."""
    fights = Fights()
    assert heals(fights, 0, 1, 2, 3, 4, 5) == [False] * 5 + [True]
    assert fights.waits_until(KEY, 6) == 15
    assert fights.waits_until(KEY, 15) is None
    assert fights.running(6) == {KEY: "kubectl"}


def test_truces_grow_longer_up_to_five_minutes() -> None:
    """Each fight that goes on doubles the wait."""
    fights, now, waits = Fights(), 0.0, []
    for _ in range(7):
        heals(fights, *(now + step for step in range(6)))
        now = fights.waits_until(KEY, now + 5) or now
        waits.append(now)
    lengths = [second - first - 5 for first, second in zip([0.0, *waits], waits, strict=False)]
    assert lengths == [10, 20, 40, 80, 160, 300, 300]


def test_a_fight_is_forgotten_ten_minutes_after_it_ended() -> None:
    """Then the next heal counts as the first one again."""
    fights = Fights()
    heals(fights, 0, 1, 2, 3, 4, 5)
    assert fights.running(15 + 600) == {KEY: "kubectl"}
    assert fights.running(15 + 601) == {}
    assert fights.waits_until(KEY, 616) is None


def test_objects_that_were_healed_once_do_not_pile_up() -> None:
    """Nothing is remembered of a calm object, so memory stays flat over years."""
    fights = Fights()
    for number in range(100):
        fights.healed(ObjectId("", "ConfigMap", "ns", str(number)), "x", number * 100.0)
        fights.running(number * 100.0)
    assert len(fights._records) == 1
