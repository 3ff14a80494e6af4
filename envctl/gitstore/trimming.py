"""Trimming a store: one new pack with what is still needed, then the old ones go.

Of all commits only the commit itself is kept, for questions about history. Trees and files are kept of the
commits that are named, and of what refs of the store point to.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from dulwich.objects import ObjectID, ShaFile
from dulwich.pack import full_unpacked_object
from dulwich.repo import Repo

from envctl.gitstore.failures import translated
from envctl.gitstore.objects import TREE_MODE, Objects
from envctl.gitstore.packs import add_pack
from envctl.gitstore.refs import list_refs
from envctl.model.git import EntryKind

_AGE = 3600
"""Seconds after which a loose object that is not in the new pack is nobody's work under way."""


def trim(repo: Repo, objects: Objects, folder: Path, keep: Iterable[str]) -> tuple[str, ...]:
    """Keep the files of these commits only, and return those of them that are here.

    Raises DamagedError where one of them is not whole; then everything stays as it was. A reader that has
    the old packs open goes on reading them.
    """
    whole = tuple(each for each in dict.fromkeys(keep) if objects.has(each))
    refs = list_refs(repo, "refs/").values()
    needed = list(_needed(objects, whole, [each for each in refs if objects.has(each)]))
    packs, made = folder / "objects" / "pack", set[str]()
    before = {each.stem for each in packs.glob("pack-*")}

    def add() -> None:
        new = repo.object_store.add_pack_data(len(needed), map(full_unpacked_object, _read(objects, needed)))
        made.update([f"pack-{new.name().decode()}"] if new else [])

    with translated("trim the store", place=str(folder)):
        add_pack(packs, add)
        _drop(folder, before - made)
    return whole


def _needed(objects: Objects, whole: Iterable[str], refs: Iterable[str]) -> Iterator[str]:
    """The ids of all objects to keep, each once."""
    seen: set[str] = set()
    for tip in (*whole, *refs):
        yield from commits_from(objects, tip, seen)
    for tip in whole:
        yield from _tree(objects, objects.commit(tip).tree, seen)
    for commit in (each for tip in refs for each in commits_from(objects, tip, set())):
        yield from _tree(objects, objects.commit(commit).tree, seen)


def commits_from(objects: Objects, tip: str, seen: set[str]) -> Iterator[str]:
    """The ids of a commit and all before it, but for those `seen`, which grows by them.

    Raises InputError where one of them is missing.
    """
    pending = [tip]
    while pending:
        commit = pending.pop()
        if commit in seen:
            continue
        seen.add(commit)
        yield commit
        pending += objects.parents(commit)[0]


def _tree(objects: Objects, root: str, seen: set[str]) -> Iterator[str]:
    pending = [root]
    while pending:
        tree = pending.pop()
        if tree in seen:
            continue
        seen.add(tree)
        yield tree
        for item in objects.tree(tree).items.values():
            if item.mode == TREE_MODE:
                pending.append(item.id)
            elif item.kind is not EntryKind.SUBMODULE and item.id not in seen:
                seen.add(item.id)
                yield item.id


def _read(objects: Objects, ids: Iterable[str]) -> Iterator[ShaFile]:
    for each in ids:
        found = objects.find(each)
        if found is None:
            raise KeyError(each)
        yield ShaFile.from_raw_string(*found, sha=ObjectID(each.encode()))


def _drop(folder: Path, packs: set[str]) -> None:
    """Remove packs, the index of each last; and loose objects that nobody is writing now."""
    found = [each for stem in packs for each in (folder / "objects" / "pack").glob(f"{stem}.*")]
    for each in sorted(found, key=lambda path: path.suffix == ".idx"):
        each.unlink(missing_ok=True)
    for each in (folder / "objects").glob("[0-9a-f][0-9a-f]/*"):
        if each.stat().st_mtime < time.time() - _AGE:
            each.unlink(missing_ok=True)
