"""Kubeconfigs of every kind, and what their errors say and never show."""

import base64
import os
import ssl
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from envctl.errors import AccessError, EnvctlError, InputError, UsageError
from envctl.kube.connect import connect
from envctl.kube.kubeconfig import Kubeconfig, default_files, kubeconfig_endpoint

CANARY = "hunter2-CANARY"
CONTEXT = {"name": "dev", "context": {"cluster": "here", "user": "me"}}
CLUSTER = {"name": "here", "cluster": {"server": "http://127.0.0.1:8001/prefix/"}}

# Expires in the year 2999.
JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"a":1}', b'{"exp":32472144000}', b"sig")
)


def content(user: Any = None, cluster: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "dev",
        "contexts": [CONTEXT],
        "clusters": [{"name": "here", "cluster": cluster} if cluster else CLUSTER],
        "users": [{"name": "me", "user": user or {}}],
        **more,
    }


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a kubeconfig."""

    def make(value: Any, name: str = "config") -> Path:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
        return path

    return make


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), **more}}


def credential(status: str) -> str:
    head = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":'
    return f"echo '{head}{status}}}'"


def headers(path: Path, context: str = "") -> tuple[tuple[str, str], ...]:
    return kubeconfig_endpoint(Kubeconfig((path,), context)).headers()


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param({}, (), id="nobody"),
        pytest.param({"token": "abc"}, (("Authorization", "Bearer abc"),), id="token"),
        pytest.param({"token": "abc\n"}, (("Authorization", "Bearer abc"),), id="token with a line end"),
        pytest.param(
            {"auth-provider": {"name": "oidc", "config": {"id-token": JWT}}},
            (("Authorization", f"Bearer {JWT}"),),
            id="OIDC",
        ),
        pytest.param(
            {"username": "u", "password": "p"},
            (("Authorization", "Basic dTpw"),),
            id="user name and password",
        ),
        pytest.param(
            {
                "token": "abc",
                "as": "bob",
                "as-uid": "7",
                "as-groups": ["a", "b"],
                "as-user-extra": {"example.com/team": ["x", "y"]},
            },
            (
                ("Authorization", "Bearer abc"),
                ("Impersonate-User", "bob"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
                ("Impersonate-Extra-example.com%2Fteam", "x"),
                ("Impersonate-Extra-example.com%2Fteam", "y"),
            ),
            id="impersonation",
        ),
    ],
)
def test_each_kind_of_user_becomes_headers(
    write: Write, user: Any, expected: tuple[tuple[str, str], ...]
) -> None:
    """What the file says is what is sent, impersonation included."""
    assert headers(write(content(user))) == expected


def test_a_token_file_is_read(write: Write, tmp_path: Path) -> None:
    """The path is relative to the kubeconfig."""
    (tmp_path / "token").write_text("abc\n")
    assert headers(write(content({"tokenFile": "token"}))) == (("Authorization", "Bearer abc"),)


def test_a_plugin_gives_a_token(write: Write, tmp_path: Path) -> None:
    """Exec plugins run as the package runs them, with their arguments and variables."""
    user = plugin(
        tmp_path, credential('{"token":"\'$1-$WHO\'"}'), args=["abc"], env=[{"name": "WHO", "value": "me"}]
    )
    assert headers(write(content(user))) == (("Authorization", "Bearer abc-me"),)


def test_an_expired_plugin_token_is_renewed(write: Write, tmp_path: Path) -> None:
    """The package runs the plugin again when the token has expired."""
    script = credential('{"token":"\'$(date +%N)\'","expirationTimestamp":"2020-01-01T00:00:00Z"}')
    endpoint = kubeconfig_endpoint(Kubeconfig((write(content(plugin(tmp_path, script))),)))
    assert endpoint.headers() != endpoint.headers()


def test_a_failing_plugin_is_an_error_with_its_own_words(write: Write, tmp_path: Path) -> None:
    """The package only logs the failure; going on as nobody would hide the reason."""
    user = plugin(tmp_path, "echo 'the session has expired' >&2; exit 3")
    path = write(content(user))
    with pytest.raises(AccessError) as caught:
        headers(path)
    assert str(caught.value) == (
        f"{path}: the credential plugin of context 'dev' failed: exec: process returned 3. the session has expired\n"
        "hint: log in with the tool that it belongs to, then try again"
    )


def test_where_the_server_is(write: Write) -> None:
    """Address, TLS name and the origin for messages come from the context."""
    path = write(content())
    endpoint = kubeconfig_endpoint(Kubeconfig((path,)))
    assert (endpoint.url, endpoint.tls, endpoint.proxy) == ("http://127.0.0.1:8001/prefix", None, "")
    assert endpoint.origin == f"context 'dev' of {path}"
    cluster = {
        "server": "https://[::1]:6443",
        "tls-server-name": "kubernetes",
        "insecure-skip-tls-verify": True,
        "proxy-url": "http://proxy.test:3128",
    }
    secure = kubeconfig_endpoint(Kubeconfig((write(content(cluster=cluster)),)))
    assert (secure.url, secure.server_name, secure.proxy) == (
        "https://[::1]:6443",
        "kubernetes",
        "http://proxy.test:3128",
    )
    assert secure.tls is not None
    assert secure.tls.verify_mode == ssl.CERT_NONE


def test_the_first_of_several_files_wins(write: Write) -> None:
    """As in kubectl: current context and entries are taken from the first file that has them."""
    first = write({"users": [{"name": "me", "user": {"token": "first"}}], "current-context": "dev"}, "one")
    second = write(content({"token": "second"}, **{"current-context": "other"}), "two")
    endpoint = kubeconfig_endpoint(Kubeconfig((first, second)))
    assert endpoint.headers() == (("Authorization", "Bearer first"),)
    assert endpoint.origin == f"context 'dev' of {first}{os.pathsep}{second}"


def test_another_context_may_be_named(write: Write) -> None:
    """A named context replaces the current one."""
    value = content({"token": "abc"}, **{"current-context": "gone"})
    assert headers(write(value), "dev") == (("Authorization", "Bearer abc"),)


def test_a_client_certificate_is_used_and_its_key_does_not_stay_on_disk(
    write: Write, certificate: Callable[..., Path]
) -> None:
    """The package writes keys to files for the TLS library; they are gone when the endpoint is made."""
    made = base64.b64encode(certificate("me").read_bytes()).decode()
    user = {"client-certificate-data": made, "client-key-data": made}
    path = write(content(user, {"server": "https://127.0.0.1:1", "certificate-authority-data": made}))
    before = len(list(Path(tempfile.gettempdir()).glob("envctl-*")))
    endpoint = kubeconfig_endpoint(Kubeconfig((path,)))
    assert endpoint.tls is not None
    assert len(endpoint.tls.get_ca_certs()) == 1
    assert len(list(Path(tempfile.gettempdir()).glob("envctl-*"))) <= before


def test_many_threads_may_read_one_kubeconfig_at_once(write: Write, certificate: Callable[..., Path]) -> None:
    """As agents of several environments in one process do; each has its certificates."""
    made = base64.b64encode(certificate("me").read_bytes()).decode()
    user = {"client-certificate-data": made, "client-key-data": made}
    path = write(content(user, {"server": "https://127.0.0.1:1", "certificate-authority-data": made}))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kubeconfig_endpoint(Kubeconfig((path,))), range(64)))
    assert all(each.tls and len(each.tls.get_ca_certs()) == 1 for each in found)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        pytest.param(
            content(**{"current-context": "prod"}),
            UsageError,
            "{path}: there is no context 'prod'\nhint: name one with --context; known ones: dev",
            id="unknown context",
        ),
        pytest.param(
            content(**{"current-context": ""}),
            UsageError,
            "{path}: no context is chosen\nhint: name one with --context; known ones: dev",
            id="no context",
        ),
        pytest.param(
            {},
            UsageError,
            "{path}: no context is chosen\n"
            "hint: it has none at all; name another file with --kubeconfig or KUBECONFIG",
            id="empty",
        ),
        pytest.param("", InputError, "{path}: not a kubeconfig: the file holds no mapping", id="no text"),
        pytest.param(
            f"- {CANARY}", InputError, "{path}: not a kubeconfig: the file holds no mapping", id="a list"
        ),
        pytest.param(
            f"users: [\n  token: {CANARY}: b",
            InputError,
            "{path}:2: not a kubeconfig: expected ',' or ']', but got ':'",
            id="no YAML",
        ),
        pytest.param(
            "a: \x00", InputError, "{path}: not a kubeconfig: the file is no YAML text", id="control bytes"
        ),
        pytest.param(
            "[" * 5000, InputError, "{path}: not a kubeconfig: the file is no YAML text", id="deep nesting"
        ),
        pytest.param(
            content(users={"name": CANARY}),
            InputError,
            "{path}: not a kubeconfig: users is no list of mappings",
            id="users of another type",
        ),
        pytest.param(
            content(users=[{"name": "you", "user": {"token": CANARY}}]),
            InputError,
            "{path}: context 'dev' names the user 'me', which is not there",
            id="unknown user",
        ),
        pytest.param(
            content(users=[{"name": "me", "token": CANARY}]),
            InputError,
            "{path}: the kubeconfig misses the key 'user'",
            id="a user without settings",
        ),
        pytest.param(
            content(clusters=[]),
            InputError,
            "{path}: the kubeconfig has no entry 'here' in clusters",
            id="unknown cluster",
        ),
        pytest.param(
            content(cluster={"server": "127.0.0.1:6443"}),
            InputError,
            "{path}: the address of the API server is not of the form https://host:port\n"
            "hint: correct `server` of the cluster in that file",
            id="no scheme",
        ),
        pytest.param(
            content(cluster={"server": f"https://me:{CANARY}@host"}),
            InputError,
            "{path}: the address of the API server is not of the form https://host:port\n"
            "hint: correct `server` of the cluster in that file",
            id="password in the address",
        ),
        pytest.param(
            content(cluster={"server": "https://host", "certificate-authority": "/nowhere/ca.crt"}),
            InputError,
            "{path}: the kubeconfig names a file that does not exist: /nowhere/ca.crt",
            id="missing CA file",
        ),
        pytest.param(
            content(cluster={"server": "https://host", "certificate-authority-data": "QUJ"}),
            InputError,
            "{path}: the kubeconfig cannot be used: one of its values is malformed",
            id="CA that is no base64",
        ),
        pytest.param(
            content({"token": f"{CANARY}\r\nX: y"}),
            AccessError,
            "the credentials of context 'dev' of {path} hold characters that no HTTP header can carry\n"
            "hint: write them again; a line break inside a token is the usual reason",
            id="token with a line break",
        ),
        pytest.param(
            content({"auth-provider": {"name": "azure", "config": {"access-token": CANARY}}}),
            AccessError,
            "{path}: the auth provider 'azure' of context 'dev' gave no credentials\n"
            "hint: log in with the tool that it belongs to, then try again",
            id="an auth provider of the past",
        ),
        pytest.param(
            content({"as": "bob", "as-groups": CANARY}),
            InputError,
            "{path}: as-groups must be a list and as-user-extra a mapping",
            id="groups of another type",
        ),
        pytest.param(
            content(cluster={"server": "https://host", "proxy-url": f"socks5://me:{CANARY}@proxy.test"}),
            InputError,
            "a proxy of the kind 'socks5' cannot be used\n"
            "hint: name an http:// proxy in HTTPS_PROXY, or set NO_PROXY for this API server",
            id="a proxy of another kind",
        ),
    ],
)
def test_a_bad_kubeconfig_says_what_is_wrong(
    write: Write, value: Any, kind: type[EnvctlError], message: str
) -> None:
    """Each error names file and reason, and none quotes the file."""
    path = write(value)
    with pytest.raises(EnvctlError) as caught:
        headers(path)
    assert str(caught.value) == message.format(path=path)
    assert type(caught.value) is kind
    assert CANARY not in str(caught.value)


def test_a_bad_ca_is_an_error(write: Write) -> None:
    """Bytes that are no certificate are refused before anything is sent."""
    data = base64.b64encode(b"no certificate").decode()
    path = write(content(cluster={"server": "https://host", "certificate-authority-data": data}))
    with pytest.raises(AccessError) as caught:
        headers(path)
    assert str(caught.value) == (
        f"the certificates of context 'dev' of {path} are unusable: no certificate or crl found\n"
        "hint: renew the client certificate, its key or the CA in that file"
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A named file must exist; nothing else is tried instead."""
    with pytest.raises(UsageError) as caught:
        connect(tmp_path / "none")
    assert str(caught.value) == (
        f"{tmp_path}/none: cannot read the kubeconfig: No such file or directory\n"
        "hint: name another file with --kubeconfig or KUBECONFIG"
    )


def test_the_default_files_are_those_of_kubectl(tmp_path: Path) -> None:
    """KUBECONFIG lists files, of which those that exist count."""
    there = tmp_path / "there"
    there.write_text("")
    named = os.pathsep.join([str(there), "", str(tmp_path / "absent")])
    assert default_files({"KUBECONFIG": named}) == (there,)
    assert default_files({"KUBECONFIG": str(tmp_path / "absent")}) == ()
