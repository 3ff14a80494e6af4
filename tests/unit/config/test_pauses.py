"""``freeze.yaml`` and ``suspend.yaml``: read strictly, and written so that they are read the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.config.pauses import KINDS, parse_pause, pause_text
from envctl.errors import InputError
from envctl.model.gates import Pause

PATH = "environments/prod/freeze.yaml"
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(st.sampled_from(KINDS), st.integers(0, 253402300799), words, words | st.just(""))
def test_a_pause_is_read_as_it_was_written(kind: str, until: int, reason: str, by: str) -> None:
    """Whatever people give as a reason."""
    pause = Pause(kind, until, reason, by)
    assert parse_pause(pause_text(pause), f"environments/prod/{kind}.yaml") == pause


def test_the_file_is_one_that_people_can_read() -> None:
    """And edit: the time is that of the world."""
    pause = Pause("freeze", 1767355200, 'end of the "quarter"', "Ann <ann@example.com>")
    assert pause_text(pause).decode() == (
        "# Written by `envctl freeze`; removed by `envctl resume`.\n"
        'until: "2026-01-02T12:00:00Z"\n'
        'reason: "end of the \\"quarter\\""\n'
        'by: "Ann <ann@example.com>"\n'
    )


WRONG = {
    "without an end": (
        "reason: x\n",
        f"{PATH}:1: the key `until` is missing",
    ),
    "without an offset": (
        "until: 2026-01-02T12:00\nreason: x\n",
        (
            f'{PATH}:1: until: is the text "2026-01-02T12:00", which does not fit\n'
            "hint: When it lapses by itself, with an offset from UTC: 2026-01-05T08:00:00Z."
        ),
    ),
    "a day that no calendar has": (
        "until: 2026-02-31T12:00Z\nreason: x\n",
        f"{PATH}:1: until: 2026-02-31T12:00Z is no date and time of the calendar",
    ),
    "a misspelt key": (
        "until: 2026-01-02T12:00Z\nreason: x\nbye: y\n",
        f"{PATH}:3: bye: unknown key\nhint: did you mean `by`?",
    ),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_told_with_its_line(text: str, told: str) -> None:
    """Never taken for "not frozen"."""
    with pytest.raises(InputError) as error:
        parse_pause(text.encode(), PATH)
    assert str(error.value) == told
