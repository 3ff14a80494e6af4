"""User names and passwords of Git servers, from where Git itself takes them."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from dulwich.client import get_credentials_from_store

_PATIENCE = 30  # seconds for a helper that looks into a key ring


def find_credentials(url: str, root: Path) -> tuple[str, str] | None:
    """User name and password for an address, None where nobody knows them.

    Asks Git's own credential helpers where there is a git program (nothing is ever asked at the
    terminal), else looks into the files of Git's ``store`` helper.
    """
    git = shutil.which("git")
    return _from_helpers(git, url, root) if git else _from_store(url)


def _from_helpers(git: str, url: str, root: Path) -> tuple[str, str] | None:
    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    asked = {"protocol": parts.scheme, "host": host, "path": parts.path.lstrip("/")}
    if parts.username:
        asked["username"] = parts.username
    environment = {"GIT_ASKPASS": "", **os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            [git, "-C", str(root), "credential", "fill"],
            input="".join(f"{key}={value}\n" for key, value in asked.items()) + "\n",
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return (found["username"], found["password"]) if {"username", "password"} <= found.keys() else None


def _from_store(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    return next(get_credentials_from_store(parts.scheme, parts.hostname or "", parts.username), None)
