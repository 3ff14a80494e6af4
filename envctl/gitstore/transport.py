"""Connections to Git servers: dulwich's clients with timeouts, no foreign redirects and our errors."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from dulwich.client import (
    GitClient,
    HTTPProxyUnauthorized,
    HTTPUnauthorized,
    SSHGitClient,
    StrangeHostname,
    SubprocessSSHVendor,
    SubprocessWrapper,
    TCPGitClient,
    TraditionalGitClient,
    Urllib3HttpGitClient,
    default_urllib3_manager,
)
from dulwich.config import StackedConfig
from dulwich.errors import GitProtocolError, HangupException
from dulwich.protocol import Protocol
from urllib3 import PoolManager, ProxyManager
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry, Timeout, make_headers, parse_url

from envctl.errors import AccessError, EnvctlError, InputError, UnavailableError
from envctl.gitstore.addresses import Address, redacted, words
from envctl.gitstore.credentials import find_credentials

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60  # Git servers say something every 5 seconds while they work
_REDIRECTS = 5
_BODY = 2000
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _PROXY = 200, 401, 403, 404, 407
_SSH_DENIED = ("permission denied", "host key verification failed", "access denied", "not authorized")
_ABSENT = ("does not appear to be a git repository", "repository not found", "could not be found")


class _SameOrigin(PoolManager):
    """Follows redirects only within one origin: another server gets no request at all."""

    _origin: tuple[str | None, str | None, int | None] | None = None

    def urlopen(self, method: str, url: str, *options: Any, **more: Any) -> BaseHTTPResponse:
        target = parse_url(url)
        origin = (target.scheme, target.host, target.port)
        if self._origin is None:
            self._origin = origin
        if origin != self._origin:
            raise UnavailableError(
                f"the server redirects to another one: {target.scheme}://{target.netloc}",
                hint="use the new address itself if you trust it",
            )
        return super().urlopen(method, url, *options, **more)


class _SameOriginProxy(_SameOrigin, ProxyManager):
    """The same through a proxy."""


class _HttpClient(Urllib3HttpGitClient):
    """Speaks HTTP with credentials only to those who ask, and reports refusals in the server's words."""

    root = Path()
    address: Address | None = None
    _asked = False

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: FBT001, FBT002  (dulwich's signature)
    ) -> Any:
        response, read = super()._http_request(url, headers, data, raise_for_status=False)
        if response.status == _UNAUTHORIZED and isinstance(data, bytes | None) and self._authenticate():
            response.close()
            response, read = super()._http_request(url, headers, data, raise_for_status=False)
        if raise_for_status and response.status != _OK:
            try:
                raise self._refusal(response.status, read(_BODY))
            finally:
                response.close()
        return response, read

    def _authenticate(self) -> bool:
        """Look for credentials once, when the server wants some and the address holds none."""
        if self._asked or self._password is not None or self.address is None:
            return False
        self._asked = True
        found = find_credentials(self.address.url, self.root)
        if found is None:
            return False
        self._auth_header = make_headers(basic_auth=":".join(found))["authorization"]
        self._auth_origin = self._origin(self._base_url)
        return True

    def _refusal(self, status: int, body: bytes) -> EnvctlError:
        said = "" if b"<html" in body.lower() else words(body)
        name = self.address.name if self.address else ""
        reason = f"HTTP {status}" + (f": {said}" if said else "")
        if status in {_OK, _UNAUTHORIZED, _FORBIDDEN, _PROXY}:
            return AccessError(
                f"the server gives no access ({reason})",
                place=name,
                hint="check the credentials: git credential helpers, or user:password@ in the address",
            )
        if status == _NOT_FOUND:
            return AccessError(
                f"the server shows no such repository ({reason})",
                place=name,
                hint="check the address, and that these credentials may read it",
            )
        return UnavailableError(f"the server cannot answer ({reason})", place=name)


class _Kept(TraditionalGitClient):
    """Remembers its connections: dulwich leaves them open where a server hangs up at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connections: list[Protocol] = []

    def _connect(self, *arguments: Any, **options: Any) -> Any:
        connection = super()._connect(*arguments, **options)
        self.connections.append(connection[0])
        return connection


class _SshClient(_Kept, SSHGitClient):
    """Speaks through an ssh program."""


class _TcpClient(_Kept, TCPGitClient):
    """Speaks Git's own protocol: no protection, so for machines that trust their network."""


