"""Git servers that want credentials, refuse, redirect, or are no Git servers at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from envctl.errors import AccessError, ConflictError, EnvctlError, InputError, RefusedError, UnavailableError
from envctl.gitstore.repository import GitRepository, open_store
from envctl.model.git import RefUpdate
from tests.support.git_servers import Answer, GitServer, git_http_server
from tests.support.repositories import Box, FixedClock, draft

MAIN, DEV = "refs/heads/main", "refs/heads/deploy/dev"
PASSWORD = "s3cret-t0ken"


@pytest.fixture
def served(full: Box, tmp_path: Path) -> Box:
    return full.clone(tmp_path / "served/repo.git", "--mirror")


@pytest.fixture
def server(served: Box) -> Iterator[GitServer]:
    with git_http_server(served.path.parent) as running:
        yield running


@pytest.fixture
def private(served: Box) -> Iterator[GitServer]:
    with git_http_server(served.path.parent, users={"ann": PASSWORD}) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> GitRepository:
    return open_store(tmp_path / "store", clock=FixedClock())


def test_credentials_of_the_address_open_a_private_repository(
    private: GitServer, store: GitRepository
) -> None:
    """Reading and pushing with user and password in the address."""
    url = private.url("repo.git", user="ann")
    assert store.remote_refs(url, [MAIN])[MAIN] is not None
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    store.push(url, [RefUpdate(DEV, None, commit)])
    assert store.fetch(url, [DEV]) == {DEV: commit}


def test_credentials_of_a_helper_open_a_private_repository(private: GitServer, tmp_path: Path) -> None:
    """Asked only where the server wants some, and kept for the rest of the conversation."""
    box = Box(tmp_path / "store")
    store = open_store(box.path, clock=FixedClock())
    box.git(
        "config",
        "credential.helper",
        f"!f() {{ echo asked >> {tmp_path}/asked; echo username=ann; echo password={PASSWORD}; }}; f",
    )
    commit = store.write_commit(draft(store.write_tree({"a": b"1" * 10})))
    store.push(private.url("repo.git"), [RefUpdate(DEV, None, commit)])
    assert (tmp_path / "asked").read_text() == "asked\n"


WRONG = [
    pytest.param("http://ann:wr0ng@", id="wrong password"),
    pytest.param("http://", id="none"),
    pytest.param("http://ann@", id="no password"),
]


@pytest.mark.parametrize("start", WRONG)
def test_wrong_credentials_are_an_access_error_that_does_not_show_them(
    private: GitServer, store: GitRepository, start: str
) -> None:
    """The message names the server without user and password."""
    plain = private.url("repo.git")
    with pytest.raises(AccessError) as caught:
        store.remote_refs(plain.replace("http://", start), [MAIN])
    assert str(caught.value) == (
        f"{plain}: the server gives no access (HTTP 401: who are you?)\n"
        "hint: check the credentials: git credential helpers, or user:password@ in the address"
    )


def test_no_message_and_no_file_ever_holds_a_password(
    private: GitServer, tmp_path: Path, served: Box
) -> None:
    """Every kind of failure, with credentials in the address, directly and through a configured remote."""
    box = Box(tmp_path / "store")
    store = open_store(box.path, clock=FixedClock())
    url = private.url("repo.git", user="ann")
    served.write("hooks/pre-receive", "#!/bin/sh\necho no >&2; exit 1\n").chmod(0o755)
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    store.fetch(url, [MAIN])
    assert PASSWORD not in (box.path / "FETCH_HEAD").read_text()
    box.git("remote", "add", "bad", url.replace("repo.git", "absent.git"))
    failures = [
        lambda: store.remote_refs(url.replace("repo.git", "absent.git"), [MAIN]),
        lambda: store.fetch("bad", [MAIN]),
        lambda: store.push(url, [RefUpdate(DEV, None, commit)]),
        lambda: store.push(url, [RefUpdate(MAIN, None, commit)]),
        lambda: store.fetch(url.replace("127.0.0.1", "127.0.0.1:1").replace(":1:", ":1/"), [MAIN]),
        lambda: store.fetch(url.replace("http://", "ftp://"), [MAIN]),
        lambda: store.fetch(url.replace("127.0.0.1", "127.0.0.1 "), [MAIN]),
        lambda: store.fetch(url.replace("http://", "ssh://"), [MAIN]),
    ]
    for fail in failures:
        with pytest.raises(EnvctlError) as caught:
            fail()
        assert PASSWORD not in str(caught.value) + repr(caught.value.problems)


def test_a_poll_is_small_and_asks_for_nothing_else(
    server: GitServer, store: GitRepository, served: Box
) -> None:
    """Protocol version 2 with a prefix: a thousand other branches cost nothing."""
    head = served.git("rev-parse", MAIN)
    served.raw(
        "update-ref", "--stdin", stdin="".join(f"create refs/heads/x{each} {head}\n" for each in range(1000))
    )
    store.remote_refs(server.url("repo.git"), [MAIN])
    assert [(method, path) for method, path, _ in server.requests] == [
        ("GET", "/repo.git/info/refs?service=git-upload-pack"),
        ("POST", "/repo.git/git-upload-pack"),
    ]
    assert all(headers.get("Git-Protocol") == "version=2" for _, _, headers in server.requests)


def test_a_fetch_sends_what_is_here(server: GitServer, store: GitRepository, tmp_path: Path) -> None:
    """Ten thousand unchanged files are not sent again for one that changed."""
    big = Box(tmp_path / "big")
    writer = open_store(big.path, clock=FixedClock())
    tree = writer.write_tree({f"c{each % 50}/{each}.yaml": b"%d\n" % each * 20 for each in range(10_000)})
    first = writer.write_commit(draft(tree))
    second = writer.write_commit(draft(writer.write_tree({"c1/1.yaml": b"new"}, base=tree), first))
    url = server.url("repo.git")
    writer.push(url, [RefUpdate(DEV, None, first)])
    store.fetch(url, [DEV])
    writer.push(url, [RefUpdate(DEV, first, second)])
    before = objects(tmp_path / "store")
    again = open_store(tmp_path / "store", clock=FixedClock())
    assert again.fetch(url, [DEV]) == {DEV: second}
    assert objects(tmp_path / "store") <= before + 8  # four, and what they are told as differences of
    assert again.changes(tree, again.commit(second).tree)[0].path == "c1/1.yaml"


def objects(path: Path) -> int:
    counted = Box(path).git("count-objects", "-v").splitlines()
    return sum(int(line.split()[1]) for line in counted if line.startswith(("count", "in-pack")))


ANSWERS = [
    pytest.param((403, {}, b"\x1b[31mrate limit\nexceeded"), AccessError, "the server gives no access (HTTP 403: rate limit; exceeded)", id="forbidden"),
    pytest.param((404, {"Content-Type": "text/html"}, b"<HTML>long page"), AccessError, "the server shows no such repository (HTTP 404)", id="absent"),
    pytest.param((500, {}, b"boom"), UnavailableError, "the server cannot answer (HTTP 500: boom)", id="broken"),
    pytest.param((503, {}, b""), UnavailableError, "the server cannot answer (HTTP 503)", id="down"),
    pytest.param((302, {"Location": "http://127.0.0.1:9/info/refs?service=git-upload-pack"}, b""), UnavailableError, "the server redirects to another one: http://127.0.0.1:9", id="redirect"),
    pytest.param((302, {"Location": "file:///etc/passwd"}, b""), UnavailableError, "the server redirects to another one: file://None", id="redirect to a file"),
    pytest.param((200, {"Content-Type": "text/html"}, b"<html>please log in</html>"), UnavailableError, "the server's answer makes no sense: ", id="a login page"),
    pytest.param((200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"garbage"), UnavailableError, "the server cannot be talked to: Invalid pkt-line length prefix: b'garb'", id="no packet line"),
    pytest.param((200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b""), UnavailableError, "the server ended the connection: without a word", id="nothing"),
    pytest.param((200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"001e# service=git-upload-pack\n0000001eERR \x1b[2Jgo away please  \n"), UnavailableError, "the server cannot be talked to: ", id="an error"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind", "summary"), ANSWERS)
def test_an_answer_that_is_no_repository_is_told(
    server: GitServer, store: GitRepository, answer: Answer, kind: type[EnvctlError], summary: str
) -> None:
    """Refusals, errors and nonsense, each in the server's words where it has some, for reading and pushing."""
    server.script = lambda _method, _path: answer
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    url = server.url("repo.git")
    for ask in (
        lambda: store.remote_refs(url, [MAIN]),
        lambda: store.fetch(url, [MAIN]),
        lambda: store.push(url, [RefUpdate(DEV, None, commit)]),
    ):
        with pytest.raises(kind) as caught:
            ask()
        assert caught.value.summary.startswith(summary)
        assert caught.value.place == url
        assert "\x1b" not in str(caught.value)


