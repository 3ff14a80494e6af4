"""Objects by id: blobs, parsed trees and commits. Many threads may read at once."""

import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import cast

from dulwich.file import FileLocked
from dulwich.object_store import BaseObjectStore, DiskObjectStore
from dulwich.objects import Commit as GitCommit
from dulwich.objects import ObjectID, ShaFile, parse_tree

from envctl.errors import InputError, Problem
from envctl.gitstore.failures import translated
from envctl.gitstore.lookup import Lookup
from envctl.gitstore.loose import MAX_LOOSE, add_loose
from envctl.gitstore.names import name_flaw, shown
from envctl.gitstore.packs import no_leftovers
from envctl.model.git import Commit, Entry, EntryKind, Signature

COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4
TYPES = {COMMIT: "commit", TREE: "tree", BLOB: "file", TAG: "tag"}
TREE_MODE = 0o040000
FILE_MODE = 0o100644
KINDS = {
    TREE_MODE: EntryKind.TREE,
    FILE_MODE: EntryKind.FILE,
    0o100664: EntryKind.FILE,  # written by old versions of Git
    0o100755: EntryKind.FILE,
    0o120000: EntryKind.SYMLINK,
    0o160000: EntryKind.SUBMODULE,
}
FILE_MODES = frozenset(mode for mode, kind in KINDS.items() if kind is EntryKind.FILE)
ID_LENGTH = 40
# A commit without encoding or signature, as nearly all are. dulwich reads all others, which takes it longer.
_PLAIN = re.compile(
    rb"tree (?P<tree>[0-9a-f]{40})\n"
    rb"(?P<parents>(?:parent [0-9a-f]{40}\n)*)"
    rb"author (?P<author>[^<>\n]*)<(?P<author_mail>[^<>\n]*)>"
    rb" (?P<authored>\d{1,12}) (?P<author_zone>[+-]\d{4})\n"
    rb"committer (?P<committer>[^<>\n]*)<(?P<committer_mail>[^<>\n]*)>"
    rb" (?P<committed>\d{1,12}) (?P<committer_zone>[+-]\d{4})\n"
)
_CACHED_ENTRIES = 100_000
_CACHED_PARENTS = 100_000
_CACHED_COMMITS = 2_000
_SMALL = 10_000  # bytes; nearly all commits are
_LIFT_HINT = (
    "a shallow clone lacks old commits (git fetch --unshallow), a partial clone (--filter) lacks files"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a parsed tree: its mode as stored, and the id."""

    mode: int
    id: str

    @property
    def kind(self) -> EntryKind:
        return KINDS[self.mode]


@dataclass(frozen=True, slots=True)
class Directory:
    """A parsed tree. `flaws` maps names that no honest tree has to what is wrong with them."""

    items: Mapping[str, Item]
    flaws: Mapping[str, str]

    def entry(self, name: str, place: str) -> Entry | None:
        """The entry of a name. Raises InputError where the tree is dishonest about it."""
        if name in self.flaws:
            raise InputError(f"the tree holds {self.flaws[name]}", place=shown(place))
        item = self.items.get(name)
        return Entry(name, item.kind, item.id) if item else None

    def require_honest(self, path: str) -> None:
        """Raise InputError that names every flaw."""
        if self.flaws:
            problems = tuple(
                Problem(shown(f"{path}/{name}" if path else name), reason)
                for name, reason in sorted(self.flaws.items())
            )
            raise InputError(
                "a tree holds entries that Git does not allow", place=shown(path), problems=problems
            )


class Objects:
    """Reads objects of a store. Parsed trees are kept, up to a bound; blobs are not."""

    def __init__(self, store: BaseObjectStore) -> None:
        self._store = store
        self._lookup = Lookup(store)
        self._lock = threading.RLock()
        self._trees: OrderedDict[str, Directory] = OrderedDict()
        self._tree_entries = 0
        self._parents: dict[str, tuple[tuple[str, ...], int]] = {}
        self._commits: dict[str, Commit] = {}

    @property
    def lock(self) -> threading.RLock:
        """Held while dulwich's store is used: it is not made for threads."""
        return self._lock

    def find(self, object_id: str) -> tuple[int, bytes] | None:
        """Type number and content of an object, None where absent."""
        if not is_id(object_id):
            return None
        with self._lock, translated(f"read object {object_id[:12]}"):
            try:
                return self._lookup.find(object_id)
            except zlib.error as error:
                if "maximum size" not in str(error):
                    raise
                raise InputError(
                    f"object {object_id[:12]} has more than {MAX_LOOSE >> 20} MiB once it is unpacked",
                    hint="no file of a configuration is that large; remove it from the commit",
                ) from error

    def has(self, object_id: str, *, anew: bool = True) -> bool:
        """Whether an object is in the store; without `anew`, what came since the last look need not count."""
        with self._lock, translated(f"look up object {object_id[:12]}"):
            return self._lookup.has(object_id, anew=anew)

    def raw(self, object_id: str, kind: int) -> bytes:
        """The content of an object of one type. Raises InputError where it is absent or of another type."""
        found = self.find(object_id)
        if found is None:
            raise InputError(
                f"there is no {TYPES[kind]} {shown(object_id)[:ID_LENGTH]} in this repository",
                hint=_LIFT_HINT,
            )
        if found[0] != kind:
            raise InputError(f"{object_id} is a {TYPES.get(found[0], 'strange object')}, not a {TYPES[kind]}")
        return found[1]

    def tree(self, tree_id: str) -> Directory:
        """A tree, parsed. Raises InputError where it is absent or cannot be parsed."""
        with self._lock:
            known = self._trees.get(tree_id)
            if known is not None:
                self._trees.move_to_end(tree_id)
                return known
            parsed = parse_directory(tree_id, self.raw(tree_id, TREE))
            self._remember(tree_id, parsed)
            return parsed

    def _remember(self, tree_id: str, parsed: Directory) -> None:
        self._trees[tree_id] = parsed
        self._tree_entries += len(parsed.items)
        while self._tree_entries > _CACHED_ENTRIES and len(self._trees) > 1:
            _, dropped = self._trees.popitem(last=False)
            self._tree_entries -= len(dropped.items)

    def commit(self, commit_id: str) -> Commit:
        """A commit, parsed. Raises InputError where it is absent, no commit, or cannot be parsed."""
        known = self._commits.get(commit_id)
        if known is not None:
            return known
        raw = self.raw(commit_id, COMMIT)
        with translated(f"read commit {commit_id[:12]}"):
            commit = parse_commit(commit_id, raw)
        self._remember_parents(commit_id, (commit.parents, commit.committer.time))
        self._remember_commit(commit, len(raw))
        return commit

    def _remember_commit(self, commit: Commit, size: int) -> None:
        """For a while: walks ask for a commit, then for its tree, and again as the parent of the next one."""
        if size > _SMALL:
            return
        with self._lock:
            if len(self._commits) >= _CACHED_COMMITS:
                self._commits.clear()
            self._commits[commit.id] = commit

    def parents(self, commit_id: str) -> tuple[tuple[str, ...], int]:
        """A commit's parents and its time. Kept, up to a bound, for walks over history."""
        known = self._parents.get(commit_id)
        if known is not None:
            return known
        raw = self.raw(commit_id, COMMIT)
        with translated(f"read commit {commit_id[:12]}"):
            found = parse_parents(commit_id, raw)
        self._remember_parents(commit_id, found)
        return found

    def _remember_parents(self, commit_id: str, found: tuple[tuple[str, ...], int]) -> None:
        with self._lock:
            if len(self._parents) >= _CACHED_PARENTS:
                self._parents.clear()
            self._parents[commit_id] = found

    def add(self, new: Mapping[str, tuple[int, bytes]], *, as_pack_from: int) -> None:
        """Write objects: few as loose files in their order, `as_pack_from` or more as one pack.

        Whatever a killed process left behind, a lock file even, stands in nobody's way.
        """
        files = [
            ShaFile.from_raw_string(kind, data, sha=ObjectID(identity.encode()))
            for identity, (kind, data) in new.items()
        ]
        with self._lock, translated("write objects"):
            if len(files) >= as_pack_from:
                with suppress(FileLocked):  # left by a dead process for the same pack, or held by a live one
                    store = cast("DiskObjectStore", self._store)
                    with no_leftovers(store.pack_dir):
                        store.add_objects([(file, None) for file in files])
                    return
            for file in files:
                add_loose(cast("DiskObjectStore", self._store), file)


def is_id(text: str) -> bool:
    """Whether a text is a full object id."""
    return len(text) == ID_LENGTH and not text.strip("0123456789abcdef")


def parse_directory(tree_id: str, raw: bytes) -> Directory:
    """A tree object's entries, dishonest ones set apart as flaws. InputError where it is no tree at all."""
    items: dict[str, Item] = {}
    flaws: dict[str, str] = {}
    last = b""
    with translated(f"read tree {tree_id[:12]}"):
        for raw_name, mode, item_id in parse_tree(raw, 20):
            name = raw_name.decode("utf-8", "surrogateescape")
            key = raw_name + b"/" if mode == TREE_MODE else raw_name
            flaw = name_flaw(name) or _mode_flaw(mode) or _order_flaw(name, items, key, last)
            if flaw or name in flaws:
                flaws.setdefault(name, flaw)
            else:
                items[name] = Item(mode, item_id.decode())
            last = key
    return Directory({name: items[name] for name in items if name not in flaws}, flaws)


def _mode_flaw(mode: int) -> str:
    return "" if mode in KINDS else f"an entry of the unknown mode {mode:o}"


def _order_flaw(name: str, items: Mapping[str, Item], key: bytes, last: bytes) -> str:
    if name in items:
        return "the same name twice"
    return "" if key > last else "an entry out of order"


def parse_parents(commit_id: str, raw: bytes) -> tuple[tuple[str, ...], int]:
    """A commit's parents and time, as `parse_commit` reads them. Raises what that raises."""
    plain = _PLAIN.match(raw)
    if plain is None:
        commit = parse_commit(commit_id, raw)
        return commit.parents, commit.committer.time
    return _parents(plain["parents"]), int(plain["committed"])


def parse_commit(commit_id: str, raw: bytes) -> Commit:
    """A commit object's fields. Text not in the encoding it claims is read as UTF-8 with replacements."""
    plain = _PLAIN.match(raw)
    if plain is None or raw[plain.end() : plain.end() + 1] != b"\n":
        return parse_any_commit(commit_id, raw)
    decode = partial(_text, None)
    return Commit(
        id=commit_id,
        tree=plain["tree"].decode(),
        parents=_parents(plain["parents"]),
        author=Signature(
            decode(plain["author"].strip()),
            decode(plain["author_mail"]),
            int(plain["authored"]),
            _zone(plain["author_zone"]),
        ),
        committer=Signature(
            decode(plain["committer"].strip()),
            decode(plain["committer_mail"]),
            int(plain["committed"]),
            _zone(plain["committer_zone"]),
        ),
        message=decode(raw[plain.end() + 1 :]),
    )


def _parents(lines: bytes) -> tuple[str, ...]:
    return tuple(line[7:] for line in lines.decode().splitlines())


def _zone(text: bytes) -> int:
    seconds = int(text[1:3]) * 3600 + int(text[3:]) * 60
    return -seconds if text.startswith(b"-") else seconds


def parse_any_commit(commit_id: str, raw: bytes) -> Commit:
    """As `parse_commit`, by dulwich."""
    parsed = GitCommit()
    parsed.set_raw_string(raw, ObjectID(commit_id.encode()))
    if None in {parsed.author, parsed.committer, parsed.author_time, parsed.commit_time}:
        raise ValueError("it has no author, committer or date")
    decode = partial(_text, parsed.encoding)
    return Commit(
        id=commit_id,
        tree=parsed.tree.decode(),
        parents=tuple(each.decode() for each in parsed.parents),
        author=_person(parsed.author, decode, parsed.author_time, parsed.author_timezone),
        committer=_person(parsed.committer, decode, parsed.commit_time, parsed.commit_timezone),
        message=decode(parsed.message or b""),
    )


def _text(encoding: bytes | None, data: bytes) -> str:
    try:
        return data.decode(encoding.decode("ascii") if encoding else "utf-8")
    except (LookupError, ValueError):  # a codec nobody has, or bytes that are not of it
        return data.decode("utf-8", "replace")


def _person(identity: bytes, decode: Callable[[bytes], str], time: int, zone: int) -> Signature:
    name, _, rest = identity.partition(b"<")
    email = rest.rpartition(b">")[0] if b">" in rest else rest
    return Signature(decode(name.strip()), decode(email), time, zone)
