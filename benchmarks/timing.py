"""Measure whole commands against each other: interleaved runs, medians, ratios of one run."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVCTL = (sys.executable, "-m", "envctl")
_POLL = 0.01


@dataclass(frozen=True)
class Peaks:
    """The highest memory in MiB of a process and of the largest of those that it started."""

    parent: float = 0.0
    worker: float = 0.0


@dataclass
class Measured:
    """Each run of one thing: wall-clock seconds, and user and system seconds of all its processes."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peaks: Peaks = field(default_factory=Peaks)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def text(self) -> str:
        spread = f"({min(self.seconds):.2f}-{max(self.seconds):.2f} s)"
        cpu = f"{statistics.median(self.cpu):6.2f} s cpu" if self.cpu else ""
        memory = f"{self.peaks.parent:5.0f} + {self.peaks.worker:.0f} MiB" if self.peaks.parent else ""
        return f"{self.median * 1000:9.1f} ms {spread:<15} {cpu:<12} {memory:<15}"


def start(
    command: Sequence[str], folder: Path | None = None, settings: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start a command; what it prints goes to a file, so no pipe can fill up."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(settings or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=tempfile.TemporaryFile("w+"),
        text=True,
    )


def finish(process: "subprocess.Popen[str]", allowed: Sequence[int] = (0,)) -> float:
    """Wait for a process: processor seconds of it and of all it waited for. Fails where it fails."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        raise SystemExit(f"exit code {process.returncode} of {process.args!r}")
    return usage.ru_utime + usage.ru_stime


def run(
    into: Measured,
    command: Sequence[str],
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
    allowed: Sequence[int] = (0,),
) -> None:
    """One whole command, timed from outside."""
    into_seconds, into_cpu = run_all([(command, "")], folder, settings, allowed)
    into.seconds.append(into_seconds)
    into.cpu.append(into_cpu)


def run_all(
    commands: Sequence[tuple[Sequence[str], str]],
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
    allowed: Sequence[int] = (0,),
) -> tuple[float, float]:
    """Commands at the same time, each with its standard input: wall-clock seconds, and processor seconds."""
    started = time.perf_counter()
    running = [(start(command, folder, settings), text) for command, text in commands]
    for process, text in running:
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.write(text)
                process.stdin.close()
    cpu = sum(finish(process, allowed) for process, _ in running)
    return time.perf_counter() - started, cpu


def peaks(command: Sequence[str], folder: Path | None = None) -> Peaks:
    """The peak memory of one more run, which is not timed: looking on costs time. Linux only."""
    process = start(command, folder)
    found = Peaks()
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        mine = _peak(process.pid)
        workers = [_peak(child) for child in _children(process.pid)]
        found = Peaks(max(found.parent, mine), max([found.worker, *workers]))
        time.sleep(_POLL)
    finish(process)
    return found


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _peak(process: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def forget(root: Path) -> None:
    """Drop what envctl remembers of a repository."""
    shutil.rmtree(root / ".git" / "envctl", ignore_errors=True)


def git(root: Path, *arguments: str) -> None:
    """One git command, with an author. Raises CalledProcessError where it fails."""
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


def commit_all(root: Path, message: str) -> None:
    """Commit everything, and leave an index whose times say so: no file has to be read again."""
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-qm", message)
    time.sleep(0.05)
    git(root, "update-index", "-q", "--refresh")


def interleaved(steps: Mapping[str, Callable[[Measured], None]], runs: int) -> dict[str, Measured]:
    """Run each step once unmeasured, then all in turn, so that a noisy moment hits all alike."""
    found = {name: Measured() for name in steps}
    for step in steps.values():
        step(Measured())
    for _ in range(runs):
        for name, step in steps.items():
            step(found[name])
    return found


def medians(commands: Mapping[str, Sequence[str]], runs: int, folder: Path | None = None) -> dict[str, float]:
    """The median seconds of each command, run in turn."""

    def step(command: Sequence[str]) -> Callable[[Measured], None]:
        return lambda into: run(into, command, folder)

    found = interleaved({name: step(command) for name, command in commands.items()}, runs)
    return {name: each.median for name, each in found.items()}


def report(title: str, found: Mapping[str, float], base: str, goal: str = "") -> None:
    """Print the medians and their ratios to one of them."""
    print(f"{title}{f' (goal: {goal})' if goal else ''}")
    for name, each in found.items():
        print(f"  {name:<44} {each * 1000:9.1f} ms   {each / found[base]:6.2f} x")


def verdict(what: str, value: float, most: float, unit: str = "x") -> None:
    """Print a goal of the form "at most" and whether it is met in this run."""
    print(f"  goal: {what} <= {most:g} {unit}: {value:.2f} {'met' if value <= most else 'NOT MET'}")
