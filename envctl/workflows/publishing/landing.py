"""What promotions and rollbacks have in common: one commit on the source branch, and one deploy commit.

Everything is written as objects first. Refs move last, the source branch before the deploy
branch, and on a remote both in one push, so what fails has changed nothing; where only the deploy
branch could not be moved, the error says how to publish it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envctl.delivery.deploy import deploy_branch, deploy_ref
from envctl.errors import ConflictError, Problem
from envctl.model.git import Commit, RefUpdate
from envctl.ports import Repository
from envctl.workflows.publishing.publish import Published, prepare, publish
from envctl.workflows.publishing.push import moved_on, not_pushed
from envctl.workflows.rendering.rendered import Rendered, Restored
from envctl.workflows.sources.sourcecommit import SourceBranch, branch_update, follow, write_source_commit


@dataclass(frozen=True, slots=True)
class Landing:
    """What is to land. `files` change on the source branch; `target` is what the environment gets.

    `event` names what happened, in the past tense, for messages and the reflog. With a `remote`
    both refs are pushed; `remote_tips` are its deploy tips by ref name.
    """

    branch: SourceBranch
    files: Mapping[str, bytes | str]
    message: str
    target: Rendered | Restored
    renderer: str
    event: str
    remote: str = ""
    remote_tips: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Landed:
    """What has landed. `left` are paths of the work tree that could not follow.

    `not_pushed` tells how to push both branches, "" where they were, or there is no remote.
    """

    commit: Commit
    published: Published
    left: tuple[str, ...] = ()
    not_pushed: str = ""


def land(repository: Repository, landing: Landing) -> Landed:
    """Write the commits and move the refs. Raises ConflictError where one of them moved meanwhile."""
    commit = write_source_commit(repository, landing.branch, landing.files, landing.message)
    published = prepare(repository, landing.target, commit, landing.renderer)
    update = branch_update(landing.branch, commit)
    if landing.remote:
        _push(repository, landing, update, published)
    _move(repository, landing, update)
    try:
        # At once: a work tree behind its branch would take this back with its next commit.
        left = follow(repository, landing.branch, commit)
    finally:
        published = _publish(repository, landing, commit)
    return Landed(commit, published, left, "" if landing.remote else _not_pushed(repository, landing))


def advance(
    repository: Repository,
    branch: SourceBranch,
    files: Mapping[str, bytes | str],
    message: str,
    event: str,
    *,
    push: bool,
) -> tuple[Commit, tuple[str, ...]]:
    """Write a commit that publishes nothing and move the source branch, on the remote first.

    So what the remote refuses has changed nothing. `event` is for the reflog. Returns the commit, and the
    paths of the work tree that could not follow. Raises ConflictError where the branch moved meanwhile.
    """
    commit = write_source_commit(repository, branch, files, message)
    update = branch_update(branch, commit)
    if push:
        remote = branch.project.settings.remote
        try:
            repository.push(remote, [update])
        except ConflictError as error:
            raise moved_on(branch.name, remote) from error
    repository.move_ref(update, f"envctl: {event}")
    return commit, follow(repository, branch, commit)


def _not_pushed(repository: Repository, landing: Landing) -> str:
    branches = [landing.branch.name, deploy_branch(landing.target.environment)]
    return not_pushed(repository, landing.branch.project.settings.remote, branches)


def _move(repository: Repository, landing: Landing, update: RefUpdate) -> None:
    try:
        repository.move_ref(update, f"envctl: {landing.event}")
    except ConflictError as error:
        if not landing.remote:
            raise
        name = landing.branch.name
        raise ConflictError(
            f"{landing.event} and pushed to {landing.remote}, but {name} here could not follow",
            place=error.place,
            hint=f"bring it along: git pull --rebase {landing.remote} {name}",
            problems=(Problem("", error.summary, error.hint),),
        ) from error


def _publish(repository: Repository, landing: Landing, source: Commit) -> Published:
    environment = landing.target.environment
    try:
        return publish(repository, landing.target, source, landing.renderer)
    except ConflictError as error:
        raise ConflictError(
            f"{landing.event}: committed as {source.id[:12]}, but not published yet",
            place=deploy_branch(environment),
            hint=f"publish it: envctl render {environment} --publish",
            problems=(Problem(error.place, error.summary, error.hint),),
        ) from error


def _push(repository: Repository, landing: Landing, update: RefUpdate, published: Published) -> None:
    ref = deploy_ref(published.environment)
    deploy = RefUpdate(ref, landing.remote_tips.get(ref), published.commit)
    try:
        repository.push(landing.remote, [each for each in (update, deploy) if each.old != each.new])
    except ConflictError as error:
        raise moved_on(error.place.removeprefix("refs/heads/"), landing.remote) from error
