"""Publish: commit a deploy tree to its deploy branch, by compare-and-swap (design §4)."""

from dataclasses import dataclass
from enum import StrEnum

from envctl import __version__
from envctl.delivery.deploy import (
    DeployRecord,
    believed,
    claims,
    deploy_branch,
    deploy_draft,
    deploy_ref,
    handed_on,
    is_event,
)
from envctl.errors import ConflictError, InputError, Problem, RefusedError
from envctl.manifests.paths import component_of
from envctl.model.git import Commit, RefUpdate, TreeChange
from envctl.ports import Evaluator, Repository, Wait, at_once
from envctl.workflows.rendering.compared import DeployTree, written_over
from envctl.workflows.rendering.rendered import Rendered, Restored
from envctl.workflows.sources.readable import read
from envctl.workflows.sources.source import Source, at_revision
from envctl.workflows.sources.tips import Tip, deploy_tip

TRIES = 5


class Outcome(StrEnum):
    """What publishing did. SUPERSEDED: the branch already carries a newer source."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Published:
    """The result for one environment. `update` is the ref move to make, None where there is none."""

    environment: str
    outcome: Outcome
    commit: str
    changes: tuple[TreeChange, ...] = ()
    update: RefUpdate | None = None


def renderer_of(evaluator: Evaluator) -> str:
    """What rendered, as the trailer names it: envctl's version and the engine's."""
    return f"envctl {__version__}, {evaluator.version}"


def published_tip(repository: Repository, environment: str) -> Tip:
    """The tip of a deploy branch, which must be there.

    Raises UsageError for an unknown environment, RefusedError for one that is not published.
    """
    tip = deploy_tip(repository, environment)
    if tip:
        return tip
    head = repository.head()[1]
    if head:
        read(repository.tree(head)).chosen((environment,))
    raise RefusedError(
        f"environment {environment} is not published: there is no branch {deploy_branch(environment)}",
        hint=_how_to_publish(repository, environment),
    )


def _how_to_publish(repository: Repository, environment: str) -> str:
    """The next step; with remotes, the branch may only be missing here."""
    publish = f"publish it first: envctl render {environment} --publish"
    remotes = sorted({name.split("/")[2] for name in repository.refs("refs/remotes/")})
    if not remotes:
        return publish
    branch = deploy_branch(environment)
    fetch = f"git fetch {remotes[0]} +{branch}:refs/remotes/{remotes[0]}/{branch}"
    return f"if others have published it, fetch it: {fetch}; else {publish}"


def source_of(repository: Repository, tip: Tip) -> Source:
    """The source that a deploy commit was rendered from. Raises InputError where it is not here."""
    try:
        return at_revision(repository, tip.record.source_commit)
    except InputError as error:
        raise InputError(
            f"its source commit {tip.record.source_commit[:12]} is not in this repository",
            place=f"{deploy_branch(tip.record.environment)} ({tip.commit.id[:12]})",
            hint="fetch it (git fetch, in a shallow clone with --unshallow), or publish again",
        ) from error


def prepare(
    repository: Repository, rendered: Rendered | Restored, source: Commit, renderer: str
) -> Published:
    """Write the deploy tree and commit as objects. No ref moves: `update` says which should."""
    # Before the tip is read: a branch that moves from now on is not the one that the update expects.
    here = repository.ref(deploy_ref(rendered.environment))
    tip = deploy_tip(repository, rendered.environment)
    if tip and tip.commit.tree == rendered.tree and not _has_event(repository, tip, source):
        return Published(rendered.environment, Outcome.UNCHANGED, tip.commit.id)
    if tip and _superseded(repository, tip, source):
        return Published(rendered.environment, Outcome.SUPERSEDED, tip.commit.id)
    written = _written(repository, rendered, tip)
    changes = repository.changes(tip.commit.tree if tip else None, written)
    record = _record(repository, rendered.environment, changes, tip, source, renderer)
    parent = tip.commit.id if tip else None
    commit = repository.write_commit(deploy_draft(record, written, parent, source))
    update = RefUpdate(deploy_ref(rendered.environment), here, commit)
    return Published(rendered.environment, Outcome.CREATED, commit, changes, update)


def _written(repository: Repository, rendered: Rendered | Restored, tip: Tip | None) -> str:
    if isinstance(rendered, Restored):
        return rendered.tree
    deployed = DeployTree(repository, tip.commit.id if tip else None)
    written = written_over(repository, deployed, rendered)
    if written != rendered.tree:
        raise InputError(f"the written tree {written} is not the rendered tree {rendered.tree}")
    return written


def publish(
    repository: Repository,
    rendered: Rendered | Restored,
    source: Commit,
    renderer: str,
    wait: Wait = at_once,
) -> Published:
    """Publish one environment locally. A lost race is built again on the new tip, a few times, after a wait.

    Raises ConflictError when others keep winning, RefusedError for a branch that is not ours.
    """
    for last in range(1, TRIES + 1):
        result = prepare(repository, rendered, source, renderer)
        if result.update is None:
            return result
        try:
            repository.move_ref(result.update, f"envctl: publish {rendered.environment}")
        except ConflictError as error:
            if repository.ref(result.update.name) == result.update.old:
                raise  # nobody moved it: it is locked
            if last == TRIES:
                raise others_won(deploy_branch(rendered.environment), error) from error
            wait(last)
            continue
        return result
    raise AssertionError("the last try returned or raised")


def others_won(branches: str, error: ConflictError) -> ConflictError:
    """The error when every try was lost; `error` is the last one's."""
    return ConflictError(
        f"{branches}: other writers were faster {TRIES} times in a row; nothing was published",
        hint="run the command again",
        problems=(Problem(error.place, error.summary, error.hint),),
    )


