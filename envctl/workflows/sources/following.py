"""The files checked out here, and whether they follow a commit of envctl's own that moved their branch."""

from collections.abc import Iterator

from envctl.delivery.deploy import ENVIRONMENT, PAUSE, PROMOTED_FROM, ROLLBACK_TO
from envctl.delivery.trailers import parse_trailers
from envctl.model.git import TreeChange
from envctl.ports import Repository

_OWN = {PROMOTED_FROM, ROLLBACK_TO, PAUSE}


def follow_head(repository: Repository) -> tuple[str, ...]:
    """Bring files and index along to the commit of envctl's own that HEAD is, where they are as before it.

    Returns the paths that somebody changed. Raises ConflictError while another process holds the index.
    """
    changed = _changed_by_head(repository)
    return tuple(each.path for each in changed if not repository.refresh(each.path, each.old))


def interrupted(repository: Repository) -> tuple[str, ...]:
    """The files that HEAD changed, if it is a commit of envctl's own; none where it is not."""
    return tuple(each.path for each in _changed_by_head(repository))


def _changed_by_head(repository: Repository) -> Iterator[TreeChange]:
    head = repository.head()[1]
    if head is None or repository.is_bare:
        return
    commit = repository.commit(head)
    keys = {key for key, _ in parse_trailers(commit.message)}
    if ENVIRONMENT in keys and keys & _OWN and len(commit.parents) == 1:
        yield from repository.changes(repository.commit(commit.parents[0]).tree, commit.tree)
