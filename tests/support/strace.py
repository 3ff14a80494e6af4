"""Processes that die at a chosen system call: strace counts them, and strace kills."""

import re
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CLASSES: Mapping[str, tuple[str, ...]] = {
    "open": ("open", "openat"),
    "write": ("write", "pwrite64"),
    "rename": ("rename", "renameat", "renameat2"),
    "link": ("link", "linkat"),
    "unlink": ("unlink", "unlinkat"),
    "sync": ("fsync", "fdatasync"),
    "mkdir": ("mkdir", "mkdirat"),
    "close": ("close",),
    "truncate": ("ftruncate",),
    "lock": ("fcntl", "flock"),
    "mode": ("fchmod", "chmod"),
    "send": ("connect", "sendto"),
}
"""System calls that change something or tell somebody, by what they do; not every machine has all of them."""

_CLASS = {name: kind for kind, names in CLASSES.items() for name in names}
_CALL = re.compile(r"(\w+)\((.*)")
_OPENED = re.compile(r"= \d+<([^>]*)>")
_HELD = re.compile(r"\d+<([^>]*)>")


@dataclass(frozen=True, order=True)
class Call:
    """The n-th call of one name that the first thread of a process makes. `acts`: it changes or tells something."""

    kind: str
    name: str
    number: int
    acts: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


@dataclass(frozen=True)
class Ran:
    """A finished process. `killed`: by strace, so nothing of it ran on."""

    code: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@cache
def missing() -> str:
    """Why no process can be traced here, "" where it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    done = subprocess.run(
        ["strace", "-o", "/dev/null", "-e", "trace=close", "-e", "inject=close:signal=KILL:when=1", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    killed = done.returncode == -signal.SIGKILL
    return "" if killed else f"strace cannot trace or tamper here: {done.stderr.strip() or 'no kill'}"


def calls(
    command: Sequence[str], environment: Mapping[str, str], below: Sequence[Path]
) -> tuple[Ran, list[Call]]:
    """Run a command to its end; the calls of its first thread that touch a folder in `below`, or a socket."""
    with tempfile.NamedTemporaryFile("r", errors="replace") as log:
        traced = ",".join(f"?{name}" for name in _CLASS)
        ran = _run(
            ["strace", "-y", "-s", "4096", "-o", log.name, "-e", f"trace={traced}", *command], environment
        )
        return ran, _calls_in(log.read(), [str(each) for each in below])


def killed_at(call: Call, command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Run a command until its first thread is about to make a call: kill -9 comes before the kernel does it."""
    inject = f"inject={call.name}:signal=KILL:when={call.number}"
    return _run(
        ["strace", "-o", "/dev/null", "-e", f"trace={call.name}", "-e", inject, *command], environment
    )


def _run(command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    done = subprocess.run(
        command, capture_output=True, text=True, env=dict(environment), stdin=subprocess.DEVNULL, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _calls_in(log: str, below: Sequence[str]) -> list[Call]:
    seen: Counter[str] = Counter()
    written: set[str] = set()
    found = []
    for line in log.splitlines():
        matched = _CALL.match(line)
        if not matched or matched[1] not in _CLASS:
            continue
        name, rest = matched[1], matched[2]
        seen[name] += 1
        kind = _CLASS[name]
        if kind == "send" or any(path in rest for path in below):
            found.append(Call(kind, name, seen[name], _acts(kind, rest, written)))
    return found


def _acts(kind: str, rest: str, written: set[str]) -> bool:
    """Whether a call does more than read; files opened for writing are noted in `written`."""
    if kind == "open":
        opened = _OPENED.search(rest)
        for_writing = any(flag in rest for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))
        if opened and for_writing:
            written.add(opened[1])
        return for_writing
    if kind == "close":
        held = _HELD.match(rest)
        return bool(held and held[1] in written)
    return kind != "lock"
