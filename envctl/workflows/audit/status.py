"""Status from Git alone: what is pinned, published and observed, and how far behind.

What cannot be read of one environment is a problem of that environment; all else is told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from envctl.config.lock import parse_lock
from envctl.delivery.deploy import deploy_branch, deploy_record
from envctl.errors import EnvctlError, InputError, Problem
from envctl.model.environment import Environment
from envctl.model.gates import Pause
from envctl.model.lock import Lock, Pin
from envctl.model.observed import ComponentHealth, Observed
from envctl.ports import Repository, Tree
from envctl.workflows.audit.lag import Lag, lags
from envctl.workflows.audit.observed import read_observed
from envctl.workflows.sources.pins import published_pins
from envctl.workflows.sources.project import as_problems, load_lock, load_pauses, load_settings, lock_path
from envctl.workflows.sources.readable import Readable, Reader
from envctl.workflows.sources.source import at_revision, require_commit
from envctl.workflows.sources.sourcecommit import source_branch
from envctl.workflows.sources.tips import Tip, deploy_tip

T = TypeVar("T")


class Relation(StrEnum):
    """What a report is about, seen from the tip of the deploy branch here."""

    CURRENT = "current"
    BEHIND = "behind"
    NEWER = "newer"
    OTHER = "other"
    NOT_HERE = "not here"


class Part(StrEnum):
    """What is read of an environment."""

    BRANCH = "deploy branch"
    PUBLISHED = "published pins"
    REPORT = "report"
    FILES = "files"
    WORK_TREE = "work tree"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A report about an environment. `behind` counts the deploy commits since the one it is about.

    `NEWER`: a later deploy commit, so the branch here is not up to date. `OTHER`: it is none of
    this branch. `NOT_HERE`: it is not in this clone.
    """

    report: Observed
    relation: Relation
    behind: int = 0


