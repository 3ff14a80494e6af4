"""Publish to a remote: the remote's branch is the truth, and every push is a compare-and-swap.

A lost race is built again on the new tip, never merged: rendered text has no merges. Local
refs move only after the remote's did, so a refused push has changed nothing.
"""

from collections.abc import Sequence

from envctl.delivery.deploy import deploy_branch, deploy_ref
from envctl.errors import ConflictError, InputError, RefusedError
from envctl.model.git import Commit, RefUpdate
from envctl.ports import Repository, Wait, at_once
from envctl.workflows.publishing.publish import TRIES, Published, others_won, prepare
from envctl.workflows.rendering.rendered import Rendered, Restored
from envctl.workflows.sources.tips import deploy_tip

_AGAIN = "run the command again"


def sync(repository: Repository, remote: str, environments: Sequence[str]) -> dict[str, str | None]:
    """Fetch deploy branches and bring local ones forward. Returns the remote's tips by ref name.

    Raises ConflictError for a local branch that went its own way.
    """
    names = [deploy_ref(environment) for environment in environments]
    tips = dict(repository.fetch(remote, names))
    for environment, name in zip(environments, names, strict=True):
        theirs, ours = tips.get(name), repository.ref(name)
        if theirs is None or theirs == ours or (ours and repository.is_ancestor(theirs, ours)):
            continue
        if ours and not repository.is_ancestor(ours, theirs):
            raise ConflictError(
                f"local {deploy_branch(environment)} ({ours[:12]}) and the one on {remote} ({theirs[:12]}) "
                "went different ways",
                hint=f"the remote's counts: git branch -f {deploy_branch(environment)} {theirs[:12]}",
            )
        repository.move_ref(RefUpdate(name, ours, theirs), f"envctl: follow {remote}")
    return tips


def not_pushed(repository: Repository, remote: str, branches: Sequence[str]) -> str:
    """What to tell people of branches that moved only here; "" where the repository knows no such remote."""
    if not repository.refs(f"refs/remotes/{remote}/"):
        return ""
    return f"not pushed yet: git push --atomic {remote} {' '.join(branches)}"


def require_current(repository: Repository, remote: str, branch: str, then: str = _AGAIN) -> None:
    """Check that a branch (full name) is on the remote what it is here, so that a push can build on it.

    `then` is what to do once the commits of others are here. Raises RefusedError where the remote lacks
    commits, ConflictError where it has other ones.
    """
    ours, theirs = repository.ref(branch), repository.fetch(remote, [branch])[branch]
    name = branch.removeprefix("refs/heads/")
    if ours == theirs:
        return
    if ours and (theirs is None or repository.is_ancestor(theirs, ours)):
        raise RefusedError(
            f"{name} here has commits that {remote} does not have", hint=f"git push {remote} {name}"
        )
    raise moved_on(name, remote, then)


def moved_on(name: str, remote: str, then: str = _AGAIN) -> ConflictError:
    """The error for a branch that others pushed to; nothing has moved, here or there."""
    return ConflictError(
        f"{name} on {remote} was moved by someone else; nothing was written",
        hint=f"git pull --rebase {remote} {name}, then {then}",
    )


def _fetch_sources(repository: Repository, remote: str, branch: str, environments: Sequence[str]) -> None:
    """Bring the sources of the remote's tips here: only then is a source known to be older than theirs."""
    for environment in environments:
        tip = deploy_tip(repository, environment)
        try:
            if tip:
                repository.commit(tip.record.source_commit)
        except InputError:
            repository.fetch(remote, [branch])
            return


def _require_pushed(repository: Repository, remote: str, branch: str, source: Commit) -> None:
    """A deploy branch on a remote must not name a source that only exists here."""
    if not branch.startswith("refs/heads/"):
        return
    theirs = repository.fetch(remote, [branch])[branch]
    if theirs is None or not repository.is_ancestor(source.id, theirs):
        name = branch.removeprefix("refs/heads/")
        raise RefusedError(
            f"{name} on {remote} does not have the source commit {source.id[:12]} yet",
            hint=f"git push {remote} {name}, then run the command again",
        )


def publish_and_push(
    repository: Repository,
    remote: str,
    branch: str,
    rendered: Sequence[Rendered | Restored],
    source: Commit,
    renderer: str,
    wait: Wait = at_once,
) -> tuple[Published, ...]:
    """Publish environments on a remote, all in one push. Also finishes a push that failed before.

    `branch` is the ref that sources come from there. A lost race is built again on the new tips, a few
    times, after a wait. Raises ConflictError when others keep winning; nothing local has moved then.
    """
    _require_pushed(repository, remote, branch, source)
    names = [each.environment for each in rendered]
    for last in range(1, TRIES + 1):
        tips = sync(repository, remote, names)
        _fetch_sources(repository, remote, branch, names)
        results = tuple(prepare(repository, each, source, renderer) for each in rendered)
        updates = [
            RefUpdate(deploy_ref(each.environment), tips.get(deploy_ref(each.environment)), each.commit)
            for each in results
        ]
        try:
            repository.push(remote, [each for each in updates if each.old != each.new])
        except ConflictError as error:
            if last == TRIES:
                raise others_won(f"deploy branches on {remote}", error) from error
            wait(last)
            continue
        for each in results:
            if each.update:
                repository.move_ref(each.update, f"envctl: publish {each.environment}")
        return results
    raise AssertionError("the last try returned or raised")
