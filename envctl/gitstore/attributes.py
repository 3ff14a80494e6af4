"""The rules of a repository's ``.gitattributes`` files, wherever the repository lies.

dulwich puts the same together (`Repo.get_gitattributes`), but fails where the locale has no
characters for the repository's own path; here every path is bytes, as it is for Git.
"""

import os
import stat
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from dulwich.attrs import (
    AttributeValue,
    GitAttributes,
    Pattern,
    compile_gitattributes_patterns,
    parse_git_attributes,
    parse_gitattributes_file,
)
from dulwich.errors import NotTreeError
from dulwich.object_store import tree_lookup_path
from dulwich.objects import Blob, Commit
from dulwich.repo import Repo

Patterns = list[tuple[Pattern, Mapping[bytes, AttributeValue]]]
_NAME = b".gitattributes"


def attributes_of(repo: Repo) -> GitAttributes:
    """The rules for every path; files of deeper folders win, ``info/attributes`` wins over all."""

    def rules_in(folder: bytes) -> Patterns:
        data = _on_disk(repo, folder)
        lines = BytesIO(_at_head(repo, folder) if data is None else data)
        return compile_gitattributes_patterns(parse_git_attributes(lines), _NAME, folder)

    return GitAttributes(rules_in(b""), directory_loader=rules_in, info_patterns=_of_this_clone(repo))


def _of_this_clone(repo: Repo) -> Patterns:
    try:
        return parse_gitattributes_file(os.fsencode(Path(repo.controldir()) / "info" / "attributes"))
    except FileNotFoundError:
        return []


def _on_disk(repo: Repo, folder: bytes) -> bytes | None:
    """The file of the work tree; None where there is none, or no plain one: Git follows no link to it."""
    path = Path(repo.path) / os.fsdecode(folder) / os.fsdecode(_NAME)
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(opened, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(opened).st_mode) else None


def _at_head(repo: Repo, folder: bytes) -> bytes:
    """The file that HEAD has there, as for a sparse checkout; nothing where it has none."""
    path = b"/".join(part for part in (folder, _NAME) if part)
    try:
        head = repo[repo.head()]
        if not isinstance(head, Commit):
            return b""
        _, found = tree_lookup_path(repo.get_object, head.tree, path)
        blob = repo[found]
    except (KeyError, NotTreeError):
        return b""
    return blob.data if isinstance(blob, Blob) else b""
