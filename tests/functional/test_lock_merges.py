"""Two promotions made on the same base, merged by Git itself."""

import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from envctl.config.lock import edit_lock, parse_lock
from envctl.errors import InputError
from envctl.model.lock import Pin

PATH = "environments/prod/lock.yaml"
OLD, OURS, THEIRS = (Pin(letter * 40, "staging") for letter in "abc")
NAMES = ("alpha", "bravo", "charlie", "delta", "echo")


def merge(folder: Path, base: bytes, ours: bytes, theirs: bytes) -> tuple[int, bytes]:
    """What `git merge-file` makes of three versions: the number of conflicts, and the text."""
    paths = [folder / name for name in ("ours", "base", "theirs")]
    for path, data in zip(paths, (ours, base, theirs), strict=True):
        path.write_bytes(data)
    done = subprocess.run(["git", "merge-file", "-p", *map(str, paths)], capture_output=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("first", "second"), [*combinations(NAMES, 2)])
@pytest.mark.parametrize("origin", ["staging", "canary", None])
def test_promotions_of_different_components_merge(
    tmp_path: Path, first: str, second: str, origin: str | None
) -> None:
    """Neighbours too, and where the origin changes or goes."""
    base = edit_lock(None, dict.fromkeys(NAMES, OLD), PATH)
    one, two = Pin("b" * 40, origin), Pin("c" * 40, origin)
    conflicts, merged = merge(
        tmp_path, base, edit_lock(base, {first: one}, PATH), edit_lock(base, {second: two}, PATH)
    )
    assert conflicts == 0
    assert merged == edit_lock(base, {first: one, second: two}, PATH)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param({"bravo": OURS}, {"new": THEIRS}, id="a move and a new one"),
        pytest.param({"bravo2": OURS}, {"delta2": THEIRS}, id="two new ones in different places"),
        pytest.param({"alpha": None}, {"delta": THEIRS}, id="one goes, another moves"),
        pytest.param({"a0": OURS}, {"alpha": THEIRS}, id="a new one before the first, which moves"),
    ],
)
def test_new_and_removed_components_merge(
    tmp_path: Path, ours: dict[str, Pin | None], theirs: dict[str, Pin | None]
) -> None:
    """As long as they are not at the same place."""
    base = edit_lock(None, dict.fromkeys(NAMES, OLD), PATH)
    conflicts, merged = merge(tmp_path, base, edit_lock(base, ours, PATH), edit_lock(base, theirs, PATH))
    assert conflicts == 0
    assert merged == edit_lock(base, {**ours, **theirs}, PATH)


def test_a_conflict_is_explained_where_both_promoted_the_same_component(tmp_path: Path) -> None:
    """What Git leaves in the file is refused with the way out."""
    base = edit_lock(None, dict.fromkeys(NAMES, OLD), PATH)
    conflicts, merged = merge(
        tmp_path, base, edit_lock(base, {"bravo": OURS}, PATH), edit_lock(base, {"bravo": THEIRS}, PATH)
    )
    assert conflicts == 1
    with pytest.raises(InputError) as caught:
        parse_lock(merged, PATH)
    assert str(caught.value) == (
        "environments/prod/lock.yaml:8: this file has an unresolved merge conflict\n"
        "hint: take one side as it is (git checkout --ours or --theirs, then git add), "
        "and promote again what the other side had"
    )