def test_credentials_do_not_follow_a_redirect(
    private: GitServer, server: GitServer, store: GitRepository
) -> None:
    """The other server gets no request at all."""
    target = f"{server.address}/repo.git/info/refs?service=git-upload-pack"
    private.script = lambda _method, _path: (302, {"Location": target}, b"")
    with pytest.raises(UnavailableError, match="the server redirects to another one"):
        store.remote_refs(private.url("repo.git", user="ann"), [MAIN])
    assert server.requests == []


def test_a_redirect_within_the_server_is_followed(server: GitServer, store: GitRepository) -> None:
    """A renamed repository."""

    def script(_method: str, path: str) -> Answer | None:
        return (
            (301, {"Location": path.replace("/old.git", "/repo.git")}, b"")
            if path.startswith("/old.git")
            else None
        )

    server.script = script
    assert store.remote_refs(server.url("old.git"), [MAIN])[MAIN] is not None
    assert store.fetch(server.url("old.git"), [MAIN])[MAIN] is not None


def test_a_certificate_that_nobody_vouches_for_is_refused(
    served: Box, store: GitRepository, tmp_path: Path
) -> None:
    """Self-signed and not configured: no word is exchanged."""
    with git_http_server(served.path.parent, tls=tmp_path / "tls") as server:
        with pytest.raises(UnavailableError, match="certificate") as caught:
            store.remote_refs(server.url("repo.git"), [MAIN])
        assert caught.value.place == server.url("repo.git")
        assert server.requests == []


