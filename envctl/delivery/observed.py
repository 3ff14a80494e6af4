"""The file ``status.json`` of ``refs/envctl/status/<env>``: what an environment looks like from its cluster.

Gates decide by it, so it is read strictly: one wrong value makes the whole report unreadable,
and nothing is guessed. Only keys that this version does not know are passed over, so that a newer
writer can say more. ``docs/status-ref.md`` describes the file for other writers.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from envctl.errors import InputError, Problem
from envctl.model.observed import ComponentHealth, Health, Observed
from envctl.model.times import time_text

MOST_BYTES = 1 << 20
_MOST = 2**53  # what every reader of JSON holds exactly
_LONGEST_NAME = 253
_LAST = 253_402_300_799  # the end of 9999
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_COMMIT_ID = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_HINT = "it is written anew by the next report of the agent; docs/status-ref.md has the format"

Check = Callable[[Any], str]
"""What is wrong with a value, "" where nothing is."""


def parse_observed(data: bytes, place: str, environment: str = "") -> Observed:
    """A report, read. With `environment`, it must be about that one.

    Raises InputError that names `place` and, in one pass, every value that is wrong.
    """
    content = _document(data, place)
    problems = tuple(Problem(key, reason) for key, reason in _problems(content))
    if problems:
        raise _unreadable(place, f"the status is wrong: {problems[0]}", problems[1:])
    observed = _observed(content)
    if environment and observed.environment != environment:
        raise _unreadable(place, f"the status is about environment {observed.environment}, not {environment}")
    return observed


def observed_text(observed: Observed) -> bytes:
    """The bytes of a report: the same report always makes the same ones, and reads back as itself."""
    content: dict[str, Any] = {
        "environment": observed.environment,
        "revision": observed.revision,
        "sequence": observed.sequence,
        "health": str(observed.health),
        "since": time_text(observed.since),
        "reported": time_text(observed.reported),
        "components": {
            name: {"health": str(each.health), "since": time_text(each.since)}
            for name, each in sorted(observed.components.items())
        },
    }
    if observed.drifted is not None:
        content["drifted"] = observed.drifted
    return f"{json.dumps(content, indent=2)}\n".encode()


def _document(data: bytes, place: str) -> Mapping[str, Any]:
    if len(data) > MOST_BYTES:
        raise _unreadable(place, f"the status has {len(data)} bytes, and {MOST_BYTES} are the most")
    try:
        content = json.loads(data.decode(), object_pairs_hook=_distinct, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _unreadable(place, f"the status is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise _unreadable(place, "the status is no JSON object")
    return content


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:40]!a} stands twice in one object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number that JSON knows")


def _problems(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _checked(content, _REQUIRED)
    if content.get("drifted") is not None:
        yield from _checked(content, {"drifted": _count})
    components = content.get("components", {})
    if not isinstance(components, dict):
        yield "components", f"{_shown(components)} is no object"
        return
    for name, value in components.items():
        key = f"components.{name[:40].encode(errors='backslashreplace').decode()}"
        if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
            yield key, "this is no name of a component"
        elif not isinstance(value, dict):
            yield key, f"{_shown(value)} is no object"
        else:
            yield from ((f"{key}.{inner}", reason) for inner, reason in _checked(value, _OF_COMPONENT))
            yield from _order(value, content, f"{key}.since")
    yield from _order(content, content, "since")


def _checked(content: Mapping[str, Any], checks: Mapping[str, Check]) -> Iterator[tuple[str, str]]:
    for key, check in checks.items():
        reason = check(content[key]) if key in content else "it is missing"
        if reason:
            yield key, reason


def _order(content: Mapping[str, Any], report: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    """A state that began after the report about it was not seen."""
    times = (content.get("since"), report.get("reported"))
    if any(_time(each) for each in times):
        return
    if _seconds(str(times[0])) > _seconds(str(times[1])):
        yield key, f"{times[0]} is later than the report, which is of {times[1]}"


def _observed(content: Mapping[str, Any]) -> Observed:
    return Observed(
        environment=content["environment"],
        revision=content["revision"],
        sequence=content["sequence"],
        health=Health(content["health"]),
        since=_seconds(content["since"]),
        reported=_seconds(content["reported"]),
        components={
            name: ComponentHealth(Health(each["health"]), _seconds(each["since"]))
            for name, each in content.get("components", {}).items()
        },
        drifted=content.get("drifted"),
    )


def _name(value: Any) -> str:
    good = isinstance(value, str) and len(value) <= _LONGEST_NAME and _NAME.fullmatch(value)
    return "" if good else f"{_shown(value)} is no name of an environment"


def _commit_id(value: Any) -> str:
    good = isinstance(value, str) and _COMMIT_ID.fullmatch(value)
    return "" if good else f"{_shown(value)} is no commit id of 40 hex digits"


def _count(value: Any) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
    return "" if good else f"{_shown(value)} is no count: a whole number from 0 to 2^53"


def _health(value: Any) -> str:
    good = isinstance(value, str) and value in set(Health)
    return "" if good else f"{_shown(value)} is none of {', '.join(Health)}"


def _time(value: Any) -> str:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return f"{_shown(value)} is no time with its offset, like 2026-01-31T12:00:00Z"
    try:
        good = 0 <= _seconds(value) <= _LAST
    except ValueError as error:
        return f"{_shown(value)} is no time: {error}"
    return "" if good else f"{_shown(value)} is not from 1970 to 9999"


def _seconds(text: str) -> int:
    """Whole seconds since 1970; parts of a second are dropped. Raises ValueError."""
    return int((datetime.fromisoformat(text.upper()) - datetime.fromtimestamp(0, UTC)).total_seconds() // 1)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004


def _unreadable(place: str, summary: str, problems: tuple[Problem, ...] = ()) -> InputError:
    return InputError(summary, place=place, hint=_HINT, problems=problems)


_REQUIRED: Mapping[str, Check] = {
    "environment": _name,
    "revision": _commit_id,
    "sequence": _count,
    "health": _health,
    "since": _time,
    "reported": _time,
}
_OF_COMPONENT: Mapping[str, Check] = {"health": _health, "since": _time}
