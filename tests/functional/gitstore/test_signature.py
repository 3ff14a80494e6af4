"""Who commits, and when."""

from pathlib import Path

import pytest
from dulwich.config import ConfigFile, StackedConfig

from envctl.errors import InputError
from envctl.gitstore.signature import Signatures, parse_date
from tests.support.repositories import CLEAN, WHEN, Box, FixedClock


def signatures(config: dict[tuple[str, str], str], environment: dict[str, str]) -> Signatures:
    file = ConfigFile()
    for (section, name), value in config.items():
        file.set((section.encode(),), name.encode(), value.encode())
    return Signatures(StackedConfig([file]), environment, FixedClock())


USER = {("user", "name"): "Config", ("user", "email"): "config@example.com"}
PEOPLE = [
    pytest.param(USER, {}, "Config <config@example.com>", "Config <config@example.com>", id="configuration"),
    pytest.param(USER, {"GIT_AUTHOR_NAME": "Env"}, "Env <config@example.com>", "Config <config@example.com>", id="author's name in the environment"),
    pytest.param(USER, {"GIT_COMMITTER_EMAIL": "e@x"}, "Config <config@example.com>", "Config <e@x>", id="committer's address in the environment"),
    pytest.param({**USER, ("author", "name"): "Other"}, {}, "Other <config@example.com>", "Config <config@example.com>", id="author.name"),
    pytest.param({("user", "name"): "Jürgen"}, {"EMAIL": "j@x"}, "Jürgen <j@x>", "Jürgen <j@x>", id="EMAIL"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "environment", "author", "committer"), PEOPLE)
def test_people_come_from_where_git_takes_them(
    config: dict[tuple[str, str], str], environment: dict[str, str], author: str, committer: str
) -> None:
    """Environment before configuration, the role's own setting before the user's."""
    found = signatures(config, environment)
    assert (str(found.author()), str(found.committer())) == (author, committer)


NOBODY = [
    pytest.param({}, "name", id="nothing"),
    pytest.param({("user", "email"): "a@x"}, "name", id="no name"),
    pytest.param({("user", "name"): "A"}, "email address", id="no address"),
    pytest.param({("user", "name"): "<>", ("user", "email"): "a@x"}, "name", id="only brackets"),
]


@pytest.mark.parametrize(("config", "missing"), NOBODY)
def test_a_missing_identity_says_how_to_set_it(config: dict[tuple[str, str], str], missing: str) -> None:
    """Never a guess from the login name; the reflog alone names envctl then."""
    with pytest.raises(InputError) as caught:
        signatures(config, {}).author()
    assert str(caught.value) == (
        f"Git does not know the {missing} of the author\n"
        'hint: git config user.name "Your Name"; git config user.email you@example.com'
    )
    assert str(signatures(config, {}).logger()) == "envctl <envctl@localhost>"


def test_the_time_is_the_clocks_in_the_local_zone() -> None:
    """Seconds of the injected clock, zone of this machine."""
    found = signatures(USER, {}).author()
    offset = WHEN.astimezone().utcoffset()
    assert offset is not None
    assert (found.time, found.zone) == (int(WHEN.timestamp()), int(offset.total_seconds()))


DATES = ["1700000000 +0100", "@1700000000 -0330", "2026-01-31T12:00:00+01:00", "2026-01-31T12:00:00Z",
         "2026-01-31 12:00:00+05:45", "2026-01-31T12:00:00"]  # fmt: skip


@pytest.mark.parametrize("date", DATES)
def test_dates_are_read_as_git_reads_them(box: Box, date: str) -> None:
    """Git's internal form and ISO 8601, with the zone kept."""
    hand = Box(box.path, {**CLEAN, "GIT_AUTHOR_DATE": date})
    hand.git("commit", "-q", "--allow-empty", "-m", "x")
    time, zone = hand.git("log", "-1", "--format=%ad", "--date=raw").split()
    sign = -1 if zone.startswith("-") else 1
    assert parse_date(date) == (int(time), sign * (int(zone[1:3]) * 3600 + int(zone[3:]) * 60))


def test_a_date_that_cannot_be_read_is_refused() -> None:
    """No commit with a guessed date."""
    with pytest.raises(InputError) as caught:
        signatures(USER, {"GIT_AUTHOR_DATE": "yesterday"}).author()
    assert str(caught.value) == (
        "the date 'yesterday' in the environment cannot be read\n"
        "hint: write it like 2026-01-31T12:00:00+01:00 or 1769857200 +0100"
    )


def test_a_repository_signs_with_its_configuration(box: Box, tmp_path: Path) -> None:
    """The repository's own configuration file counts."""
    del tmp_path
    author, committer = box.open().signature()
    assert (author.name, committer.email) == ("Ann", "ann@example.com")