def test_a_server_that_is_not_there_is_told(store: GitRepository) -> None:
    """Connection refused."""
    url = "http://127.0.0.1:9/repo.git"
    with pytest.raises(UnavailableError) as caught:
        store.fetch(url, [MAIN])
    assert caught.value.place == url
    assert caught.value.summary == (
        "the server cannot be talked to: Failed to establish a new connection: [Errno 111] Connection refused"
    )


def test_a_race_on_the_server_is_a_conflict(server: GitServer, store: GitRepository, served: Box) -> None:
    """Somebody pushes between our look and our push: the server compares once more."""
    url, head = server.url("repo.git"), served.git("rev-parse", MAIN)
    store.fetch(url, [MAIN])
    commit = store.write_commit(draft(store.write_tree({"a": b"1"}), head))
    other = served.git("commit-tree", "-p", head, "-m", "other", f"{head}^{{tree}}")

    def script(method: str, _path: str) -> None:
        if method == "POST":
            served.git("update-ref", MAIN, other)

    server.script = script
    with pytest.raises(ConflictError, match="the ref was moved by somebody else"):
        store.push(url, [RefUpdate(MAIN, head, commit)])
    assert served.git("rev-parse", MAIN) == other


def test_a_server_without_atomic_pushes_gets_a_plain_one(
    server: GitServer, store: GitRepository, served: Box
) -> None:
    """All refs still go, each compared by itself."""
    served.git("config", "receive.advertiseAtomic", "false")
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    store.push(
        server.url("repo.git"), [RefUpdate(DEV, None, commit), RefUpdate("refs/heads/x", None, commit)]
    )
    assert served.git("rev-parse", DEV, "x").split() == [commit, commit]


