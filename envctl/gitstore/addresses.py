"""Remotes by name or address, and how they may be named in messages: never with credentials."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dulwich.config import StackedConfig, apply_instead_of

from envctl.errors import InputError
from envctl.gitstore.names import shown

_USERINFO = re.compile(r"(?<=://)[^/\s]*@")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:]+):(?P<path>.+)")
_HELPER = re.compile(r"[a-zA-Z0-9]+::")
_NETWORK = {"http", "https", "ssh", "git+ssh", "git"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a remote is. `url` may hold credentials and is for connecting only; `name` is for messages."""

    name: str
    url: str
    scheme: str
    path: str
    host: str = ""
    user: str | None = None

    @property
    def is_local(self) -> bool:
        return self.scheme == "file"


def find_address(config: StackedConfig, remote: str, root: Path, *, push: bool = False) -> Address:
    """The address of a configured remote or of an URL or path, rewritten as Git's ``insteadOf`` says.

    A configured path is relative to the repository, a path given here to the current directory.
    Raises InputError for an unknown remote or an address that envctl does not talk to.
    """
    configured = _configured(config, remote, push=push)
    if configured is None and not re.search(r"[/:\\]", remote) and remote not in {".", ".."}:
        raise InputError(f"there is no remote {shown(remote)!r}", hint=_remote_hint(config, remote))
    url = apply_instead_of(config, configured or remote, push=push)
    name = remote if configured else redacted(url)
    return _parsed(name, url, root if configured else Path())


def redacted(text: str) -> str:
    """A text without the credentials of addresses in it."""
    return _USERINFO.sub("", text)


def words(data: bytes | str, limit: int = 500) -> str:
    """What a server said, fit to print: no control characters, no credentials, not too long."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    lines = (re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", line) for line in redacted(text).splitlines())
    plain = ("".join(each for each in line if each.isprintable()).strip() for line in lines)
    return "; ".join(line for line in plain if line)[:limit]


def _configured(config: StackedConfig, remote: str, *, push: bool) -> str | None:
    section = (b"remote", remote.encode("utf-8", "surrogateescape"))
    for key in (b"pushurl", b"url") if push else (b"url",):
        try:
            return config.get(section, key).decode("utf-8", "surrogateescape")
        except KeyError:
            continue
    return None


def _remote_hint(config: StackedConfig, remote: str) -> str:
    known = [each[1].decode() for each in config.sections() if each[0] == b"remote" and len(each) > 1]
    close = get_close_matches(remote, known, n=1)
    return f"did you mean {close[0]}?" if close else f"git remote add {shown(remote)} URL"


def _parsed(name: str, url: str, root: Path) -> Address:
    scheme = _SCHEME.match(url)
    if scheme:
        return _parsed_url(name, url, scheme[1].lower())
    scp = _SCP.fullmatch(url)
    if scp and not _HELPER.match(url):
        return Address(name, url, "ssh", scp["path"], scp["host"], scp["user"])
    if _HELPER.match(url):
        raise _unsupported(name, url.partition("::")[0])
    return Address(name, url, "file", str(root / url))


def _parsed_url(name: str, url: str, scheme: str) -> Address:
    try:
        parts = urlsplit(url)
        if scheme == "file":
            return Address(name, url, scheme, unquote(parts.path))
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"the address cannot be read: {words(str(error))}", place=name) from error
    if scheme not in _NETWORK:
        raise _unsupported(name, scheme)
    if not host or " " in host or not unquote(url).isprintable():
        raise InputError(
            "the address cannot be read: it has no host, or characters that are no text", place=name
        )
    return Address(name, url, scheme, parts.path, host, parts.username)


def _unsupported(name: str, scheme: str) -> InputError:
    return InputError(
        f"envctl does not speak {shown(scheme)}", place=name, hint="use https, ssh or a path on this machine"
    )
