"""A real OpenSSH server: keys, agents and host keys; nobody is ever asked anything."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from envctl.errors import AccessError, RefusedError
from envctl.gitstore.repository import GitRepository, open_store
from envctl.model.git import RefUpdate
from tests.support import ssh_servers
from tests.support.repositories import Box, FixedClock, draft
from tests.support.ssh_servers import SshServer, ssh_agent, ssh_server

pytestmark = pytest.mark.skipif(bool(ssh_servers.MISSING), reason=ssh_servers.MISSING or "sshd is here")
MAIN, DEV = "refs/heads/main", "refs/heads/deploy/dev"


@pytest.fixture
def served(full: Box, tmp_path: Path) -> Box:
    return full.clone(tmp_path / "served/it's here.git", "--mirror")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "ssh") as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, server: SshServer, served: Box) -> GitRepository:
    """An agent's store whose remote is on the server."""
    open_store(tmp_path / "store", clock=FixedClock())
    box = Box(tmp_path / "store")
    box.git("remote", "add", "origin", server.url(served.path))
    return box.open()


def configure(tmp_path: Path, command: str) -> None:
    Box(tmp_path / "store").git("config", "core.sshCommand", command)


def all_of_it(store: GitRepository, served: Box) -> None:
    """A look-up, a fetch and a push, the second of which is known to have arrived."""
    head = served.git("rev-parse", MAIN)
    assert dict(store.remote_refs("origin", [MAIN, DEV])) == {MAIN: head, DEV: None}
    assert dict(store.fetch("origin", [MAIN])) == {MAIN: head}
    commit = store.write_commit(draft(store.write_tree({"a": b"1" * 99}), message="over ssh"))
    for _ in range(2):
        store.push("origin", [RefUpdate(DEV, None, commit), RefUpdate("refs/heads/x", None, commit)])
    assert served.git("rev-parse", DEV, "x").split() == [commit, commit]


def test_a_key_of_the_configured_command_opens_the_server(
    store: GitRepository, served: Box, server: SshServer, tmp_path: Path
) -> None:
    """core.sshCommand, with a pinned known_hosts file."""
    configure(tmp_path, server.command(f"-o IdentityFile={server.key}"))
    all_of_it(store, served)


def test_a_command_of_the_environment_is_for_a_shell_and_counts_first(
    store: GitRepository, served: Box, server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_SSH_COMMAND, with a variable in it as CI systems write it."""
    configure(tmp_path, "ssh-that-is-not-there")
    monkeypatch.setenv("KEYS", str(server.folder))
    monkeypatch.setenv("GIT_SSH_COMMAND", server.command('-i "$KEYS/client"'))
    all_of_it(store, served)


def test_a_key_of_the_agent_opens_the_server(
    store: GitRepository, served: Box, server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSH_AUTH_SOCK; no key lies on disk."""
    configure(tmp_path, server.command("-o IdentityFile=none"))
    with ssh_agent(server.folder, server.key) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", agent)
        server.key.unlink()
        all_of_it(store, served)


REFUSED = [
    pytest.param("no key", "the server gives no access: ", "give ssh a key that opens it without asking: ssh-add KEY, or core.sshCommand", id="no key"),
    pytest.param("another key", "the server gives no access: ", "give ssh a key that opens it without asking: ssh-add KEY, or core.sshCommand", id="a key that is not let in"),
    pytest.param("locked key", "the server gives no access: ", "give ssh a key that opens it without asking: ssh-add KEY, or core.sshCommand", id="a key with a passphrase"),
    pytest.param("unknown host", "the server's host key is not known: ", "add it to known_hosts after comparing its fingerprint: ssh-keyscan HOST", id="unknown host"),
    pytest.param("wrong host key", "the server shows another host key than the one that is known", "ask its owner; where they changed the key, remove the old one: ssh-keygen -R HOST", id="another host key"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "summary", "hint"), REFUSED)
def test_a_server_that_does_not_let_us_in_or_is_not_known_is_told(
    store: GitRepository, served: Box, server: SshServer, tmp_path: Path, case: str, summary: str, hint: str
) -> None:
    """At once, with what to do; not one byte of Git is exchanged, and known_hosts stays as it is."""
    identity = {"no key": "none", "another key": f"{server.folder}/stranger"}.get(case, str(server.key))
    if case == "unknown host":
        server.known_hosts.write_text("")
    if case == "wrong host key":
        server.pin(server.folder / "stranger")
    if case == "locked key":
        locked = ssh_servers.make_key(tmp_path / "locked", "secret")
        (server.folder / "authorized_keys").write_text(locked.with_suffix(".pub").read_text())
        identity = str(locked)
    known = server.known_hosts.read_text()
    configure(tmp_path, server.command(f"-o IdentityFile={identity}"))
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    refs = served.git("show-ref")
    for ask in (
        lambda: store.remote_refs("origin", [MAIN]),
        lambda: store.fetch("origin", [MAIN]),
        lambda: store.push("origin", [RefUpdate(DEV, None, commit)]),
    ):
        with pytest.raises(AccessError) as caught:
            ask()
        assert caught.value.summary.startswith(summary)
        assert (caught.value.hint, caught.value.place) == (hint, "origin")
    assert (served.git("show-ref"), server.known_hosts.read_text()) == (refs, known)


def test_the_user_may_say_otherwise(
    store: GitRepository, served: Box, server: SshServer, tmp_path: Path
) -> None:
    """A first contact that is allowed in the command itself: ssh takes the first value that it is told."""
    server.known_hosts.write_text("")
    configure(tmp_path, server.command(f"-i {server.key}", "-o StrictHostKeyChecking=accept-new"))
    all_of_it(store, served)
    assert f"[127.0.0.1]:{server.port}" in server.known_hosts.read_text()


def test_a_hook_on_the_other_side_is_heard_over_ssh(
    store: GitRepository, served: Box, server: SshServer, tmp_path: Path
) -> None:
    """Writer's fault row 4: pre-receive says no; what it says comes without control characters."""
    configure(tmp_path, server.command(f"-i {server.key}"))
    hook = served.write(
        "hooks/pre-receive", "#!/bin/sh\nprintf '\\033]0;x\\007no releases today\\n'\nexit 1\n"
    )
    hook.chmod(0o755)
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    with pytest.raises(RefusedError) as caught:
        store.push("origin", [RefUpdate(DEV, None, commit)])
    assert "no releases today" in caught.value.summary
    assert caught.value.summary.isprintable()
    assert served.git("for-each-ref", DEV) == ""


def test_a_repository_that_is_not_there_is_told_over_ssh(
    store: GitRepository, server: SshServer, tmp_path: Path
) -> None:
    """In the server's words."""
    configure(tmp_path, server.command(f"-i {server.key}"))
    with pytest.raises(AccessError, match="the server gives no access: fatal: "):
        store.fetch(server.url(Path("/nowhere")), [MAIN])
    assert os.environ.get("SSH_AUTH_SOCK") is None
