"""A tree in memory, for tests of what reads trees. Fulfils the same contract as the Git ones."""

import hashlib
from collections.abc import Mapping

from envctl.errors import InputError
from envctl.model.git import Entry, EntryKind


class MemoryTree:
    """Files by path. `links` and `submodules` are paths that are symbolic links and submodules.

    `reads` and `lookups` count what was asked, so tests can show what was never opened.
    """

    def __init__(
        self,
        files: Mapping[str, str | bytes],
        *,
        links: frozenset[str] | set[str] = frozenset(),
        submodules: frozenset[str] | set[str] = frozenset(),
        label: str = "memory",
    ) -> None:
        self.files = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        self.label = label
        self.reads: list[str] = []
        self.lookups: list[str] = []
        self._entries = {"": Entry("", EntryKind.TREE, "0" * 40)}
        for path, data in self.files.items():
            self._add(path, EntryKind.FILE, blob_id(data))
        for path in links:
            self._add(path, EntryKind.SYMLINK, blob_id(path.encode()))
        for path in submodules:
            self._add(path, EntryKind.SUBMODULE, "1" * 40)

    def _add(self, path: str, kind: EntryKind, identity: str) -> None:
        folder, _, name = path.rpartition("/")
        self._entries[path] = Entry(name, kind, identity)
        while folder and folder not in self._entries:
            self._entries[folder] = Entry(folder.rpartition("/")[2], EntryKind.TREE, "2" * 40)
            folder = folder.rpartition("/")[0]

    def entry(self, path: str) -> Entry | None:
        self.lookups.append(path)
        return self._entries.get(path)

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        if path not in self.files:
            raise InputError(f"there is no file {path} in {self.label}", place=path)
        return self.files[path]

    def fingerprint(self, path: str) -> str:
        inside = [(at, each.id) for at, each in self._entries.items() if f"{at}/".startswith(f"{path}/")]
        return repr(sorted(inside)) if inside else ""

    def list(self, path: str) -> tuple[Entry, ...]:
        inside = [(each, entry) for each, entry in self._entries.items() if each]
        return tuple(
            sorted(
                (entry for each, entry in inside if each.rpartition("/")[0] == path),
                key=lambda each: each.name,
            )
        )


def blob_id(data: bytes) -> str:
    """Git's id of a blob."""
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data), usedforsecurity=False).hexdigest()
