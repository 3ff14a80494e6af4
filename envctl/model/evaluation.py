"""Evaluations of jsonnet: what is asked of an engine and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envctl.errors import EnvctlError
from envctl.model.git import Entry, EntryKind
from envctl.model.values import JsonValue

# To be raised with every change of what a render makes of the same closure: the entry snippet, the
# search for imports, extraction, names, the text of objects, what a config must fulfil.
RENDER_VERSION = 4


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one task: a value or an error, and the closure that decided it.

    `closure` maps each path that the imports touched to its `evidence`: imported files to their
    blob ids, and places that were searched in vain to "", for a file that appears there later
    changes the outcome. It is complete even where the evaluation failed. The same code in a tree
    with the same evidence has the same outcome; limits of time and memory aside.
    """

    key: str
    value: JsonValue = None
    error: EnvctlError | None = None
    closure: Mapping[str, str] = field(default_factory=dict)


def evidence(entry: Entry | None) -> str:
    """What a closure records of a path: the blob id of a file, "" for nothing, else the kind of entry."""
    if entry is None:
        return ""
    return entry.id if entry.kind is EntryKind.FILE else entry.kind.value
