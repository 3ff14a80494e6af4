"""Whose an object is: the ApplySet label (KEP-3659) that tells our objects from all others.

The parent of the set is the environment's `Environment` object. The label is put on at apply
time, so the deploy branch stays free of it and moves between clusters as it is.
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from envctl.model.keeping import annotations_of
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject
from envctl.planning.fields import other_managers

GROUP = "envctl.dev"
VERSION = "v1alpha1"
KIND = "Environment"
PART_OF = "applyset.kubernetes.io/part-of"
SET_ID = "applyset.kubernetes.io/id"
TOOLING = "applyset.kubernetes.io/tooling"
GROUP_KINDS = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES = "applyset.kubernetes.io/additional-namespaces"
MEMBERS = (TOOLING, GROUP_KINDS, NAMESPACES)
"""The annotations of the parent (KEP-3659) that say where its members are."""
PARENT_TYPE = "applyset.kubernetes.io/is-parent-type"
ADOPT_ANNOTATION = "envctl.dev/adopt"
_MOST_BYTES = 100 << 10


def applyset_id(environment: str, namespace: str) -> str:
    """The id of the set whose parent is this `Environment` object: KEP-3659's hash of its identity."""
    text = f"{environment}.{namespace}.{KIND}.{GROUP}"
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"applyset-{digest}-v1"


def labelled(value: JsonObject, set_id: str) -> JsonObject:
    """An object with the label that makes it a member of the set.

    Annotations that are none are left out: who applies an empty mapping owns it as one value, so that each
    annotation that a controller adds would look like drift.
    """
    found = _mapping(value.get("metadata"))
    metadata = {key: each for key, each in found.items() if key != "annotations" or each}
    labels = {**_mapping(metadata.get("labels")), PART_OF: set_id}
    return {**value, "metadata": {**metadata, "labels": labels}}


def owner(live: JsonObject) -> str:
    """The id of the set that a live object belongs to; empty where it carries no such label."""
    return str(_mapping(_mapping(live.get("metadata")).get("labels")).get(PART_OF) or "")


def may_adopt(desired: JsonObject) -> bool:
    """Whether an object of the branch says that it may take over one that exists and was never ours."""
    return annotations_of(desired).get(ADOPT_ANNOTATION) == "true"


def nameless(set_id: str) -> str:  # noqa: ARG001  (what is asked where no cluster is)
    """The environment that a set of objects belongs to, where that is not known."""
    return ""


def takeover_refusal(
    desired: JsonObject,
    live: JsonObject,
    set_id: str,
    former: Collection[str] = (),
    *,
    known: bool,
    name_of: Callable[[str], str] = nameless,
) -> tuple[str, str] | None:
    """Why an object that exists is not taken over, and the way past; None where it is ours or may be.

    `known` says that the inventory holds it as applied: then a missing label is drift. `former` are the
    ids of the environments that this one was before: what carries their label is ours too. `name_of`
    tells the environment of an id.
    """
    holder = owner(live)
    if holder == set_id or (holder and holder in former):
        return None
    if holder:
        return _others(holder, name_of(holder))
    if known or may_adopt(desired):
        return None
    managers = ", ".join(other_managers(live))
    return (
        f"it exists already and was never ours{f': its fields were set by {managers}' if managers else ''}",
        f"to adopt it, give the object the annotation {ADOPT_ANNOTATION}: 'true'",
    )


def _others(holder: str, name: str) -> tuple[str, str]:
    """Why an object of another set is not taken over, and the way past."""
    place, _, own = name.rpartition("/")
    apart = "take it out of one of them"
    if place:
        return f"it belongs to the environment {own} in the namespace {place}", apart
    if name:
        return (
            f"it belongs to the environment {name}",
            f"{apart}; where this is {name} renamed, say --take-over {name}",
        )
    command = f"kubectl get environments.{GROUP} -A -l {SET_ID}={holder}"
    return (
        f"it belongs to another environment or tool ({PART_OF}: {holder})",
        f"`{command}` shows which: {apart}, or, where this is that one renamed, say --take-over OLD",
    )


def parent_annotations(keys: Iterable[ObjectId], namespace: str, tooling: str) -> Mapping[str, str]:
    """The annotations of the parent: which kinds and namespaces the set has members in.

    Each says no more than fits: all annotations of an object take at most 256 KiB, and one that cannot be
    written has no status. They are only for finding members again, and what is not found is not pruned.
    """
    found = set(keys)
    kinds = {f"{key.kind}.{key.group}" if key.group else key.kind for key in found}
    namespaces = {key.namespace for key in found} - {"", namespace}
    return {
        TOOLING: tooling,
        GROUP_KINDS: _fitting(kinds),
        NAMESPACES: _fitting(namespaces),
    }


def _fitting(names: Iterable[str]) -> str:
    """A list with commas, of as many names as fit."""
    found, size = [], 0
    for name in sorted(names):
        size += len(name.encode()) + 1
        if size > _MOST_BYTES:
            break
        found.append(name)
    return ",".join(found)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
