"""``envctl status --watch`` on a real terminal: it looks again, and ends with Ctrl-C."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.functional.conftest import Workspace

LIMIT = 60  # seconds without a word, after which nothing more is waited for


@dataclass
class Terminal:
    """A command on a terminal of 80 columns, and all that it has shown."""

    process: subprocess.Popen[bytes]
    screen: int
    shown: str = ""

    def wait_for(self, text: str) -> str:
        """Read until a text is shown; everything up to there. Fails where it never is."""
        while text not in self.shown:
            ready, _, _ = select.select([self.screen], [], [], LIMIT)
            assert ready, self.shown
            self.shown += os.read(self.screen, 65536).decode()
        before, _, self.shown = self.shown.partition(text)
        return before


@contextmanager
def terminal(*command: str) -> Iterator[Terminal]:
    screen, line = pty.openpty()
    fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(command, stdin=line, stdout=line, stderr=line, start_new_session=True)
    os.close(line)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def watching(workspace: Workspace) -> tuple[str, ...]:
    return (
        sys.executable,
        "-m",
        "envctl",
        "-C",
        str(workspace.path),
        "status",
        "--watch",
        "--color",
        "never",
    )


def test_a_publish_is_seen_by_the_next_look(small: Workspace) -> None:
    """And a repository that cannot be read for a moment ends nothing."""
    with terminal(*watching(small)) as seen:
        seen.wait_for("not published")
        small.ok("render", "dev", "--publish")
        seen.wait_for("up to date")
        small.git("update-ref", "refs/heads/moved", "refs/heads/main")
        small.git("update-ref", "-d", "refs/heads/main")
        seen.wait_for("error: the repository has no commit yet")
        small.git("update-ref", "refs/heads/main", "refs/heads/moved")
        seen.wait_for("up to date")


def test_the_watch_ends_with_ctrl_c(small: Workspace) -> None:
    """By the exit code for what was interrupted, and without a traceback."""
    with terminal(*watching(small)) as seen:
        seen.wait_for("not published")
        seen.process.send_signal(signal.SIGINT)
        assert seen.process.wait(LIMIT) == 130
        assert "Traceback" not in seen.shown