def _has_event(repository: Repository, tip: Tip, source: Commit) -> bool:
    """Whether the audit trail needs a deploy commit even where no file changes."""
    if tip.record.source_commit == source.id or _superseded(repository, tip, source):
        return False
    try:
        return is_event(
            tip.record.environment, sources_since(repository, tip.record.environment, tip, source)
        )
    except InputError:  # a shallow clone cannot tell; nothing else changed, so nothing is published
        return False


def _superseded(repository: Repository, tip: Tip, source: Commit) -> bool:
    newest = tip.record.source_commit
    if newest == source.id:
        return False
    try:
        return repository.is_ancestor(source.id, newest)
    except InputError:  # the recorded source is not in this clone, so it cannot be a descendant here
        return False


def _record(
    repository: Repository,
    environment: str,
    changes: tuple[TreeChange, ...],
    tip: Tip | None,
    source: Commit,
    renderer: str,
) -> DeployRecord:
    names = {component_of(change.path) for change in changes}
    return DeployRecord(
        environment=environment,
        sequence=tip.record.sequence + 1 if tip else 1,
        source_commit=source.id,
        components=tuple(sorted(name for name in names if name)),
        renderer=renderer,
        handed_on=handed_on(environment, sources_since(repository, environment, tip, source)),
    )


def sources_since(
    repository: Repository, environment: str, tip: Tip | None, source: Commit
) -> tuple[Commit, ...]:
    """Source commits since the last deploy commit, newest first; only the source itself before the first.

    Each without what it claims to be and is not (`delivery.deploy.believed`).
    """
    return tuple(
        believed(environment, each, _paths(repository, each)) if claims(environment, each) else each
        for each in _since(repository, tip, source)
    )


def _paths(repository: Repository, commit: Commit) -> tuple[str, ...]:
    parent = repository.commit(commit.parents[0]).tree if commit.parents else None
    return tuple(change.path for change in repository.changes(parent, commit.tree))


def _since(repository: Repository, tip: Tip | None, source: Commit) -> tuple[Commit, ...]:
    """Source commits since the last deploy commit, newest first; only the source itself before the first.

    Only the source itself, too, where its whole history is here and the last source is not: then
    history was rewritten. Never everything since the first commit: permissions given once would
    count again. Raises InputError in a clone that is too shallow to tell.
    """
    if tip is None:
        return (source,)
    try:
        return tuple(repository.since(tip.record.source_commit, source.id))
    except InputError:
        for _ in repository.history(source.id):
            pass  # raises where the clone is shallow
        return (source,)
