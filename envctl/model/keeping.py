"""What an object on the branch says of how it is to be kept, by annotations."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from envctl.errors import InputError
from envctl.model.annotations import complaint
from envctl.model.objects import metadata_of
from envctl.model.values import JsonObject

DRIFT = "envctl.dev/drift"
IGNORE_FIELDS = "envctl.dev/ignore-fields"

Pointer = tuple[str, ...]
"""A JSON pointer (RFC 6901), taken apart."""


class DriftPolicy(StrEnum):
    """What is done about drift. HEAL puts it back, WARN tells it, IGNORE does neither."""

    HEAL = "heal"
    WARN = "warn"
    IGNORE = "ignore"


def drift_policy(value: JsonObject, default: DriftPolicy) -> DriftPolicy:
    """What is to be done about drift of an object. Raises InputError for a word that is none of these."""
    said = annotations_of(value).get(DRIFT)
    if said is None:
        return default
    if said not in set(DriftPolicy):
        words = ", ".join(DriftPolicy)
        raise InputError(f"annotation {DRIFT} is {said!r}", hint=f"write one of {words}")
    return DriftPolicy(str(said))


def ignored_fields(value: JsonObject) -> tuple[Pointer, ...]:
    """The fields that are left to others once the object exists: JSON pointers, with commas between them.

    Raises InputError for what is no such list, and for fields that tell what the object is.
    """
    said = annotations_of(value).get(IGNORE_FIELDS)
    if said is None:
        return ()
    texts = [each.strip() for each in said.split(",")] if isinstance(said, str) else [""]
    return tuple(map(_pointer, texts))


def annotation_problems(value: JsonObject) -> Iterator[InputError]:
    """Everything that is wrong with these annotations of an object."""
    for read in (lambda: drift_policy(value, DriftPolicy.HEAL), lambda: ignored_fields(value)):
        try:
            read()
        except InputError as error:
            yield error
    if wrong := complaint(value):
        yield InputError(wrong[0], hint=wrong[1])


def annotations_of(value: JsonObject) -> Mapping[str, object]:
    """The annotations of an object; none where they are no mapping."""
    found = metadata_of(value).get("annotations")
    return found if isinstance(found, Mapping) else {}


def _pointer(text: str) -> Pointer:
    if not text.startswith("/") or text == "/":
        raise InputError(
            f"annotation {IGNORE_FIELDS} has {text!r}, which is no JSON pointer to a field",
            hint="write pointers like /spec/replicas, with commas between them",
        )
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    if parts[0] in ("apiVersion", "kind") or (parts[0] == "metadata" and parts[1:2] != ("annotations",)):
        raise InputError(
            f"annotation {IGNORE_FIELDS} names {text}, which tells what the object is",
            hint="fields of spec or data, and single annotations, can be left to others",
        )
    return parts
