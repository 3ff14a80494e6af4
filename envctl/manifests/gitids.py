"""Git's ids of blobs and trees, computed without a repository.

So a render can say which deploy tree it makes, and compare, without writing an object.
Source: gitformat-object, "tree objects": entries sorted as if directories ended with a slash.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

_FILE, _TREE = b"100644", b"40000"


def git_id(kind: str, data: bytes) -> str:
    """The id (40 hex digits) of an object of a kind (``blob``, ``tree``) with these bytes."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def blob_id(data: bytes) -> str:
    """The id of a file's content."""
    return git_id("blob", data)


def tree_id(blobs: Mapping[str, str], trees: Mapping[str, str] = MappingProxyType({})) -> str:
    """The id of the tree that holds these files, path to blob id, in any order.

    `trees` maps names of further folders in it to the ids of their trees.
    """
    folders: dict[str, dict[str, str]] = {}
    entries: list[tuple[bytes, bytes, str]] = []
    for path, blob in blobs.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = blob
        else:
            entries.append((name.encode(), _FILE, blob))
    entries += [(name.encode() + b"/", _TREE, tree_id(inner)) for name, inner in folders.items()]
    entries += [(name.encode() + b"/", _TREE, tree) for name, tree in trees.items()]
    body = b"".join(
        b"%s %s\0%s" % (mode, name.removesuffix(b"/"), bytes.fromhex(item))
        for name, mode, item in sorted(entries)
    )
    return git_id("tree", body)
