"""jsonnet-bundler's lock file: what it would have linked under ``vendor/`` by symbolic links.

The bundler installs a package under its full name (``vendor/github.com/org/repo/subdir``) and links
its short name (``vendor/subdir``) to it; a local package is a link to its folder. Both are read
from the lock file here, so the links need not exist.
"""

import json
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from envctl.errors import InputError

LOCK_PATHS = ("jsonnetfile.lock.json", "vendor/jsonnetfile.lock.json")

_REMOTE = re.compile(r"(?:[a-z+]+://)?(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?[/:](?P<path>.+)")
_LONGEST = 2000
# Names and folders become paths: no half of a surrogate pair, no control character.
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def parse_links(data: bytes, place: str) -> dict[str, str]:
    """Short package name → folder in the repository. Where two packages share a name, the first has it.

    Raises InputError where the file is no lock file.
    """
    try:
        found = json.loads(data)
        packages = found["dependencies"] or []
        links = [_checked(_link(package)) for package in packages]
        found = {name: folder for name, folder in reversed(links) if name and folder != f"vendor/{name}"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "this is no lock file of jsonnet-bundler, so imports from vendor/ cannot be found",
            place=place,
            hint="write it again: jb install",
        ) from error
    return found


def _checked(link: tuple[str, str]) -> tuple[str, str]:
    """A link whose name and folder can be a path. Raises ValueError."""
    if any(not isinstance(each, str) or len(each) > _LONGEST or _UNFIT.search(each) for each in link):
        raise ValueError(link)
    return link


def _link(package: Mapping[str, Any]) -> tuple[str, str]:
    source = package["source"]
    if "local" in source:
        folder = posixpath.normpath(source["local"]["directory"])
        inside = not folder.startswith(("/", ".."))
        return (package.get("name") or posixpath.basename(folder), folder) if inside else ("", "")
    remote = source["git"]["remote"].rstrip("/")
    match = _REMOTE.fullmatch(remote.removesuffix(".git")) if len(remote) <= _LONGEST else None
    if not match:
        raise ValueError(remote)
    subdir = source["git"].get("subdir", "").strip("/")
    full = posixpath.join(match["host"], match["path"], subdir).rstrip("/")
    return package.get("name") or posixpath.basename(full), f"vendor/{full}"
