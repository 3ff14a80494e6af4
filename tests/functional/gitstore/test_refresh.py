"""One file of the work tree brought to a HEAD that moved: exactly when nobody touched it."""

import threading
from pathlib import Path

import pytest

from envctl.errors import ConflictError, InputError
from envctl.model.git import RefUpdate
from tests.support.repositories import Box, draft

LOCK = "environments/prod/lock.yaml"


def promote(box: Box, data: bytes | None, path: str = LOCK) -> str | None:
    """Commit a change of one file on HEAD's branch, as a promotion does; the old blob id."""
    repository = box.open()
    head = repository.resolve("HEAD")
    entry = repository.tree(head).entry(path)
    tree = repository.write_tree({path: data if data is not None else ""}, base=repository.commit(head).tree)
    repository.move_ref(
        RefUpdate("refs/heads/main", head, repository.write_commit(draft(tree, head))), "promote"
    )
    return entry.id if entry else None


@pytest.fixture
def locked(box: Box) -> Box:
    """A repository with a lock file and other files."""
    box.commit({LOCK: "pins: old\n", "readme": "1", "other": "2"})
    return box


def status(box: Box) -> str:
    return box.git("status", "--porcelain")


def test_file_and_index_follow_a_promotion(locked: Box) -> None:
    """Afterwards git sees nothing changed, and other changes are where they were."""
    locked.write("readme", "edited")
    locked.write("other", "staged")
    locked.git("add", "other")
    old = promote(locked, b"pins: new\n")
    assert locked.open().refresh(LOCK, old)
    assert (locked.path / LOCK).read_text() == "pins: new\n"
    assert status(locked) == "M  other\n M readme"
    locked.git("fsck", "--strict")
    assert locked.open().changed_paths() == ("other", "readme")


def test_a_new_file_appears_with_its_directories(locked: Box) -> None:
    """Where nothing was, neither on disk nor in the index."""
    path = "environments/new/deep/lock.yaml"
    assert promote(locked, b"pins: new\n", path) is None
    assert locked.open().refresh(path, None)
    assert ((locked.path / path).read_text(), status(locked)) == ("pins: new\n", "")


def test_a_removed_file_goes_with_its_directories(locked: Box) -> None:
    """A rollback may take the lock away."""
    assert locked.open().refresh(LOCK, promote(locked, None))
    assert ((locked.path / "environments").exists(), status(locked)) == (False, "")


def test_refreshing_again_touches_nothing(locked: Box) -> None:
    """The second time all is as it should be."""
    old = promote(locked, b"pins: new\n")
    repository = locked.open()
    assert repository.refresh(LOCK, old)
    before = snapshot(locked.path)
    assert repository.refresh(LOCK, old)
    assert (snapshot(locked.path), status(locked)) == (before, "")


def test_what_a_killed_refresh_left_is_finished(locked: Box) -> None:
    """The file is written, its scratch file still there, the index not written: the next one goes on."""
    old = promote(locked, b"pins: new\n")
    locked.write(LOCK, "pins: new\n")
    locked.write("environments/prod/.lock.yaml.envctl-99", "pins: n")
    assert status(locked) == "MM environments/prod/lock.yaml\n?? environments/prod/.lock.yaml.envctl-99"
    assert locked.open().refresh(LOCK, old)
    assert status(locked) == ""


def edited(box: Box) -> None:
    box.write(LOCK, "pins: mine\n")


def staged(box: Box) -> None:
    edited(box)
    box.git("add", LOCK)


def staged_only(box: Box) -> None:
    staged(box)
    box.write(LOCK, "pins: old\n")


def deleted(box: Box) -> None:
    (box.path / LOCK).unlink()


def untracked(box: Box) -> None:
    box.git("rm", "-q", "--cached", LOCK)


def linked(box: Box) -> None:
    (box.path / LOCK).unlink()
    box.write("elsewhere", "pins: old\n")
    (box.path / LOCK).symlink_to("../../elsewhere")


def folder_linked(box: Box) -> None:
    (box.path / "environments").rename(box.path.parent / "moved")
    (box.path / "environments").symlink_to(box.path.parent / "moved")


