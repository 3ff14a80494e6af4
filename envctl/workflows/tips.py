"""The newest deploy commit of an environment, read and checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from envctl.delivery.deploy import DeployRecord, deploy_branch, deploy_record, deploy_ref, record_problems
from envctl.errors import InputError, RefusedError
from envctl.model.git import Commit
from envctl.ports import Repository

SEARCHED = 1000
"""How many commits below a foreign one are searched for a deploy commit."""

_TRACKING = "refs/remotes/"


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest deploy commit of an environment and what it says of itself."""

    commit: Commit
    record: DeployRecord


@dataclass(frozen=True, slots=True)
class Foreign:
    """A tip that is no deploy commit of its environment: nothing is built on it.

    `ref` is the full name of the branch that it was found on, `reason` a sentence about its tip.
    `good` is the newest deploy commit below it, by its trailers, or the one of the other branch
    (local, remote-tracking); None where there is none.
    """

    environment: str
    ref: str
    commit: Commit
    reason: str
    good: Tip | None

    @property
    def remedy(self) -> str:
        """What to do, with the command that does it."""
        return remedy(self.environment, self.ref, self.commit.id, self.good.commit.id if self.good else "")

    def error(self) -> RefusedError:
        """The refusal to build on it."""
        place = f"{deploy_branch(self.environment)} ({self.commit.id[:12]})"
        return RefusedError(self.reason, place=place, hint=self.remedy)


def remedy(environment: str, ref: str, foreign: str, good: str) -> str:
    """How to take a branch (its full name) back from a foreign commit to a good one, "" for none."""
    branch = deploy_branch(environment)
    back = "back to its last deploy commit"
    if ref.startswith(_TRACKING):
        remote = ref.removeprefix(_TRACKING).removesuffix(f"/{branch}")
        if not good:
            return f"there is no deploy commit below it; take it away: git push {remote} --delete {branch}"
        lease = f"--force-with-lease={branch}:{foreign[:12]}"
        command = f"git push {lease} {remote} {good[:12]}:{deploy_ref(environment)}"
        return f"put the branch on {remote} {back}, which rewrites it there: {command}"
    if not good:
        aside = f"git branch -m {branch} {environment}-aside"
        return f"there is no deploy commit below it; move the branch aside: {aside}"
    return f"put the branch {back}: git branch -f {branch} {good[:12]}"


def tip_state(repository: Repository, environment: str) -> Tip | Foreign | None:
    """The tip of a deploy branch, None before the first publish; a foreign one is told, not raised.

    A fresh clone has the branch only as a remote-tracking one; the newer of both counts. Where
    several remotes have it, that is the one of envctl.yaml. Raises InputError where the history
    that tells which is newer is not here (a shallow clone).
    """
    refs = _refs(repository, environment)
    if not refs:
        return None
    name = _newer(repository, refs)
    commit = repository.commit(refs[name])
    found = _record(commit, environment)
    if isinstance(found, Tip):
        return found
    others = (_record(repository.commit(each), environment) for at, each in refs.items() if at != name)
    good = last_deploy_commit(repository, environment, commit.id) or next(
        (each for each in others if isinstance(each, Tip)), None
    )
    return Foreign(environment, name, commit, found, good)


def deploy_tip_id(repository: Repository, environment: str) -> str | None:
    """The commit at the tip of a deploy branch, whoever wrote it; None before the first publish."""
    found = tip_state(repository, environment)
    return found.commit.id if found else None


def deploy_tip(repository: Repository, environment: str) -> Tip | None:
    """As `tip_state`. Raises RefusedError for a foreign tip, with the way back."""
    found = tip_state(repository, environment)
    if isinstance(found, Foreign):
        raise found.error()
    return found


def read_tip(repository: Repository, environment: str, commit_id: str) -> Tip:
    """One deploy commit. Raises RefusedError where it is none of this environment."""
    commit = repository.commit(commit_id)
    found = _record(commit, environment)
    if isinstance(found, Tip):
        return found
    record = deploy_record(commit.message)
    raise RefusedError(
        f"commit {commit_id[:12]} is no deploy commit of {environment}: "
        + (f"it belongs to environment {record.environment}" if record else "it lacks the Envctl- trailers"),
        hint=f"see which there are: git log {deploy_branch(environment)}",
    )


def last_deploy_commit(repository: Repository, environment: str, start: str) -> Tip | None:
    """The newest deploy commit at or below one, by trailers and first parents; None where none is near."""
    try:
        for commit in islice(repository.history(start), SEARCHED):
            found = _record(commit, environment)
            if isinstance(found, Tip):
                return found
    except InputError:  # a shallow clone ends here
        return None
    return None


def _record(commit: Commit, environment: str) -> Tip | str:
    """The commit as a deploy commit, or why it is none."""
    record = deploy_record(commit.message)
    problems = record_problems(record, environment, deploy_branch(environment))
    return Tip(commit, record) if record and not problems else problems[0].reason


def _refs(repository: Repository, environment: str) -> dict[str, str]:
    """The local deploy branch and the remote-tracking one that counts, as far as they are there."""
    name = deploy_ref(environment)
    local, tracking = repository.ref(name), _tracking(repository, environment)
    return {**({name: local} if local else {}), **tracking}


def _tracking(repository: Repository, environment: str) -> dict[str, str]:
    suffix = f"/{deploy_branch(environment)}"
    found = repository.refs(_TRACKING)
    names = [name for name in found if name.endswith(suffix)]
    if not names:
        return {}
    alone = [name for name in names if name.count("/") == suffix.count("/") + 2]
    if len(names) > 1 or not alone:
        preferred = f"{_TRACKING}{_remote(repository)}{suffix}"
        alone = [preferred] if preferred in found else alone
    return {alone[0]: found[alone[0]]} if len(alone) == 1 else {}


def _remote(repository: Repository) -> str:
    """The remote of envctl.yaml, as HEAD has it."""
    # Only where remotes have to be told apart: reading YAML takes long to import.
    from envctl.workflows.project import load_settings  # noqa: PLC0415

    head = repository.head()[1]
    return load_settings(repository.tree(head)).remote if head else "origin"


def _newer(repository: Repository, refs: Mapping[str, str]) -> str:
    """The name that counts: the tracking branch where it is ahead of the local one, else the local one."""
    names = tuple(refs)
    if len(names) == 1 or refs[names[0]] == refs[names[1]]:
        return names[0]
    local, tracking = (refs[name] for name in names)
    return names[1] if _is_behind(repository, local, tracking) else names[0]


def _is_behind(repository: Repository, local: str, tracking: str) -> bool:
    """Whether `tracking` is ahead of `local`. Costs the commits between, whichever is ahead.

    Both first-parent histories are walked in step, until one meets the other.
    """
    walks = (_walk(repository, local), _walk(repository, tracking))
    seen: tuple[set[str], set[str]] = (set(), set())
    going = [True, True]
    while any(going):
        for side in (0, 1):
            at = next(walks[side], None) if going[side] else None
            if at is None:
                going[side] = False
                continue
            if at in seen[1 - side]:
                return at == local or (at != tracking and repository.is_ancestor(local, tracking))
            seen[side].add(at)
    return repository.is_ancestor(local, tracking)


def _walk(repository: Repository, start: str) -> Iterator[str]:
    try:
        for commit in repository.history(start):
            yield commit.id
    except InputError:  # a shallow clone ends here
        return
