"""The settings of a repository: envctl.yaml."""

from envctl.config.validation import check_file
from envctl.config.yamlfile import parse_yaml
from envctl.model.settings import EvaluationSettings, LimitSettings, Settings

_MIB = 1024 * 1024


def parse_settings(data: bytes, path: str) -> Settings:
    """envctl.yaml; every key is optional. Raises InputError with every problem of the file."""
    value = check_file(parse_yaml(data, path), "settings")
    limits, evaluation = value.get("limits", {}), value.get("evaluation", {})
    defaults, quick = LimitSettings(), EvaluationSettings()
    return Settings(
        source_branch=value.get("sourceBranch"),
        remote=value.get("remote", Settings().remote),
        limits=LimitSettings(
            object_bytes=limits.get("objectBytes", defaults.object_bytes),
            commit_bytes=limits.get("commitBytes", defaults.commit_bytes),
            objects=limits.get("objects", defaults.objects),
        ),
        evaluation=EvaluationSettings(
            seconds=evaluation.get("seconds", quick.seconds),
            memory_bytes=evaluation.get("memoryMiB", quick.memory_bytes // _MIB) * _MIB,
        ),
    )
