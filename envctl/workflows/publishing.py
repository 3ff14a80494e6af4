"""The verb behind ``envctl render``: render a source, compare with each deploy branch, publish if asked."""

from dataclasses import dataclass, replace

from envctl.errors import EnvctlError, UsageError
from envctl.manifests.paths import parse_path
from envctl.model.git import TreeChange
from envctl.ports import Evaluator, Repository
from envctl.workflows.project import choose_environments, is_unpromoted, load_project
from envctl.workflows.publish import Outcome, Published, deploy_tip, publish
from envctl.workflows.push import publish_and_push, sync
from envctl.workflows.render import Rendered, render_project
from envctl.workflows.source import Source, at_revision, require_clean
from envctl.workflows.verify import compare_blobs


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
        return any(each.changes for each in self.outcomes)


def run_render(repository: Repository, evaluator: Evaluator, options: PublishOptions) -> RenderRun:
    """Render, compare and, if asked, publish. An environment that fails is never published."""
    source = open_source(repository, options)
    project = load_project(source.tree)
    named = choose_environments(project, options.environments)
    waiting = () if options.environments else tuple(name for name in named if is_unpromoted(project, name))
    names = tuple(name for name in named if name not in waiting)
    rendered = render_project(repository, evaluator, source, project, names)
    if options.push:
        sync(repository, project.settings.remote, names)
    outcomes = [_outcome(repository, each) for each in rendered]
    if options.publish and source.commit:
        good = [each for each in rendered if not each.errors]
        if options.push:
            done = publish_and_push(
                repository, project.settings.remote, good, source.commit, evaluator.version
            )
        else:
            done = tuple(publish(repository, each, source.commit, evaluator.version) for each in good)
        by_name = {each.environment: each for each in done}
        outcomes = [_with_published(each, by_name.get(each.environment), options) for each in outcomes]
    outcomes += [EnvironmentOutcome(name, "waiting") for name in waiting]
    return RenderRun(
        source.label, tuple(sorted(outcomes, key=lambda each: named.index(each.environment))), rendered
    )


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
    tip = deploy_tip(repository, rendered.environment)
    changes: tuple[TreeChange, ...] = ()
    if tip is None or tip.commit.tree != rendered.tree:
        have = {c.path: c.new for c in repository.changes(None, tip.commit.tree)} if tip else {}
        changes = compare_blobs({path: blob for path, blob in have.items() if blob}, rendered.blobs)
    state = "new" if tip is None else "differs" if changes else "unchanged"
    commit = tip.commit.id if tip else ""
    listed = tuple(each for change in changes if (each := _file_change(change)))
    return EnvironmentOutcome(
        rendered.environment, state, len(rendered.objects), rendered.tree, commit, listed
    )


def _file_change(change: TreeChange) -> FileChange | None:
    parsed = parse_path(change.path)
    if parsed is None:
        return None
    action = "created" if change.old is None else "deleted" if change.new is None else "changed"
    return FileChange(action, parsed[0], str(parsed[1]), change.path)


def _with_published(
    outcome: EnvironmentOutcome, published: Published | None, options: PublishOptions
) -> EnvironmentOutcome:
    if published is None:
        return outcome
    created = "pushed" if options.push else "published"
    state = {Outcome.CREATED: created, Outcome.UNCHANGED: "unchanged", Outcome.SUPERSEDED: "superseded"}
    changes = outcome.changes if published.outcome is Outcome.CREATED else ()
    return replace(outcome, state=state[published.outcome], commit=published.commit, changes=changes)