def test_a_rule_of_the_server_is_a_refusal(server: GitServer, store: GitRepository, served: Box) -> None:
    """A ref that the server keeps for itself."""
    served.git("config", "receive.hideRefs", "refs/envctl")
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    with pytest.raises(RefusedError) as caught:
        store.push(server.url("repo.git"), [RefUpdate("refs/envctl/x", None, commit)])
    assert caught.value.summary == "the server refused to move refs/envctl/x: deny updating a hidden ref"


ADDRESSES = [
    pytest.param("origni", "there is no remote 'origni'\nhint: did you mean origin?", id="typo"),
    pytest.param("other", "there is no remote 'other'\nhint: git remote add other URL", id="unknown"),
    pytest.param("ftp://u:p@host/x", "ftp://host/x: envctl does not speak ftp\nhint: use https, ssh or a path on this machine", id="ftp"),
    pytest.param("ext::sh -c touch% /tmp/x", "ext::sh -c touch% /tmp/x: envctl does not speak ext\nhint: use https, ssh or a path on this machine", id="a program"),
    pytest.param("ssh://-oProxyCommand=touch/x", "ssh://-oProxyCommand=touch/x: the address holds no host that may be asked", id="an option for ssh"),
    pytest.param("-oProxyCommand=x:repo", "-oProxyCommand=x:repo: the address holds no host that may be asked", id="an option, scp-like"),
    pytest.param("ssh://git:pw@host/x", "ssh://host/x: an ssh address cannot hold a password\nhint: use a key", id="password for ssh"),
    pytest.param("http://host:port/x", "http://host:port/x: the address cannot be read: Port could not be cast to integer value as 'port'", id="port"),
    pytest.param("http:///x", "http:///x: the address cannot be read: it has no host, or characters that are no text", id="no host"),
    pytest.param("http://host/a%0ahost=evil", "http://host/a%0ahost=evil: the address cannot be read: it has no host, or characters that are no text", id="line feed"),
    pytest.param("/nowhere/repo", "/nowhere/repo: there is no Git repository at this path", id="path"),
]  # fmt: skip


@pytest.mark.parametrize(("remote", "message"), ADDRESSES)
def test_an_address_that_cannot_be_is_refused(tmp_path: Path, remote: str, message: str) -> None:
    """Before anything is asked or started."""
    box = Box(tmp_path / "store")
    store = open_store(box.path, clock=FixedClock())
    box.git("remote", "add", "origin", "https://example.com/x.git")
    with pytest.raises(InputError) as caught:
        store.remote_refs(remote, [MAIN])
    assert str(caught.value) == message


def test_addresses_are_rewritten_as_configured(server: GitServer, tmp_path: Path) -> None:
    """insteadOf for reading, and a push address of its own."""
    box = Box(tmp_path / "store")
    store = open_store(box.path, clock=FixedClock())
    box.git("config", f"url.{server.address}/.insteadOf", "forge:")
    box.git("remote", "add", "origin", "forge:repo.git")
    assert store.remote_refs("origin", [MAIN])[MAIN] is not None
    box.git("config", "remote.origin.pushurl", "/nowhere/else")
    commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
    with pytest.raises(InputError, match="there is no Git repository at this path"):
        store.push("origin", [RefUpdate(DEV, None, commit)])


def test_a_configured_path_is_relative_to_the_repository(served: Box, tmp_path: Path) -> None:
    """Wherever the command is started."""
    box = Box(tmp_path / "store")
    store = open_store(box.path, clock=FixedClock())
    box.git("remote", "add", "origin", "../served/repo")
    assert store.remote_refs("origin", [MAIN])[MAIN] == served.git("rev-parse", MAIN)
