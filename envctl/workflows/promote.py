"""Promote: copy pins from one environment to the next, as one commit, and publish it (design §5).

Everything is prepared as objects first: gates, the commit, the render, the deploy commit. Refs
move last, the source branch before the deploy branch, so a promotion that fails has changed
nothing; where only the deploy branch could not be moved, the error says how to publish it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from envctl.config.lock import edit_lock
from envctl.delivery.deploy import deploy_branch, deploy_ref
from envctl.delivery.promotion import SHORT, PinMove, promotion_message, select
from envctl.errors import ConflictError, InputError, Problem, RefusedError, UsageError
from envctl.model.environment import Environment
from envctl.model.git import Commit, CommitDraft, RefUpdate
from envctl.model.lock import Pin
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.lag import commits_between
from envctl.workflows.project import (
    Project,
    choose_environments,
    load_environment,
    load_lock,
    load_project,
    lock_path,
)
from envctl.workflows.publish import Published, prepare, publish, published_tip, renderer_of, source_of
from envctl.workflows.push import moved_on, require_current, sync
from envctl.workflows.render import render
from envctl.workflows.rendered import Rendered, require_rendered
from envctl.workflows.source import Source, at_revision, require_commit
from envctl.workflows.tips import Tip
from envctl.workflows.verify import verify_tip


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """What to promote. `components` empty means all. `force` needs a `reason`, which is recorded."""

    source: str
    target: str
    components: tuple[str, ...] = ()
    push: bool = False
    dry_run: bool = False
    force: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """The result. `commit` is empty where nothing moved. `refreshed`: the checked-out lock file follows."""

    options: PromoteOptions
    origin: str
    moves: tuple[PinMove, ...]
    unchanged: tuple[str, ...]
    overridden: tuple[Problem, ...] = ()
    branch: str = ""
    commit: str = ""
    published: Published | None = None
    rendered: Rendered | None = None
    refreshed: bool = True


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a promotion stands on: the source branch as it is now, and both environments."""

    branch: str
    source: Source
    project: Project
    target: Environment
    tip: Tip
    published: Project
    pins: Mapping[str, str]
    remote_tips: Mapping[str, str | None]


def promote(
    repository: Repository,
    evaluator: Evaluator,
    options: PromoteOptions,
    cache: RenderCache | None = None,
) -> Promotion:
    """Promote, or say what would be promoted (`dry_run`).

    With a cache, only what it does not know of the target is evaluated. The gate that verifies
    where the pins come from never asks it: what verifies must prove.

    Raises UsageError (unknown names), RefusedError (a gate says no; the error says how to pass),
    InputError (the target would not render), ConflictError (a ref moved meanwhile).
    """
    if options.force and not options.reason:
        raise UsageError("--force needs --reason TEXT: it is recorded in the commit")
    ground = _ground(repository, options)
    overridden = _gates(repository, evaluator, ground, options)
    lock = load_lock(ground.source.tree, ground.target)
    pinned = {} if lock is None else {name: pin.revision for name, pin in lock.pins.items()}
    wanted = [each.name for each in ground.target.components]
    selection = select(ground.pins, pinned, wanted, options.components)
    if selection.unknown:
        raise _unknown_components(selection.unknown, options, ground)
    moves = tuple(replace(move, subjects=_subjects(repository, move)) for move in selection.moves)
    result = Promotion(
        options, ground.tip.commit.id, moves, selection.unchanged, overridden, branch=ground.branch
    )
    return _carry_out(repository, evaluator, ground, result, cache) if moves else result


def source_branch(repository: Repository, configured: str | None) -> str:
    """The full name of the source branch: as configured, else the one that HEAD is on."""
    ref = f"refs/heads/{configured}" if configured else repository.head()[0]
    if ref is None:
        raise InputError(
            "HEAD is detached, so it is not known which branch a promotion belongs on",
            hint="check out the source branch, or set sourceBranch in envctl.yaml",
        )
    if repository.ref(ref) is None:
        name = ref.removeprefix("refs/heads/")
        raise InputError(
            f"the source branch {name} does not exist in this repository",
            hint=f"fetch it (git fetch origin {name}:{name}), or correct sourceBranch in envctl.yaml",
        )
    return ref


