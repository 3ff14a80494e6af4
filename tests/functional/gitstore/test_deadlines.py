"""Servers that never finish: every operation ends, and memory has a bound. Errors are asserted, never times."""

from pathlib import Path

import pytest

from envctl.errors import EnvctlError, InputError, UnavailableError
from envctl.gitstore.repository import GitRepository, open_store
from envctl.model.git import RefUpdate
from tests.support.git_servers import git_http_server
from tests.support.repositories import Box, FixedClock, draft
from tests.support.slow_servers import ADVERTISED, SERVICE, chunk, endless_server, packets

MAIN, DEV = "refs/heads/main", "refs/heads/deploy/dev"
LATE = "the server was not done within 1 seconds"
HINT = "try again; where it needs longer, say so in seconds: git config envctl.timeout 3600"


@pytest.fixture
def agent(tmp_path: Path) -> Box:
    """An agent's store that waits for a second."""
    open_store(tmp_path / "store", clock=FixedClock())
    made = Box(tmp_path / "store")
    made.git("config", "envctl.timeout", "1")
    return made


def asks(store: GitRepository) -> list[EnvctlError]:
    """What a look-up, a fetch and a push end with."""
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    ended = []
    for ask in (
        lambda: store.remote_refs("origin", [MAIN]),
        lambda: store.fetch("origin", [MAIN]),
        lambda: store.push("origin", [RefUpdate(DEV, None, commit)]),
    ):
        with pytest.raises(EnvctlError) as caught:
            ask()
        ended.append(caught.value)
    return ended


DRIPS = [
    pytest.param("http", b"", b"", 600, id="a silent web server"),
    pytest.param("http", b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.1, id="headers without end"),
    pytest.param("http", ADVERTISED, b"1\r\nf\r\n", 0.1, id="a byte at a time"),
    pytest.param("http", ADVERTISED + SERVICE, chunk(packets(1)), 0.1, id="a ref at a time"),
    pytest.param("https", b"", b"", 600, id="no handshake"),
    pytest.param("git", b"", b"f", 0.1, id="a byte at a time without HTTP"),
    pytest.param("git", b"", b"", 600, id="a silent Git server"),
]


@pytest.mark.parametrize(("scheme", "beginning", "more", "pause"), DRIPS)
def test_a_server_that_drips_is_left_when_the_time_is_up(
    agent: Box, scheme: str, beginning: bytes, more: bytes, pause: float
) -> None:
    """dulwich would wait for ever: something always comes."""
    with endless_server(beginning, more, pause) as port:
        agent.git("remote", "add", "origin", f"{scheme}://127.0.0.1:{port}/repo.git")
        ended = asks(agent.open())
        for error in ended[:2] if b"upload-pack\n" in beginning else ended:
            assert (type(error), error.summary, error.hint, error.place) == (
                UnavailableError, LATE, HINT, "origin",
            )  # fmt: skip


SCRIPTS = [
    pytest.param("while :; do printf f; sleep 0.1; done", id="drips"),
    pytest.param("sleep 600", id="is silent"),
    pytest.param(
        "trap '' TERM HUP INT PIPE; (trap '' TERM HUP; sleep 600) & wait; sleep 600", id="does not want to go"
    ),
    pytest.param("while :; do echo blah >&2; done", id="talks beside the point"),
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_ssh_program_that_never_ends_is_ended(agent: Box, tmp_path: Path, script: str) -> None:
    """With everything that it started."""
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    agent.git("config", "core.sshCommand", str(program))
    agent.git("remote", "add", "origin", "ssh://git@example.com/repo.git")
    for error in asks(agent.open()):
        assert (type(error), error.summary, error.place) == (UnavailableError, LATE, "origin")


def test_a_push_whose_server_thinks_too_long_is_looked_up(full: Box, agent: Box, tmp_path: Path) -> None:
    """The hook is still at work when the time is up; the refs are where they were."""
    served = full.clone(tmp_path / "served/repo.git", "--mirror")
    served.write("hooks/pre-receive", "#!/bin/sh\nsleep 3\nexit 1\n").chmod(0o755)
    refs = served.git("show-ref")
    with git_http_server(served.path.parent) as server:
        agent.git("remote", "add", "origin", server.url("repo.git"))
        store = agent.open()
        commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
        with pytest.raises(UnavailableError) as caught:
            store.push("origin", [RefUpdate(DEV, None, commit)])
    assert (caught.value.summary, caught.value.hint) == (LATE, HINT)
    assert served.git("show-ref") == refs


@pytest.mark.parametrize("scheme", ["http", "git"])
def test_a_list_of_refs_without_end_is_cut_off(agent: Box, scheme: str) -> None:
    """It would fill the memory, as fast as the line is."""
    agent.git("config", "envctl.timeout", "120")
    more = packets(20, 40_000)
    http = scheme == "http"
    with endless_server(ADVERTISED + SERVICE if http else b"", chunk(more) if http else more, 0) as port:
        agent.git("remote", "add", "origin", f"{scheme}://127.0.0.1:{port}/repo.git")
        with pytest.raises(UnavailableError) as caught:
            agent.open().fetch("origin", [MAIN])
    assert str(caught.value) == "origin: the server lists more refs than any repository has"


BAD = ["0", "-1", "soon", "", "1e3", "0.0"]


@pytest.mark.parametrize("value", BAD)
def test_a_time_limit_that_is_none_is_told(agent: Box, value: str) -> None:
    """Before anything is asked."""
    agent.git("config", "envctl.timeout", value)
    agent.git("remote", "add", "origin", "http://127.0.0.1:9/repo.git")
    with pytest.raises(InputError) as caught:
        agent.open().remote_refs("origin", [MAIN])
    assert str(caught.value) == (
        f"Git's setting envctl.timeout is no number of seconds: {value!r}\nhint: git config envctl.timeout 600"
    )
