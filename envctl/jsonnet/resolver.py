"""Which file an import means: our own search, the same for every engine, inside one tree.

Searched in order: the folder of the importing file, ``lib/``, ``vendor/``, the repository root.
Nothing is opened before its whole path is known to hold no symbolic link and no submodule.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from envctl.errors import InputError
from envctl.jsonnet.bundler import LOCK_PATHS, parse_links
from envctl.jsonnet.words import one_line, quoted
from envctl.model.evaluation import evidence
from envctl.model.git import Entry, EntryKind
from envctl.ports import Tree

_SEARCH = ("lib", "vendor", "")
_LFS = b"version https://git-lfs.github.com/spec/"
_CLOSE = 0.6
_INSIDE = "imports stay inside the repository: copy the file into it, for example under vendor/"
_BARRIERS = {
    EntryKind.SYMLINK: (
        "leads through the symbolic link {path}",
        "links are never followed: commit the files themselves",
    ),
    EntryKind.SUBMODULE: (
        "leads into the submodule {path}, whose files are not in this repository",
        "commit the files themselves",
    ),
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where an import leads: a file's path and blob id, or the reason why not.

    `evidence` is everything in the tree that decided it, places where nothing was found included.
    """

    path: str = ""
    blob: str = ""
    error: InputError | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)


