"""Who commits, and when: by Git's own environment variables and configuration."""

import os
import re
from datetime import datetime, timedelta

from dulwich.config import StackedConfig

from envctl.errors import InputError
from envctl.gitstore.writing import without_crud
from envctl.model.git import Signature
from envctl.ports import Clock

_RAW_DATE = re.compile(r"@?(\d+)(?: ([+-])(\d\d)(\d\d))?")


def signatures(config: StackedConfig, clock: Clock) -> tuple[Signature, Signature]:
    """Author and committer of a commit made now. Raises InputError where nobody says who that is."""
    return _signature("author", config, clock), _signature("committer", config, clock)


def logger(config: StackedConfig, clock: Clock) -> Signature:
    """Who a reflog names: the committer, or envctl where nobody says who that is."""
    try:
        return _signature("committer", config, clock)
    except InputError:
        return Signature("envctl", "envctl@localhost", *_now(clock))


def _signature(role: str, config: StackedConfig, clock: Clock) -> Signature:
    name = _setting(role, "name", config)
    email = _setting(role, "email", config) or os.environ.get("EMAIL", "")
    if not without_crud(name) or not email:
        raise InputError(
            f"nobody says who the {role} is: there is no {'email address' if name else 'name'}",
            hint='git config --global user.name "Your Name"; git config --global user.email you@example.com',
        )
    date = os.environ.get(f"GIT_{role.upper()}_DATE", "")
    return Signature(name, email, *(parse_date(date) if date else _now(clock)))


def _setting(role: str, key: str, config: StackedConfig) -> str:
    value = os.environ.get(f"GIT_{role.upper()}_{key.upper()}", "")
    for section in (role, "user"):
        if value:
            break
        try:
            value = config.get((section.encode(),), key.encode()).decode("utf-8", "replace")
        except KeyError:
            continue
    return value


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


def _now(clock: Clock) -> tuple[int, int]:
    return _moment(clock.now().astimezone())


def _moment(when: datetime) -> tuple[int, int]:
    offset = when.utcoffset() or timedelta(0)
    return int(when.timestamp()), int(offset.total_seconds())
