"""Where a render reads from: a commit, the index or the work tree, with pins mixed in (design §3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from envctl.errors import InputError, RefusedError
from envctl.model.git import Commit, Entry
from envctl.ports import Repository, Tree
from envctl.workflows.sources.following import interrupted

_CURRENT = frozenset({"environments", "policies", "envctl.yaml"})


def is_current(path: str) -> bool:
    """Whether a path is read at the commit being rendered, so that a reviewed change acts at once.

    All the rest of a tree is code, which pins name.
    """
    return path.partition("/")[0] in _CURRENT


@dataclass(frozen=True, slots=True)
class Source:
    """A tree to render; `commit` is None for the index and the work tree."""

    tree: Tree
    commit: Commit | None = None

    @property
    def label(self) -> str:
        return self.tree.label


class PinnedTree:
    """A component's code at its pinned revision, everything of the environments at the current one."""

    def __init__(self, current: Tree, pinned: Tree) -> None:
        self._current = current
        self._pinned = pinned

    @property
    def label(self) -> str:
        return self._pinned.label

    def entry(self, path: str) -> Entry | None:
        return self._side(path).entry(path)

    def read(self, path: str) -> bytes:
        return self._side(path).read(path)

    def list(self, path: str) -> tuple[Entry, ...]:
        return self._side(path).list(path)

    def fingerprint(self, path: str) -> str:
        return self._side(path).fingerprint(path)

    def _side(self, path: str) -> Tree:
        return self._current if is_current(path) else self._pinned


def at_revision(repository: Repository, revision: str) -> Source:
    """The source at a revision. Raises InputError where it names no commit."""
    commit = repository.commit(repository.resolve(revision))
    return Source(repository.tree(commit.id), commit)


def pinned_tree(repository: Repository, source: Source, component: str, revision: str, lock: str) -> Tree:
    """The tree of a component that the file `lock` pins. Raises InputError naming the pin."""
    try:
        repository.commit(revision)
    except InputError as error:
        raise InputError(
            f"the pinned revision {revision[:12]} of component {component} is not in this repository",
            place=lock,
            hint=f"fetch it: git fetch origin {revision}; "
            "or all that a shallow clone lacks: git fetch --unshallow",
        ) from error
    return PinnedTree(source.tree, repository.tree(revision))


def require_reviewed(repository: Repository, branch: str | None, commit: str) -> None:
    """Check that a commit to be published is on the source branch, here or as it was last fetched.

    Without a configured branch, the one that HEAD is on is the source branch, so all is well.
    Raises RefusedError: what is published is what was reviewed.
    """
    if branch is None:
        return
    tips = branch_tips(repository, branch)
    if not any(repository.is_ancestor(commit, tip) for tip in tips):
        raise RefusedError(
            f"commit {commit[:12]} is not on the source branch {branch}"
            if tips
            else f"the source branch {branch} is not in this repository",
            hint=f"merge it first; deploy branches follow {branch} (sourceBranch in envctl.yaml)"
            if tips
            else f"fetch it: git fetch origin {branch}:refs/remotes/origin/{branch}",
        )


def branch_tips(repository: Repository, branch: str) -> tuple[str, ...]:
    """Where a branch is, here and as it was last fetched; nothing where it is not in this repository."""
    names = [f"refs/heads/{branch}", *(n for n in repository.refs("refs/remotes/") if _tracks(n, branch))]
    return tuple(dict.fromkeys(tip for name in names if (tip := repository.ref(name))))


def _tracks(name: str, branch: str) -> bool:
    return name.removeprefix("refs/remotes/").partition("/")[2] == branch


def require_commit(repository: Repository) -> str:
    """The commit that HEAD is at. Raises InputError before the first one."""
    head = repository.head()[1]
    if head is None:
        raise InputError("the repository has no commit yet", hint="commit the source first")
    return head


def require_clean(repository: Repository) -> None:
    """Refuse to publish HEAD while other files lie about. Raises InputError that lists them."""
    require_commit(repository)
    changed = repository.changed_paths()
    if changed:
        listed = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")  # noqa: PLR2004
        raise InputError(
            f"the work tree has changes that no commit holds: {listed}",
            hint=_way_on(repository, changed),
        )


def _way_on(repository: Repository, changed: Sequence[str]) -> str:
    """What to do with changed files. To commit those that a killed promotion or freeze left takes it back."""
    behind = [path for path in interrupted(repository) if path in changed]
    if behind:
        subject = repository.commit(require_commit(repository)).subject
        return f"“{subject}” was cut short before they were here: git checkout HEAD -- {' '.join(behind)}"
    return "commit them, or publish the last commit as it is with --rev HEAD"
