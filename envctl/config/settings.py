"""``envctl.yaml`` → `Settings`."""

from typing import Any

from envctl.config.reading import content, read_checked
from envctl.model.settings import EvaluationSettings, Settings, SizeLimits

_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def parse_settings(data: bytes, path: str) -> Settings:
    """The settings in a file. Raises InputError with every problem."""
    value = content(read_checked(data, path, "settings"))
    return Settings(
        source_branch=value.get("sourceBranch"),
        remote=value.get("remote", Settings().remote),
        limits=_limits(value.get("limits", {})),
        evaluation=_evaluation(value.get("evaluation", {})),
    )


def _limits(value: dict[str, Any]) -> SizeLimits:
    default = SizeLimits()
    return SizeLimits(
        object_bytes=_size(value.get("objectBytes", default.object_bytes)),
        commit_bytes=_size(value.get("commitBytes", default.commit_bytes)),
        objects=int(value.get("objects", default.objects)),
    )


def _evaluation(value: dict[str, Any]) -> EvaluationSettings:
    default = EvaluationSettings()
    jobs = value.get("jobs")
    return EvaluationSettings(
        engine=value.get("engine", default.engine),
        seconds=int(value.get("seconds", default.seconds)),
        memory=_size(value.get("memory", default.memory)),
        jobs=None if jobs is None else int(jobs),
    )


def _size(value: float | str) -> int:
    """Bytes, from a number of them or a text such as ``64Mi``."""
    return int(value[:-2]) * _UNITS[value[-2:]] if isinstance(value, str) else int(value)