def _ground(repository: Repository, options: PromoteOptions) -> _Ground:
    configured = load_project(repository.tree(require_commit(repository))).settings.source_branch
    branch = source_branch(repository, configured)
    source = at_revision(repository, branch)
    project = load_project(source.tree)
    remote_tips = _meet_remote(repository, project, branch, options)
    target = load_environment(project, options.target)
    load_environment(project, options.source)
    if options.source == options.target:
        origins = ", ".join(target.promotes_from or ())
        hint = f"{options.target} is promoted from {origins}" if origins else ""
        raise UsageError(f"{options.source} cannot be promoted to itself", hint=hint)
    _require_pinned(source, target)
    tip = published_tip(repository, options.source)
    published = load_project(source_of(repository, tip).tree)
    pins = published_pins(published, options.source, tip)
    return _Ground(branch, source, project, target, tip, published, pins, remote_tips)


def _meet_remote(
    repository: Repository, project: Project, branch: str, options: PromoteOptions
) -> Mapping[str, str | None]:
    """The remote's deploy tips by ref name, where this promotion is to be pushed on top of them."""
    if not options.push:
        return {}
    remote = project.settings.remote
    require_current(repository, remote, branch)
    return sync(repository, remote, choose_environments(project, (options.source, options.target)))


def _require_pinned(source: Source, target: Environment) -> None:
    if load_lock(source.tree, target) is None:
        raise RefusedError(
            f"environment {target.name} tracks the source branch, so nothing can be promoted to it",
            place=f"environments/{target.name}/environment.yaml",
            hint="to make it an environment with pins, set promotesFrom",
        )


def published_pins(project: Project, environment: str, tip: Tip) -> Mapping[str, str]:
    """The source revision of each component as it was published, by the source commit of the tip."""
    resolved = load_environment(project, environment)
    lock = load_lock(project.tree, resolved)
    names = [each.name for each in resolved.components]
    if lock is None:
        return dict.fromkeys(names, tip.record.source_commit)
    return {name: lock.pins[name].revision for name in names if name in lock.pins}


def _gates(
    repository: Repository, evaluator: Evaluator, ground: _Ground, options: PromoteOptions
) -> tuple[Problem, ...]:
    """The gates that say no; they raise unless forced."""
    refusals = (*_direction_gate(ground, options), *_verified_gate(repository, evaluator, ground))
    if refusals and not options.force:
        raise RefusedError(
            f"promotion from {options.source} to {options.target} is refused",
            problems=refusals,
            hint="pass the gate, or override it on the record with --force --reason TEXT",
        )
    return refusals


def _direction_gate(ground: _Ground, options: PromoteOptions) -> tuple[Problem, ...]:
    allowed = ground.target.promotes_from
    if allowed and options.source in allowed:
        return ()
    place = f"environments/{options.target}/environment.yaml"
    names = ", ".join(allowed or ()) or "nowhere"
    reason = f"direction: {options.target} is promoted from {names}, not from {options.source}"
    return (Problem(place, reason, f"promote from {names}, or change promotesFrom in a reviewed commit"),)


def _verified_gate(repository: Repository, evaluator: Evaluator, ground: _Ground) -> tuple[Problem, ...]:
    found = verify_tip(repository, evaluator, ground.tip)
    if found.clean:
        return ()
    what = [change.path for change in found.differences] + list(found.problems)
    branch = deploy_branch(found.environment)
    reason = f"verified: the branch is not what its source renders to: {', '.join(what[:3])}"
    return (Problem(branch, reason, f"see envctl verify {found.environment}, then publish it again"),)


def _unknown_components(names: tuple[str, ...], options: PromoteOptions, ground: _Ground) -> UsageError:
    both = sorted({each.name for each in ground.target.components} & set(ground.pins))
    noun = "component" if len(names) == 1 else "components"
    return UsageError(
        f"{options.source} and {options.target} do not both have the {noun} {', '.join(names)}",
        hint=f"components of both: {', '.join(both) or 'none'}",
    )


