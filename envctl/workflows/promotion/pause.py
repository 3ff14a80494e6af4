"""Freeze, suspend, resume: files in Git that say until when an environment takes no promotions, or nothing.

Each is one commit on the source branch, written through Git objects: without a checkout, in a bare
repository, and beside changes that lie about in the work tree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from envctl.config.pauses import KINDS, pause_text
from envctl.delivery.deploy import ENVIRONMENT, PAUSE, REASON
from envctl.delivery.gates import FREEZE, in_force
from envctl.delivery.trailers import Trailer, compose
from envctl.errors import ConflictError, InputError, RefusedError, UsageError
from envctl.model.gates import Pause
from envctl.model.times import time_text
from envctl.ports import Repository
from envctl.workflows.publishing.landing import advance
from envctl.workflows.publishing.publish import TRIES
from envctl.workflows.publishing.push import require_current
from envctl.workflows.sources.project import load_lock, load_pauses, pause_path, read_pauses
from envctl.workflows.sources.sourcecommit import SourceBranch, lost_here, open_branch

_STATES = {"freeze": "frozen", "suspend": "suspended"}


@dataclass(frozen=True, slots=True)
class PauseOptions:
    """What to pause. `kind` is ``freeze`` or ``suspend``; `until` is in seconds since 1970."""

    environment: str
    kind: str
    until: int
    reason: str
    push: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """The result: what was written or removed, and as which commit.

    `pauses` is the new one, or those that ended; `before` the one that was extended. `branch` is a
    full name. `left` are paths of the work tree that could not follow. `broken` are files that could not be
    read and were removed, and what was wrong with them.
    """

    environment: str
    pauses: tuple[Pause, ...]
    branch: str
    commit: str
    before: Pause | None = None
    left: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to change on the source branch."""

    files: Mapping[str, bytes | str]
    message: str
    event: str
    pauses: tuple[Pause, ...]
    before: Pause | None = None
    broken: Mapping[str, str] = field(default_factory=dict)


def pause(repository: Repository, options: PauseOptions, now: int) -> Paused:
    """Freeze or suspend an environment, or extend that.

    Raises UsageError (an unknown environment, a time in the past, no reason), RefusedError (it lasts
    as long already, or there is nothing to freeze), ConflictError (the branch moved meanwhile).
    """
    if not options.reason.strip():
        raise UsageError("a reason is needed: it is told to whoever is refused", hint="--reason TEXT")
    if options.until <= now:
        raise UsageError(
            f"{time_text(options.until)} is in the past, it is {time_text(now)} now",
            hint="name a later time with --until, or how long with --for",
        )
    by = str(repository.signature()[0])

    def change(branch: SourceBranch) -> _Change:
        return _pausing(branch, options, by, now)

    return _commit(repository, options.environment, change, push=options.push)


def _pausing(branch: SourceBranch, options: PauseOptions, by: str, now: int) -> _Change:
    name, kind, until = options.environment, options.kind, time_text(options.until)
    branch.found.chosen((name,))
    if kind == FREEZE and load_lock(branch.source.tree, branch.environment(name)) is None:
        raise RefusedError(
            f"environment {name} tracks the source branch, so there are no promotions to freeze",
            hint=f"to publish nothing to it for a while: envctl suspend {name}",
        )
    before = in_force(_standing(branch, name), kind, now)
    if before and options.until <= before.until:
        raise RefusedError(
            f"{name} is {_STATES[kind]} until {time_text(before.until)} already: {before.why}",
            place=before.place,
            hint=f"name a later time to extend it, or end it: envctl resume {name}",
        )
    path = pause_path(name, kind)
    new = Pause(kind, options.until, " ".join(options.reason.split()), by, path)
    verb = f"{'Keep' if before else kind.capitalize()} {name}{f' {_STATES[kind]}' if before else ''}"
    return _Change(
        files={path: pause_text(new)},
        message=_message(f"{verb} until {until}", name, f"{kind} until {until}", options.reason),
        event=f"{kind} {name} until {until}",
        pauses=(new,),
        before=before,
    )


def _standing(branch: SourceBranch, name: str) -> tuple[Pause, ...]:
    try:
        return load_pauses(branch.source.tree, name)
    except InputError as error:
        raise InputError(
            error.summary,
            place=error.place,
            hint=f"take what cannot be read away: envctl resume {name}",
            problems=error.problems,
        ) from error


def resume(
    repository: Repository, environment: str, now: int, *, reason: str = "", push: bool = False
) -> Paused:
    """End the freeze and the suspend of an environment; remove those that have lapsed, too.

    And those that cannot be read: who says that it is over need not repair them first.

    Raises UsageError for an unknown environment, RefusedError where there is nothing to end,
    ConflictError where the branch moved meanwhile.
    """

    def change(branch: SourceBranch) -> _Change:
        branch.found.chosen((environment,))
        pauses, broken = read_pauses(branch.source.tree, environment)
        if not pauses and not broken:
            raise RefusedError(f"environment {environment} is neither frozen nor suspended")
        found = [each.kind for each in pauses]
        unread = [path.rpartition("/")[2].partition(".")[0].lower() for path in broken]
        kinds = " and ".join(kind for kind in KINDS if kind in (*found, *unread))
        lapsed = not broken and all(each.until <= now for each in pauses)
        title = f"Remove the lapsed {kinds} of {environment}" if lapsed else f"Resume {environment}"
        return _Change(
            files={**{pause_path(environment, kind): "" for kind in found}, **dict.fromkeys(broken, "")},
            message=_message(title, environment, f"resume after {kinds}", reason),
            event=f"resume {environment}",
            pauses=pauses,
            broken=broken,
        )

    return _commit(repository, environment, change, push=push)


def _message(title: str, environment: str, what: str, reason: str) -> str:
    trailers: list[Trailer] = [(ENVIRONMENT, environment), (PAUSE, what)]
    if reason.strip():
        trailers.append((REASON, reason))
    return compose(title, (), trailers)


def _commit(
    repository: Repository, environment: str, change: Callable[[SourceBranch], _Change], *, push: bool
) -> Paused:
    """Commit a change to the source branch; one that lost a race to another process here is made again."""
    for last in range(1, TRIES + 1):
        branch = open_branch(repository)
        if push:
            require_current(repository, branch.project.settings.remote, branch.ref)
        made = change(branch)
        try:
            commit, left = advance(repository, branch, made.files, made.message, made.event, push=push)
        except ConflictError as error:
            if last == TRIES or push or not lost_here(repository, branch, error):
                raise
            continue
        return Paused(environment, made.pauses, branch.ref, commit.id, made.before, left, made.broken)
    raise AssertionError("the last try returned or raised")
