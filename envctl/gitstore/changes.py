"""The difference of two trees. Subtrees with equal ids are never opened."""

from collections.abc import Iterator

from envctl.errors import InputError
from envctl.gitstore.names import shown
from envctl.gitstore.objects import Directory, Item, Objects
from envctl.model.git import EntryKind, TreeChange

MOST_CHANGES = 1_000_000  # more can only come from a tree made to explode
DEEPEST = 2048  # as Git's core.maxTreeDepth

_EMPTY = Directory({}, {})


def changes(objects: Objects, old: str | None, new: str | None) -> tuple[TreeChange, ...]:
    """The files that differ, sorted by path. Raises InputError where a tree on the way is dishonest."""
    found: list[TreeChange] = []
    pending = [("", old, new)] if old != new else []
    opened = 0
    while pending:
        opened += 1
        path, older, newer = pending.pop()
        for place, before, after in _differences(objects, path, older, newer):
            _add(found, pending, place, before, after)
        if len(found) + opened > MOST_CHANGES or path.count("/") >= DEEPEST:
            raise InputError(
                f"the trees differ in more than {MOST_CHANGES} places or {DEEPEST} levels",
                place=shown(path[:200]),
            )
    return tuple(sorted(found, key=lambda each: each.path))


def _differences(
    objects: Objects, path: str, old: str | None, new: str | None
) -> Iterator[tuple[str, Item | None, Item | None]]:
    older, newer = _open(objects, path, old), _open(objects, path, new)
    for name in older.items.keys() | newer.items.keys():
        before, after = older.items.get(name), newer.items.get(name)
        if before != after:
            yield f"{path}/{name}" if path else name, before, after


def _open(objects: Objects, path: str, tree_id: str | None) -> Directory:
    if tree_id is None:
        return _EMPTY
    directory = objects.tree(tree_id)
    directory.require_honest(path)
    return directory


def _add(
    found: list[TreeChange],
    pending: list[tuple[str, str | None, str | None]],
    path: str,
    before: Item | None,
    after: Item | None,
) -> None:
    subtree = _side(before, tree=True), _side(after, tree=True)
    if subtree != (None, None):
        pending.append((path, *subtree))
    leaf = _side(before, tree=False), _side(after, tree=False)
    if leaf != (None, None):
        kinds = [each.kind for each in (after, before) if each and each.kind is not EntryKind.TREE]
        found.append(TreeChange(path, *leaf, kind=kinds[0]))


def _side(item: Item | None, *, tree: bool) -> str | None:
    return item.id if item and (item.kind is EntryKind.TREE) is tree else None


def every_file(objects: Objects, tree_id: str | None) -> dict[str, Item]:
    """All files, links and submodules of a tree by path; none for None."""
    found: dict[str, Item] = {}
    pending = [("", tree_id)] if tree_id else []
    while pending:
        path, below = pending.pop()
        for name, item in _open(objects, path, below).items.items():
            place = f"{path}/{name}" if path else name
            if item.kind is EntryKind.TREE:
                pending.append((place, item.id))
            else:
                found[place] = item
        if len(found) > MOST_CHANGES or path.count("/") >= DEEPEST:
            raise InputError("the tree is made to explode", place=shown(path[:200]))
    return found
