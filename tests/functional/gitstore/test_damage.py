"""Bytes that rotted anywhere in a repository: an error of envctl or the right answer, nothing else."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import EnvctlError
from envctl.gitstore.repository import GitRepository
from tests.support.repositories import Box, new_box

PLACES = ["pack", "idx", "packed-refs", "index", "HEAD", "config", "loose"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Box, dict[str, Path]]:
    """A packed repository with deltas, and the file that each place names."""
    box = new_box(tmp_path_factory.mktemp("packed"))
    for number in range(4):
        box.commit({f"d/f{each}": f"{each} {number}\n" * 30 for each in range(4)}, f"{number}")
    box.git("tag", "-a", "v1", "-m", "v1")
    box.git("gc", "-q", "--aggressive", "--prune=now")
    box.commit({"d/loose": "loose"}, "on top")
    control = box.path / ".git"
    loose = box.git("rev-parse", "HEAD")
    files = {
        "pack": next(control.glob("objects/pack/*.pack")),
        "idx": next(control.glob("objects/pack/*.idx")),
        "loose": control / "objects" / loose[:2] / loose[2:],
    }
    for file in files.values():
        file.chmod(0o644)
    return box, files | {name: control / name for name in PLACES if name not in files}


def everything(repository: GitRepository) -> list[object]:
    head = repository.resolve("HEAD")
    found: list[object] = [repository.refs("refs/"), repository.head(), repository.resolve("v1")]
    for commit in repository.history(head):
        files = repository.changes(None, commit.tree)
        found += [commit, [repository.blob(each.new) for each in files if each.new]]
    return [
        *found,
        repository.changed_paths(),
        repository.index().list("d"),
        repository.is_ancestor(head, head),
    ]


@settings(max_examples=150, deadline=None)
@given(
    place=st.sampled_from(PLACES),
    at=st.floats(0, 0.9999),
    data=st.binary(max_size=3),
)
def test_damage_anywhere_is_told(
    packed: tuple[Box, dict[str, Path]], place: str, at: float, data: bytes
) -> None:
    """Overwritten, or cut where `data` is empty: whatever is raised is an error of envctl."""
    box, files = packed
    original = files[place].read_bytes()
    start = int(len(original) * at)
    files[place].write_bytes(
        original[:start] if not data else original[:start] + data + original[start + len(data) :]
    )
    try:
        everything(box.open())
    except EnvctlError as error:
        assert str(error)  # noqa: PT017  (both ends are right)
    finally:
        files[place].write_bytes(original)