@dataclass(frozen=True, slots=True)
class ComponentState:
    """One component in one environment. Revisions are commit ids, "" where there is none.

    - `lag`: the source commits that the pinned (tracking: published) revision lacks, by
      `workflows.lag`; None where there is no revision. In time it is the age of the oldest of
      them: for so long somebody has waited for a change.
    - `waits`: pinned anew and not published yet.
    - `hold`: why only a promotion that names it moves it; None where it is not held.
    """

    name: str
    pinned: str = ""
    published: str = ""
    lag: Lag | None = None
    waits: bool = False
    hold: str | None = None
    health: ComponentHealth | None = None

    @property
    def revision(self) -> str:
        """The revision that counts: as pinned, else as published."""
        return self.pinned or self.published

    @property
    def behind(self) -> int | None:
        """How many source commits it lacks; None where that is unknown."""
        return None if self.lag is None or self.lag.unknown else len(self.lag.commits)


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """One environment.

    - `tip`: the newest deploy commit; None before the first publish, and where it cannot be read.
    - `pauses`: freezes and suspensions, lapsed ones too.
    - `uncommitted`: components whose pins in the work tree are not the committed ones.
    - `unread`: what of the environment could not be read, and `problems`, why.
    """

    name: str
    tracks: bool = False
    promotes_from: tuple[str, ...] = ()
    tip: Tip | None = None
    components: tuple[ComponentState, ...] = ()
    observed: Sighting | None = None
    pauses: tuple[Pause, ...] = ()
    uncommitted: tuple[str, ...] = ()
    unread: tuple[Part, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """The environments, seen from a commit of the source branch (short name; "" for a detached HEAD)."""

    branch: str
    commit: str
    environments: tuple[EnvironmentState, ...]


def status(repository: Repository, names: Sequence[str] = ()) -> Status:
    """The status of the named environments, all where none is named, seen from the source branch.

    Raises UsageError for unknown names, InputError where there is no source to read at all.
    """
    branch = _branch(repository)
    source = at_revision(repository, branch)
    commit = source.commit.id if source.commit else branch
    reader = Reader()
    found = reader.read(source.tree)
    view = _View(repository, reader, found, _work_tree(repository, branch))
    states = tuple(view.environment(name) for name in found.chosen(names))
    wanted = [(each.name, each.revision) for state in states for each in state.components if each.revision]
    known = lags(repository, commit, wanted)
    return Status(_short(branch), commit, tuple(_with_lags(state, known) for state in states))


def _branch(repository: Repository) -> str:
    """The source branch (full name), as last fetched where it is not here; HEAD's commit where detached."""
    head = require_commit(repository)
    settings = load_settings(repository.tree(head))
    if settings.source_branch is None and repository.head()[0] is None:
        return head
    try:
        return source_branch(repository, settings.source_branch)
    except InputError:
        tracking = f"refs/remotes/{settings.remote}/{settings.source_branch}"
        if settings.source_branch and repository.ref(tracking):
            return tracking
        raise


def _short(ref: str) -> str:
    return ref.split("/", 2)[2] if ref.startswith("refs/") else ""


def _work_tree(repository: Repository, branch: str) -> Tree | None:
    """The work tree, where it is one of the source branch."""
    return None if repository.is_bare or repository.head()[0] != branch else repository.work_tree()


def _with_lags(state: EnvironmentState, known: Mapping[tuple[str, str], Lag]) -> EnvironmentState:
    components = tuple(
        replace(each, lag=known[each.name, each.revision]) if each.revision else each
        for each in state.components
    )
    return replace(state, components=components)


@dataclass(frozen=True, slots=True)
class _View:
    """What environments are looked at with."""

    repository: Repository
    reader: Reader
    found: Readable
    work: Tree | None

    def environment(self, name: str) -> EnvironmentState:
        """One environment but for its lags; whatever cannot be read is among its problems."""
        problems = _Problems()
        tip = problems.of(Part.BRANCH, lambda: deploy_tip(self.repository, name))
        published = None
        if not problems.parts:
            published = problems.of(Part.PUBLISHED, lambda: self._published(name, tip))
        report = problems.of(Part.REPORT, lambda: read_observed(self.repository, name))
        sighting = Sighting(report, *_relation(self.repository, report, tip)) if report else None
        state = EnvironmentState(name, tip=tip, observed=sighting)
        state = problems.of(Part.FILES, lambda: self._with_files(state, published)) or state
        if state.components:
            uncommitted = problems.of(Part.WORK_TREE, lambda: self._uncommitted(name)) or ()
            state = replace(state, uncommitted=uncommitted)
        return replace(state, unread=tuple(problems.parts), problems=tuple(problems.found))

    def _with_files(self, state: EnvironmentState, published: Mapping[str, str] | None) -> EnvironmentState:
        environment = self.found.environment(state.name)
        lock = load_lock(self.found.project.tree, environment)
        return replace(
            state,
            tracks=lock is None,
            promotes_from=environment.promotes_from or (),
            pauses=load_pauses(self.found.project.tree, state.name),
            components=_components(state, environment, lock, published),
        )

    def _published(self, name: str, tip: Tip | None) -> Mapping[str, str]:
        if tip is None:
            return {}
        source = tip.record.source_commit
        try:
            tree = self.repository.tree(source)
        except InputError as error:
            raise InputError(
                f"its source commit {source[:12]} is not in this clone",
                place=f"{deploy_branch(name)} ({tip.commit.id[:12]})",
                hint="fetch it (git fetch, in a shallow clone with --unshallow), or publish again",
            ) from error
        return published_pins(self.reader.read(tree).project, name, tip)

    def _uncommitted(self, name: str) -> tuple[str, ...]:
        path, tree = lock_path(name), self.found.project.tree
        if self.work is None or _same(self.work, tree, path):
            return ()
        here, committed = (_pins(each, path) for each in (self.work, tree))
        return tuple(name for name in sorted({*here, *committed}) if here.get(name) != committed.get(name))


def _pins(tree: Tree, path: str) -> Mapping[str, Pin]:
    return parse_lock(tree.read(path), path).pins if tree.entry(path) else {}


def _same(work: Tree, committed: Tree, path: str) -> bool:
    here, there = work.entry(path), committed.entry(path)
    return (here.id if here else "") == (there.id if there else "")


class _Problems:
    """Collects what could not be read."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.found: list[Problem] = []

    def of(self, part: Part, read: Callable[[], T]) -> T | None:
        """The value; or None, and a part more that could not be read."""
        try:
            return read()
        except EnvctlError as error:
            self.parts.append(part)
            self.found += as_problems(error)
            return None


def _components(
    state: EnvironmentState, environment: Environment, lock: Lock | None, published: Mapping[str, str] | None
) -> tuple[ComponentState, ...]:
    """`published` is None where that is not known; then nothing is said to wait."""
    pins: Mapping[str, Pin] = lock.pins if lock else {}
    health = state.observed.report.components if state.observed else {}
    names = (each.name for each in environment.components)
    return tuple(_component(name, pins.get(name), published, health) for name in names)


def _component(
    name: str,
    pin: Pin | None,
    published: Mapping[str, str] | None,
    health: Mapping[str, ComponentHealth],
) -> ComponentState:
    return ComponentState(
        name=name,
        pinned=pin.revision if pin else "",
        published=(published or {}).get(name, ""),
        waits=pin is not None and published is not None and pin.revision != published.get(name),
        hold=pin.hold if pin else None,
        health=health.get(name),
    )


def _relation(repository: Repository, report: Observed, tip: Tip | None) -> tuple[Relation, int]:
    """What a report is about, by the trailers of its commit: nothing is walked."""
    if tip and report.revision == tip.commit.id:
        return Relation.CURRENT, 0
    try:
        record = deploy_record(repository.commit(report.revision).message)
    except InputError:
        return Relation.NOT_HERE, 0
    if tip is None or record is None or record.environment != report.environment:
        return Relation.OTHER, 0
    behind = tip.record.sequence - record.sequence
    if behind < 0:
        return Relation.NEWER, 0
    return (Relation.BEHIND, behind) if behind else (Relation.OTHER, 0)