def _subjects(repository: Repository, move: PinMove) -> tuple[str, ...]:
    """The source commits between two pins that touched the component; none at its first promotion."""
    commits = commits_between(repository, move.component, move.old, move.new) if move.old else ()
    return tuple(f"{commit.id[:SHORT]} {commit.subject}" for commit in commits or ())


def _carry_out(
    repository: Repository,
    evaluator: Evaluator,
    ground: _Ground,
    result: Promotion,
    cache: RenderCache | None,
) -> Promotion:
    options = result.options
    commit_id = _write_commit(repository, ground, result)
    source = at_revision(repository, commit_id)
    rendered = render(repository, evaluator, source, (options.target,), cache)[0]
    require_rendered(rendered, f"{options.target} would not render with these pins; nothing was promoted")
    if source.commit is None:
        raise InputError(f"{commit_id} is no commit")
    published = prepare(repository, rendered, source.commit, renderer_of(evaluator))
    result = replace(result, commit=commit_id, published=published, rendered=rendered)
    if options.dry_run:
        return result
    base = ground.source.commit.id if ground.source.commit else None
    update = RefUpdate(ground.branch, base, commit_id)
    if options.push:
        _push(repository, ground, update, published)
    repository.move_ref(update, f"envctl: promote {options.source} to {options.target}")
    try:
        # At once: a work tree behind its branch would take the promotion back with its next commit.
        refreshed = _refresh(repository, ground, options.target)
    finally:
        published = _publish(repository, rendered, source.commit, renderer_of(evaluator))
    return replace(result, published=published, refreshed=refreshed)


def _publish(repository: Repository, rendered: Rendered, source: Commit, renderer: str) -> Published:
    try:
        return publish(repository, rendered, source, renderer)
    except ConflictError as error:
        raise ConflictError(
            f"the promotion is committed as {source.id[:SHORT]}, but not published yet",
            place=deploy_branch(rendered.environment),
            hint=f"publish it: envctl render {rendered.environment} --publish",
            problems=(Problem(error.place, error.summary, error.hint),),
        ) from error


def _push(repository: Repository, ground: _Ground, update: RefUpdate, published: Published) -> None:
    remote, ref = ground.project.settings.remote, deploy_ref(published.environment)
    deploy = RefUpdate(ref, ground.remote_tips.get(ref), published.commit)
    try:
        repository.push(remote, [each for each in (update, deploy) if each.old != each.new])
    except ConflictError as error:
        raise moved_on(error.place.removeprefix("refs/heads/"), remote) from error


def _write_commit(repository: Repository, ground: _Ground, result: Promotion) -> str:
    options, path = result.options, lock_path(result.options.target)
    tree = ground.source.tree
    old = tree.read(path) if tree.entry(path) else None
    pins = {move.component: Pin(move.new, options.source) for move in result.moves}
    author, committer = repository.signature()
    base = ground.source.commit
    if base is None:
        raise InputError("a promotion needs a commit to stand on")
    return repository.write_commit(
        CommitDraft(
            tree=repository.write_tree({path: edit_lock(old, pins, path)}, base=base.tree),
            parents=(base.id,),
            author=author,
            committer=committer,
            message=promotion_message(
                options.source,
                options.target,
                result.origin,
                result.moves,
                reason=options.reason,
                forced=tuple(problem.reason.partition(":")[0] for problem in result.overridden),
            ),
        )
    )


def _refresh(repository: Repository, ground: _Ground, target: str) -> bool:
    """Bring the checked-out lock file along where the promotion's branch is the checked-out one.

    False where it could not be: it was changed, or another process holds the index.
    """
    if repository.head()[0] != ground.branch or repository.is_bare:
        return True
    entry = ground.source.tree.entry(lock_path(target))
    try:
        return repository.refresh(lock_path(target), entry.id if entry else None)
    except ConflictError:
        return False
