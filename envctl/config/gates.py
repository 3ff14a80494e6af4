"""The key `gates` of ``environment.yaml``, and how gates of several files become one."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from envctl.config.keypath import key_text
from envctl.config.yamlfile import Document
from envctl.errors import Problem
from envctl.model.environment import KeyPath
from envctl.model.gates import Gates, GatesFile, Window
from envctl.model.recurrence import recurrence_problems
from envctl.model.times import parse_duration

_KEYS = ("health", "soak", "approvals", "windows")


def gate_problems(document: Document, value: Mapping[str, Any]) -> Iterator[Problem]:
    """What a schema cannot tell of gates that fit it: rules, times, and time zones that are none."""
    for index, window in enumerate(value.get("windows", ())):
        where: KeyPath = ("gates", "windows", index)
        if not parse_duration(window["duration"]):
            at = (*where, "duration")
            yield _problem(document, at, "a window of no length is never open", "write a duration such as 2h")
        for each in recurrence_problems(window["rule"], window["start"], window["timezone"]):
            yield _problem(document, (*where, each.key), each.reason, each.hint)


def _problem(document: Document, where: KeyPath, reason: str, hint: str) -> Problem:
    return Problem(document.place(where), f"{key_text(where)}: {reason}", hint)


def parse_gates(document: Document, value: Mapping[str, Any]) -> GatesFile:
    """The gates that one file speaks of; they fit the schema and have no `gate_problems`."""
    windows = value.get("windows")
    approvals = value.get("approvals")
    return GatesFile(
        health=value.get("health"),
        soak=parse_duration(value["soak"]) if "soak" in value else None,
        approvals=None if approvals is None else int(approvals),
        windows=None
        if windows is None
        else tuple(_window(document, index, each) for index, each in enumerate(windows)),
        places={key: document.place(("gates", key)) for key in _KEYS if key in value},
    )


def _window(document: Document, index: int, value: Mapping[str, str]) -> Window:
    return Window(
        rule=value["rule"],
        start=value["start"],
        duration=parse_duration(value["duration"]) or 0,
        timezone=value["timezone"],
        reason=value.get("reason", ""),
        place=document.place(("gates", "windows", index)),
    )


def merged_gates(files: Iterable[GatesFile]) -> Gates:
    """The gates of an environment; `files` are those of its chain, parents first. The last word counts."""
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for file in files:
        said = {key: value for key in _KEYS if (value := getattr(file, key)) is not None}
        values |= said
        places |= {key: place for key, place in file.places.items() if key in said}
    return Gates(**values, places=places)
