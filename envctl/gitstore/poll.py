"""The poll of a ref over HTTP: one small request on a connection that stays open.

Git's protocol version 2 lets a client ask for the refs that begin with a text
(https://git-scm.com/docs/protocol-v2#_ls_refs). Everything that is read has a bound in bytes, and the whole
look-up one in time. A server that speaks only older versions is left to the full client.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from dulwich.config import StackedConfig
from urllib3 import PoolManager
from urllib3.exceptions import ProtocolError
from urllib3.response import BaseHTTPResponse
from urllib3.util import make_headers

from envctl.errors import EnvctlError, UnavailableError
from envctl.gitstore.access import SECTION, authorization
from envctl.gitstore.addresses import Address, redacted
from envctl.gitstore.configuration import setting
from envctl.gitstore.deadline import Deadline, KeptSockets
from envctl.gitstore.http import connections, refusal
from envctl.gitstore.objects import is_id
from envctl.gitstore.transport import operation_seconds, reported
from envctl.model.access import Access

_SERVICE = "git-upload-pack"
_MOST = 1 << 20
"""Bytes of one answer: refs that only begin like the one asked for may be many, but not that many."""
_BODY = 2000
_OK, _UNAUTHORIZED = 200, 401
_FLUSH, _DELIMITER, _RESPONSE_END = b"0000", b"0001", b"0002"
_AGENT = {"User-Agent": "git/2 envctl", "Git-Protocol": "version=2", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class _Line:
    """An open way to one server: its connections, and the address that it really has."""

    key: object
    pool: PoolManager
    base: str


class RefPoll:
    """Looks refs up again and again. For one thread at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._sockets = KeptSockets()
        self._line: _Line | None = None

    def look_up(
        self, address: Address, config: StackedConfig, names: Sequence[str]
    ) -> dict[str, str | None] | None:
        """Refs by name, None for those that are absent; None for a server that must be asked otherwise.

        Raises AccessError and UnavailableError, `retry_after` set where the server said so.
        """
        kept = self._line is not None
        try:
            return self._within(address, config, names)
        except EnvctlError as error:
            self.close()
            # A server may close a connection that stood open in the very moment in which it is used.
            if not kept or not isinstance(error.__cause__, ProtocolError):
                raise
        return self._within(address, config, names)

    def close(self) -> None:
        """Close what is open; the next look-up begins anew."""
        if self._line is not None:
            self._line.pool.clear()
        self._line = None
        self._sockets.forget()

    def _within(
        self, address: Address, config: StackedConfig, names: Sequence[str]
    ) -> dict[str, str | None] | None:
        with Deadline(operation_seconds(config)) as deadline, reported(address, deadline):
            key = (address.url, _digest(setting(config, (SECTION,), "caInfo")))
            if self._line is not None and self._line.key != key:
                self.close()
            self._sockets.follow(deadline)
            if self._line is None:
                self._line = self._opened(address, config, key)
            if self._line is None:
                return None
            body = b"".join(_request(names))
            headers = {"Content-Type": f"application/x-{_SERVICE}-request"}
            answer = self._ask(address, self._line.pool, "POST", self._line.base, headers, body)
            return _listed(answer[1], names, address) if answer else None

    def _opened(self, address: Address, config: StackedConfig, key: object) -> _Line | None:
        """Ask what the server can. None where it does not speak version 2."""
        pool = connections(address, config, self._sockets)
        base = redacted(address.url).rstrip("/")
        url = f"{base}/info/refs?service={_SERVICE}"
        try:
            final, data = self._ask(address, pool, "GET", url, {}, None) or ("", b"")
        except BaseException:
            pool.clear()
            raise
        path, _, query = urljoin(url, final).partition("?")
        if not path.endswith("/info/refs") or query != f"service={_SERVICE}" or not _can_list(data):
            pool.clear()
            return None
        return _Line(key, pool, f"{path.removesuffix('/info/refs')}/{_SERVICE}")

    def _ask(
        self,
        address: Address,
        pool: PoolManager,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> tuple[str, bytes] | None:
        """Final address and body of an answer; None where credentials must come from elsewhere.

        Raises for all but 200.
        """
        login, challenge = self._login(address, ""), ""
        while True:
            signed = {"Authorization": login} if login else {}
            sent = {**dict(pool.headers), **_AGENT, **headers, **signed}
            answer = pool.urlopen(method, url, body=body, headers=sent, preload_content=False)
            data = _read(answer, _MOST if answer.status == _OK else _BODY)
            challenge = answer.headers.get("WWW-Authenticate", "")
            other = self._login(address, challenge) if answer.status == _UNAUTHORIZED else None
            if other is None or other == login:
                break
            login = other
        if answer.status == _UNAUTHORIZED and login is None:
            return None
        if answer.status != _OK:
            raise refusal(address.name, answer.status, answer.headers, data)
        return answer.geturl() or url, data

    def _login(self, address: Address, challenge: str) -> str | None:
        """The header that opens the server: from files, else from the address."""
        found = authorization(self._access, challenge)
        parts = urlsplit(address.url)
        if found is None and parts.username and parts.password is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password)}"
            return make_headers(basic_auth=login)["authorization"]
        return found


