"""Which source commits changed what one component's evaluation read: its change log, exact by closure."""

from collections.abc import Collection, Iterator, Mapping
from itertools import takewhile

from envctl.errors import InputError
from envctl.model.git import Commit
from envctl.ports import Repository, Tree
from envctl.workflows.sources.source import is_current


def code_paths(component: str, closure: Collection[str]) -> tuple[str, ...]:
    """The paths of a closure that are read at a component's pin, with its settings file."""
    read = {f"components/{component}/component.yaml", *closure}
    return tuple(sorted(path for path in read if not is_current(path)))


def same_code(old: Tree, new: Tree, paths: Collection[str]) -> bool:
    """Whether all these paths are the same in both trees, absence included."""
    return all(_at(old, path) == _at(new, path) for path in paths)


def changing_commits(
    repository: Repository, old: str, new: str, paths: Collection[str]
) -> tuple[Commit, ...] | None:
    """First-parent commits of `new` that `old` lacks and that changed any of the paths, newest first.

    None where `old` is not in the history of `new`, or history is missing (a shallow clone).
    """
    try:
        if not repository.is_ancestor(old, new):
            return None
        return tuple(_changing(repository, old, new, paths))
    except InputError:
        return None


def _changing(repository: Repository, old: str, new: str, paths: Collection[str]) -> Iterator[Commit]:
    folders = _by_folder(paths)
    # Not down to `old`: where that came in by a merge, first parents do not lead there.
    lacked = {commit.id for commit in repository.since(old, new)}
    for commit in takewhile(lambda each: each.id in lacked, repository.history(new)):
        if not commit.parents:
            yield commit
            continue
        before, after = repository.tree(commit.parents[0]), repository.tree(commit.id)
        # Folders first: most commits leave most of them alone.
        moved = (inner for folder, inner in folders.items() if _at(before, folder) != _at(after, folder))
        if not all(same_code(before, after, inner) for inner in moved):
            yield commit


def _by_folder(paths: Collection[str]) -> Mapping[str, list[str]]:
    """The paths by the first two names of each."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault("/".join(path.split("/")[:2]), []).append(path)
    return found


def _at(tree: Tree, path: str) -> tuple[str, str]:
    entry = tree.entry(path)
    return (entry.kind, entry.id) if entry else ("", "")
