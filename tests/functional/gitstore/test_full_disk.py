"""A disk that fills up at any point: what was there stays whole, and the next run is not stopped."""

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envctl.errors import UnavailableError
from envctl.gitstore.repository import GitRepository, open_store
from envctl.model.git import RefUpdate
from tests.support import disks
from tests.support.disks import Disk, small_disk
from tests.support.repositories import Box, FixedClock, draft

NO_DISK = disks.missing()
needs_disk = pytest.mark.skipif(bool(NO_DISK), reason=NO_DISK or "root may mount")
MAIN = "refs/heads/main"
WHOLE = re.compile(r"objects/(?:[0-9a-f]{2}/[0-9a-f]{38}|pack/pack-[0-9a-f]{40}\.(?:pack|idx))$")
# dulwich leaves it to the garbage collector to close what it could not write.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
FEW = {"c/a": b"1" * 3000, "c/b": b"2" * 3000, "d/e": b"3" * 3000}
MANY = {f"c{each % 7}/{each}.yaml": b"%d\n" % each * 40 for each in range(400)}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", "8m") as mounted:
        yield mounted
    gc.collect()


def on(disk: Disk, full: Box, name: str = "box") -> Box:
    shutil.copytree(full.path, disk.path / name, symlinks=True)
    return Box(disk.path / name)


def publish(repository: GitRepository, files: dict[str, bytes]) -> str:
    """What a publish does: a tree, a commit, and the ref moved."""
    head = repository.ref(MAIN)
    tree = repository.write_tree(files)
    commit = repository.write_commit(draft(tree, *([head] if head else []), message="published\n"))
    repository.move_ref(RefUpdate(MAIN, head, commit), "publish")
    return commit


def files_of(box: Box) -> set[str]:
    return {str(each.relative_to(box.path)) for each in (box.path / ".git").rglob("*") if not each.is_dir()}


@needs_disk
@pytest.mark.parametrize("files", [FEW, MANY], ids=["loose objects", "a pack"])
def test_a_full_disk_leaves_the_old_ref_and_nothing_half_written(
    disk: Disk, full: Box, files: dict[str, bytes]
) -> None:
    """Writer's fault row 15: with room for one more page each time, until it fits; then the same run again."""
    box = on(disk, full)
    head, before, left = box.git("rev-parse", MAIN), files_of(box), 0
    while (done := tried(disk, box, files, left)) != box.git("rev-parse", MAIN):
        assert done == "cannot write objects: No space left on device" or "move a ref" in done
        assert box.git("rev-parse", MAIN) == head
        assert not [each for each in files_of(box) - before if not WHOLE.search(each)]
        assert box.git("fsck", "--strict", "--no-dangling", "--no-reflogs") == ""
        left += 1
    assert left > 3
    assert box.git("fsck", "--strict", "--no-dangling") == ""
    assert sorted(box.git("ls-tree", "-r", "--name-only", done).splitlines()) == sorted(files)


def tried(disk: Disk, box: Box, files: dict[str, bytes], left: int) -> str:
    """What comes of a publish with room for so many pages: the commit, or what went wrong."""
    disk.fill(left)
    try:
        return publish(box.open(), files)
    except UnavailableError as error:
        return error.summary if error.hint == "make room on the disk, then run it again" else repr(error)
    finally:
        disk.make_room()


@needs_disk
def test_a_run_that_failed_on_a_full_disk_succeeds_when_there_is_room(disk: Disk, full: Box) -> None:
    """Writer's fault row 15: with the same process's repository, and with a new one."""
    box = on(disk, full)
    repository = box.open()
    for left in range(5):
        disk.fill(left)
        with pytest.raises(UnavailableError):
            publish(repository, {**MANY, "more": os.urandom(30_000)})
        disk.make_room()
    commit = publish(repository, MANY)
    assert box.git("rev-parse", MAIN) == commit
    assert publish(box.open(), {"next": b"1"}) == box.git("rev-parse", MAIN)
    assert box.git("fsck", "--strict", "--no-dangling") == ""


