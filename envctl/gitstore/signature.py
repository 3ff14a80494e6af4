"""Who commits, and when: by Git's own environment variables and configuration."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from dulwich.config import StackedConfig

from envctl.errors import InputError
from envctl.gitstore.writing import without_crud
from envctl.model.git import Signature
from envctl.ports import Clock

_RAW_DATE = re.compile(r"@?(\d+)(?: ([+-])(\d\d)(\d\d))?")


class Signatures:
    """Whose name commits and reflogs bear. `environment` is the process's, `clock` tells the time."""

    def __init__(self, config: StackedConfig, environment: Mapping[str, str], clock: Clock) -> None:
        self._config = config
        self._environment = environment
        self._clock = clock

    def author(self) -> Signature:
        """The author of a commit made now. Raises InputError where nobody says who that is."""
        return self._signature("author")

    def committer(self) -> Signature:
        """The committer of a commit made now. Raises InputError where nobody says who that is."""
        return self._signature("committer")

    def who(self) -> str:
        """The committer without a date, "" where nobody says who that is: whose key gpg looks for."""
        try:
            return str(self.committer())
        except InputError:
            return ""

    def logger(self) -> Signature:
        """Who a reflog names: the committer, or envctl where nobody says who that is."""
        try:
            return self.committer()
        except InputError:
            return Signature("envctl", "envctl@localhost", *self._now())

    def _signature(self, role: str) -> Signature:
        name = self._setting(role, "name")
        email = self._setting(role, "email") or self._environment.get("EMAIL", "")
        missing = "" if without_crud(name) else "name"
        if missing or not email:
            raise InputError(
                f"Git does not know the {missing or 'email address'} of the {role}",
                hint='git config user.name "Your Name"; git config user.email you@example.com',
            )
        date = self._environment.get(f"GIT_{role.upper()}_DATE", "")
        return Signature(name, email, *(parse_date(date) if date else self._now()))

    def _setting(self, role: str, key: str) -> str:
        value = self._environment.get(f"GIT_{role.upper()}_{key.upper()}", "")
        for section in (role, "user"):
            if value:
                break
            try:
                value = self._config.get((section.encode(),), key.encode()).decode("utf-8", "replace")
            except KeyError:
                continue
        return value

    def _now(self) -> tuple[int, int]:
        return _moment(self._clock.now().astimezone())


def parse_date(text: str) -> tuple[int, int]:
    """Seconds since 1970 and the zone of a date as Git's variables hold it. Raises InputError.

    Git's internal form (``1700000000 +0100``, ``@`` before it or not) and ISO 8601 are read.
    """
    raw = _RAW_DATE.fullmatch(text.strip())
    if raw:
        zone = int(raw[3] or 0) * 3600 + int(raw[4] or 0) * 60
        return int(raw[1]), -zone if raw[2] == "-" else zone
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(
            f"the date {text!r} in the environment cannot be read",
            hint="write it like 2026-01-31T12:00:00+01:00 or 1769857200 +0100",
        ) from error
    return _moment(when if when.tzinfo else when.astimezone())


def _moment(when: datetime) -> tuple[int, int]:
    offset = when.utcoffset() or timedelta(0)
    return int(when.timestamp()), int(offset.total_seconds())