class _Ssh(SubprocessSSHVendor):
    """OpenSSH that never asks anything and does not wait for ever."""

    def run_command(  # type: ignore[override]
        self, host: str, command: bytes, ssh_command: str | None = None, **options: Any
    ) -> SubprocessWrapper:
        program = ssh_command or "ssh"
        if Path(shlex.split(program)[0]).name == "ssh":
            program += f" -o BatchMode=yes -o ConnectTimeout={CONNECT_SECONDS} -o ServerAliveInterval=15"
        return super().run_command(host, command, ssh_command=program, **options)


@contextmanager
def connected(address: Address, config: StackedConfig, root: Path) -> Iterator[tuple[GitClient, bytes]]:
    """A client for a server and the path to ask it for. What goes wrong inside becomes our errors."""
    with _reported(address):
        client = _client(address, config, root)
        try:
            yield client, unquote(address.path).encode("utf-8", "surrogateescape")
        finally:
            if isinstance(client, _HttpClient):
                client.pool_manager.clear()
            for connection in client.connections if isinstance(client, _Kept) else ():
                with suppress(OSError, GitProtocolError):  # what the server said counts, not how it left
                    connection.close()


def _client(address: Address, config: StackedConfig, root: Path) -> GitClient:
    if address.scheme in {"http", "https"}:
        return _http_client(address, config, root)
    parsed = urlparse(address.url)
    if address.scheme == "git":
        return _TcpClient.from_parsedurl(parsed, config=config)
    if "://" in address.url and parsed.password is not None:
        raise InputError("an ssh address cannot hold a password", place=address.name, hint="use a key")
    return _SshClient(
        address.host,
        port=parsed.port if "://" in address.url else None,
        username=address.user,
        vendor=_Ssh(),
        config=config,
        ssh_command=os.environ.get("GIT_SSH_COMMAND") or _program(os.environ.get("GIT_SSH")),
    )


def _program(path: str | None) -> str | None:
    return shlex.quote(path) if path else None


def _http_client(address: Address, config: StackedConfig, root: Path) -> GitClient:
    parsed = urlparse(address.url)
    plain = redacted(address.url)
    pool = default_urllib3_manager(
        config, base_url=plain, pool_manager_cls=_SameOrigin, proxy_manager_cls=_SameOriginProxy
    )
    pool.connection_pool_kw["timeout"] = Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS)
    pool.connection_pool_kw["retries"] = Retry(_REDIRECTS, connect=1, read=0, redirect=_REDIRECTS, other=0)
    client = _HttpClient(
        plain,
        pool_manager=pool,
        config=config,
        username=unquote(parsed.username) if parsed.username else None,
        password=unquote(parsed.password) if parsed.password else None,
    )
    client.root, client.address = root, address
    return client


@contextmanager
def _reported(address: Address) -> Iterator[None]:
    name = address.name
    try:
        yield
    except EnvctlError as error:
        error.place = error.place or name
        raise
    except StrangeHostname as error:
        raise InputError("the address holds no host that may be asked", place=name) from error
    except (HTTPUnauthorized, HTTPProxyUnauthorized) as error:
        raise AccessError("the server gives no access", place=name) from error
    except HangupException as error:
        raise _hung_up(name, error) from error
    except (GitProtocolError, HTTPError) as error:
        raise UnavailableError(f"the server cannot be talked to: {words(str(error))}", place=name) from error
    except OSError as error:
        reason = words(error.strerror or str(error))
        raise UnavailableError(f"the server cannot be reached: {reason}", place=name) from error
    except (AssertionError, KeyError, ValueError, IndexError, TypeError, EOFError) as error:
        raise UnavailableError(
            f"the server's answer makes no sense: {words(str(error)) or type(error).__name__}",
            place=name,
            hint="check that the address is that of a Git repository",
        ) from error


def _hung_up(name: str, error: HangupException) -> EnvctlError:
    said = words(b"\n".join(error.stderr_lines or ()))
    if any(each in said.lower() for each in (*_SSH_DENIED, *_ABSENT)):
        return AccessError(f"the server gives no access: {said}", place=name)
    return UnavailableError(f"the server ended the connection: {said or 'without a word'}", place=name)