@needs_disk
def test_a_fetch_onto_a_full_disk_leaves_the_store_as_it_was(disk: Disk, full: Box) -> None:
    """Writer's fault row 15: the pack that does not fit is not there, and the next fetch is whole."""
    full.commit({f"big/{each}": os.urandom(9000) for each in range(30)}, "big")
    store = open_store(disk.path / "store", clock=FixedClock())
    before = set((disk.path / "store").rglob("*"))
    for left in (0, 1, 10, 60):
        disk.fill(left)
        with pytest.raises(UnavailableError, match="No space left on device"):
            store.fetch(str(full.path), [MAIN])
        disk.make_room()
        assert set((disk.path / "store").rglob("*")) == before
    tip = store.fetch(str(full.path), [MAIN])[MAIN]
    assert tip == full.git("rev-parse", MAIN)
    assert Box(disk.path / "store").git("fsck", "--strict", "--no-dangling", str(tip)) == ""


@needs_disk
def test_a_push_to_a_path_on_a_full_disk_moves_nothing(disk: Disk, full: Box) -> None:
    """Writer's fault row 15: the remote's refs stay, and pushing again does it."""
    bare = full.clone(disk.path / "bare.git", "--mirror")
    repository = full.open()
    head = repository.resolve("HEAD")
    tree = repository.write_tree({"big": os.urandom(60_000)})
    commit = repository.write_commit(draft(tree, head, message="big\n"))
    refs = bare.git("show-ref")
    for left in range(0, 16, 3):
        disk.fill(left)
        with pytest.raises(UnavailableError, match="No space left on device"):
            repository.push(str(bare.path), [RefUpdate(MAIN, head, commit)])
        disk.make_room()
        assert bare.git("show-ref") == refs
    repository.push(str(bare.path), [RefUpdate(MAIN, head, commit)])
    assert bare.git("rev-parse", MAIN) == commit
    assert bare.git("fsck", "--strict", "--no-dangling") == ""


LIMITED = """
import resource, sys
from pathlib import Path
from tests.functional.gitstore.test_full_disk import FEW, publish
from tests.support.repositories import FixedClock
from envctl.errors import EnvctlError
from envctl.gitstore.repository import open_repository
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    publish(open_repository(Path(sys.argv[1]), clock=FixedClock()), FEW)
except EnvctlError as error:
    print(type(error).__name__, error.summary, error.hint, sep="|")
    sys.exit(1)
"""


def test_a_file_that_may_not_grow_is_never_left_half_written(full: Box) -> None:
    """Writer's fault row 15, for everybody: a limit on the size of files ends each write at another byte."""
    head = full.git("rev-parse", MAIN)
    for limit in (0, 1, 20, 40, 41, 60, 100):
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, full.path, str(limit)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            break
        kind, summary, hint = done.stdout.strip().split("|")
        assert (kind, hint) == ("UnavailableError", "make room on the disk, then run it again")
        assert "File too large" in summary
        assert full.git("rev-parse", MAIN) == head
        assert full.git("fsck", "--strict", "--no-dangling") == ""
        assert not [each for each in files_of(full) if "lock" in each or "tmp_" in each]
    publish(full.open(), FEW)
    assert full.git("fsck", "--strict", "--no-dangling") == ""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("count", [3, 60], ids=["loose objects", "a pack"])
def test_everything_is_on_disk_before_the_ref_names_it(full: Box, tmp_path: Path, count: int) -> None:
    """Writer's fault row 15: each file is synced before it gets its name, the ref after all objects."""
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.functional.gitstore.test_full_disk import publish\n"
        "from envctl.gitstore.repository import open_repository\n"
        "from tests.support.repositories import FixedClock\n"
        "files = {str(each): b'%d' % each for each in range(int(sys.argv[2]))}\n"
        "publish(open_repository(Path(sys.argv[1]), clock=FixedClock()), files)\n"
    )
    log = tmp_path / "log"
    subprocess.run(
        ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", str(log),
         sys.executable, "-c", program, full.path, str(count)],
        check=True,
    )  # fmt: skip
    synced: set[str] = set()
    renamed: list[str] = []
    for line in log.read_text().splitlines():
        if found := re.search(r"f(?:data)?sync\(\d+<([^>]+)>", line):
            synced.add(found[1])
        found = re.search(r'rename\w*\((?:AT_FDCWD\S*, )?"([^"]+)", (?:AT_FDCWD\S*, )?"([^"]+)"', line)
        if found and str(full.path) in found[1]:
            assert found[1] in synced, line
            renamed.append(found[2])
    assert renamed[-1].endswith(MAIN)
    assert len(renamed) >= 3
