"""Git over HTTP: credentials only for those who ask, one origin, Git's certificates and proxies."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from dulwich.client import (
    Urllib3HttpGitClient,
    _urlmatch_http_sections,
    check_for_proxy_bypass,
    default_urllib3_manager,
)
from dulwich.config import StackedConfig
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ProxySchemeUnknown
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry, Timeout, make_headers, parse_url

from envctl.errors import AccessError, EnvctlError, InputError, UnavailableError
from envctl.gitstore.access import SECTION, authorization
from envctl.gitstore.addresses import Address, redacted, words
from envctl.gitstore.configuration import setting
from envctl.gitstore.credentials import find_credentials
from envctl.gitstore.deadline import Allowance, Watcher
from envctl.gitstore.streams import CONNECT_SECONDS, SILENCE_SECONDS
from envctl.model.access import Access

_REDIRECTS = 5
_BODY = 2000
_DIGITS = 6
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _PROXY = 200, 401, 403, 404, 407


class HttpClient(Urllib3HttpGitClient):
    """Speaks HTTP with credentials only to those who ask, and reports refusals in the server's words."""

    root: Path
    address: Address
    allowance: Allowance
    access: Access | None = None
    _asked = False

    def sign_in(self, access: Access) -> None:
        """Take credentials from files where there are some. Raises AccessError where they cannot be read."""
        if self._send_with(authorization(access)):
            self.access = access

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: FBT001, FBT002  (dulwich's signature)
    ) -> Any:
        response, read = super()._http_request(url, headers, data, raise_for_status=False)
        challenge = response.headers.get("WWW-Authenticate", "")
        refused = response.status == _UNAUTHORIZED and isinstance(data, bytes | None)
        if refused and self._authenticate(challenge):
            response.close()
            response, read = super()._http_request(url, headers, data, raise_for_status=False)
        if raise_for_status and response.status != _OK:
            try:
                raise refusal(self.address.name, response.status, response.headers, read(_BODY))
            finally:
                response.close()
        return response, self.allowance.counted(read)

    def _discover_references(self, *arguments: Any, **options: Any) -> Any:
        """As dulwich, but only from Git servers: for it, any page without a type is an empty list of refs."""
        found = super()._discover_references(*arguments, **options)
        if self.dumb:
            raise UnavailableError(
                "the server's answer makes no sense: it is not one of a Git server",
                hint="check that the address is that of a Git repository",
            )
        return found

    def _authenticate(self, challenge: str) -> bool:
        """Look for credentials once, when the server wants some and the address holds none."""
        if self._asked or (self._password is not None and self.access is None):
            return False
        self._asked = True
        if self.access is not None:
            return self._send_with(authorization(self.access, challenge))
        found = find_credentials(self.address.url, self.root)
        return self._send_with(make_headers(basic_auth=":".join(found))["authorization"] if found else None)

    def _send_with(self, header: str | None) -> bool:
        """Send a header from now on; whether that is another one than before."""
        if header in {None, self._auth_header}:
            return False
        self._auth_header = header
        self._auth_origin = self._origin(self._base_url)
        return True


def refusal(name: str, status: int, headers: Mapping[str, str], body: bytes) -> EnvctlError:
    """The error that an answer stands for, in the server's words, with how long it asked to wait."""
    error = _refusal(name, status, body)
    error.retry_after = _seconds_of(headers.get("Retry-After", ""))
    return error


def _refusal(name: str, status: int, body: bytes) -> EnvctlError:
    said = "" if b"<html" in body.lower() else words(body)
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


def _seconds_of(text: str) -> float:
    """The seconds of a Retry-After header (RFC 9110, 10.2.3); 0 where it is a date or makes no sense."""
    return float(text) if text.isdecimal() and len(text) <= _DIGITS else 0


def http_client(
    address: Address, config: StackedConfig, root: Path, deadline: Watcher, allowance: Allowance
) -> HttpClient:
    """A client for one operation on a server."""
    parsed = urlparse(address.url)
    plain = redacted(address.url)
    pool = connections(address, config, deadline)
    client = HttpClient(
        plain,
        pool_manager=pool,
        config=config,
        username=unquote(parsed.username) if parsed.username else None,
        password=unquote(parsed.password) if parsed.password else None,
    )
    client.root, client.address, client.allowance = root, address, allowance
    return client


