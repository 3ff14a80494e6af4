"""`make image` and `make lock` with and without their programs; what is built is checked where the agent is."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run make where only the programs of one folder are found."""
    program = shutil.which("make")
    assert program
    return subprocess.run(
        [program, "--no-print-directory", *words],
        cwd=ROOT,
        env={"PATH": str(path), "HOME": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )


def folder_with(path: Path, programs: Sequence[str]) -> Path:
    """A folder in which these programs are found; they are looked for, and never run."""
    for name in programs:
        (path / name).symlink_to("/bin/sh")
    return path


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            "image",
            "no podman, docker, nerdctl or buildah is on the PATH; install one of them, or say: make image ENGINE=...",
        ),
        ("lock", "no uv is on the PATH; install it: pip install uv"),
    ],
)
def test_without_its_program_a_recipe_says_what_is_missing_and_what_to_do(
    recipe: str, message: str, tmp_path: Path
) -> None:
    """Nothing is written: the locks stay as they are."""
    done = make(tmp_path, recipe)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == message
    assert done.stdout == ""


def command(shown: str) -> Sequence[str]:
    """The words of the last command that a dry run shows."""
    return shlex.split(shown.replace("\\\n", "").splitlines()[-1])


@pytest.mark.parametrize(
    ("engines", "taken"),
    [
        (["buildah"], "buildah"),
        (["nerdctl", "buildah"], "nerdctl"),
        (["docker", "nerdctl"], "docker"),
        (["docker", "podman"], "podman"),
    ],
)
def test_the_engine_that_is_there_is_taken(engines: Sequence[str], taken: str, tmp_path: Path) -> None:
    """Where there are several, one that needs no daemon goes first."""
    done = make(folder_with(tmp_path, engines), "--dry-run", "image")
    assert done.stderr == ""
    assert command(done.stdout)[:2] == [f"{tmp_path}/{taken}", "build"]


def test_the_engine_gets_the_container_file_the_name_the_base_and_the_whole_context(tmp_path: Path) -> None:
    """All four engines know these options."""
    words = ["IMAGE=registry.example.com/envctl:1", "BASE=python@sha256:0123", "ENGINE=podman"]
    revision = "$(git describe --always --abbrev=40 --exclude '*' --dirty)"
    assert command(make(tmp_path, "--dry-run", "image", *words).stdout) == [
        *("podman", "build", "-f", "deploy/Containerfile", "-t", "registry.example.com/envctl:1"),
        *("--build-arg", "PYTHON=python@sha256:0123"),
        *("--label", f"org.opencontainers.image.revision={revision}"),
        ".",
    ]
