"""History: what happened to an environment, from the trailers of its deploy branch (design §5).

Deploy trees are never opened, but of commits that envctl did not write. The pins before and after
come from the lock files at the source commits; a source commit that is not here leaves them unknown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from envctl.config.wording import did_you_mean
from envctl.delivery.history import (
    ComponentMove,
    DeployKind,
    Deployment,
    Revisions,
    component_moves,
    deployment_of,
)
from envctl.errors import InputError, UsageError
from envctl.manifests.paths import component_of
from envctl.model.git import Commit
from envctl.ports import Repository
from envctl.workflows.audit.sourcepins import UNKNOWN, SourcePins
from envctl.workflows.publishing.publish import published_tip
from envctl.workflows.sources.tips import deploy_tip_id

_NONE = Revisions("", {})


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """Whose history, of which component ("": all), and how many deploy commits at most (None: all)."""

    environment: str
    component: str = ""
    limit: int | None = 20


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One deploy commit. `source_here`: its source commit is in this repository."""

    deployment: Deployment
    moves: tuple[ComponentMove, ...]
    source_here: bool


@dataclass(frozen=True, slots=True)
class History:
    """The result, newest first.

    `more` says how many older deploy commits there are, by their sequence, and is None where that
    would have to be counted. `cut` says why the history here ends too early, "" where it does not.
    """

    environment: str
    tip: str
    rows: tuple[HistoryRow, ...]
    more: int | None = 0
    cut: str = ""


def history(repository: Repository, options: HistoryOptions) -> History:
    """The deploy commits of an environment, newest first.

    Raises UsageError for an unknown environment or component, RefusedError for an environment that is
    not published.
    """
    tip = require_tip_id(repository, options.environment)
    walk = _Walk(repository, options.environment, tip)
    rows: list[HistoryRow] = []
    more: int | None = 0
    for deployment, older in _with_older(walk.deployments()):
        if options.limit is not None and len(rows) == options.limit:
            more = None if options.component else _count(deployment, older)
            break
        row = walk.row(deployment, older, options.component)
        if row:
            rows.append(row)
    if options.component and not rows:
        _require_known(options, walk.components)
    return History(options.environment, tip, tuple(rows), more, walk.cut)


def require_tip_id(repository: Repository, environment: str) -> str:
    """The tip of a deploy branch, whoever wrote it.

    Raises UsageError for an unknown environment, RefusedError for one that is not published.
    """
    return deploy_tip_id(repository, environment) or published_tip(repository, environment).commit.id


def _with_older(deployments: Iterator[Deployment]) -> Iterator[tuple[Deployment, Deployment | None]]:
    """Each one with the nearest older one that envctl wrote, None for the first."""
    waiting: list[Deployment] = []
    for each in deployments:
        if each.kind is not DeployKind.FOREIGN:
            yield from ((one, each) for one in waiting)
            waiting = []
        waiting.append(each)
    yield from ((one, None) for one in waiting)


def _count(deployment: Deployment, older: Deployment | None) -> int:
    """How many there are from this one on, by the sequence."""
    return deployment.sequence or (older.sequence if older else 0) + 1


def _require_known(options: HistoryOptions, components: Sequence[str]) -> None:
    if options.component in components:
        return
    raise UsageError(
        f"the history of {options.environment} has no component {options.component}",
        hint=did_you_mean(options.component, sorted(components), otherwise="components there"),
    )


class _Walk:
    """Walks one deploy branch. `components` are those seen so far, `cut` why it ended too early."""

    def __init__(self, repository: Repository, environment: str, tip: str) -> None:
        self._repository = repository
        self._environment = environment
        self._tip = tip
        self._pins = SourcePins(repository, environment)
        self._seen: set[str] = set()
        self.cut = ""

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(self._seen)

    def deployments(self) -> Iterator[Deployment]:
        commits = self._repository.history(self._tip)
        yield self._deployment(next(commits))
        try:
            for commit in commits:
                yield self._deployment(commit)
        except InputError as error:
            self.cut = error.summary

    def _deployment(self, commit: Commit) -> Deployment:
        found = deployment_of(commit, self._environment)
        if found.kind is DeployKind.FOREIGN:
            found = replace(found, components=self._touched(commit))
        self._seen.update(found.components)
        return found

    def _touched(self, commit: Commit) -> tuple[str, ...]:
        """The components that a commit without a record of its own changed."""
        try:
            old = self._repository.commit(commit.parents[0]).tree if commit.parents else None
            changes = self._repository.changes(old, commit.tree)
        except InputError:  # in a shallow clone, or a tree that nobody can read
            return ()
        return tuple(sorted({name for each in changes if (name := component_of(each.path))}))

    def row(self, deployment: Deployment, older: Deployment | None, component: str) -> HistoryRow | None:
        """One row, None where it is not about the component."""
        if component and component not in deployment.components and not deployment.moves_pins:
            return None
        new = self._pins.at(deployment.source_commit) if deployment.source_commit else UNKNOWN
        old = self._before(older) if deployment.source_commit else UNKNOWN
        moves = component_moves(deployment, old, new)
        if component:
            moves = tuple(each for each in moves if each.component == component)
        if component and not moves:
            return None
        return HistoryRow(deployment, moves, new.source is not None)

    def _before(self, older: Deployment | None) -> Revisions:
        if older:
            return self._pins.at(older.source_commit)
        return UNKNOWN if self.cut else _NONE
