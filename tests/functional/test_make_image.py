"""`make image` with and without an engine; what it builds is checked where the agent is."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_without_an_engine_it_says_what_is_missing_and_what_to_do() -> None:
    done = make("image", "ENGINE=")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "no podman, docker, nerdctl or buildah is on the PATH; install one of them, or say: make image ENGINE=..."
    )


def test_the_engine_gets_the_container_file_the_name_and_the_whole_context() -> None:
    done = make("--dry-run", "image", "ENGINE=podman", "IMAGE=registry.example.com/envctl:1")
    assert done.stdout.splitlines()[-1] == (
        "podman build -f deploy/Containerfile -t registry.example.com/envctl:1 ."
    )
