"""The verb behind ``envctl render``: render a source, compare with each deploy branch, publish if asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from envctl.delivery.deploy import deploy_branch
from envctl.delivery.gates import suspended
from envctl.errors import EnvctlError, InputError, RefusedError
from envctl.manifests.paths import parse_path
from envctl.model.gates import Pause
from envctl.model.git import Commit, TreeChange
from envctl.model.settings import Settings
from envctl.ports import Evaluator, RenderCache, Repository, Wait, at_once
from envctl.workflows.publishing.proofs import remember_proof
from envctl.workflows.publishing.publish import Outcome, Published, publish, renderer_of
from envctl.workflows.publishing.push import not_pushed, publish_and_push, sync
from envctl.workflows.publishing.recall import remember
from envctl.workflows.publishing.runs import EnvironmentOutcome, FileChange, PublishOptions, RenderRun
from envctl.workflows.rendering.compared import DeployTree, changes_from
from envctl.workflows.rendering.render import render_project
from envctl.workflows.rendering.rendered import Rendered
from envctl.workflows.sources.project import (
    Project,
    choose_environments,
    is_unpromoted,
    load_pauses,
    load_project,
)
from envctl.workflows.sources.snapshot import snapshot_of
from envctl.workflows.sources.source import Source, require_reviewed
from envctl.workflows.sources.tips import deploy_tip


def run_render(
    repository: Repository,
    evaluator: Evaluator,
    source: Source,
    options: PublishOptions,
    cache: RenderCache | None = None,
    wait: Wait = at_once,
) -> RenderRun:
    """Render, compare and, if asked, publish. One that fails is never published, nor one that is suspended.

    `wait` spreads writers who lost the same race.
    """
    snapshot = snapshot_of(source.tree)
    source = Source(snapshot, source.commit)
    project = load_project(source.tree)
    if options.publish and source.commit:
        require_reviewed(repository, project.settings.source_branch, source.commit.id)
    named = choose_environments(project, options.environments)
    waiting = () if options.environments else tuple(name for name in named if is_unpromoted(project, name))
    names = tuple(name for name in named if name not in waiting)
    rendered = render_project(repository, evaluator, source, project, names, cache)
    if options.push:
        sync(repository, project.settings.remote, names)
    suspends = _suspends(repository, project, source, options, names)
    outcomes = [_outcome(repository, each, suspends.get(each.environment)) for each in rendered]
    if options.publish and source.commit:
        kept = {each.environment for each in outcomes if each.state in {"failed", "suspended"}}
        good = [each for each in rendered if each.environment not in kept]
        publisher = _Publisher(repository, project.settings, source.commit, renderer_of(evaluator), wait)
        done = publisher.push(good) if options.push else publisher.publish(good)
        for each in done.values():
            if isinstance(each, Published):
                remember_proof(cache, each, publisher.renderer)
        outcomes = [_with_published(each, done.get(each.environment), options) for each in outcomes]
    outcomes += [EnvironmentOutcome(name, "waiting") for name in waiting]
    here = [deploy_branch(each.environment) for each in outcomes if each.state == "published"]
    run = RenderRun(
        source.label,
        tuple(sorted(outcomes, key=lambda each: named.index(each.environment))),
        rendered,
        not_pushed(repository, project.settings.remote, here) if here else "",
    )
    if not run.failed and not suspends:  # what time alone changes is not remembered
        remember(cache, snapshot, snapshot.tops, options, evaluator.version, run.outcomes)
    return run


def _suspends(
    repository: Repository, project: Project, source: Source, options: PublishOptions, names: Sequence[str]
) -> Mapping[str, Pause]:
    """What keeps environments from being published, by the source itself or by the newest one here.

    Not by the source alone: whoever publishes an older commit has not seen that somebody suspended since.
    """
    seen = source.commit.committer.time if source.commit else 0
    trees = [project.tree]
    newest = repository.ref(_source_ref(repository, project.settings)) if options.publish else None
    if newest and source.commit and newest != source.commit.id:
        trees.append(repository.tree(newest))
    found = {
        name: suspended([each for tree in trees for each in load_pauses(tree, name)], options.now, seen)
        for name in names
    }
    return {name: suspend for name, suspend in found.items() if suspend}


def _source_ref(repository: Repository, settings: Settings) -> str:
    configured = settings.source_branch
    return f"refs/heads/{configured}" if configured else repository.head()[0] or "HEAD"


@dataclass(frozen=True, slots=True)
class _Publisher:
    """Publishes rendered environments: here, one by one, or on the remote, all together."""

    repository: Repository
    settings: Settings
    source: Commit
    renderer: str
    wait: Wait

    def publish(self, rendered: Sequence[Rendered]) -> Mapping[str, Published | EnvctlError]:
        return {each.environment: self._publish(each) for each in rendered}

    def _publish(self, rendered: Rendered) -> Published | EnvctlError:
        """One that fails must not hide what was done for the others."""
        try:
            return publish(self.repository, rendered, self.source, self.renderer, self.wait)
        except EnvctlError as error:
            return error

    def push(self, rendered: Sequence[Rendered]) -> Mapping[str, Published]:
        branch = _source_ref(self.repository, self.settings)
        done = publish_and_push(
            self.repository, self.settings.remote, branch, rendered, self.source, self.renderer, self.wait
        )
        return {each.environment: each for each in done}


def _outcome(repository: Repository, rendered: Rendered, suspend: Pause | None) -> EnvironmentOutcome:
    if rendered.errors:
        return EnvironmentOutcome(rendered.environment, "failed", errors=rendered.errors)
    try:
        tip = deploy_tip(repository, rendered.environment)
    except (InputError, RefusedError) as error:
        return EnvironmentOutcome(rendered.environment, "failed", errors=(error,))
    same = tip is not None and tip.commit.tree == rendered.tree
    changes = changes_from(DeployTree(repository, tip.commit.id if tip else None), rendered)
    state = "suspended" if suspend else "new" if tip is None else "unchanged" if same else "differs"
    commit = tip.commit.id if tip else ""
    listed = tuple(each for change in changes if (each := file_change(change)))
    name, count, tree = rendered.environment, rendered.count, rendered.tree
    return EnvironmentOutcome(name, state, count, tree, commit, listed, suspend=suspend)


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
