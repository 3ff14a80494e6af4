"""Builds the programs of one Go module, with progress and a readable error."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from envctl.devcluster.catalog import BUILD_FLAGS, parse_version, show_version
from envctl.devcluster.progress import Progress
from envctl.errors import UnavailableError

_SECONDS_BETWEEN_LINES = 0.5
_TAIL = 30


@dataclass(frozen=True, slots=True)
class Build:
    """One build: the module's folder, its packages, the linker's flags, and where the programs go."""

    title: str
    module: Path
    packages: Sequence[str]
    link_flags: str
    out: Path


def go_environment(environ: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """The environment of a build for this machine: no C compiler, no other Go release, no workspace.

    Everything else stays as the user set it (module proxy, caches, private hosts).
    """
    dropped = ("GOOS", "GOARCH", "GOBIN", "GOEXPERIMENT")
    kept = {name: value for name, value in environ.items() if name not in dropped}
    fixed = {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOTOOLCHAIN": "local",
        "GOTMPDIR": str(temporary),
        "GOWORK": "off",
    }
    return kept | fixed


def go_build(go: Path, build: Build, progress: Progress) -> None:
    """Build the packages into `build.out`; tells what is fetched and compiled, and the time that passed.

    Raises UnavailableError with the tail of the compiler's output. On an exception, also on
    KeyboardInterrupt, the compiler is stopped.
    """
    build.out.mkdir(parents=True, exist_ok=True)
    steps = Steps(build.title)
    progress(str(steps))
    with tempfile.TemporaryFile() as listing:
        _follow([str(go), "list", "-mod=readonly", "-deps", *build.packages], build, listing, steps, progress)
        listing.seek(0)
        steps.packages = sum(1 for _ in listing)
    flags = [*BUILD_FLAGS, "-ldflags", build.link_flags]
    command = [str(go), "build", "-v", *flags, "-o", f"{build.out}/", *build.packages]
    _follow(command, build, subprocess.DEVNULL, steps, progress)


def module_folder(go: Path, module: Path, path: str) -> Path:
    """Where Go keeps the source of a required module, once it is fetched."""
    command = [str(go), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", path]
    environment = go_environment(os.environ, module)
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise build_error(path, done.returncode, done.stderr.splitlines()[-_TAIL:])
    return Path(done.stdout.strip())


class Steps:
    """What go has told so far: modules as they are fetched, packages as they are compiled, and complaints."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.packages = 0
        self.fetched = 0
        self.compiled = 0
        self.seconds = 0
        self.complaints: deque[str] = deque(maxlen=_TAIL)
        self._started: float | None = None
        self._told = 0.0

    def take(self, line: str, now: float) -> bool:
        """Count one line (empty: time passed); says whether the sum is worth telling again."""
        if self._started is None:
            self._started = self._told = now
        if line.startswith("go: downloading "):
            self.fetched += 1
        elif " " in line:
            self.complaints.append(line)
        elif line:
            self.compiled += 1
        if now - self._told < _SECONDS_BETWEEN_LINES:
            return False
        self._told, self.seconds = now, int(now - self._started)
        return True

    def __str__(self) -> str:
        """One line of progress; `packages` is 0 until all modules are fetched."""
        done = f"{self.compiled} of {self.packages} packages compiled"
        if not self.packages:
            done = f"{self.fetched} Go modules fetched"
        return f"building {self.title}: {done}, {self.seconds // 60}:{self.seconds % 60:02} min"


def build_error(title: str, code: int, tail: Sequence[str]) -> UnavailableError:
    """The error of a failed build: the compiler's last words, and what they call for."""
    text = "\n".join(tail)
    if code < 0:
        hint = "the compiler was killed; with little memory, set GOMAXPROCS=1 and try again"
    elif "no space left" in text:
        hint = (
            "builds need about 5 GB in Go's caches (`go env GOCACHE GOMODCACHE`) and 1 GB in the cache folder"
        )
    elif "dial tcp" in text or "i/o timeout" in text or "proxy" in text.lower():
        hint = "the build reads Go modules from the network; behind a proxy, set GOPROXY and HTTPS_PROXY"
    elif "checksum mismatch" in text:
        hint = "a Go module differs from its pinned hash; check GOPROXY, and do not use what it served"
    else:
        hint = "run it again; if it fails in the same way, report it with these lines"
    return UnavailableError(f"building {title} failed (exit code {code}):\n{text}", hint=hint)


def _follow(
    command: Sequence[str], build: Build, stdout: int | IO[bytes], steps: Steps, progress: Progress
) -> None:
    """Run a go command to its end, and tell what it says on standard error."""
    with _running(command, build, stdout) as process:
        for line in _lines(process.stderr.fileno() if process.stderr else -1):
            if steps.take(line, time.monotonic()):
                progress(str(steps))
        code = process.wait()
    if code:
        raise build_error(build.title, code, list(steps.complaints))


@contextlib.contextmanager
def _running(
    command: Sequence[str], build: Build, stdout: int | IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process group for the compiler and its children; none of it outlives this block."""
    process = subprocess.Popen(
        command,
        cwd=build.module,
        env=go_environment(os.environ, build.out),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stderr:
            process.stderr.close()


def _lines(pipe: int) -> Iterator[str]:
    """The lines that come out of a pipe, and an empty one whenever none came for a second."""
    rest = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], 1.0)
        if not ready:
            yield ""
            continue
        block = os.read(pipe, 65536)
        if not block:
            break
        *whole, rest = (rest + block).split(b"\n")
        yield from (line.decode(errors="replace").rstrip() for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def version_of(program: Path) -> str:
    """The version that a program tells; empty where it does not run."""
    arguments = ["version", "--client"] if program.name == "kubectl" else ["--version"]
    try:
        done = subprocess.run(
            [str(program), *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    version = parse_version(done.stdout or done.stderr)
    return show_version(version) if done.returncode == 0 and version else ""
