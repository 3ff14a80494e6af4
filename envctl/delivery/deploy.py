"""What a deploy commit says of itself: the record in its trailers (design §4).

A deploy commit is a function of its parent, the rendered tree and the source commit, so two
writers that render the same source onto the same parent write the same commit id.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from envctl.delivery.trailers import Trailer, compose, parse_trailers
from envctl.errors import Problem
from envctl.model.git import Commit, CommitDraft

ENVIRONMENT = "Envctl-Environment"
SEQUENCE = "Envctl-Sequence"
SOURCE_COMMIT = "Envctl-Source-Commit"
COMPONENTS = "Envctl-Components"
RENDERER = "Envctl-Renderer"
PROMOTED_FROM = "Envctl-Promoted-From"
ROLLBACK_TO = "Envctl-Rollback-To"
FORCED = "Envctl-Forced"
REASON = "Envctl-Reason"
ALLOW_PRUNE = "Envctl-Allow-Prune"
APPROVED_BY = "Envctl-Approved-By"
PAUSE = "Envctl-Pause"

# What a source commit may say to the deploy commits made from it.
HANDED_ON = (PROMOTED_FROM, ROLLBACK_TO, FORCED, REASON, APPROVED_BY, ALLOW_PRUNE)

# What makes a deploy commit even where no file changes: it is an event of the audit trail, or a
# permission that has to reach the agent (ADR 0010).
EVENTS = (PROMOTED_FROM, ROLLBACK_TO, ALLOW_PRUNE)

_OF_PROMOTIONS = (FORCED, APPROVED_BY)
_OF_EVENTS = (*_OF_PROMOTIONS, REASON)

_SEQUENCE = re.compile(r"[0-9]{1,18}")  # anybody can write a trailer: nothing that takes long to read


@dataclass(frozen=True, slots=True)
class DeployRecord:
    """The audit record of one deploy commit. `handed_on` are trailers taken over from source commits."""

    environment: str
    sequence: int
    source_commit: str
    components: tuple[str, ...]
    renderer: str
    handed_on: tuple[Trailer, ...] = ()


DEPLOY_REFS = "refs/heads/deploy/"
"""How the full name of every deploy branch starts."""


def deploy_ref(environment: str) -> str:
    """The full name of an environment's deploy branch."""
    return f"refs/heads/{deploy_branch(environment)}"


def deploy_branch(environment: str) -> str:
    """The short name of an environment's deploy branch."""
    return f"deploy/{environment}"


def deploy_record(message: str) -> DeployRecord | None:
    """The record in a commit message, or None where it is not one of a deploy commit."""
    fields = dict(parse_trailers(message))
    sequence = fields.get(SEQUENCE, "")
    if ENVIRONMENT not in fields or SOURCE_COMMIT not in fields or not _SEQUENCE.fullmatch(sequence):
        return None
    return DeployRecord(
        environment=fields[ENVIRONMENT],
        sequence=int(sequence),
        source_commit=fields[SOURCE_COMMIT],
        components=tuple(fields.get(COMPONENTS, "").split()),
        renderer=fields.get(RENDERER, ""),
        handed_on=tuple(pair for pair in parse_trailers(message) if pair[0] in HANDED_ON),
    )


def record_trailers(record: DeployRecord) -> tuple[Trailer, ...]:
    """The trailers of a record, in the order in which they are written."""
    return (
        (ENVIRONMENT, record.environment),
        (SEQUENCE, str(record.sequence)),
        (SOURCE_COMMIT, record.source_commit),
        (COMPONENTS, " ".join(record.components)),
        (RENDERER, record.renderer),
        *record.handed_on,
    )


