"""Deploy commits with any bytes in them: never taken for good, and never a bug."""

import re
import subprocess

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.functional.conftest import Workspace

# What may be another and still be believed, or not be seen: people's names between other spaces, the
# engine's version, and one sign of a time zone of no hours.
SAME = (
    (re.compile(rb"^(author|committer) (.*)$", re.MULTILINE), rb"\1"),
    (
        re.compile(rb"^Envctl-Renderer: envctl [0-9][\w.+-]*, [a-z]+ [0-9][\w.+-]*$", re.MULTILINE),
        rb"Envctl-Renderer:",
    ),
)


def raw_commit(line: Workspace) -> bytes:
    """The tip of dev as Git stores it."""
    command = ["git", "-C", str(line.path), "cat-file", "commit", "good"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def stored(line: Workspace, raw: bytes) -> str:
    """The id of an object that Git itself would perhaps refuse to make a commit of."""
    command = ["git", "-C", str(line.path), "hash-object", "-t", "commit", "-w", "--literally", "--stdin"]
    return subprocess.run(command, input=raw, capture_output=True, check=True).stdout.decode().strip()


def core(raw: bytes) -> bytes:
    """The commit without what may differ."""
    for pattern, replacement in SAME:
        raw = pattern.sub(replacement, raw)
    return raw


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.binary(max_size=12))
@example(0.999, 1, b"")
@example(0.0, 0, b"tree ")
@example(0.5, 40, b"")
@example(0.9, 0, b"\n\n")
@example(0.2, 3, b"\xff\x00\xfe")
@example(0.9375, 0, b"\x00")
def test_whatever_is_changed_in_a_commit_it_is_not_good_any_more(
    line: Workspace, where: float, cut: int, put_in: bytes
) -> None:
    """Bytes cut out and others put in, anywhere: exit code 16 or 1, with a sentence."""
    raw = raw_commit(line)
    at = int(where * len(raw))
    changed = raw[:at] + put_in + raw[at + cut :]
    (line.path / ".git/refs/heads/deploy/dev").write_text(stored(line, changed) + "\n")
    outcome = line.envctl("verify", "dev")
    assert outcome.code in {0, 1, 16}, outcome.err
    assert outcome.code or core(changed) == core(raw), outcome.out
