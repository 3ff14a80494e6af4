"""Who gave a field of a live object its value, by ``managedFields`` (FieldsV1 of structured-merge-diff)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from envctl.model.values import JsonObject
from envctl.planning.fields import is_ours, keys_at, managed_fields, newest_manager

_STEP: Final = re.compile(r'\.(?P<name>[A-Za-z_]\w*)|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]|\[(?P<index>\d+)\]')

Step = str | int | Mapping[str, Any]
"""A field's name, the place of a list's item, or the keys of one."""


def manager_of(live: JsonObject, path: str) -> str:
    """The manager, other than envctl, that owns the field at a path as `manifests.compare` writes it.

    Of several the one that wrote last; empty where nobody else owns it.
    """
    steps = tuple(_steps(path))
    owners = [
        entry for entry in managed_fields(live) if not is_ours(entry) and _holds(entry.get("fieldsV1"), steps)
    ]
    return newest_manager(owners)


def _steps(path: str) -> Iterator[Step]:
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found:
            at = found.end()
            if found["index"]:
                yield int(found["index"])
            else:
                yield found["name"] or json.loads(found["quoted"])
            continue
        keys, rest = keys_at(path[at + 1 :])
        at = len(path) - len(rest)
        yield keys


def _holds(fields: object, steps: tuple[Step, ...]) -> bool:
    """Whether a field set holds a path, anything below it, or a list or struct around it as one value."""
    if not isinstance(fields, Mapping):
        return False
    if not steps:
        return True
    if not fields:
        return True  # owned as one value, whatever is inside
    step, rest = steps[0], steps[1:]
    return any(_holds(below, rest) for key, below in fields.items() if _fits(str(key), step))


def _fits(key: str, step: Step) -> bool:
    kind, _, text = key.partition(":")
    if isinstance(step, str):
        return kind == "f" and text == step
    if isinstance(step, int):
        return kind == "i" and text == str(step)
    return kind == "k" and bool(step) and step.items() <= _object(text).items()


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