class Resolver:
    """The search in one tree. Remembers what it looked up; not to be used by two threads at once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._entries: dict[str, Entry | None] = {}
        self._resolutions: dict[tuple[str, str], Resolution] = {}
        self._links: dict[str, str] | None = None

    def resolve(self, directory: str, wanted: str) -> Resolution:
        """What `wanted` means in a file of that folder ("" for the root). Never raises for what it finds."""
        key = (directory.strip("/"), wanted)
        if key not in self._resolutions:
            seen: dict[str, str] = {}
            try:
                found = self._search(*key, seen)
                resolution = Resolution(found[0], found[1], evidence=seen)
            except InputError as error:
                resolution = Resolution(error=error, evidence=seen)
            self._resolutions[key] = resolution
        return self._resolutions[key]

    def _search(self, directory: str, wanted: str, seen: dict[str, str]) -> tuple[str, str]:
        _refuse_strange(wanted)
        looked: list[str] = []
        for folder in (directory, *_SEARCH):
            path = posixpath.normpath(posixpath.join(folder, wanted))
            if path.partition("/")[0] == "..":
                if folder == directory:
                    raise InputError(f"import {quoted(wanted)} leads out of the repository", hint=_INSIDE)
                continue
            if path == ".":
                raise self._folder("", wanted)
            path = self._linked(path, seen)
            if path in looked:
                continue
            looked.append(path)
            entry = self._file(path, wanted, seen)
            if entry:
                return path, entry.id
        raise self._missing(wanted, looked)

    def _entry(self, path: str) -> Entry | None:
        if path not in self._entries:
            self._entries[path] = self._tree.entry(path)
        return self._entries[path]

    def _file(self, path: str, wanted: str, seen: dict[str, str]) -> Entry | None:
        """The file at a path, or None. Raises InputError for what is neither there nor absent."""
        folder = ""
        for prefix in _prefixes(path):
            entry = self._entry(prefix)
            if entry is None or entry.kind is not EntryKind.TREE:
                break
            folder = prefix
        seen[prefix] = evidence(entry)
        if entry is not None and entry.kind in _BARRIERS:
            text, hint = _BARRIERS[entry.kind]
            raise InputError(f"import {quoted(wanted)} {text.format(path=one_line(prefix))}", hint=hint)
        if entry is not None and entry.kind is EntryKind.TREE:
            raise self._folder(path, wanted)
        if prefix == path and entry is not None:
            return entry
        if folder:
            # Were this folder replaced by a link, the outcome would be a refusal.
            seen[folder] = EntryKind.TREE.value
        return None

    def _linked(self, path: str, seen: dict[str, str]) -> str:
        """The path with a bundler's short name replaced, where nothing but a link has that name."""
        top, _, below = path.partition("/")
        name, _, rest = below.partition("/")
        if top != "vendor" or not rest:
            return path
        short = f"vendor/{name}"
        entry = self._entry(short) if self._is_folder("vendor") else None
        if entry is not None and entry.kind is not EntryKind.SYMLINK:
            return path
        seen[short] = evidence(entry)
        seen |= {lock: evidence(self._entry(lock)) for lock in LOCK_PATHS}
        folder = self._lock().get(name)
        return posixpath.join(folder, rest) if folder else path

    def _is_folder(self, path: str) -> bool:
        entry = self._entry(path)
        return entry is not None and entry.kind is EntryKind.TREE

    def _lock(self) -> Mapping[str, str]:
        if self._links is None:
            links: dict[str, str] = {}
            for place in reversed(LOCK_PATHS):
                entry = self._entry(place)
                if entry is not None and entry.kind is EntryKind.FILE:
                    links |= parse_links(self._tree.read(place), place)
            self._links = links
        return self._links

    def _folder(self, path: str, wanted: str) -> InputError:
        inside = [each.name for each in self._tree.list(path)]
        mains = [name for name in inside if name in ("main.libsonnet", "main.jsonnet")]
        return InputError(
            f"import {quoted(wanted)} names a folder, {one_line(path) or 'the repository root'}",
            hint=f"name a file in it: {one_line(wanted)}/{mains[0]}" if mains else "name a file in it",
        )

    def _missing(self, wanted: str, looked: list[str]) -> InputError:
        links = sorted({*(self._links or {}).values()})
        absent = next((link for link in links for path in looked if path.startswith(f"{link}/")), "")
        near = list(dict.fromkeys(each for path in looked for each in self._near(path)))[:3]
        advice = ""
        if absent and not self._is_folder(absent):
            advice = f"; the package is locked but {absent} is not there: run jb install and commit vendor/"
        elif near:
            advice = f"; did you mean {' or '.join(map(one_line, near))}?"
        return InputError(
            f"import {quoted(wanted)} was not found",
            hint=f"looked for {', '.join(map(one_line, looked))}{advice}",
        )

    def _near(self, path: str) -> Iterator[str]:
        """Files whose path differs from this one in one misspelt part."""
        for prefix in _prefixes(path):
            if self._is_folder(prefix):
                continue
            parent, _, part = prefix.rpartition("/")
            for name in _alike(part, [entry.name for entry in self._tree.list(parent)]):
                candidate = posixpath.join(parent, name) + path[len(prefix) :]
                entry = self._entry(candidate)
                if entry is not None and entry.kind is EntryKind.FILE:
                    yield candidate
            return


def refuse_pointer(contents: bytes, wanted: str, path: str) -> None:
    """Raise InputError where a file only stands for one that Git LFS keeps elsewhere."""
    if contents.startswith(_LFS):
        raise InputError(
            f"import {quoted(wanted)} found {one_line(path)}, a Git LFS pointer, whose contents are not here",
            hint="commit the file itself: git lfs untrack, then add it again",
        )


def _refuse_strange(wanted: str) -> None:
    if "\0" in wanted:
        raise InputError(f"import {quoted(wanted)} has a NUL character, which no path may have")
    if wanted.startswith("/"):
        raise InputError(f"import {quoted(wanted)} is an absolute path", hint=_INSIDE)
    if not wanted or wanted.endswith("/"):
        raise InputError(f"import {quoted(wanted)} names no file")


def _alike(part: str, names: Sequence[str]) -> list[str]:
    """The names that are spelt alike, most alike first. Extensions do not count: most are the same."""
    stems = [name.partition(".")[0] for name in names]
    close = get_close_matches(part.partition(".")[0], stems, cutoff=_CLOSE)
    return [name for stem in close for name in names if name.partition(".")[0] == stem]


def _prefixes(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
    yield path
