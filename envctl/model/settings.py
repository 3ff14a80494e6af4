"""The settings of a repository (envctl.yaml), with their defaults."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How large a render may be: bytes of one object, bytes of a deploy tree, number of objects."""

    object_bytes: int = 1024 * 1024
    commit_bytes: int = 32 * 1024 * 1024
    objects: int = 10_000


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How long and how large one evaluation may be: seconds of wall clock, bytes of memory."""

    seconds: int = 60
    memory_bytes: int = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """envctl.yaml. `source_branch` None means the branch that HEAD is on."""

    source_branch: str | None = None
    remote: str = "origin"
    limits: LimitSettings = field(default_factory=LimitSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
