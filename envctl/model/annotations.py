"""The annotations by which an object of the branch says how it is applied."""

import re
from collections.abc import Mapping
from typing import Any, Final

from envctl.model.objects import metadata_of
from envctl.model.values import JsonObject

WAVE: Final = "envctl.dev/wave"
"""When the object is applied: after all lower waves of its environment are healthy. By default 0."""

REPLACE: Final = "envctl.dev/replace"
"""``immutable``: delete and create it again where a field that cannot be changed differs."""

FORCE_FIELDS: Final = "envctl.dev/force-fields"
"""JSON pointers, with commas: fields that are taken from other field managers."""

_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,8}")
_SHOWN: Final = 40


def annotation(value: JsonObject, name: str) -> str | None:
    """An annotation of an object, None where it has none."""
    annotations = metadata_of(value).get("annotations")
    found: Any = annotations.get(name) if isinstance(annotations, Mapping) else None
    return None if found is None else str(found)


def wave_of(value: JsonObject) -> int:
    """The wave of an object; 0 where it says none, or none that is one (see `complaint`)."""
    text = annotation(value, WAVE)
    return int(text) if text is not None and _NUMBER.fullmatch(text) else 0


def replaces(value: JsonObject) -> bool:
    """Whether an object may be deleted and created again for the sake of an immutable field."""
    return annotation(value, REPLACE) == "immutable"


def forced_fields(value: JsonObject) -> tuple[str, ...]:
    """The JSON pointers of the fields that an object takes from other managers."""
    found = (each.strip() for each in (annotation(value, FORCE_FIELDS) or "").split(","))
    return tuple(each for each in found if each)


def complaint(value: JsonObject) -> tuple[str, str] | None:
    """What is wrong with these annotations, and what is right; None where they can be obeyed."""
    wave, replace = annotation(value, WAVE), annotation(value, REPLACE)
    if wave is not None and not _NUMBER.fullmatch(wave):
        return _odd(WAVE, wave, 'write a whole number, as in "2" or "-1"')
    if replace not in (None, "immutable"):
        return _odd(REPLACE, str(replace), "only immutable is known")
    bad = next((each for each in forced_fields(value) if not each.startswith("/")), None)
    if bad is not None or annotation(value, FORCE_FIELDS) == "":
        return _odd(FORCE_FIELDS, bad or "", "write JSON pointers with commas, as in /spec/replicas")
    return None


def _odd(name: str, text: str, hint: str) -> tuple[str, str]:
    return f"annotation {name} is {text[:_SHOWN]!r}", hint
