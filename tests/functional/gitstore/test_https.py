"""HTTPS: tokens, helpers, authorities of one's own and proxies; certificates that are not good are refused."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from envctl.errors import AccessError, EnvctlError, InputError, UnavailableError
from envctl.gitstore.repository import GitRepository, open_store
from envctl.model.git import RefUpdate
from tests.support.git_servers import GitServer, git_http_server, make_certificate
from tests.support.proxies import connect_proxy
from tests.support.repositories import Box, FixedClock, draft

MAIN, DEV = "refs/heads/main", "refs/heads/deploy/dev"
TOKEN, PASSWORD = "t0ken-of-a-robot", "s3cret-t0ken"
DAYS = timedelta(days=30)


@pytest.fixture
def served(full: Box, tmp_path: Path) -> Box:
    return full.clone(tmp_path / "served/team/repo.git", "--mirror")


@pytest.fixture
def agent(tmp_path: Path) -> Box:
    open_store(tmp_path / "store", clock=FixedClock())
    return Box(tmp_path / "store")


@pytest.fixture
def server(served: Box, tmp_path: Path) -> Iterator[GitServer]:
    with git_http_server(served.path.parent.parent, tls=tmp_path / "tls") as running:
        yield running


def trust(agent: Box, server: GitServer) -> None:
    agent.git("config", "http.sslCAInfo", str(server.certificate))


def all_of_it(store: GitRepository, url: str, served: Box) -> None:
    """A look-up, a fetch and a push."""
    head = served.git("rev-parse", MAIN)
    assert dict(store.remote_refs(url, [MAIN])) == {MAIN: head}
    assert dict(store.fetch(url, [MAIN])) == {MAIN: head}
    commit = store.write_commit(draft(store.write_tree({"a": b"1"}), message="over https"))
    store.push(url, [RefUpdate(DEV, None, commit)])
    assert served.git("rev-parse", DEV) == commit


TRUST = {
    "http.sslCAInfo": lambda server: {"http.sslCAInfo": str(server.certificate)},
    "for one address": lambda server: {
        f"http.{server.address}/.sslCAInfo": str(server.certificate),
        "http.sslCAInfo": "/nowhere/else.pem",
    },
    "below the home folder": lambda _: {"http.sslCAInfo": "~/tls/server.pem"},
}


@pytest.mark.parametrize("how", TRUST)
def test_an_authority_of_ones_own_vouches_for_the_server(
    server: GitServer, served: Box, agent: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Where Git's configuration names its certificate."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for key, value in TRUST[how](server).items():
        agent.git("config", key, value)
    all_of_it(agent.open(), server.url("team/repo.git"), served)


def test_an_authority_of_the_environment_counts_first(
    server: GitServer, served: Box, agent: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_SSL_CAINFO, as CI systems set it."""
    agent.git("config", "http.sslCAInfo", "/nowhere/else.pem")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
    all_of_it(agent.open(), server.url("team/repo.git"), served)


BAD = [
    pytest.param({}, False, "self-signed certificate", id="self-signed"),
    pytest.param({"age": DAYS}, True, "certificate has expired", id="expired"),
    pytest.param({"age": -DAYS}, True, "certificate is not yet valid", id="not yet valid"),
    pytest.param({"host": "127.0.0.2"}, True, "IP address mismatch", id="for another name"),
]


@pytest.mark.parametrize(("options", "trusted", "why"), BAD)
def test_a_certificate_that_is_not_good_is_refused(
    served: Box,
    agent: Box,
    tmp_path: Path,
    options: Mapping[str, object],
    trusted: bool,  # noqa: FBT001
    why: str,
) -> None:
    """No word is exchanged, with what to do where the authority is one's own."""
    with git_http_server(served.path.parent.parent, tls=tmp_path / "tls", **options) as server:  # type: ignore[arg-type]
        if trusted:
            trust(agent, server)
        store, url = agent.open(), server.url("team/repo.git")
        commit = store.write_commit(draft(store.write_tree({"a": b"1"})))
        for ask in (
            lambda: store.remote_refs(url, [MAIN]),
            lambda: store.fetch(url, [MAIN]),
            lambda: store.push(url, [RefUpdate(DEV, None, commit)]),
        ):
            with pytest.raises(UnavailableError) as caught:
                ask()
            assert caught.value.summary.startswith("the server cannot be talked to: ")
            assert why in caught.value.summary
            assert caught.value.place == url
            assert caught.value.hint == (
                "where an authority of your own vouches for it: git config http.sslCAInfo FILE"
            )
        assert server.requests == []


def test_a_token_in_a_header_opens_a_private_repository(served: Box, agent: Box, tmp_path: Path) -> None:
    """http.extraHeader, as the checkout step of CI systems writes it; a wrong one is an access error."""
    tokens = frozenset({TOKEN})
    with git_http_server(served.path.parent.parent, tokens=tokens, tls=tmp_path / "tls") as server:
        trust(agent, server)
        agent.git("config", f"http.{server.address}/.extraHeader", f"Authorization: Bearer {TOKEN}")
        all_of_it(agent.open(), server.url("team/repo.git"), served)
        agent.git("config", f"http.{server.address}/.extraHeader", "Authorization: Bearer wr0ng")
        with pytest.raises(AccessError, match="the server gives no access \\(HTTP 401") as caught:
            agent.open().remote_refs(server.url("team/repo.git"), [MAIN])
        assert "wr0ng" not in str(caught.value)


