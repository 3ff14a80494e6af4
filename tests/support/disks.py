"""A small disk, for tests: a tmpfs that can be filled. Only root may have one."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096


@dataclass(frozen=True)
class Disk:
    """A mounted tmpfs."""

    path: Path

    def fill(self, left: int) -> None:
        """Leave room for `left` pages of 4 KiB, and no more."""
        room = os.statvfs(self.path)
        size = (room.f_bavail - left) * room.f_frsize
        (self.path / "filler").write_bytes(b"\0" * max(size, 0))
        assert os.statvfs(self.path).f_bavail == left

    def make_room(self) -> None:
        (self.path / "filler").unlink()

    def use_up_inodes(self) -> None:
        """No file can be made any more, though there is room."""
        (self.path / "many").mkdir()
        with contextlib.suppress(OSError):
            for number in range(1_000_000):
                (self.path / "many" / str(number)).touch()

    def free_inodes(self) -> None:
        shutil.rmtree(self.path / "many")

    def remount(self, option: str) -> None:
        """``ro`` or ``rw``: whether anything can be written."""
        subprocess.run(["mount", "-o", f"remount,{option}", str(self.path)], check=True)


def missing() -> str:
    """Why there is no small disk here, "" where there is one."""
    if os.geteuid() != 0:
        return "only root may mount a small disk"
    done = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return "" if done.returncode == 0 else "no disk can be mounted here"


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Disk]:
    """A disk of a size (``4m``, ``4m,nr_inodes=500``) at a path."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
