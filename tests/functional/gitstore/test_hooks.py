"""Hooks of the repository: asked before a push and for the text of a commit, in Git's own way."""

from pathlib import Path

import pytest

from envctl.errors import InputError, RefusedError
from envctl.model.git import RefUpdate
from tests.support.git_servers import git_http_server
from tests.support.repositories import Box, draft

MAIN, DEV = "refs/heads/main", "refs/heads/deploy/dev"
ZERO = "0" * 40
NOTE = '#!/bin/sh\n{{ echo "$1|$2|$PWD|$GIT_DIR"; cat; }} > {log}\n'


def install(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(full: Box, tmp_path: Path) -> Box:
    box = full.clone(tmp_path / "bare.git", "--mirror")
    full.git("remote", "add", "origin", str(box.path))
    return box


def written(box: Box, *parents: str) -> str:
    return box.open().write_commit(draft(box.git("rev-parse", "HEAD^{tree}"), *parents, message="new\n"))


def test_the_pre_push_hook_is_told_what_git_tells_it(full: Box, bare: Box, tmp_path: Path) -> None:
    """The remote's name and address as arguments, a line for each ref that moves, at the top of the work tree."""
    install(full.path / ".git/hooks/pre-push", NOTE.format(log=tmp_path / "log"))
    head = full.git("rev-parse", "HEAD")
    one, two = written(full), written(full, head)
    updates = [RefUpdate(DEV, None, one), RefUpdate(MAIN, head, two), RefUpdate("refs/tags/v1", head, head)]
    full.open().push("origin", updates[:2])
    assert (tmp_path / "log").read_text() == (
        f"origin|{bare.path}|{full.path}|{full.path}/.git\n"
        f"{DEV} {one} {DEV} {ZERO}\n{MAIN} {two} {MAIN} {head}\n"
    )
    assert bare.git("rev-parse", DEV, MAIN).split() == [one, two]


def test_the_pre_push_hook_of_an_unnamed_remote_sees_its_address_twice_and_no_password(
    full: Box, tmp_path: Path
) -> None:
    """As Git says it, without what must not stand in a list of processes."""
    box = full.clone(tmp_path / "served/repo.git", "--mirror")
    install(full.path / ".git/hooks/pre-push", NOTE.format(log=tmp_path / "log"))
    with git_http_server(box.path.parent, users={"ann": "s3cret"}) as server:
        full.open().push(server.url("repo.git", user="ann"), [RefUpdate(DEV, None, written(full))])
        url = server.url("repo.git")
    assert (tmp_path / "log").read_text().startswith(f"{url}|{url}|")


@pytest.mark.parametrize("where", ["hooks", "hooksPath", "relative hooksPath", "linked work tree", "bare"])
def test_a_pre_push_hook_that_refuses_stops_the_push(
    full: Box, bare: Box, tmp_path: Path, where: str
) -> None:
    """Nothing is pushed, and its words are told; the folder is the one that Git takes it from."""
    folder, box = full.path / ".git/hooks", full
    if where == "hooksPath":
        folder = tmp_path / "elsewhere"
        full.git("config", "core.hooksPath", str(folder))
    elif where == "relative hooksPath":
        folder = full.path / ".githooks"
        full.git("config", "core.hooksPath", ".githooks")
    elif where == "linked work tree":
        full.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
        box = Box(tmp_path / "linked")
    elif where == "bare":
        box = full.clone(tmp_path / "store.git", "--bare")
        folder = box.path / "hooks"
    hook = install(folder / "pre-push", "#!/bin/sh\nprintf '\\033[31mtests fail\\033[0m\\n' >&2\nexit 1\n")
    refs = bare.git("show-ref")
    with pytest.raises(RefusedError) as caught:
        box.open().push(str(bare.path), [RefUpdate(DEV, None, written(box))])
    assert str(caught.value) == (
        f"{hook}: the pre-push hook refused the push: tests fail\n"
        "hint: nothing was pushed; do what the hook asks for"
    )
    assert bare.git("show-ref") == refs


def test_a_hook_that_is_not_executable_or_has_nothing_to_say_is_not_run(full: Box, bare: Box) -> None:
    """As in Git; a push that moves nothing asks nobody."""
    hook = install(full.path / ".git/hooks/pre-push", "#!/bin/sh\nexit 1\n")
    head = full.git("rev-parse", "HEAD")
    full.open().push("origin", [RefUpdate(MAIN, head, head)])
    hook.chmod(0o644)
    full.open().push("origin", [RefUpdate(DEV, None, head)])
    assert bare.git("rev-parse", DEV) == head


def test_a_hook_that_does_not_listen_is_no_failure(full: Box, bare: Box) -> None:
    """Its input is larger than a pipe holds."""
    install(full.path / ".git/hooks/pre-push", "#!/bin/sh\nexit 0\n")
    head = full.git("rev-parse", "HEAD")
    full.open().push("origin", [RefUpdate(f"refs/heads/b{each}", None, head) for each in range(700)])
    assert len(bare.git("for-each-ref", "refs/heads/b*").splitlines()) == 700


def test_a_hook_that_cannot_be_started_is_told(full: Box, bare: Box) -> None:
    """Its interpreter is not there; nothing is pushed."""
    hook = install(full.path / ".git/hooks/pre-push", "#!/nowhere/sh\n")
    refs = bare.git("show-ref")
    with pytest.raises(InputError) as caught:
        full.open().push("origin", [RefUpdate(DEV, None, full.git("rev-parse", "HEAD"))])
    assert str(caught.value) == f"{hook}: the hook cannot be run: No such file or directory"
    assert bare.git("show-ref") == refs


def test_a_message_without_a_hook_stays_as_it_is(full: Box) -> None:
    """Byte for byte."""
    assert full.open().checked_message("Promote\n\n  text \n") == "Promote\n\n  text \n"


def test_the_commit_msg_hook_may_edit_the_message(full: Box, tmp_path: Path) -> None:
    """As Gerrit's hook adds a change id; other hooks of a commit are not run."""
    for name in ("pre-commit", "prepare-commit-msg", "post-commit"):
        install(full.path / f".git/hooks/{name}", f"#!/bin/sh\ntouch {tmp_path}/{name}\n")
    install(
        full.path / ".git/hooks/commit-msg", '#!/bin/sh\necho "Change-Id: I$(git rev-parse HEAD)" >> "$1"\n'
    )
    head = full.git("rev-parse", "HEAD")
    assert (
        full.open().checked_message("Promote grün\n\nA: b\n") == f"Promote grün\n\nA: b\nChange-Id: I{head}\n"
    )
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(("commit", "msg"))]


REFUSALS = [
    pytest.param("echo 'subject has no ticket' >&2; exit 1", "subject has no ticket", id="words"),
    pytest.param("exit 3", "it ended with code 3", id="silence"),
    pytest.param(': > "$1"', "it left no text", id="nothing left"),
    pytest.param("printf '\\377' > \"$1\"", "it left no text", id="no text left"),
    pytest.param('rm "$1"', "it left no text", id="no file left"),
]


@pytest.mark.parametrize(("body", "why"), REFUSALS)
def test_a_commit_msg_hook_that_refuses_is_heard(full: Box, body: str, why: str) -> None:
    """In its own words; the scratch file does not stay."""
    hook = install(full.path / ".git/hooks/commit-msg", f"#!/bin/sh\n{body}\n")
    with pytest.raises(RefusedError) as caught:
        full.open().checked_message("Promote\n")
    assert str(caught.value) == (
        f"{hook}: the commit-msg hook refused the message: {why}\n"
        "hint: nothing was committed; do what the hook asks for"
    )
