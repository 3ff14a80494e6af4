"""Settings of a configuration repository: ``envctl.yaml``. Every key is optional."""

from dataclasses import dataclass, field

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """What a deploy tree may hold."""

    object_bytes: int = _MIB
    """Bytes of one object's text. etcd takes 1.5 MiB with everything that the server adds; 8 MiB at most."""

    commit_bytes: int = 32 * _MIB
    """Bytes of all objects of one environment."""

    objects: int = 10_000
    """Objects of one environment."""


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What the evaluation of one component may use."""

    engine: str = "gojsonnet"
    """The jsonnet engine: gojsonnet, jsonnet or rjsonnet."""

    seconds: int = 60
    """Seconds on the clock, after which the evaluation is ended."""

    memory: int = 2048 * _MIB
    """Bytes of the engine, beyond what it reserves at its start."""

    jobs: int | None = None
    """Evaluations at once. None: as many as there are processors."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one repository."""

    source_branch: str | None = None
    """The branch that promotions are committed to. None: the one that is checked out."""

    remote: str = "origin"
    """The remote that is fetched from and pushed to."""

    limits: SizeLimits = field(default_factory=SizeLimits)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
