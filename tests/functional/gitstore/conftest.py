"""A small repository with everything that Git can hold."""

import os
from pathlib import Path

import pytest

from tests.support.repositories import Box, new_box


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies, certificates, keys and agents of whoever runs the tests do not count."""
    for name in list(os.environ):
        if name.startswith(("GIT_SSL_", "GIT_SSH", "SSH_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty repository."""
    return new_box(tmp_path / "box")


@pytest.fixture
def full(box: Box) -> Box:
    """Two commits with files, directories, an executable, a link, a submodule, a tag and a branch."""
    box.commit({"readme": "one\n", "lib/a.libsonnet": "{}", "lib/deep/b": "b", "gone": "x"}, "first")
    box.git("tag", "-a", "v1", "-m", "version one")
    box.git("branch", "release/1.0")
    (box.path / "gone").unlink()
    (box.path / "link").symlink_to("lib/a.libsonnet")
    (box.path / "folder").symlink_to("lib")
    box.write("tool", "#!/bin/sh\n").chmod(0o755)
    box.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/sub")
    (box.path / "vendor/sub").mkdir(parents=True)
    box.git("add", "-A", "--", "gone", "link", "folder", "tool")
    box.write("readme", "two\n")
    box.git("commit", "-qam", "second")
    return box
