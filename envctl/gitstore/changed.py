"""Which paths differ from HEAD, in the index or on disk."""

from collections.abc import Iterator
from pathlib import Path

from dulwich.index import IndexEntry

from envctl.gitstore.changes import every_file
from envctl.gitstore.files import NoFolderError, opened_folder
from envctl.gitstore.index import Index
from envctl.gitstore.names import shown
from envctl.gitstore.objects import Item, Objects
from envctl.gitstore.worktree import WorkTree


def changed_paths(
    objects: Objects, head: str | None, index: Index, work: WorkTree, root: Path
) -> tuple[str, ...]:
    """Paths staged, changed on disk, or untracked and not ignored; sorted, as they can be printed."""
    found = {*_staged(objects, head, index), *_unstaged(index, work, root), *work.untracked()}
    return tuple(sorted(shown(path) for path in found))


def _staged(objects: Objects, head: str | None, index: Index) -> Iterator[str]:
    committed = every_file(objects, head)
    for raw, entry in index.entries.items():
        path = raw.decode("utf-8", "surrogateescape")
        item = committed.pop(path, None)
        same = isinstance(entry, IndexEntry) and item == Item(entry.mode, entry.sha.decode())
        if not same:
            yield path
    yield from committed


def _unstaged(index: Index, work: WorkTree, root: Path) -> Iterator[str]:
    for folder, names in index.folders.items():
        paths = [f"{folder}/{name}" if folder else name for name in names]
        tracked = [(path, entry) for path in paths if (entry := index.entry(path))]
        try:
            with opened_folder(root, folder) as opened:
                yield from [path for path, entry in tracked if work.differs(opened, path, entry)]
        except NoFolderError:
            yield from (path for path, entry in tracked if not entry.skip_worktree)
