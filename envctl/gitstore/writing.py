"""Trees and commits as objects: the same input always makes the same ids, the ones that Git makes."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from envctl.errors import InputError
from envctl.gitstore.names import name_flaw, shown
from envctl.gitstore.objects import (
    BLOB,
    COMMIT,
    FILE_MODE,
    KINDS,
    TREE,
    TREE_MODE,
    Directory,
    Item,
    Objects,
)
from envctl.gitstore.signing import signed
from envctl.model.git import CommitDraft, EntryKind, Signature

PACK_FROM = 32  # a pack costs the same as a few loose files, and lookups cost a little more with each pack
_CRUD = "".join(map(chr, range(33))) + ",:;<>\"\\'"
_DEEPEST = 256
_CALLED = {
    EntryKind.FILE: "file",
    EntryKind.TREE: "directory",
    EntryKind.SYMLINK: "symbolic link",
    EntryKind.SUBMODULE: "submodule",
}
_NOTHING = Directory({}, {})


def object_id(kind: bytes, data: bytes) -> str:
    """Git's id of an object."""
    return hashlib.sha1(b"%s %d\0%s" % (kind, len(data), data), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class _Folder:
    """Part of the tree to be written: what is to change in one directory."""

    folders: dict[str, "_Folder"] = field(default_factory=dict)
    files: dict[str, bytes | str] = field(default_factory=dict)


class TreeWriter:
    """Writes one tree: first all ids in memory, then only the objects that are not there yet."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._new: dict[str, tuple[int, bytes]] = {}
        self._children: dict[str, list[str]] = {}

    def write(self, files: Mapping[str, bytes | str], base: str | None) -> str:
        """Write the tree of `files` over `base`; its id. Raises InputError before anything is written."""
        root = _sorted_into_folders(files)
        written = self._folder(root, base, "") or self._tree({})
        self._objects.add(self._missing(written), as_pack_from=PACK_FROM)
        return written

    def _folder(self, folder: _Folder, base: str | None, path: str) -> str | None:
        """The id of a directory with the changes made, None where nothing is left in it."""
        before = self._objects.tree(base) if base else _NOTHING
        before.require_honest(path)
        items = dict(before.items)
        for name, value in folder.files.items():
            place = f"{path}{name}"
            item = self._file(place, value, items.pop(name, None))
            if item:
                items[name] = item
        for name, inner in folder.folders.items():
            place = f"{path}{name}"
            below = self._folder(inner, _subtree(place, items.pop(name, None)), f"{place}/")
            if below:
                items[name] = Item(TREE_MODE, below)
        return self._tree(items) if items else None

    def _file(self, path: str, value: bytes | str, before: Item | None) -> Item | None:
        if value == "":
            return None
        if isinstance(value, str):
            item = self._existing(path, value, before)
        else:
            item = Item(FILE_MODE, self._remember(BLOB, b"blob", value))
        if item.mode == TREE_MODE or before is None:
            return item
        if before.kind is not EntryKind.FILE:
            raise InputError(
                f"a file cannot take the place of a {_CALLED[before.kind]}",
                place=shown(path),
                hint="remove what is there first",
            )
        return Item(before.mode, item.id)

    def _existing(self, path: str, identity: str, before: Item | None) -> Item:
        if before and before.id == identity:
            return before
        found = self._objects.find(identity)
        if found is None or found[0] not in {BLOB, TREE}:
            raise InputError(f"there is no file or tree {shown(identity)[:40]}", place=shown(path))
        return Item(TREE_MODE if found[0] == TREE else FILE_MODE, identity)

    def _tree(self, items: Mapping[str, Item]) -> str:
        order = sorted((_sort_key(name, item), item) for name, item in items.items())
        data = b"".join(
            b"%o %s\0%s" % (item.mode, key.rstrip(b"/"), bytes.fromhex(item.id)) for key, item in order
        )
        identity = self._remember(TREE, b"tree", data)
        self._children[identity] = [item.id for item in items.values()]
        return identity

    def _remember(self, kind: int, name: bytes, data: bytes) -> str:
        identity = object_id(name, data)
        self._new[identity] = (kind, data)
        return identity

    def _missing(self, root: str) -> dict[str, tuple[int, bytes]]:
        """What is not in the store: below a tree that is there, everything is there.

        What a tree holds comes before it, so that this stays true when the writing is cut short.
        """
        missing: set[str] = set()
        pending = [root]
        while pending:
            identity = pending.pop()
            if (
                identity in self._new
                and identity not in missing
                and not self._objects.has(identity, anew=False)
            ):
                missing.add(identity)
                pending.extend(self._children.get(identity, ()))
        # Ids are known from the leaves upward, and a dict keeps that order.
        return {identity: value for identity, value in self._new.items() if identity in missing}


def _sorted_into_folders(files: Mapping[str, bytes | str]) -> _Folder:
    root = _Folder()
    for path, value in files.items():
        folder = root
        *parents, name = path.split("/")
        if len(parents) > _DEEPEST:
            raise InputError(f"the path is deeper than {_DEEPEST} directories", place=shown(path[:200]))
        for depth, parent in enumerate(parents):
            _check(parent, path)
            if parent in folder.files:
                raise _collision("/".join(parents[: depth + 1]), path)
            folder = folder.folders.setdefault(parent, _Folder())
        _check(name, path)
        if name in folder.folders:
            raise _collision(path, f"{path}/…")
        folder.files[name] = value
    return root


def _collision(file: str, other: str) -> InputError:
    return InputError(f"it is to be a file and, for {shown(other)}, a directory", place=shown(file))


def _check(name: str, path: str) -> None:
    flaw = name_flaw(name)
    if flaw:
        raise InputError(f"Git allows no file with {flaw}", place=shown(path))


def _subtree(path: str, before: Item | None) -> str | None:
    if before is None:
        return None
    if before.kind is not EntryKind.TREE:
        raise InputError(
            f"a directory cannot take the place of a {_CALLED[before.kind]}",
            place=shown(path),
            hint="remove what is there first",
        )
    return before.id


def _sort_key(name: str, item: Item) -> bytes:
    key = name.encode()
    return key + b"/" if KINDS[item.mode] is EntryKind.TREE else key


def write_commit(objects: Objects, draft: CommitDraft, sign: Callable[[bytes], bytes] | None = None) -> str:
    """Write a commit; its id. Raises InputError where its tree or a parent is absent, or its text is none.

    With `sign`, the commit carries the signature that it returns; what it raises passes, and then
    nothing was written.
    """
    objects.tree(draft.tree)
    for parent in draft.parents:
        objects.commit(parent)
    data = commit_bytes(draft)
    if sign is not None:
        data = signed(data, sign(data))
    identity = object_id(b"commit", data)
    if not objects.has(identity):
        objects.add({identity: (COMMIT, data)}, as_pack_from=PACK_FROM)
    return identity


def commit_bytes(draft: CommitDraft) -> bytes:
    """The bytes of a commit object, as ``git commit-tree`` makes them in UTF-8."""
    if min(draft.author.time, draft.committer.time) < 0:
        raise InputError("a commit cannot be dated before 1970")
    message = draft.message if draft.message.endswith("\n") else draft.message + "\n"
    if "\0" in message:
        raise InputError("a commit message cannot hold a NUL character")
    lines = [
        f"tree {draft.tree}",
        *(f"parent {parent}" for parent in draft.parents),
        f"author {person(draft.author)}",
        f"committer {person(draft.committer)}",
        "",
        message,
    ]
    try:
        return "\n".join(lines).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the commit's text cannot be stored as UTF-8: {error.reason}") from error


def person(signature: Signature) -> str:
    """A signature as commits and reflogs hold it."""
    sign = "-" if signature.zone < 0 else "+"
    minutes = abs(signature.zone) // 60
    zone = f"{sign}{minutes // 60:02d}{minutes % 60:02d}"
    return f"{without_crud(signature.name)} <{without_crud(signature.email)}> {signature.time} {zone}"


def without_crud(text: str) -> str:
    """A name or address without what Git drops: punctuation around it, brackets and line ends in it.

    Git before 2.46 also dropped dots at the ends.
    """
    return text.strip(_CRUD).translate(dict.fromkeys(map(ord, "<>\n\0")))