def _digest(path: str | None) -> str:
    """What is in the file of authorities: with another one in it, connections are made anew."""
    if path is None:
        return ""
    with open(path, "rb") as opened:  # noqa: PTH123
        return hashlib.sha256(opened.read()).hexdigest()


def _read(answer: BaseHTTPResponse, most: int) -> bytes:
    """The whole body, within a bound; the connection can be used again."""
    found = b""
    try:
        while data := answer.read(most + 1 - len(found)):
            found += data
            if len(found) > most:
                if answer.status != _OK:
                    return found
                raise UnavailableError("the server's answer is longer than any list of one branch")
        answer.drain_conn()
        return found
    finally:
        if len(found) > most:
            answer.close()
        else:
            answer.release_conn()


def _request(names: Sequence[str]) -> Iterator[bytes]:
    yield _packet(b"command=ls-refs\n")
    yield _DELIMITER
    yield from (_packet(b"ref-prefix %s\n" % name.encode()) for name in names)
    yield _FLUSH


def _packet(line: bytes) -> bytes:
    return b"%04x%s" % (len(line) + 4, line)


def _packets(data: bytes) -> Iterator[bytes | None]:
    """The lines of an answer; None for each flush. Raises ValueError where it makes no sense."""
    at = 0
    while at < len(data):
        mark = data[at : at + 4]
        size = int(mark, 16)
        if mark in {_FLUSH, _DELIMITER, _RESPONSE_END}:
            yield None
            at += 4
            continue
        if size < len(mark) or at + size > len(data):
            raise ValueError("a line is cut off")
        yield data[at + 4 : at + size]
        at += size


def _can_list(data: bytes) -> bool:
    """Whether an advertisement is one of version 2, with the command and the ids that are known here."""
    try:
        lines = [each.rstrip(b"\n") for each in _packets(data) if each is not None]
    except ValueError:
        return False
    commands = {each.partition(b"=")[0] for each in lines}
    formats = [each for each in lines if each.startswith(b"object-format=")]
    return b"version 2" in lines and b"ls-refs" in commands and formats in ([], [b"object-format=sha1"])


def _listed(data: bytes, names: Sequence[str], address: Address) -> dict[str, str | None]:
    found: dict[str, str | None] = dict.fromkeys(names)
    ended = False
    for line in _packets(data):
        ended = line is None
        target, _, rest = (line or b"").rstrip(b"\n").partition(b" ")
        name = rest.partition(b" ")[0].decode("utf-8", "surrogateescape")
        if name in found:
            found[name] = target.decode("ascii", "replace")
            if not is_id(found[name] or ""):
                raise UnavailableError(f"the server names no object id for {name}", place=address.name)
    if not ended:
        # A list that was cut off must never look like a branch that was deleted.
        raise UnavailableError("the server's answer ends in the middle", place=address.name)
    return found
