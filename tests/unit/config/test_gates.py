"""Gates in ``environment.yaml``: what is read, what is told of a wrong one, what is handed on."""

import pytest

from envctl.config.environment import parse_environment, resolve_environment
from envctl.errors import InputError, Problem
from envctl.model.environment import EnvironmentFile
from envctl.model.gates import Gates, Window

PATH = "environments/prod/environment.yaml"
WEEKEND = Window(
    "FREQ=WEEKLY;BYDAY=FR", "2026-01-02T16:00", 62 * 3600, "Europe/Zurich", "weekend", f"{PATH}:7"
)
TEXT = """\
components: []
gates:
  health: true
  soak: 30m
  approvals: 1
  windows:
  - rule: FREQ=WEEKLY;BYDAY=FR
    start: 2026-01-02T16:00
    duration: 62h
    timezone: Europe/Zurich
    reason: weekend
"""


def read(name: str, text: str) -> EnvironmentFile:
    return parse_environment(text.encode(), f"environments/{name}/environment.yaml")


def gates(**texts: str) -> Gates:
    """The gates of the environment ``prod`` among these files."""
    return resolve_environment("prod", {name: read(name, text) for name, text in texts.items()}).gates


def test_all_keys_are_read_with_their_lines() -> None:
    """Durations become seconds; messages can name where a gate stands."""
    found = gates(prod=TEXT)
    assert found == Gates(health=True, soak=1800, approvals=1, windows=(WEEKEND,))
    assert found.places == {
        "health": f"{PATH}:3",
        "soak": f"{PATH}:4",
        "approvals": f"{PATH}:5",
        "windows": f"{PATH}:6",
    }
    assert found.windows[0].place == f"{PATH}:7"


def test_without_the_key_there_are_no_gates() -> None:
    """Beside those that every promotion has."""
    assert gates(prod="components: []") == Gates()


BASE = "abstract: true\n" + TEXT
HANDED_ON = {
    "an environment has the gates of an abstract one that it extends": (
        "extends: base",
        Gates(health=True, soak=1800, approvals=1, windows=(WEEKEND,)),
    ),
    "a key of its own wins": (
        "extends: base\ngates: {soak: 2h, health: false}",
        Gates(health=False, soak=7200, approvals=1, windows=(WEEKEND,)),
    ),
    "nothing is a value too": (
        "extends: base\ngates: {soak: 0m, approvals: 0}",
        Gates(health=True, windows=(WEEKEND,)),
    ),
    "windows are replaced as a whole": (
        "extends: base\ngates: {windows: [{rule: FREQ=DAILY, start: 2026-01-01T00:00, duration: 1h, timezone: UTC}]}",
        Gates(
            health=True,
            soak=1800,
            approvals=1,
            windows=(Window("FREQ=DAILY", "2026-01-01T00:00", 3600, "UTC"),),
        ),
    ),
    "an empty list takes them back": (
        "extends: base\ngates: {windows: []}",
        Gates(health=True, soak=1800, approvals=1),
    ),
}


@pytest.mark.parametrize(("text", "expected"), HANDED_ON.values(), ids=HANDED_ON)
def test_gates_are_handed_on_key_by_key(text: str, expected: Gates) -> None:
    """The last file that says something of a key decides it."""
    assert gates(base=BASE, prod=text) == expected


def test_the_place_is_where_the_last_word_stands() -> None:
    """Of each key by itself."""
    found = gates(base=BASE, prod="extends: base\ngates: {soak: 2h}")
    assert found.places["soak"] == f"{PATH}:2"
    assert found.places["health"] == "environments/base/environment.yaml:4"


def test_everything_wrong_is_told_in_one_pass() -> None:
    """With file, line, key and what to write instead."""
    with pytest.raises(InputError) as error:
        read(
            "prod",
            """\
gates:
  windows:
  - {rule: FREQ=HOURLY, start: 2026-02-31T16:00, duration: 0h, timezone: Europe/Zuerich}
  - rule: FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30
    start: 2026-01-01T00:00
    duration: 1h
    timezone: UTC
components: [web, web]
""",
        )
    window = f"{PATH}:3"
    assert error.value.problems == (
        Problem(
            f"{PATH}:8",
            "components[1]: web is listed twice, first in line 8",
            "keep one entry, with the config of both",
        ),
        Problem(
            window,
            "gates.windows[0].duration: a window of no length is never open",
            "write a duration such as 2h",
        ),
        Problem(
            window,
            "gates.windows[0].rule: FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY, is HOURLY",
            "for several times a day, write FREQ=DAILY;BYHOUR=8,12,16",
        ),
        Problem(window, "gates.windows[0].start: 2026-02-31T16:00 is no date and time of the calendar"),
        Problem(
            window,
            "gates.windows[0].timezone: there is no time zone Europe/Zuerich",
            "did you mean `Europe/Zurich`?",
        ),
        Problem(
            f"{PATH}:4",
            "gates.windows[1].rule: the rule never has a start",
            "correct it, or remove the window",
        ),
    )


def test_a_misspelt_key_is_named() -> None:
    """As everywhere in the file."""
    with pytest.raises(InputError) as error:
        read("prod", "gates:\n  helth: true\n")
    assert str(error.value) == f"{PATH}:2: gates.helth: unknown key\nhint: did you mean `health`?"
