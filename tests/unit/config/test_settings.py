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
        '  envctl.yaml:4: limits.objectBytes: is the text "1MB", which does not fit'
        " (Bytes as a text like 512Ki, 64Mi or 2Gi.)\n"
        '  envctl.yaml:5: evaluation.jobs: must be a whole number, is the text "two"'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "memory: 1e99", "memory: must be at most 1099511627776, is 1e+99", id="no machine has it"
        ),
        pytest.param("memory: 0", "memory: must be at least 16777216, is 0", id="no memory"),
        *(
            pytest.param(
                f"memory: {text}",
                f'memory: is the text "{text}", which does not fit\n'
                "hint: At least 16Mi of memory, as a text like 512Mi or 2Gi.",
                id=f"less memory than any engine needs, {text}",
            )
            for text in ("1Ki", "16383Ki", "9999Ki", "1Mi", "15Mi")
        ),
        pytest.param("memory: -1", "memory: must be at least 16777216, is -1", id="less than no memory"),
        pytest.param("jobs: 257", "jobs: must be at most 256, is 257", id="too many jobs"),
        pytest.param("jobs: 0", "jobs: must be at least 1, is 0", id="no job"),
        pytest.param("seconds: 86401", "seconds: must be at most 86400, is 86401", id="more than a day"),
        pytest.param("seconds: 1.5", "seconds: must be a whole number, is 1.5", id="a second and a half"),
    ],
)
def test_limits_that_nobody_can_mean_are_refused(text: str, expected: str) -> None:
    """Before anything is started with them."""
    with pytest.raises(InputError) as caught:
        parse_settings(f"evaluation:\n  {text}\n".encode(), "envctl.yaml")
    assert str(caught.value) == f"envctl.yaml:2: evaluation.{expected}"


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        pytest.param("999Gi", 999 * 1024**3, id="largest text"),
        pytest.param("1099511627776", 1024**4, id="largest number"),
        pytest.param("16777216", 16 * 1024**2, id="smallest number"),
        *(
            pytest.param(f"{number}Ki", number * 1024, id=f"{number} Ki")
            for number in (16384, 16399, 16400, 17000)
        ),
        *(
            pytest.param(f"{number}Mi", number * 1024**2, id=f"{number} Mi")
            for number in (16, 20, 100, 999999)
        ),
        pytest.param("999999Ki", 999999 * 1024, id="largest number of Ki"),
    ],
)
def test_limits_at_the_edge_are_taken(text: str, memory: int) -> None:
    """The last value that is allowed."""
    found = parse_settings(f"evaluation: {{memory: {text}}}".encode(), "envctl.yaml")
    assert found.evaluation.memory == memory
