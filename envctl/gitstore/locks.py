"""Git's lock files, with the name of the process that holds them.

Who changes a file ``x`` of a repository makes ``x.lock`` first, which must not be there yet. Git's lock says
nothing of its holder, so one that a killed process left stops everybody until a person removes it. Ours is
a symbolic link whose target is a text that names the process: it is made in one step, every program that
asks for a new file respects it, and when that very process is dead this can be proved. Only then is the
lock taken away. Any other is told with its age and its holder, where that is known, and left alone.
"""

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dulwich.file import FileLocked, SharedPerm, adjust_shared_perm

_MARK = "envctl"
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, named for good. `machine` is a host since its last start, with a namespace of pids."""

    machine: str
    pid: int
    started: str
    token: str

    def __str__(self) -> str:
        return "|".join((_MARK, self.machine, str(self.pid), self.started, self.token))

    @property
    def is_dead(self) -> bool:
        """Whether it is certain that the process has ended."""
        if self.machine != _machine():
            return False
        start = _start(self.pid)
        return start is None or ("" not in {start, self.started} and start != self.started)


class Lock:
    """A lock on a file, while it is held."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder

    def replace(self, data: bytes, shared: SharedPerm | None = None) -> None:
        """Put new content in place of the file, at once and on disk. Raises OSError; then nothing changed."""
        scratch = _scratch(self._path, self._holder)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            with os.fdopen(handle, "wb", 0) as file:
                _write(file.fileno(), data)
                os.fsync(file.fileno())
            adjust_shared_perm(scratch, shared)
            scratch.replace(self._path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise


@contextmanager
def hold(path: Path) -> Iterator[Lock]:
    """Hold Git's lock on a file. Raises FileLocked where another process holds it, or may."""
    holder = Holder(_machine(), os.getpid(), _start(os.getpid()) or "", secrets.token_hex(6))
    lock = lock_of(path)
    _take(path, lock, holder)
    try:
        yield Lock(path, holder)
    finally:
        lock.unlink(missing_ok=True)


def lock_of(path: Path) -> Path:
    """Where Git locks a file."""
    return path.with_name(f"{path.name}.lock")


def told(lock: Path) -> str:
    """What is known of a lock file: how old it is, and who made it or has it open."""
    try:
        age = time.time() - lock.lstat().st_mtime
    except OSError:
        return "its lock file is gone by now"
    holder = _read(lock)
    if holder is not None:
        by = f" by process {holder.pid} of envctl"
        by += "" if holder.machine == _machine() else ", on another machine or before this one was started"
    elif (pid := opener(lock)) is not None:
        by = f" by process {pid}, which has it open"
    else:
        by = ", and no process that can be seen here has it open"
    return f"its lock file was made {_ago(age)}{by}"


def opener(path: Path) -> int | None:
    """A process of this machine that has a file open, where that can be seen."""
    wanted = os.fspath(path.parent.resolve() / path.name)
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            if any(os.readlink(each) == wanted for each in folder.iterdir()):  # noqa: PTH115
                return int(folder.parent.name)
    return None


def _take(path: Path, lock: Path, holder: Holder) -> None:
    try:
        _make(lock, holder)
    except FileExistsError as error:
        if not _clear_dead(path, lock):
            raise FileLocked(os.fspath(path), os.fspath(lock)) from error
    else:
        return
    try:
        _make(lock, holder)
    except FileExistsError as error:  # another one was faster
        raise FileLocked(os.fspath(path), os.fspath(lock)) from error


def _make(lock: Path, holder: Holder) -> None:
    try:
        lock.symlink_to(str(holder))
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))


def _clear_dead(path: Path, lock: Path) -> bool:
    """Remove the lock of a process that is dead for certain; whether it was one.

    Two may come to the same end at once, and the second must not remove the lock that the first
    has made since. So both look again, one after the other.
    """
    holder = _read(lock)
    if holder is None or not holder.is_dead:
        return False
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if _read(lock) == holder:
            _scratch(path, holder).unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
    finally:
        os.close(folder)
    return True


def _read(lock: Path) -> Holder | None:
    try:
        parts = os.readlink(lock).split("|")  # noqa: PTH115
    except OSError:
        return None
    match parts:
        case [mark, machine, pid, started, token] if mark == _MARK and pid.isdecimal() and token.isalnum():
            return Holder(machine, int(pid), started, token)
    return None


def _scratch(path: Path, holder: Holder) -> Path:
    """Where new content is written first: a name that Git takes for no ref."""
    return path.with_name(f"tmp_{holder.token}.lock")


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


@cache
def _machine() -> str:
    boot, namespace = "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    return f"{os.uname().nodename} {boot} {namespace}".replace("|", "_")


def _start(pid: int) -> str | None:
    """When a process was started, in ticks of its machine; "" where that is not seen, None where it ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        stat = ""
    if stat:
        state, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else rest[18]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return ""


def _ago(seconds: float) -> str:
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "less than a minute ago"
