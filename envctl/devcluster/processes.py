"""The processes of one control plane: start, watch, pause, kill and start again by name."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from envctl.devcluster import guardian
from envctl.errors import UnavailableError

_TAIL_BYTES = 4000
_TAIL_LINES = 15


class ProcessGroup:
    """Processes that end together: with `stop`, or when the process that made this object dies.

    All run in one process group, apart from the terminal's, so Ctrl-C reaches only their owner.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, str(directory)],
            stdin=subprocess.PIPE,
            # It outlives its owner for a moment, and must not keep the owner's pipes open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self.processes: dict[str, Process] = {}

    def start(self, name: str, command: Sequence[str]) -> "Process":
        """Start a program; its output is appended to ``<directory>/<name>.log``."""
        process = Process(name, command, self.directory, self._guardian.pid)
        process.start()
        self.processes[name] = process
        return process

    def check(self) -> None:
        """Raise UnavailableError with the tail of its log where a process has ended by itself."""
        for process in self.processes.values():
            process.check()

    def stop(self) -> None:
        """Kill every process and wait until all are gone. Can be called twice.

        Killed without a grace time: their data lives only as long as they do.
        """
        for process in reversed(self.processes.values()):
            process.kill()
        # The guardian goes last: until then it would clean up if this process died here.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._guardian.poll() is None:
                os.killpg(self._guardian.pid, signal.SIGKILL)
        self._guardian.wait()
        if self._guardian.stdin:
            self._guardian.stdin.close()


def kill_leftovers(directory: Path) -> None:
    """Kill what still runs on a data folder though its owner and its guardian have gone.

    Found by the folder's name on the command line, where the system shows it under /proc.
    """
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(directory).encode() in entry.read_bytes():
                os.kill(int(entry.parent.name), signal.SIGKILL)


class Process:
    """One program of the control plane. It can be killed, paused and started again."""

    def __init__(self, name: str, command: Sequence[str], directory: Path, group: int) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = directory / f"{name}.log"
        self._directory = directory
        self._group = group
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 before the first start."""
        return self._popen.pid if self._popen else 0

    @property
    def running(self) -> bool:
        """Whether it runs now; a paused one does."""
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start it; again with the same command where it ran before. Does nothing while it runs."""
        if self.running:
            return
        # Nothing of the user's settings may change how the programs work; kwok reads files from HOME.
        environment = {"PATH": os.defpath, "HOME": str(self._directory), "TMPDIR": str(self._directory)}
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.command,
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=self._group,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it, if it runs."""
        if self._popen and self.running:
            self._popen.send_signal(number)

    def kill(self) -> None:
        """Kill it (SIGKILL) and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self._popen:
            self._popen.wait()

    def terminate(self, seconds: float = 30) -> None:
        """Ask it to end (SIGTERM) and wait; it is killed where it takes longer than `seconds`."""
        self.signal(signal.SIGTERM)
        try:
            if self._popen:
                self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it keeps its connections and answers nothing."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def tail(self) -> str:
        """The last lines that it printed."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-_TAIL_LINES:])

    def check(self) -> None:
        """Raise UnavailableError with the tail of its log where it has ended by itself."""
        if self._popen is None or self.running:
            return
        code = self._popen.returncode
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise UnavailableError(
            f"{self.name} ended while the dev cluster started ({how}); its last lines:\n{self.tail()}",
            hint=f"the command was: {' '.join(self.command)}",
        )
