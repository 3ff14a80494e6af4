"""Evaluations of jsonnet: what is asked of an engine and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envctl.errors import EnvctlError
from envctl.model.values import JsonValue


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one task: a value or an error, and the closure of files it imported.

    `closure` maps each imported path to its blob id. It is complete even where the
    evaluation failed: these files decided the outcome.
    """

    key: str
    value: JsonValue = None
    error: EnvctlError | None = None
    closure: Mapping[str, str] = field(default_factory=dict)
