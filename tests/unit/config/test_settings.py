"""Settings of a repository."""

import pytest

from envctl.config.settings import parse_settings
from envctl.errors import InputError
from envctl.model.settings import EvaluationSettings, Settings, SizeLimits

FULL = b"""\
sourceBranch: trunk
remote: upstream
limits: {objectBytes: 512Ki, commitBytes: 64Mi, objects: 20000}
evaluation: {seconds: 30, memory: 1Gi, jobs: 4}
"""


def test_every_key_has_its_place() -> None:
    """Sizes become bytes."""
    assert parse_settings(FULL, "envctl.yaml") == Settings(
        source_branch="trunk",
        remote="upstream",
        limits=SizeLimits(object_bytes=512 * 1024, commit_bytes=64 * 1024**2, objects=20_000),
        evaluation=EvaluationSettings(seconds=30, memory=1024**3, jobs=4),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"# nothing\n", id="comment"),
        pytest.param(b"{}", id="empty object"),
        pytest.param(b"limits: {}\nevaluation: {}\n", id="empty groups"),
    ],
)
def test_every_key_is_optional(text: bytes) -> None:
    """An empty file means the defaults."""
    assert parse_settings(text, "envctl.yaml") == Settings()


def test_sizes_may_be_plain_numbers() -> None:
    """Then they are bytes."""
    assert parse_settings(b"limits: {objectBytes: 1000}", "envctl.yaml").limits.object_bytes == 1000


def test_every_problem_of_the_settings_is_told() -> None:
    """Each with its line."""
    with pytest.raises(InputError) as caught:
        parse_settings(
            b"sourcebranch: x\nlimits:\n  objects: 0\n  objectBytes: 1MB\nevaluation: {jobs: two}\n",
            "envctl.yaml",
        )
    assert str(caught.value) == (
        "4 problems found in envctl.yaml\n"
        "  envctl.yaml:1: sourcebranch: unknown key (did you mean `sourceBranch`?)\n"
        "  envctl.yaml:3: limits.objects: must be at least 1, is 0\n"
        '  envctl.yaml:4: limits.objectBytes: must match the pattern ^[1-9][0-9]*(Ki|Mi|Gi)$, is the text "1MB"'
        " (A number of bytes, or a text like 512Ki, 64Mi or 2Gi.)\n"
        '  envctl.yaml:5: evaluation.jobs: must be a whole number, is the text "two"'
    )
