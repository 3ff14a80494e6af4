"""What Git servers do to an agent: its store stays as it was, it says why, and it goes on when they are well again."""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.source import pause
from envctl.errors import AccessError, EnvctlError, RefusedError, UnavailableError
from tests.functional.agent.conftest import FIRST, Deployed
from tests.support import ssh_servers
from tests.support.git_servers import Answer, GitServer, git_http_server
from tests.support.ssh_servers import SshServer, ssh_server

SECOND = {**FIRST, "web/ConfigMap/a/x.yaml": b"x: 2\n"}
DAYS = timedelta(days=3)


def is_fetch(body: bytes) -> bool:
    return b"command=fetch" in body


def packs(client: Any) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in (client.folder / "objects" / "pack").iterdir()}


def change(deployed: Deployed, size: int = 5000) -> str:
    """A second commit, with a file that does not compress, and its tip."""
    noise = random.Random(1).randbytes(size)  # noqa: S311  (a repeatable test)
    return deployed.commit({"web/ConfigMap/a/x.yaml": b"x: 2\n", "web/ConfigMap/a/noise.yaml": noise})


@pytest.mark.parametrize("how", ["the line breaks", "the length agrees"])
def test_a_pack_that_ends_too_early_changes_nothing(
    how: str, deployed: Deployed, server: GitServer, client: Any
) -> None:
    """Agent's fault row 45: cut at twenty points; the store holds what it held, to the byte, and then all of the new commit."""
    client.fetch()
    before, first, second = packs(client), deployed.tip, change(deployed)
    for point in range(20):
        if how == "the line breaks":
            server.cut = lambda body, answer, point=point: (  # type: ignore[misc]
                len(answer) * point // 20 if is_fetch(body) else None
            )
        else:
            server.edit = (
                lambda body, answer, point=point: (  # type: ignore[misc]
                    (*answer[:2], answer[2][: len(answer[2]) * point // 20]) if is_fetch(body) else answer
                )
            )
        with pytest.raises(EnvctlError) as caught:
            client.fetch()
        assert isinstance(caught.value, UnavailableError), (point, caught.value)
        assert packs(client) == before
        assert client.files(first) == FIRST
        with pytest.raises(EnvctlError):
            client.store.commit(second)
    server.cut, server.edit = (lambda _body, _answer: None), (lambda _body, answer: answer)
    assert client.fetch() == second
    assert client.files(second)["web/ConfigMap/a/x.yaml"] == b"x: 2\n"


def test_other_objects_than_were_asked_for_are_not_believed(
    deployed: Deployed, server: GitServer, client: Any
) -> None:
    """Agent's fault row 47: the server sends a pack that is whole, and of another commit; ids are hashes of what is there."""
    answers: list[Answer] = []

    def remember(body: bytes, answer: Answer) -> Answer:
        answers.extend([answer] if is_fetch(body) else [])
        return answer

    server.edit = remember
    client.fetch()
    second = change(deployed)
    server.edit = lambda body, answer: answers[0] if is_fetch(body) else answer
    with pytest.raises(UnavailableError, match="the server did not send "):
        client.fetch()
    with pytest.raises(EnvctlError):
        client.store.commit(second)
    server.edit = lambda _body, answer: answer
    client.fetch()
    assert client.files(second)["web/ConfigMap/a/x.yaml"] == b"x: 2\n"


STATUSES: dict[str, tuple[Answer, type[EnvctlError], float]] = {
    "401": ((401, {}, b"no"), AccessError, 0),
    "403": ((403, {}, b"no"), AccessError, 0),
    "404": ((404, {}, b"no"), EnvctlError, 0),
    "429": ((429, {"Retry-After": "70"}, b"slowly"), UnavailableError, 70),
    "500": ((500, {}, b"oops"), UnavailableError, 0),
    "503": ((503, {"Retry-After": "9"}, b"later"), UnavailableError, 9),
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_server_that_refuses_is_told_and_asked_again(
    status: str, deployed: Deployed, server: GitServer, client: Any
) -> None:
    """Agent's fault row 50: look-up and fetch; what it asks to wait is told, no store is touched, and then it works."""
    answer, kind, retry_after = STATUSES[status]
    client.fetch()
    before, second = packs(client), change(deployed)
    server.script = lambda _method, _path: answer
    for ask in (client.look, client.fetch):
        with pytest.raises(kind) as caught:
            ask()
        assert caught.value.summary
        assert caught.value.retry_after == retry_after
    assert packs(client) == before
    assert client.files(deployed.tips[0]) == FIRST
    server.script = lambda _method, _path: None
    assert (client.look(), client.fetch()) == (second, second)


@given(
    interval=st.floats(0.5, 3600),
    most=st.floats(1, 3600),
    failures=st.integers(0, 10_000),
    asked=st.floats(0, 1e9),
)
def test_polls_become_rarer_up_to_a_ceiling(
    interval: float, most: float, failures: int, asked: float
) -> None:
    """Agent's fault row 50: never sooner than the interval, never later than the ceiling, whatever a server asks for."""
    seconds = pause(interval, most, failures, asked)
    assert interval <= seconds <= max(most, interval)
    assert seconds <= pause(interval, most, failures + 1, asked)
    if not failures and not asked:
        assert seconds == interval


def test_a_rotated_password_is_read_at_the_next_try(
    deployed: Deployed, server: GitServer, client: Any
) -> None:
    """Agent's fault row 50: revoked while it runs, and given anew in the file; the process stays."""
    client.fetch()
    second = change(deployed)
    server.users = {"ann": "second"}
    for ask in (client.look, client.fetch):
        with pytest.raises(AccessError):
            ask()
    client.give(password="second\n")
    assert (client.look(), client.fetch()) == (second, second)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({"age": DAYS}, "certificate has expired", id="expired"),
        pytest.param({"age": -DAYS}, "certificate is not yet valid", id="not yet valid"),
        pytest.param({"host": "127.0.0.2"}, "IP address mismatch", id="for another name"),
    ],
)
def test_a_certificate_that_is_not_good_is_refused(
    options: Mapping[str, Any], why: str, deployed: Deployed, tmp_path: Path, make_client: Callable[..., Any]
) -> None:
    """Agent's fault row 51: no request is sent, no credentials least of all."""
    with git_http_server(deployed.path.parent, tls=tmp_path / "tls", **options) as server:
        client = make_client(server.url("platform.git"))
        assert server.certificate
        client.give(username="ann\n", password="first\n", ca=server.certificate.read_text())
        for ask in (client.look, client.fetch):
            with pytest.raises(UnavailableError, match=why):
                ask()
        assert server.requests == []


def test_an_authority_that_changed_is_read_without_a_restart(
    deployed: Deployed, tmp_path: Path, make_client: Callable[..., Any]
) -> None:
    """Agent's fault row 51: the server gets a certificate of another authority, and later the file does too."""
    root = deployed.path.parent
    with (
        git_http_server(root, tls=tmp_path / "old") as old,
        git_http_server(root, tls=tmp_path / "new") as new,
    ):
        assert old.certificate
        assert new.certificate
        client = make_client(old.url("platform.git"))
        client.give(ca=old.certificate.read_text())
        client.fetch()
        client.url = new.url("platform.git")
        for ask in (client.look, client.fetch):
            with pytest.raises(UnavailableError, match="self-signed certificate"):
                ask()
        client.give(ca=new.certificate.read_text())
        assert (client.look(), client.fetch()) == (deployed.tip, deployed.tip)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SshServer]:
    if ssh_servers.MISSING:
        pytest.skip(ssh_servers.MISSING)
    with ssh_server(tmp_path / "ssh") as running:
        yield running