HELPER = """#!/bin/sh
# A credential helper as `git credential` calls it: notes what it was asked, and knows one host.
{{ echo "$1"; cat; }} >> {log}
[ "$1" = get ] && printf 'username=ann\\npassword={password}\\n'
"""


def test_a_credential_helper_opens_a_private_repository(served: Box, agent: Box, tmp_path: Path) -> None:
    """A program of its own, found by `git credential fill`; it learns host and path, and is asked once an operation."""
    helper = tmp_path / "helper"
    helper.write_text(HELPER.format(log=tmp_path / "log", password=PASSWORD))
    helper.chmod(0o755)
    with git_http_server(served.path.parent.parent, users={"ann": PASSWORD}, tls=tmp_path / "tls") as server:
        trust(agent, server)
        agent.git("config", "credential.helper", str(helper))
        agent.git("config", "credential.useHttpPath", "true")
        all_of_it(agent.open(), server.url("team/repo.git"), served)
        host = server.address.removeprefix("https://")
    asked = (tmp_path / "log").read_text()
    assert asked == f"get\nprotocol=https\nhost={host}\npath=team/repo.git\n" * 3


PROXIES = ["http.proxy", "remote.origin.proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"]


@pytest.mark.parametrize("login", ["", "ann:s3cret@"], ids=["open", "with a password"])
@pytest.mark.parametrize("how", PROXIES)
def test_a_proxy_is_used_where_it_is_named(
    server: GitServer, served: Box, agent: Box, monkeypatch: pytest.MonkeyPatch, how: str, login: str
) -> None:
    """In Git's configuration or the environment; everything goes through a tunnel."""
    trust(agent, server)
    agent.git("remote", "add", "origin", server.url("team/repo.git"))
    with connect_proxy(login.rstrip("@")) as proxy:
        value = f"http://{login}{proxy.address}"
        if "." in how:
            agent.git("config", how, value)
            monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        else:
            monkeypatch.setenv(how, value)
        all_of_it(agent.open(), "origin", served)
        assert set(proxy.asked) == {server.address.removeprefix("https://")}


def test_a_proxy_is_passed_by_where_that_is_said(
    server: GitServer, served: Box, agent: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """no_proxy, an empty setting of the remote, and a proxy for the other scheme."""
    trust(agent, server)
    agent.git("remote", "add", "origin", server.url("team/repo.git"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    all_of_it(agent.open(), "origin", served)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    agent.git("config", "remote.origin.proxy", "")
    assert agent.open().remote_refs("origin", [MAIN])[MAIN]
    agent.git("config", "--unset", "remote.origin.proxy")
    monkeypatch.setenv("no_proxy", "example.com,127.0.0.1")
    assert agent.open().remote_refs("origin", [MAIN])[MAIN]


def test_a_proxy_that_does_not_let_through_is_told(server: GitServer, agent: Box) -> None:
    """A missing password, one that nobody answers at, and a kind that envctl does not speak."""
    trust(agent, server)
    agent.git("remote", "add", "origin", server.url("team/repo.git"))
    ended: list[EnvctlError] = []
    with connect_proxy("ann:s3cret") as proxy:
        for value in (
            f"http://ann:wr0ng@{proxy.address}",
            "http://ann:wr0ng@127.0.0.1:9",
            "socks5://ann:wr0ng@127.0.0.1:9",
        ):
            agent.git("config", "http.proxy", value)
            with pytest.raises(EnvctlError) as caught:
                agent.open().remote_refs("origin", [MAIN])
            ended.append(caught.value)
    assert [type(each) for each in ended] == [UnavailableError, UnavailableError, InputError]
    assert all(each.place == "origin" and each.hint and "wr0ng" not in str(each) for each in ended)
    assert "407" in ended[0].summary
    assert ended[2].summary == "envctl speaks to HTTP proxies only, not to socks5://127.0.0.1:9"
    assert server.requests == []


def test_no_message_ever_holds_what_opens_the_server(served: Box, agent: Box, tmp_path: Path) -> None:
    """Passwords of addresses and helpers, tokens of headers, and what a certificate's file is called."""
    make_certificate(tmp_path / "other")
    canaries = [PASSWORD, TOKEN]
    said: list[str] = []
    with ExitStack() as stack:
        server = stack.enter_context(
            git_http_server(served.path.parent.parent, users={"ann": "another"}, tls=tmp_path / "tls")
        )
        trust(agent, server)
        agent.git("config", "http.extraHeader", f"X-Token: {TOKEN}")
        agent.git(
            "config", "credential.helper", f"!f() {{ echo username=ann; echo password={PASSWORD}; }}; f"
        )
        url = server.url("team/repo.git")
        for address in (
            url,
            url.replace("https://", f"https://ann:{PASSWORD}@"),
            url.replace("https", "http"),
        ):
            for status in (0, 301, 403, 404, 429, 500):
                server.script = lambda _m, _p, s=status: (
                    (s, {"Location": "https://x.invalid/"}, b"no") if s else None
                )  # type: ignore[misc]
                with pytest.raises(EnvctlError) as caught:
                    agent.open().fetch(address, [MAIN])
                said.append(json.dumps([str(caught.value), repr(caught.value), caught.value.place]))
    assert not [each for each in said for canary in canaries if canary in each]
