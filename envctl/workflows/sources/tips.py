"""The newest deploy commit of an environment, read and checked."""

from collections.abc import Iterator, Mapping, Sequence
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

    `refs` are the full names of the branches, local and remote-tracking, that stand there; `reason`
    is a sentence about the tip. `good` is the newest deploy commit below it, by its trailers, or
    the tip of the other branch; None where there is none. `head` is the full name of the branch
    that is checked out.
    """

    environment: str
    refs: tuple[str, ...]
    commit: Commit
    reason: str
    good: Tip | None
    head: str = ""

    @property
    def remedy(self) -> str:
        """What to do, with the command that does it."""
        good = self.good.commit.id if self.good else ""
        return remedy(self.environment, self.refs, self.commit.id, good, self.head)

    def error(self) -> RefusedError:
        """The refusal to build on it."""
        place = f"{deploy_branch(self.environment)} ({self.commit.id[:12]})"
        return RefusedError(self.reason, place=place, hint=self.remedy)


def remedy(environment: str, refs: Sequence[str], foreign: str, good: str, head: str = "") -> str:
    """How to take branches (full names) back from a foreign commit to a good one, "" for none.

    A branch here is moved back. One on a remote is rewritten for everybody, which is said.
    """
    branch = deploy_branch(environment)
    tracking = [name.removeprefix(_TRACKING) for name in refs if name.startswith(_TRACKING)]
    remotes = [name.removesuffix(f"/{branch}") for name in tracking]
    here = len(refs) > len(remotes)
    if not good:
        steps = [f"move the branch aside: git branch -m {branch} {environment}-aside"] if here else []
        steps += [f"take it away on {each}: git push {each} --delete {branch}" for each in remotes]
        return f"there is no deploy commit below it; {'; '.join(steps)}"
    # Git moves no branch that is checked out in any other way.
    move = "git reset --hard" if head == deploy_ref(environment) else f"git branch -f {branch}"
    steps = [f"put the branch back to its last good commit: {move} {good[:12]}"] if here else []
    steps += [
        f"put it back on {each}{' too' if here else ''}, which rewrites it for everybody: git push "
        f"--force-with-lease={branch}:{foreign[:12]} {each} {good[:12]}:{deploy_ref(environment)}"
        for each in remotes
    ]
    return "; ".join(steps)


def tip_state(repository: Repository, environment: str) -> Tip | Foreign | None:
    """The tip of a deploy branch, None before the first publish; a foreign one is told, not raised.

    A fresh clone has the branch only as a remote-tracking one; the newer of both counts. Where
    several remotes have it, that is the one of envctl.yaml. Raises InputError where the history
    that tells which is newer is not here (a shallow clone).
    """
    refs = branches_of(repository, environment)
    if not refs:
        return None
    commit = repository.commit(refs[_newer(repository, refs)])
    found = as_tip(commit, environment)
    if isinstance(found, Tip):
        return found
    below = last_deploy_commit(repository, environment, commit.id)
    beside = (as_tip(repository.commit(each), environment) for each in refs.values() if each != commit.id)
    good = below or next((each for each in beside if isinstance(each, Tip)), None)
    standing = tuple(name for name, each in refs.items() if each == commit.id)
    return Foreign(environment, standing, commit, found, good, repository.head()[0] or "")


def deploy_tip_id(repository: Repository, environment: str) -> str | None:
    """The commit at the tip of a deploy branch, whoever wrote it; None before the first publish."""
    refs = branches_of(repository, environment)
    return refs[_newer(repository, refs)] if refs else None


def deploy_tip(repository: Repository, environment: str) -> Tip | None:
    """As `tip_state`. Raises RefusedError for a foreign tip, with the way back."""
    found = tip_state(repository, environment)
    if isinstance(found, Foreign):
        raise found.error()
    return found


def read_tip(repository: Repository, environment: str, commit_id: str) -> Tip:
    """One deploy commit. Raises RefusedError where it is none of this environment."""
    commit = repository.commit(commit_id)
    found = as_tip(commit, environment)
    if isinstance(found, Tip):
        return found
    raise RefusedError(
        f"commit {commit_id[:12]} is no deploy commit of {environment}: {foreign_reason(commit)}",
        hint=f"see which there are: git log {deploy_branch(environment)}",
    )


def foreign_reason(commit: Commit) -> str:
    """Why a commit is no deploy commit of the environment that it was taken for."""
    record = deploy_record(commit.message)
    return f"it belongs to environment {record.environment}" if record else "it lacks the Envctl- trailers"


def last_deploy_commit(repository: Repository, environment: str, start: str) -> Tip | None:
    """The newest deploy commit at or below one, by trailers and first parents; None where none is near."""
    try:
        for commit in islice(repository.history(start), SEARCHED):
            found = as_tip(commit, environment)
            if isinstance(found, Tip):
                return found
    except InputError:  # a shallow clone ends here
        return None
    return None


def as_tip(commit: Commit, environment: str) -> Tip | str:
    """A commit as a deploy commit of an environment, or why a branch with this tip is not one's own."""
    record = deploy_record(commit.message)
    problems = record_problems(record, environment, deploy_branch(environment))
    return Tip(commit, record) if record and not problems else problems[0].reason


def branches_of(repository: Repository, environment: str) -> dict[str, str]:
    """The local deploy branch and the remote-tracking one that counts, where they are there: name → id."""
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
    from envctl.workflows.sources.project import load_settings  # noqa: PLC0415

    head = repository.head()[1]
    return load_settings(repository.tree(head)).remote if head else "origin"


def _newer(repository: Repository, refs: Mapping[str, str]) -> str:
    """The name that counts: the tracking branch where it is ahead of the local one, else the local one."""
    names = tuple(refs)
    if len(names) == 1 or refs[names[0]] == refs[names[1]]:
        return names[0]
    try:
        return names[1] if _is_behind(repository, *(refs[name] for name in names)) else names[0]
    except InputError as error:
        shorts = [f"{name.split('/', 2)[2]} ({each[:12]})" for name, each in refs.items()]
        raise InputError(
            f"it cannot be told which is newer, {' or '.join(shorts)}: history is missing here",
            hint="fetch it: git fetch --unshallow; or, where the local branch is not needed, "
            f"git branch -D {shorts[0].partition(' ')[0]}",
        ) from error


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