@pytest.mark.parametrize(
    "touch",
    [edited, staged, staged_only, deleted, untracked, linked, folder_linked],
    ids=lambda each: each.__name__,
)
def test_what_somebody_touched_is_left_alone(locked: Box, touch: object) -> None:
    """The promotion stands in HEAD; the user's file and index keep every byte.

    Writer's fault row 13: a link planted where the file is to go is not followed.
    """
    touch(locked)  # type: ignore[operator]
    old = promote(locked, b"pins: new\n")
    before = snapshot(locked.path)
    assert not locked.open().refresh(LOCK, old)
    assert snapshot(locked.path) == before


def snapshot(path: Path) -> dict[str, bytes | str]:
    files = [each for each in path.rglob("*") if each.is_symlink() or each.is_file()]
    kept = [each for each in files if each.name == "index" or ".git" not in each.parts]
    return {str(each): str(each.readlink()) if each.is_symlink() else each.read_bytes() for each in kept}


def test_a_file_in_the_way_is_not_overwritten(locked: Box) -> None:
    """An untracked file where a new one is to appear, ignored or not."""
    path = "environments/new/lock.yaml"
    locked.write(".git/info/exclude", "new\n")
    locked.write(path, "mine")
    promote(locked, b"pins: new\n", path)
    assert not locked.open().refresh(path, None)
    assert (locked.path / path).read_text() == "mine"


def test_a_locked_index_is_a_conflict_and_nothing_is_touched(locked: Box) -> None:
    """Another Git process is at work, or died: the message names its lock."""
    old = promote(locked, b"pins: new\n")
    lock = locked.write(".git/index.lock", "")
    with pytest.raises(ConflictError) as caught:
        locked.open().refresh(LOCK, old)
    assert str(caught.value) == (
        f"{lock}: another process works on the repository: its lock file was made less than a minute ago, "
        "and no process that can be seen here has it open\n"
        "hint: wait for it; where no Git process runs any more, remove the file"
    )
    assert ((locked.path / LOCK).read_text(), lock.read_bytes()) == ("pins: old\n", b"")


def test_line_endings_and_modes_stay_as_the_user_has_them(locked: Box) -> None:
    """The file is written as git checkout would write it, with the permissions it had."""
    locked.git("config", "core.autocrlf", "true")
    locked.git("rm", "-q", "--cached", "-r", ".")
    locked.git("reset", "-q", "--hard")
    (locked.path / LOCK).chmod(0o640)
    old = promote(locked, b"pins: new\n")
    assert locked.open().refresh(LOCK, old)
    assert (locked.path / LOCK).read_bytes() == b"pins: new\r\n"
    assert ((locked.path / LOCK).stat().st_mode & 0o777, status(locked)) == (0o640, "")


def test_an_index_with_extensions_and_flags_survives(locked: Box) -> None:
    """Cached trees must not go stale; flags of other entries stay."""
    locked.git("update-index", "--index-version", "4")
    locked.git("update-index", "--assume-unchanged", "other")
    locked.write("later", "x")
    locked.git("add", "-N", "later")
    locked.git("write-tree", "--missing-ok", check=False)
    old = promote(locked, b"pins: new\n")
    assert locked.open().refresh(LOCK, old)
    locked.git("rm", "-q", "--cached", "later")
    assert locked.git("write-tree") == locked.git("rev-parse", "HEAD^{tree}")
    assert locked.git("ls-files", "-v", "other") == "h other"


def test_a_bare_repository_has_nothing_to_refresh(locked: Box, tmp_path: Path) -> None:
    """An input error, like every question about its work tree."""
    with pytest.raises(InputError, match="a bare repository has no work tree"):
        locked.clone(tmp_path / "bare", "--bare").open().refresh(LOCK, None)


def test_two_refreshes_at_once_leave_one_good_index(locked: Box) -> None:
    """The index lock decides; the loser is told, nothing is lost."""
    old = promote(locked, b"pins: new\n")
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(locked.open().refresh(LOCK, old))
        except ConflictError:
            outcomes.append("locked")

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert True in outcomes
    assert set(outcomes) <= {True, "locked"}  # who comes later finds it done
    assert status(locked) == ""
