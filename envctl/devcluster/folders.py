"""Where envctl keeps what can be made again, and what runs now."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The cache folder: ``$ENVCTL_CACHE_DIR``, else ``$XDG_CACHE_HOME/envctl``, else ``~/.cache/envctl``."""
    if environ.get("ENVCTL_CACHE_DIR"):
        return Path(environ["ENVCTL_CACHE_DIR"]).absolute()
    # The XDG specification: a relative path is invalid and ignored.
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "envctl"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where running dev clusters are written down: ``$XDG_RUNTIME_DIR/envctl``, else the cache folder."""
    base = Path(environ.get("XDG_RUNTIME_DIR", ""))
    parent = base / "envctl" if base.is_absolute() and base.is_dir() else cache_folder(environ)
    return parent / "dev-clusters"