def test_keys_of_ssh_are_read_at_each_try_and_another_host_is_refused(
    deployed: Deployed, sshd: SshServer, make_client: Callable[..., Any]
) -> None:
    """Agent's fault row 53: a host key that changed is refused, with what to do; identity and known_hosts may rotate."""
    client = make_client(sshd.url(deployed.path))
    known = sshd.known_hosts.read_text()

    def identity(name: str) -> None:
        client.give(identity=(sshd.folder / name).read_text())
        (client.credentials / "identity").chmod(0o600)

    identity("client")
    client.give(known_hosts=known)
    assert (client.look(), client.fetch()) == (deployed.tip, deployed.tip)
    sshd.pin(sshd.folder / "stranger")
    client.give(known_hosts=sshd.known_hosts.read_text())
    for ask in (client.look, client.fetch):
        with pytest.raises(AccessError, match="the server shows another host key than the one that is known"):
            ask()
    client.give(known_hosts=known)
    identity("stranger")
    with pytest.raises(AccessError, match="the server gives no access"):
        client.look()
    identity("client")
    second = change(deployed)
    assert (client.look(), client.fetch()) == (second, second)


def test_a_repository_that_was_swapped_is_another_history(deployed: Deployed, client: Any) -> None:
    """Agent's fault row 43: at the same address; what was accepted stays readable, and is no ancestor of what is new."""
    client.fetch()
    first = deployed.tip
    other = deployed.commit({"web/ConfigMap/a/evil.yaml": b"x: 1\n"}, parent="")
    assert client.fetch() == other
    assert not client.store.is_ancestor(first, other)
    roots = {[each.id for each in client.store.history(tip)][-1] for tip in (first, other)}
    assert roots == {first, other}


def test_a_flood_of_refs_is_not_read_to_its_end(deployed: Deployed, server: GitServer, client: Any) -> None:
    """Agent's fault row 49: thousands of branches beside ours cost nothing, since only ours is asked for."""
    client.look()
    deployed.git(
        "update-ref",
        "--stdin",
        data=b"".join(
            b"create refs/heads/other/%d %s\n" % (number, deployed.tip.encode()) for number in range(3000)
        ),
    )
    server.requests.clear()
    sizes: list[int] = []

    def measure(_body: bytes, answer: Answer) -> Answer:
        sizes.append(len(answer[2]))
        return answer

    server.edit = measure
    assert client.look() == deployed.tip
    assert max(sizes) < 200
    second = change(deployed)
    assert client.fetch() == second
    assert sum(sizes) < 20_000


def test_what_is_refused_stays_refused_until_the_branch_moves(deployed: Deployed, local: Any) -> None:
    """A commit with a file that no cluster could store is told by its id, each time, at no cost."""
    deployed.commit({"web/ConfigMap/a/big.yaml": b"0" * (9 << 20)})
    local.fetch()
    for _ in range(2):
        with pytest.raises(RefusedError, match="more than 8 MiB"):
            local.store.commit(deployed.tip)


def test_the_names_of_deploy_branches_are_told_by_any_server(
    deployed: Deployed, client: Any, local: Any
) -> None:
    """Over the network and from a path; other refs are not among them."""
    for name in ("heads/deploy/dev", "heads/main", "tags/deploy/x", "heads/deployment"):
        deployed.git("update-ref", f"refs/{name}", deployed.tip)
    names = ("refs/heads/deploy/dev", "refs/heads/deploy/prod")
    assert client.store.remote_names(client.url, "refs/heads/deploy/") == names
    assert local.store.remote_names(local.url, "refs/heads/deploy/") == names
