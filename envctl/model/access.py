"""Where the credentials of a Git server are: names of files. Adapters read them anew at each try."""

from dataclasses import dataclass, fields
from pathlib import Path

KEYS = {
    "username": "username",
    "password": "password",
    "bearer": "bearerToken",
    "identity": "identity",
    "known_hosts": "known_hosts",
    "ca": "ca.crt",
}
"""How the files of a mounted folder are called: as the keys of a Secret that Flux reads."""


@dataclass(frozen=True, slots=True)
class Access:
    """Files that open a repository, for all protocols. None where there is no such file.

    - `token`: a token that servers take in place of a password, or as a bearer where they ask for that.
    - `bearer`: a token that is sent as a bearer at once.
    - `identity`, `known_hosts`: a private key for ssh, and the host keys that are trusted, no others.
    - `ca`: certificates of the authorities that may vouch for the server, no others.
    - `folder`: a folder with any of these, named as in `KEYS`; what is given by itself counts more.
      Files that it lacks are not given, and may come later.
    """

    token: Path | None = None
    username: Path | None = None
    password: Path | None = None
    bearer: Path | None = None
    identity: Path | None = None
    known_hosts: Path | None = None
    ca: Path | None = None
    folder: Path | None = None

    def named(self, name: str) -> Path | None:
        """The file that is given by itself."""
        found = getattr(self, name)
        return found if isinstance(found, Path) else None

    def in_folder(self, name: str) -> Path | None:
        """Where the file lies in the folder, if it is there."""
        return self.folder / KEYS[name] if self.folder and name in KEYS else None

    def texts(self) -> dict[str, str]:
        """As texts, for a process that is given them; only what is set."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: str(value) for name, value in found.items() if value}


def access_from(texts: dict[str, str]) -> Access:
    """The other way round."""
    return Access(**{name: Path(value) for name, value in texts.items()})
