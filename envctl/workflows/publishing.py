"""The verb behind ``envctl render``: render a source, compare with each deploy branch, publish if asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from envctl.errors import ConflictError, EnvctlError, RefusedError, UsageError
from envctl.manifests.paths import parse_path
from envctl.model.git import Commit, TreeChange
from envctl.model.settings import Settings
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.compared import DeployTree, changes_from
from envctl.workflows.project import choose_environments, is_unpromoted, load_project
from envctl.workflows.publish import Outcome, Published, deploy_tip, publish, renderer_of
from envctl.workflows.push import publish_and_push, sync
from envctl.workflows.render import render_project
from envctl.workflows.rendered import Rendered
from envctl.workflows.source import Source, at_revision, require_clean, require_reviewed


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """What to render and what to do with it. No environments means all of them."""

    environments: tuple[str, ...] = ()
    revision: str | None = None
    index: bool = False
    publish: bool = False
    push: bool = False


@dataclass(frozen=True, slots=True)
class FileChange:
    """One object that changes on a deploy branch: created, changed or deleted."""

    action: str
    component: str
    object: str
    path: str


@dataclass(frozen=True, slots=True)
class EnvironmentOutcome:
    """One environment. `state`: failed, waiting, new, differs, unchanged, published, pushed or superseded.

    `waiting`: nothing was promoted to it yet, so there is nothing to render; no error unless named.
    """

    environment: str
    state: str
    objects: int = 0
    tree: str = ""
    commit: str = ""
    changes: tuple[FileChange, ...] = ()
    errors: tuple[EnvctlError, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderRun:
    """The whole result, environments in the order asked for."""

    source: str
    outcomes: tuple[EnvironmentOutcome, ...]
    rendered: tuple[Rendered, ...]

    @property
    def failed(self) -> bool:
        return any(each.state == "failed" for each in self.outcomes)

    @property
    def differs(self) -> bool:
        """Whether a deploy branch would change, or did. Not every change is one of an object."""
        return any(each.state in {"new", "differs", "published", "pushed"} for each in self.outcomes)


def run_render(
    repository: Repository,
    evaluator: Evaluator,
    options: PublishOptions,
    cache: RenderCache | None = None,
) -> RenderRun:
    """Render, compare and, if asked, publish. An environment that fails is never published."""
    source = open_source(repository, options)
    project = load_project(source.tree)
    if options.publish and source.commit:
        require_reviewed(repository, project.settings.source_branch, source.commit.id)
    named = choose_environments(project, options.environments)
    waiting = () if options.environments else tuple(name for name in named if is_unpromoted(project, name))
    names = tuple(name for name in named if name not in waiting)
    rendered = render_project(repository, evaluator, source, project, names, cache)
    if options.push:
        sync(repository, project.settings.remote, names)
    outcomes = [_outcome(repository, each) for each in rendered]
    if options.publish and source.commit:
        failed = {each.environment for each in outcomes if each.state == "failed"}
        good = [each for each in rendered if each.environment not in failed]
        publisher = _Publisher(repository, project.settings, source.commit, renderer_of(evaluator))
        done = publisher.push(good) if options.push else publisher.publish(good)
        outcomes = [_with_published(each, done.get(each.environment), options) for each in outcomes]
    outcomes += [EnvironmentOutcome(name, "waiting") for name in waiting]
    return RenderRun(
        source.label, tuple(sorted(outcomes, key=lambda each: named.index(each.environment))), rendered
    )


@dataclass(frozen=True, slots=True)
class _Publisher:
    """Publishes rendered environments: here, one by one, or on the remote, all together."""

    repository: Repository
    settings: Settings
    source: Commit
    renderer: str

    def publish(self, rendered: Sequence[Rendered]) -> Mapping[str, Published | EnvctlError]:
        return {each.environment: self._publish(each) for each in rendered}

    def _publish(self, rendered: Rendered) -> Published | EnvctlError:
        """One that fails must not hide what was done for the others."""
        try:
            return publish(self.repository, rendered, self.source, self.renderer)
        except (ConflictError, RefusedError) as error:
            return error

    def push(self, rendered: Sequence[Rendered]) -> Mapping[str, Published]:
        configured = self.settings.source_branch
        branch = f"refs/heads/{configured}" if configured else self.repository.head()[0] or "HEAD"
        done = publish_and_push(
            self.repository, self.settings.remote, branch, rendered, self.source, self.renderer
        )
        return {each.environment: each for each in done}


def open_source(repository: Repository, options: PublishOptions) -> Source:
    """What the options say to read. Publishing needs a commit: HEAD, and then nothing else lying about."""
    if options.index and repository.is_bare:
        raise UsageError("a bare repository has no index", hint="name a commit with --rev")
    if options.revision:
        return at_revision(repository, options.revision)
    if options.publish or repository.is_bare:
        if not repository.is_bare:
            require_clean(repository)
        return at_revision(repository, "HEAD")
    return Source(repository.index() if options.index else repository.work_tree())


def _outcome(repository: Repository, rendered: Rendered) -> EnvironmentOutcome:
    if rendered.errors:
        return EnvironmentOutcome(rendered.environment, "failed", errors=rendered.errors)
    try:
        tip = deploy_tip(repository, rendered.environment)
    except RefusedError as error:
        return EnvironmentOutcome(rendered.environment, "failed", errors=(error,))
    same = tip is not None and tip.commit.tree == rendered.tree
    changes = changes_from(DeployTree(repository, tip.commit.id if tip else None), rendered)
    state = "new" if tip is None else "unchanged" if same else "differs"
    commit = tip.commit.id if tip else ""
    listed = tuple(each for change in changes if (each := file_change(change)))
    return EnvironmentOutcome(rendered.environment, state, rendered.count, rendered.tree, commit, listed)


def file_change(change: TreeChange) -> FileChange | None:
    """A changed file of a deploy tree as an object; None for what is no object."""
    parsed = parse_path(change.path)
    if parsed is None:
        return None
    return FileChange(str(change.action), parsed[0], str(parsed[1]), change.path)


def _with_published(
    outcome: EnvironmentOutcome, published: Published | EnvctlError | None, options: PublishOptions
) -> EnvironmentOutcome:
    if published is None:
        return outcome
    if isinstance(published, EnvctlError):
        return replace(outcome, state="failed", changes=(), errors=(published,))
    created = "pushed" if options.push else "published"
    state = {Outcome.CREATED: created, Outcome.UNCHANGED: "unchanged", Outcome.SUPERSEDED: "superseded"}
    changes = outcome.changes if published.outcome is Outcome.CREATED else ()
    return replace(outcome, state=state[published.outcome], commit=published.commit, changes=changes)
