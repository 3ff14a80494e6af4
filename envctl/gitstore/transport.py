"""Connections to Git servers: dulwich's clients with limits, no foreign redirects and our errors."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from dulwich.client import GitClient, HTTPProxyUnauthorized, HTTPUnauthorized, StrangeHostname
from dulwich.config import StackedConfig
from dulwich.errors import GitProtocolError, HangupException
from urllib3.exceptions import HTTPError, MaxRetryError, ProxyError, SSLError

from envctl.errors import AccessError, EnvctlError, InputError, UnavailableError
from envctl.gitstore.access import SECTION
from envctl.gitstore.addresses import Address, words
from envctl.gitstore.configuration import setting
from envctl.gitstore.deadline import LISTED_BYTES, OPERATION_SECONDS, Allowance, Deadline
from envctl.gitstore.http import HttpClient, http_client
from envctl.gitstore.streams import Ssh, SshClient, Stream, TcpClient
from envctl.model.access import Access

# How urllib3 begins what it says of a connection: with the name of a Python class.
_POOL = re.compile(r"^\w+\(host=[^)]*\): ")
_UNKNOWN_HOST = "host key verification failed"
_CHANGED_HOST = "remote host identification has changed"
_DENIED = ("permission denied", "access denied", "not authorized")
_ABSENT = ("does not appear to be a git repository", "repository not found", "could not be found")


@dataclass(frozen=True, slots=True)
class Connection:
    """A client for one operation on a server, and the path to ask it for."""

    client: GitClient
    path: bytes
    allowance: Allowance

    def listed(self) -> None:
        """The server has said which refs it has: what comes now may be of any size."""
        self.allowance.lift()


@contextmanager
def connected(
    address: Address, config: StackedConfig, root: Path, access: Access | None = None
) -> Iterator[Connection]:
    """A connection that ends when the time for one operation is up. What goes wrong becomes our errors.

    With `access`, HTTP servers get the credentials of these files, and no others.
    """
    allowance = Allowance(LISTED_BYTES)
    with Deadline(operation_seconds(config)) as deadline, reported(address, deadline) as heard:
        client = _client(address, config, root, deadline, allowance)
        if access and isinstance(client, HttpClient):
            client.sign_in(access)
        if isinstance(client, Stream):
            heard.append(client)
        try:
            yield Connection(client, unquote(address.path).encode("utf-8", "surrogateescape"), allowance)
        finally:
            if isinstance(client, HttpClient):
                client.pool_manager.clear()
            else:
                client.close()


def operation_seconds(config: StackedConfig) -> float:
    """How long one operation may take. Raises InputError for a setting that is no number of seconds."""
    text = setting(config, ("envctl",), "timeout")
    if text is None:
        return OPERATION_SECONDS
    if not re.fullmatch(r"\d{1,6}(\.\d+)?", text) or float(text) == 0:
        raise InputError(
            f"Git's setting envctl.timeout is no number of seconds: {text!r}",
            hint=f"git config envctl.timeout {OPERATION_SECONDS}",
        )
    return float(text)


def _client(
    address: Address, config: StackedConfig, root: Path, deadline: Deadline, allowance: Allowance
) -> GitClient:
    if address.scheme in {"http", "https"}:
        return http_client(address, config, root, deadline, allowance)
    parsed = urlparse(address.url)
    if address.scheme == "git":
        client: Stream = TcpClient(parsed.hostname or "", parsed.port)
    elif "://" in address.url and parsed.password is not None:
        raise InputError("an ssh address cannot hold a password", place=address.name, hint="use a key")
    else:
        client = SshClient(
            address.host,
            port=parsed.port if "://" in address.url else None,
            username=address.user,
            vendor=Ssh(deadline),
            ssh_command=_ssh_command(config),
        )
    client.deadline, client.allowance = deadline, allowance
    return client


def _ssh_command(config: StackedConfig) -> str:
    program = os.environ.get("GIT_SSH")
    return (
        setting(config, (SECTION,), "sshCommand")
        or os.environ.get("GIT_SSH_COMMAND")
        or setting(config, ("core",), "sshCommand")
        or (shlex.quote(program) if program else "ssh")
    )


@contextmanager
def reported(address: Address, deadline: Deadline) -> Iterator[list[Stream]]:
    """Turn what is raised inside into our errors; with the words that came beside the protocol, if any."""
    heard: list[Stream] = []
    try:
        yield heard
        deadline.check(address.name)  # what was cut off can look like the end
    except EnvctlError as error:
        error.place = error.place or address.name
        if deadline.passed and isinstance(error, UnavailableError):
            raise deadline.error(address.name) from error
        raise
    except Exception as error:
        if deadline.passed:
            raise deadline.error(address.name) from error
        known = _known(address.name, error, b"\n".join(each.heard for each in heard))
        if known is None:
            raise
        raise known from error


def _known(name: str, error: Exception, heard: bytes) -> EnvctlError | None:  # noqa: PLR0911  (a table)
    match error:
        case StrangeHostname():
            return InputError("the address holds no host that may be asked", place=name)
        case HTTPUnauthorized() | HTTPProxyUnauthorized():
            return AccessError("the server gives no access", place=name)
        case HangupException():
            return _hung_up(name, words(heard or b"\n".join(error.stderr_lines or ())))
        case BrokenPipeError() if heard:
            return _hung_up(name, words(heard))
        case GitProtocolError() | HTTPError():
            return _not_talked_to(name, _reason(error))
        case OSError():
            reason = words(error.strerror or str(error))
            return UnavailableError(f"the server cannot be reached: {reason}", place=name)
        case AssertionError() | KeyError() | ValueError() | IndexError() | TypeError() | EOFError():
            return UnavailableError(
                f"the server's answer makes no sense: {words(str(error)) or type(error).__name__}",
                place=name,
                hint="check that the address is that of a Git repository",
            )
    return None


def _reason(error: BaseException) -> BaseException:
    """What lies behind the error that says how often was tried."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, MaxRetryError) and found.reason:
            return found.reason
        found = found.__cause__
    return error


def _not_talked_to(name: str, reason: BaseException) -> EnvctlError:
    said = _POOL.sub("", words(str(reason))) or type(reason).__name__
    if isinstance(reason, ProxyError):
        return UnavailableError(
            f"the proxy does not let through: {words(str(reason.original_error))}",
            place=name,
            hint="check http.proxy in Git's configuration, and https_proxy in the environment",
        )
    return UnavailableError(
        f"the server cannot be talked to: {said}",
        place=name,
        hint="where an authority of your own vouches for it: git config http.sslCAInfo FILE"
        if isinstance(reason, SSLError)
        else "",
    )


def _hung_up(name: str, said: str) -> EnvctlError:
    lower = said.lower()
    if _CHANGED_HOST in lower:
        return AccessError(
            "the server shows another host key than the one that is known: it may be a different machine",
            place=name,
            hint="ask its owner; where they changed the key, remove the old one: ssh-keygen -R HOST",
        )
    if _UNKNOWN_HOST in lower:
        return AccessError(
            f"the server's host key is not known: {said}",
            place=name,
            hint="add it to known_hosts after comparing its fingerprint: ssh-keyscan HOST",
        )
    if any(each in lower for each in _DENIED):
        return AccessError(
            f"the server gives no access: {said}",
            place=name,
            hint="give ssh a key that opens it without asking: ssh-add KEY, or core.sshCommand",
        )
    if any(each in lower for each in _ABSENT):
        return AccessError(f"the server gives no access: {said}", place=name)
    return UnavailableError(f"the server ended the connection: {said or 'without a word'}", place=name)
