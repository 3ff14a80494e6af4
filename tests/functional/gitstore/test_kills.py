"""A publish that is killed at a system call: what is there is whole, and the next run is not stopped."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.gitstore.test_full_disk import publish
from tests.support.repositories import Box

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
PROGRAM = (
    "import sys; from pathlib import Path\n"
    "from tests.functional.gitstore.test_full_disk import publish\n"
    "from envctl.gitstore.repository import open_repository\n"
    "from envctl.model.git import RefUpdate\n"
    "from tests.support.repositories import FixedClock\n"
    "files = {str(each): b'%d' % each for each in range(int(sys.argv[2]))}\n"
    "repository = open_repository(Path(sys.argv[1]), clock=FixedClock())\n"
    "commit = publish(repository, files)\n"
    "repository.refresh('readme', sys.argv[4])\n"
    "there = repository.remote_refs(sys.argv[3], ['refs/heads/main'])['refs/heads/main']\n"
    "repository.push(sys.argv[3], [RefUpdate('refs/heads/main', there, commit)])\n"
)
CALLS = ["symlink", "rename", "unlink", "fsync"]


def killed(box: Box, call: str, *arguments: str) -> Iterator[int]:
    """Run the program again and again, killed at the first such call, the second, …, until it is through."""
    for when in range(1, 40):
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
             "-e", f"inject={call}:signal=KILL:when={when}", sys.executable, "-c", PROGRAM, box.path, *arguments],
            check=False, capture_output=True,
        )  # fmt: skip
        if done.returncode == 0:
            return
        assert done.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}, done.stderr.decode()
        yield when
    raise AssertionError("it never ends")


@pytest.mark.parametrize("count", [3, 50], ids=["loose objects", "a pack"])
@pytest.mark.parametrize("call", CALLS)
def test_a_publish_that_is_killed_leaves_nothing_in_the_way(
    full: Box, tmp_path: Path, call: str, count: int
) -> None:
    """The objects are whole, refs name what is there, here and on a remote, and a publish works at once."""
    readme = full.git("rev-parse", "HEAD:readme")
    bare = full.clone(tmp_path / "bare.git", "--mirror")
    for _ in killed(full, call, str(count), str(bare.path), readme):
        for each in (full, bare):
            assert each.git("fsck", "--strict", "--no-dangling", "--no-reflogs") == ""
    published = publish(full.open(), {"after": b"1"})
    assert full.git("rev-parse", "main") == published
    assert full.git("fsck", "--strict", "--no-dangling") == ""