def handed_on(environment: str, commits: Sequence[Commit]) -> tuple[Trailer, ...]:
    """What the source commits since the last deploy commit hand on to the next one.

    `commits` are newest first. A trailer counts where its commit names this environment, or
    names none; a permission to prune only where it names this one: without a name it would lie
    in wait in every environment for whatever leaves there next. What freezes, suspends or resumes an
    environment hands on nothing: its reason is not one of what is published next. The newest commit that
    has a key decides its values; permissions add up. Who approved a promotion, what it overrode, and why is
    what its own commit says: nobody else's words are put beside it.
    """
    found: dict[str, list[str]] = {}
    for commit in commits:
        trailers = parse_trailers(commit.message)
        named = {value for key, value in trailers if key == ENVIRONMENT}
        if (named and environment not in named) or any(key == PAUSE for key, _ in trailers):
            continue
        mine: dict[str, list[str]] = {}
        for key, value in trailers:
            if key in HANDED_ON and (named or key != ALLOW_PRUNE):
                mine.setdefault(key, []).append(value)
        told = PROMOTED_FROM in found or ROLLBACK_TO in found
        for key, values in mine.items():
            if (key in _OF_PROMOTIONS and PROMOTED_FROM not in mine) or (key in _OF_EVENTS and told):
                continue
            if key == ALLOW_PRUNE:
                found.setdefault(key, []).extend(values)
            else:
                found.setdefault(key, values)
    return tuple((key, value) for key in HANDED_ON for value in _handed(key, found.get(key, [])))


def _handed(key: str, values: Sequence[str]) -> Sequence[str]:
    if key == ALLOW_PRUNE:
        return [", ".join(dict.fromkeys(values))] if values else []
    return list(dict.fromkeys(values)) if key == APPROVED_BY else values[:1]


def believed(environment: str, commit: Commit, paths: Sequence[str]) -> Commit:
    """A source commit without what it claims to be and is not; `paths` are the files that it changes.

    A promotion changes the lock and nothing else, a rollback only files of the environment (design §5). Any
    other commit that says it is one was written by hand: whoever reviewed it saw something else. Its
    trailers of promotions and rollbacks then count for nothing.
    """
    keys = {key for key, _ in parse_trailers(commit.message)}
    folder = f"environments/{environment}/"
    honest = bool(paths) and (
        all(path == f"{folder}lock.yaml" for path in paths)
        or (
            ROLLBACK_TO in keys
            and PROMOTED_FROM not in keys
            and all(path.startswith(folder) for path in paths)
        )
    )
    if honest:
        return commit
    kept = [
        pair
        for pair in parse_trailers(commit.message)
        if pair[0] not in (PROMOTED_FROM, ROLLBACK_TO, *_OF_PROMOTIONS)
    ]
    return replace(commit, message=compose(commit.subject, (), kept))


def claims(environment: str, commit: Commit) -> bool:
    """Whether a source commit says that it promotes to an environment, or rolls it back."""
    trailers = parse_trailers(commit.message)
    return (ENVIRONMENT, environment) in trailers and any(
        key in (PROMOTED_FROM, ROLLBACK_TO) for key, _ in trailers
    )


def is_event(environment: str, commits: Sequence[Commit]) -> bool:
    """Whether a source commit promotes to this very environment, rolls it back, or permits pruning there."""
    return any(
        (ENVIRONMENT, environment) in trailers and any(key in EVENTS for key, _ in trailers)
        for trailers in (parse_trailers(commit.message) for commit in commits)
    )


def deploy_draft(record: DeployRecord, tree: str, parent: str | None, source: Commit) -> CommitDraft:
    """The deploy commit: author, committer and dates are those of the source commit.

    Its subject is the source commit's behind the environment's name, which is not said twice.
    """
    subject = source.subject.removeprefix(f"{record.environment}: ")
    return CommitDraft(
        tree=tree,
        parents=(parent,) if parent else (),
        author=source.author,
        committer=source.committer,
        message=compose(f"{record.environment}: {subject}", (), record_trailers(record)),
    )


def record_problems(record: DeployRecord | None, environment: str, branch: str) -> tuple[Problem, ...]:
    """Why nothing may be built on this tip: it is no deploy commit, or another environment's."""
    if record is None:
        return (Problem(branch, "its tip was not written by envctl: it lacks the Envctl- trailers"),)
    if record.environment != environment:
        return (Problem(branch, f"its tip belongs to environment {record.environment}"),)
    return ()
