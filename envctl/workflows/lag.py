"""Which source commits touched a component: its folder, its schema, and the shared libraries."""

from collections.abc import Iterator

from envctl.errors import InputError
from envctl.model.git import Commit
from envctl.ports import Repository, Tree

# Read at the pinned revision like the component itself (design §3).
_SHARED = ("lib", "vendor")


def commits_between(
    repository: Repository, component: str, old: str, new: str, *, shared: bool = True
) -> tuple[Commit, ...] | None:
    """First-parent commits after `old` up to `new` that touched a component, newest first.

    With `shared` also those that touched the libraries. None where `old` is not in the
    history of `new`, or the history is not here (a shallow clone).
    """
    paths = (f"components/{component}", f"schemas/{component}.schema.json", *(_SHARED if shared else ()))
    try:
        if not repository.is_ancestor(old, new):
            return None
        if _ids(repository.tree(old), paths) == _ids(repository.tree(new), paths):
            return ()
        return tuple(_touching(repository, paths, old, new))
    except InputError:
        return None


def _touching(repository: Repository, paths: tuple[str, ...], old: str, new: str) -> Iterator[Commit]:
    for commit in repository.history(new, stop=frozenset({old})):
        before = _ids(repository.tree(commit.parents[0]), paths) if commit.parents else ()
        if _ids(repository.tree(commit.id), paths) != before:
            yield commit


def _ids(tree: Tree, paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(entry.id if (entry := tree.entry(path)) else "" for path in paths)