def connections(address: Address, config: StackedConfig, watcher: Watcher) -> PoolManager:
    """Connections to one server as Git's settings and the environment say; a watcher is told of each."""
    plain = redacted(address.url)
    given: Any = default_urllib3_manager(
        config, base_url=plain, pool_manager_cls=dict, proxy_manager_cls=_Options
    )
    pool = _manager(_proxy(address, config, plain, os.environ), watcher, given)
    pool.connection_pool_kw |= _certificates(config, plain, os.environ)
    pool.connection_pool_kw["timeout"] = Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS)
    # A server that asks to wait is told of; a sleep in here would outlast every deadline.
    pool.connection_pool_kw["retries"] = Retry(
        _REDIRECTS, connect=1, read=0, redirect=_REDIRECTS, other=0, respect_retry_after_header=False
    )
    return pool


class _Options(dict[str, Any]):
    """What dulwich would make a manager for a proxy with: which proxy is decided here."""

    def __init__(self, _proxy: str, **options: Any) -> None:
        super().__init__(options)


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


def _manager(proxy: str | None, watcher: Watcher, options: dict[str, Any]) -> PoolManager:
    """Connections to one origin, through a proxy where there is one."""
    options.pop("proxy_headers", None)
    if proxy is None:
        manager: PoolManager = _SameOrigin(**options)
    else:
        login = urlparse(proxy)
        known = f"{unquote(login.username)}:{unquote(login.password or '')}" if login.username else None
        headers = make_headers(proxy_basic_auth=known) if known else {}
        try:
            manager = _SameOriginProxy(proxy, proxy_headers=headers, **options)
        except ProxySchemeUnknown as error:
            raise InputError(
                f"envctl speaks to HTTP proxies only, not to {redacted(proxy)}", hint="git config http.proxy"
            ) from error
    manager.pool_classes_by_scheme = _watched_pools(watcher)
    return manager


def _watched_pools(watcher: Watcher) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> Any:
            opened = super()._new_conn()
            watcher.watch(opened)
            return opened

    class Protected(HTTPSConnection):
        def _new_conn(self) -> Any:
            opened = super()._new_conn()
            watcher.watch(opened)
            return opened

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class ProtectedPool(HTTPSConnectionPool):
        ConnectionCls = Protected

    return {"http": PlainPool, "https": ProtectedPool}


def _certificates(config: StackedConfig, url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Who vouches for servers, and how we show who we are: our own setting, the environment, Git's."""
    names = {"ca_certs": "CAInfo", "ca_cert_dir": "CAPath", "cert_file": "Cert", "key_file": "Key"}
    found = {
        key: environment.get(f"GIT_SSL_{name.upper()}") or _setting(config, url, f"ssl{name}")
        for key, name in names.items()
    }
    found["ca_certs"] = setting(config, (SECTION,), "caInfo") or found["ca_certs"]
    return {key: os.path.expanduser(value) for key, value in found.items() if value}  # noqa: PTH111


def _proxy(address: Address, config: StackedConfig, url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy to a server: Git's settings before the environment's, which have one for each scheme."""
    if check_for_proxy_bypass(url):
        return None
    found = setting(config, ("remote", address.name), "proxy")
    if found is None:
        found = _setting(config, url, "proxy")
    if found is None:
        names = [f"{address.scheme}_proxy", "all_proxy", "ALL_PROXY"]
        names[1:1] = ["HTTPS_PROXY"] if address.scheme == "https" else []  # never HTTP_PROXY: CGI sets it
        found = next((environment[name] for name in names if environment.get(name)), None)
    if not found:
        return None
    return found if "://" in found else f"http://{found}"


def _setting(config: StackedConfig, url: str, name: str) -> str | None:
    """What ``http.NAME`` is for an address, the setting for the nearest one before the general one."""
    found = None
    for section in sorted(_urlmatch_http_sections(config, url), key=lambda each: len(each) > 1):
        value = setting(config, tuple(each.decode("utf-8", "surrogateescape") for each in section), name)
        found = found if value is None else value
    return found
