"""Commits of envctl's own on the source branch: through Git objects and without a checkout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envctl.delivery.trailers import parse_trailers
from envctl.errors import ConflictError, InputError, RefusedError
from envctl.model.environment import Environment
from envctl.model.git import Commit, CommitDraft, RefUpdate
from envctl.ports import Repository
from envctl.workflows.sources.project import Project, load_settings
from envctl.workflows.sources.readable import Readable, read
from envctl.workflows.sources.source import Source, at_revision, require_commit


@dataclass(frozen=True, slots=True)
class SourceBranch:
    """The source branch (full name) as it is now: its newest commit, and the project in it.

    One environment that cannot be read keeps nobody from the others: `found` tells of which that is so.
    """

    ref: str
    source: Source
    commit: Commit
    found: Readable

    @property
    def project(self) -> Project:
        """The settings, and the environment files that can be read."""
        return self.found.project

    def environment(self, name: str) -> Environment:
        """One environment. Raises UsageError for an unknown one, InputError where a file of it is bad."""
        return self.found.environment(self.found.chosen((name,))[0])

    @property
    def name(self) -> str:
        """The short name, as people know it."""
        return self.ref.removeprefix("refs/heads/")


def source_branch(repository: Repository, configured: str | None) -> str:
    """The full name of the source branch: as configured, else the one that HEAD is on."""
    ref = f"refs/heads/{configured}" if configured else repository.head()[0]
    if ref is None:
        raise InputError(
            "HEAD is detached, so it is not known which branch a promotion belongs on",
            hint="check out the source branch, or set sourceBranch in envctl.yaml",
        )
    if repository.ref(ref) is None:
        name = ref.removeprefix("refs/heads/")
        raise InputError(
            f"the source branch {name} does not exist in this repository",
            hint=f"fetch it (git fetch origin {name}:{name}), or correct sourceBranch in envctl.yaml",
        )
    return ref


def open_branch(repository: Repository) -> SourceBranch:
    """The source branch of a repository. Raises InputError where it is not known or not here."""
    configured = load_settings(repository.tree(require_commit(repository))).source_branch
    ref = source_branch(repository, configured)
    source = at_revision(repository, ref)
    if source.commit is None:
        raise InputError(f"{ref} is no commit")
    return SourceBranch(ref, source, source.commit, read(source.tree))


def write_source_commit(
    repository: Repository, branch: SourceBranch, files: Mapping[str, bytes | str], message: str
) -> Commit:
    """Write the next commit of the branch, as objects only: no ref moves.

    `files` are contents, or ids of blobs and trees; "" removes. Author and committer are Git's. The
    commit-msg hook may add to the message. Raises RefusedError where it says no, or takes a trailer out.
    """
    message = _checked(repository, message)
    author, committer = repository.signature()
    tree = repository.write_tree(files, base=branch.commit.tree)
    draft = CommitDraft(tree, (branch.commit.id,), author, committer, message)
    return repository.commit(repository.write_commit(draft))


def _checked(repository: Repository, message: str) -> str:
    checked = repository.checked_message(message)
    lost = [key for key, value in parse_trailers(message) if (key, value) not in parse_trailers(checked)]
    if lost:
        raise RefusedError(
            f"the commit-msg hook took {', '.join(lost)} out of the message",
            place="hooks/commit-msg",
            hint="let it keep the last paragraph, which is the audit trail",
        )
    return checked


def lost_here(repository: Repository, branch: SourceBranch, error: ConflictError) -> bool:
    """Whether another process moved the branch here first, so that it is worth to try again on its commit."""
    return error.place == branch.ref and repository.ref(branch.ref) != branch.commit.id


def branch_update(branch: SourceBranch, commit: Commit) -> RefUpdate:
    """The move of the source branch to its next commit."""
    return RefUpdate(branch.ref, branch.commit.id, commit.id)


def follow(repository: Repository, branch: SourceBranch, commit: Commit) -> tuple[str, ...]:
    """Bring index and work tree along after the branch moved to a commit, where it is the checked-out one.

    Returns the paths that were left as they are: somebody changed them, or another process
    holds the index. The next commit there must not take the change back.
    """
    if repository.is_bare or repository.head()[0] != branch.ref:
        return ()
    changed = repository.changes(branch.commit.tree, commit.tree)
    return tuple(each.path for each in changed if not _refreshed(repository, each.path, each.old))


def _refreshed(repository: Repository, path: str, old: str | None) -> bool:
    try:
        return repository.refresh(path, old)
    except ConflictError:
        return False


def left_behind_note(paths: Sequence[str]) -> str:
    """What to tell people of paths that `follow` left; "" where there are none."""
    if not paths:
        return ""
    listed = " ".join(paths)
    verb = "was" if len(paths) == 1 else "were"
    return (
        f"note: {listed} here {verb} left as it is: you changed it, or another process holds the index. "
        "Your next commit must not take the new one back; "
        f"to have its state: git checkout HEAD -- {listed}"
    )
