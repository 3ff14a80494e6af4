"""The newest deploy commit of an environment, read and checked."""

from dataclasses import dataclass

from envctl.delivery.deploy import DeployRecord, deploy_branch, deploy_record, deploy_ref, record_problems
from envctl.errors import RefusedError
from envctl.model.git import Commit
from envctl.ports import Repository


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest deploy commit of an environment and what it says of itself."""

    commit: Commit
    record: DeployRecord


def deploy_tip(repository: Repository, environment: str) -> Tip | None:
    """The tip of a deploy branch, None before the first publish. Raises RefusedError for a foreign one.

    A fresh clone has the branch only as a remote-tracking one; the newer of both counts.
    """
    local = repository.ref(deploy_ref(environment))
    tracking = _tracking_tip(repository, environment)
    if tracking and (local is None or (local != tracking and repository.is_ancestor(local, tracking))):
        return read_tip(repository, environment, tracking)
    return read_tip(repository, environment, local) if local else None


def _tracking_tip(repository: Repository, environment: str) -> str | None:
    suffix = f"/{deploy_branch(environment)}"
    found = repository.refs("refs/remotes/")
    names = [name for name in found if name.endswith(suffix) and name.count("/") == suffix.count("/") + 2]
    preferred = f"refs/remotes/origin{suffix}"
    if preferred in found:
        return found[preferred]
    return found[names[0]] if len(names) == 1 else None


def read_tip(repository: Repository, environment: str, commit_id: str) -> Tip:
    """One deploy commit. Raises RefusedError where it is none of this environment."""
    commit = repository.commit(commit_id)
    record = deploy_record(commit.message)
    problems = record_problems(record, environment, deploy_branch(environment))
    if record is None or problems:
        raise RefusedError(
            problems[0].reason,
            place=f"{problems[0].place} ({commit_id[:12]})",
            hint="put the branch back to its last deploy commit, or move it aside: "
            f"git branch -m {deploy_branch(environment)} {environment}-aside",
        )
    return Tip(commit, record)
