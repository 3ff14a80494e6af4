"""Ids of blobs and trees are Git's own."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envctl.manifests.gitids import blob_id, tree_id

NAMES = st.text(st.sampled_from("ab.-_0é"), min_size=1, max_size=4).filter(
    lambda name: name not in {".", ".."}
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ids")
    subprocess.run(["git", "init", "-q", path], check=True)
    return path


def git(repository: Path, *arguments: str, data: bytes = b"") -> str:
    done = subprocess.run(["git", "-C", repository, *arguments], input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


def mktree(repository: Path, files: dict[str, bytes]) -> str:
    """The tree id by Git itself, through an index of its own."""
    git(repository, "read-tree", "--empty")
    lines = []
    for path, data in files.items():
        blob = git(repository, "hash-object", "-w", "--stdin", data=data)
        lines.append(f"100644 {blob}\t{path}\n")
    git(repository, "update-index", "--index-info", data="".join(lines).encode())
    return git(repository, "write-tree")


def without_clashes(paths: list[str]) -> list[str]:
    """Paths of which none is a folder of another."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6))
def test_tree_ids_are_those_of_git(repository: Path, paths: list[str]) -> None:
    """Any set of files, however its names sort, makes the tree id that Git makes."""
    files = {path: path.encode() for path in without_clashes(paths)}
    assert tree_id({path: blob_id(data) for path, data in files.items()}) == mktree(repository, files)


def test_the_empty_tree_has_its_well_known_id() -> None:
    """No files, no entries."""
    assert tree_id({}) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
