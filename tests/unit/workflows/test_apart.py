"""The memory of one run: what was put is got back, and it never grows past its bound."""

from hypothesis import given
from hypothesis import strategies as st

from envctl.workflows.rendering.apart import RunMemory

PUTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=40)), max_size=30)


@given(PUTS)
def test_a_memory_with_room_keeps_the_last_of_each(puts: list[tuple[str, bytes]]) -> None:
    """As a dictionary does."""
    memory = RunMemory()
    for key, data in puts:
        memory.put(key, data)
    assert {key: memory.get(key) for key, _ in puts} == dict(puts)
    assert memory.get("nobody put this") is None


@given(PUTS, st.integers(0, 60))
def test_a_full_memory_keeps_what_was_asked_for_last(puts: list[tuple[str, bytes]], most: int) -> None:
    """Never more bytes than its bound; and never a wrong answer."""
    memory = RunMemory(most)
    last: dict[str, bytes] = {}
    for key, data in puts:
        memory.put(key, data)
        last[key] = data
        kept = {each: found for each in last if (found := memory.get(each)) is not None}
        assert sum(map(len, kept.values())) <= most
        assert kept.items() <= last.items()


def test_what_was_asked_for_stays_longest() -> None:
    """The one that nobody asked for goes first."""
    memory = RunMemory(2)
    memory.put("a", b"1")
    memory.put("b", b"1")
    memory.get("a")
    memory.put("c", b"1")
    assert [memory.get(key) for key in "abc"] == [b"1", None, b"1"]
