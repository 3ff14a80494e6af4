"""What the demo prints, and the commands that it runs: all of it in .demo/."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from envctl.errors import RefusedError

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".demo"
SOURCE = DEMO / "platform"
ENVCTL = str(Path(sys.executable).with_name("envctl"))

_COLOR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
_BOLD, _DIM, _GREEN, _PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m") if _COLOR else ("",) * 4
_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_BETWEEN_LINES = 30


class DemoError(Exception):
    """A step of the demo did not end as it must."""


def title(text: str, look: str = "") -> None:
    """Begin a step: what happens, and what to look at."""
    print(f"\n{_BOLD}{text}{_PLAIN}", flush=True)
    if look:
        note(look)


def note(text: str) -> None:
    """An explanation, set apart from what commands print."""
    print(f"{_DIM}{text}{_PLAIN}", flush=True)


def result(text: str) -> None:
    """What the demo itself has seen."""
    print(f"  {text}", flush=True)


class _Passing:
    """Progress, as often as it comes: one line that is written over on a terminal, few lines elsewhere.

    An empty text wipes it.
    """

    def __init__(self) -> None:
        self._text, self._told = "", float("-inf")

    def __call__(self, text: str) -> None:
        """Take note of the current state."""
        if sys.stdout.isatty() and text != self._text:
            width = shutil.get_terminal_size().columns - 1
            print("\r\x1b[2K" + text[:width], end="", flush=True)
        elif not sys.stdout.isatty() and text and time.monotonic() - self._told > _SECONDS_BETWEEN_LINES:
            result(text)
            self._told = time.monotonic()
        self._text = text


passing = _Passing()


def until(what: str, done: Callable[[], object], seconds: float = 120, *, then: bool = False) -> float:
    """Wait for something to become true; tell and return how long it took (`then`: after the last line)."""
    started = time.monotonic()
    while not done():
        if time.monotonic() - started > seconds:
            raise DemoError(f"not within {seconds:.0f} s: {what}; see {DEMO.name}/agent.log")
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    took = time.monotonic() - started
    if what:
        result(f"{what} {took:.1f} s later" if then else f"{what} after {took:.1f} s")
    return took


@contextlib.contextmanager
def folder() -> Iterator[None]:
    """An empty .demo/ for this demo alone. Raises RefusedError while another one runs there."""
    DEMO.mkdir(exist_ok=True)
    handle = os.open(DEMO, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for each in DEMO.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        yield
    except BlockingIOError as error:
        raise RefusedError("another demo is running", place=str(DEMO), hint="wait until it ends") from error
    finally:
        os.close(handle)


class Shell:
    """Runs commands in the demo's source repository, shown as a person would type them.

    Nothing of the user's Git settings takes part: a hook or a signing key would change what is seen.
    """

    def __init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self.environ = kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def run(
        self, *command: str, show: bool = True, output: bool = True, accept: tuple[int, ...] = (0,)
    ) -> str:
        """Run one command to its end; `show` the command, and its `output`. Raises DemoError if it fails."""
        if show:
            self.show(*command)
        words = [ENVCTL if command[0] == "envctl" else command[0], *command[1:]]
        done = subprocess.run(
            words, cwd=SOURCE, env=self.environ, capture_output=True, text=True, check=False
        )
        if show and output and done.stdout.strip():
            result(done.stdout.rstrip().replace("\n", "\n  "))
        if done.returncode not in accept:
            said = (done.stderr or done.stdout).strip()
            raise DemoError(f"`{' '.join(command)}` ended with {done.returncode}:\n{said}")
        return done.stdout.strip()

    def envctl(self, *arguments: str, show: bool = True, output: bool = True) -> str:
        """Run envctl."""
        return self.run("envctl", *arguments, show=show, output=output)

    def git(self, *arguments: str, show: bool = True, output: bool = True) -> str:
        """Run git."""
        return self.run("git", *arguments, show=show, output=output)

    def quietly(self, *arguments: str) -> str:
        """Run git without showing it."""
        return self.git(*arguments, show=False)

    @staticmethod
    def show(*command: str, tail: str = "") -> None:
        """Show a command line."""
        print(f"{_GREEN}${_PLAIN} {' '.join(_quoted(word) for word in command)}{tail}", flush=True)

    @staticmethod
    def edit(path: str, old: str, new: str, says: str = "") -> None:
        """Edit one file of the source, and say so."""
        file = SOURCE / path
        text = file.read_text()
        if old not in text:
            raise DemoError(f"{path} no longer holds {old!r}")
        file.write_text(text.replace(old, new))
        print(f"{_GREEN}edit{_PLAIN} {path}: {says or f'{old} -> {new}'}", flush=True)


def _quoted(word: str) -> str:
    """A word as one would type it."""
    return f'"{word}"' if " " in word else word
