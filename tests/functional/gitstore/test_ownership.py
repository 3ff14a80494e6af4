"""Repositories of somebody else: they are read, but no program that they name is run."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.errors import RefusedError
from envctl.model.git import RefUpdate
from tests.support.repositories import Box, draft

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
STRANGER = 12345
MAIN = "refs/heads/main"


@pytest.fixture
def theirs(full: Box) -> Box:
    """A stranger's repository in which every program would leave a trace."""
    trace = full.path.with_name("trace")
    for name in ("pre-push", "commit-msg"):
        full.write(f".git/hooks/{name}", f"#!/bin/sh\ntouch {trace}\n").chmod(0o755)
    program = full.write("program", f"#!/bin/sh\ntouch {trace}\n")
    program.chmod(0o755)
    full.git("config", "commit.gpgsign", "true")
    full.git("config", "gpg.program", str(program))
    full.git("config", "core.sshCommand", str(program))
    full.git("remote", "add", "origin", "ssh://git@example.com/x.git")
    for each in (full.path, full.path / ".git"):
        os.chown(each, STRANGER, STRANGER)
    return full


def sign(box: Box) -> None:
    box.open().write_commit(draft(box.open().commit(box.open().resolve("HEAD")).tree))


PROGRAMS: dict[str, Callable[[Box], object]] = {
    "its commit-msg hook": lambda box: box.open().checked_message("x\n"),
    "its pre-push hook": lambda box: box.open().push(
        "/nowhere", [RefUpdate(MAIN, None, box.open().resolve("HEAD"))]
    ),
    "a program that signs": sign,
    "core.sshCommand": lambda box: box.open().remote_refs("origin", [MAIN]),
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_no_program_of_a_strangers_repository_is_run(theirs: Box, what: str) -> None:
    """Reading it is fine; the refusal says how to trust it."""
    assert theirs.open().commit(theirs.open().resolve("HEAD")).subject == "second"
    with pytest.raises(RefusedError) as caught:
        PROGRAMS[what](theirs)
    assert str(caught.value) == (
        f"{theirs.path}: the repository belongs to another user, so {what} is not run\n"
        f"hint: if you trust it: git config --global --add safe.directory {theirs.path}"
    )
    assert not theirs.path.with_name("trace").exists()


TRUST = [
    pytest.param("{path}", True, id="this one"),
    pytest.param("*", True, id="all"),
    pytest.param("/another", False, id="another one"),
    pytest.param("*\n\tdirectory =", False, id="taken back"),
]


@pytest.mark.parametrize(("value", "trusted"), TRUST)
def test_a_repository_is_trusted_where_the_user_says_so(
    theirs: Box,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    trusted: bool,  # noqa: FBT001
) -> None:
    """In their own configuration, as for Git; what the repository says of itself does not count."""
    theirs.git("config", "--file", str(theirs.path / ".git/config"), "safe.directory", "*")
    user = tmp_path / "gitconfig"
    user.write_text(f"[safe]\n\tdirectory = {value.format(path=theirs.path)}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    if trusted:
        assert theirs.open().checked_message("x\n") == "x\n"
    else:
        with pytest.raises(RefusedError):
            theirs.open().checked_message("x\n")


def test_who_uses_sudo_owns_their_repositories(theirs: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for Git since 2.35.3."""
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    assert theirs.open().checked_message("x\n") == "x\n"
