"""Finding an object: in the packs that are known, then as a loose file, and only then in what is new on disk.

dulwich looks for new packs whenever an object is in none it knows. So each loose object would cost
a listing of the folder of packs, and a repository has many of both between two ``git gc``.
"""

from collections.abc import Iterator
from pathlib import Path

from dulwich.object_store import BaseObjectStore, DiskObjectStore
from dulwich.objects import ObjectID, RawObjectID
from dulwich.pack import Pack, PackFileDisappeared

from envctl.gitstore.loose import loose_path, read_loose


class Lookup:
    """Looks up objects of a store and of its alternates. Not made for threads."""

    def __init__(self, store: BaseObjectStore) -> None:
        self._store = store
        self._packs: list[Pack] | None = None
        self._folders: list[Path] = []

    def find(self, object_id: str) -> tuple[int, bytes] | None:
        """Type number and content of an object, None where absent.

        Raises what dulwich does for a damaged one.
        """
        sha = RawObjectID(bytes.fromhex(object_id))
        for number, pack in enumerate(self._known_packs()):
            try:
                found = pack.get_raw(sha)
            except KeyError:
                continue
            except PackFileDisappeared:
                break  # by `git gc`; there are others now
            self._prefer(number)
            return found
        return self._find_loose(object_id) or self._find_anew(object_id)

    def has(self, object_id: str, *, anew: bool = True) -> bool:
        """Whether an object is there. Without `anew` what came just now may be missed."""
        sha = RawObjectID(bytes.fromhex(object_id))
        try:
            if any(sha in pack for pack in self._known_packs()):
                return True
        except PackFileDisappeared:
            self._packs = None
        if any(loose_path(folder, object_id).exists() for folder in self._folders):
            return True
        return anew and ObjectID(object_id.encode()) in self._store

    def _known_packs(self) -> list[Pack]:
        if self._packs is None:
            stores = list(_with_alternates(self._store))
            self._packs = [pack for store in stores for pack in store.packs]
            self._folders = [Path(store.path) for store in stores]
        return self._packs

    def _prefer(self, number: int) -> None:
        """Ask the pack first that had the last object: it likely has the next one."""
        if number and self._packs:
            self._packs.insert(0, self._packs.pop(number))

    def _find_loose(self, object_id: str) -> tuple[int, bytes] | None:
        return next((found for each in self._folders if (found := read_loose(each, object_id))), None)

    def _find_anew(self, object_id: str) -> tuple[int, bytes] | None:
        try:
            found = self._store.get_raw(ObjectID(object_id.encode()))
        except KeyError:
            return None
        self._packs = None  # it came since they were listed
        return found


def _with_alternates(store: BaseObjectStore) -> Iterator[DiskObjectStore]:
    if isinstance(store, DiskObjectStore):
        yield store
        for each in store.alternates:
            yield from _with_alternates(each)
