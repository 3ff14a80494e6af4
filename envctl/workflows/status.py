"""Status from Git alone: what is published, what is pinned, and how far behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envctl.errors import InputError
from envctl.ports import Repository
from envctl.workflows.lag import commits_between
from envctl.workflows.origin import published_pins
from envctl.workflows.project import Project, load_environment, load_lock, load_project
from envctl.workflows.source import at_revision, require_commit
from envctl.workflows.sourcecommit import source_branch
from envctl.workflows.tips import Tip, deploy_tip


@dataclass(frozen=True, slots=True)
class ComponentState:
    """One component in one environment. Revisions are commit ids, "" where there is none.

    `behind` counts the source commits that touched the component since the pinned (tracking:
    published) revision; None where that is unknown.
    """

    name: str
    pinned: str
    published: str
    behind: int | None


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """One environment. `deploy_commit` is "" before the first publish; `time` in seconds since 1970."""

    name: str
    tracks: bool
    promotes_from: tuple[str, ...]
    deploy_commit: str
    sequence: int
    source_commit: str
    time: int
    subject: str
    components: tuple[ComponentState, ...]


def status(repository: Repository, names: Sequence[str] = ()) -> tuple[EnvironmentState, ...]:
    """The status of the named environments, all where none is named, seen from the source branch."""
    head = require_commit(repository)
    configured = load_project(repository.tree(head)).settings.source_branch
    branch = source_branch(repository, configured) if configured or repository.head()[0] else head
    source = at_revision(repository, branch)
    project = load_project(source.tree)
    tip = source.commit.id if source.commit else head
    chosen = tuple(names) or project.environments
    return tuple(_environment(repository, project, tip, name) for name in chosen)


def _environment(repository: Repository, project: Project, source: str, name: str) -> EnvironmentState:
    environment = load_environment(project, name)
    lock = load_lock(project.tree, environment)
    tip = deploy_tip(repository, name)
    published = _published(repository, name, tip)
    pins = {} if lock is None else {each: pin.revision for each, pin in lock.pins.items()}
    components = tuple(
        ComponentState(
            name=each.name,
            pinned=pins.get(each.name, ""),
            published=published.get(each.name, ""),
            behind=_behind(
                repository, source, each.name, pins.get(each.name) or published.get(each.name, "")
            ),
        )
        for each in environment.components
    )
    return EnvironmentState(
        name=name,
        tracks=lock is None,
        promotes_from=environment.promotes_from or (),
        deploy_commit=tip.commit.id if tip else "",
        sequence=tip.record.sequence if tip else 0,
        source_commit=tip.record.source_commit if tip else "",
        time=tip.commit.committer.time if tip else 0,
        subject=tip.commit.subject if tip else "",
        components=components,
    )


def _published(repository: Repository, name: str, tip: Tip | None) -> Mapping[str, str]:
    if tip is None:
        return {}
    try:
        return published_pins(load_project(repository.tree(tip.record.source_commit)), name, tip)
    except InputError:  # the recorded source is not in this clone
        return {}


def _behind(repository: Repository, source: str, component: str, revision: str) -> int | None:
    """Source commits that touched the component since a revision; None where that is unknown."""
    commits = commits_between(repository, component, revision, source) if revision else None
    return None if commits is None else len(commits)
