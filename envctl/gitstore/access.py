"""Credentials from files, as they are mounted into a pod: read anew at each try, so that they may rotate.

Nothing of them is kept, logged, or put into an address.
"""

import shlex
from pathlib import Path

from dulwich.config import ConfigFile
from urllib3.util import make_headers

from envctl.errors import AccessError
from envctl.model.access import Access

SECTION = "envctl"
_USER = "x-access-token"
"""The user name for a token alone: GitHub asks for this one, others take any."""
_LONGEST = 64 << 10


def authorization(access: Access, challenge: str = "") -> str | None:
    """The value of the Authorization header, None where no file gives one.

    `challenge` is what a server answered to the last one (WWW-Authenticate). Raises AccessError for a
    file that was named and cannot be read, or holds no single line of text.
    """
    if bearer := _secret(access, "bearer"):
        return f"Bearer {bearer}"
    token = _secret(access, "token")
    if token and "bearer" in challenge.lower() and "basic" not in challenge.lower():
        return f"Bearer {token}"
    password = _secret(access, "password") or token
    if password is None:
        return None
    user = _secret(access, "username") or _USER
    return make_headers(basic_auth=f"{user}:{password}")["authorization"]


def git_settings(access: Access, seconds: float) -> ConfigFile:
    """Settings that stand before Git's own: the time for one operation, authorities, and the ssh command."""
    config = ConfigFile()
    config.set(SECTION, "timeout", f"{seconds:g}")
    if ca := _path(access, "ca"):
        config.set(SECTION, "caInfo", str(ca))
    if command := _ssh_command(access):
        config.set(SECTION, "sshCommand", command)
    return config


def _ssh_command(access: Access) -> str:
    identity, known = _path(access, "identity"), _path(access, "known_hosts")
    words = ["-i", str(identity), "-o", "IdentitiesOnly=yes"] if identity else []
    if known:
        words += ["-o", f'UserKnownHostsFile="{known}"', "-o", "GlobalKnownHostsFile=none"]
    return shlex.join(["ssh", "-F", "none", *words]) if words else ""


def _path(access: Access, name: str) -> Path | None:
    found = access.named(name)
    if found is None:
        found = access.in_folder(name)
        return found if found and found.is_file() else None
    if not found.is_file():
        raise AccessError("there is no such file of credentials", place=str(found))
    return found


def _secret(access: Access, name: str) -> str | None:
    path = _path(access, name)
    if path is None:
        return None
    try:
        with path.open("rb") as opened:
            text = opened.read(_LONGEST).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise AccessError(f"the file of credentials cannot be read: {reason}", place=str(path)) from error
    if not text or not text.isprintable():
        raise AccessError("the file of credentials is empty, or holds more than one line", place=str(path))
    return text
