"""Promote: copy pins from one environment to the next, as one commit, and publish it (design §5).

First a plan, which writes nothing: what the target would have, by ids. Then, if asked, the plan is
carried out: through Git objects, without a checkout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from envctl.config.lock import edit_lock
from envctl.delivery.gates import Refusal, refusals
from envctl.delivery.plan import PlanFile, PlannedMove, PromotionPlan, moved_since
from envctl.delivery.promotion import SHORT, PinMove, Selection, promotion_message, select
from envctl.errors import ConflictError, InputError, Problem, RefusedError, UsageError
from envctl.model.environment import Environment
from envctl.model.gates import Facts, Gates
from envctl.model.git import Commit
from envctl.model.lock import Pin
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.promotion.changelog import changing_commits, code_paths, same_code
from envctl.workflows.promotion.judging import Case, judge, require_not_suspended, require_passed
from envctl.workflows.promotion.origin import Origin, environment_of, read_origin
from envctl.workflows.publishing.landing import Landing, land
from envctl.workflows.publishing.proofs import remember_proof
from envctl.workflows.publishing.publish import TRIES, Published, publish, renderer_of
from envctl.workflows.publishing.push import publish_and_push, require_current, sync
from envctl.workflows.rendering.render import render
from envctl.workflows.rendering.rendered import Rendered, require_rendered
from envctl.workflows.rendering.sides import Comparison, absent_side, compare_sides, rendered_side, tree_side
from envctl.workflows.sources.following import follow_head
from envctl.workflows.sources.overlaid import OverlaidTree
from envctl.workflows.sources.project import load_lock, load_pauses, lock_path
from envctl.workflows.sources.source import Source
from envctl.workflows.sources.sourcecommit import SourceBranch, lost_here, open_branch
from envctl.workflows.sources.tips import Tip, deploy_tip


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """What to promote: from `source` (``ENV`` or ``ENV@REVISION``) to `target`.

    `components` empty means all that are not held. `force` needs a `reason`, which is recorded.
    With a `plan`, exactly that is done, or nothing. `at` is the time now, in seconds since 1970.
    """

    source: str
    target: str
    components: tuple[str, ...] = ()
    push: bool = False
    dry_run: bool = False
    force: bool = False
    reason: str = ""
    plan: PlanFile | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Promotion:
    """The result. `commit` is empty where nothing moved.

    - `held`: components that stay because they are held, and why.
    - `refusals`: gates that say no: overridden, or in a dry run what a promotion would have to pass.
    - `comparison`: what changes on the deploy branch, for a dry run.
    - `left`: paths of the work tree that could not follow. `not_pushed`: how to push what moved only here.
    """

    options: PromoteOptions
    origin: str
    branch: str
    moves: tuple[PinMove, ...] = ()
    unchanged: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    plan: PromotionPlan | None = None
    comparison: Comparison | None = None
    commit: str = ""
    published: Published | None = None
    left: tuple[str, ...] = ()
    not_pushed: str = ""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a promotion stands on: the source branch as it is now, and both environments."""

    branch: SourceBranch
    target: Environment
    origin: Origin
    deployed: Tip | None
    pins: Mapping[str, Pin]
    remote_tips: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the target would have: its lock, and its deploy tree as it renders with it."""

    moves: tuple[PinMove, ...]
    lock: bytes
    rendered: Rendered


def promote(
    repository: Repository,
    evaluator: Evaluator,
    options: PromoteOptions,
    cache: RenderCache | None = None,
) -> Promotion:
    """Promote, or say what would be promoted (`dry_run`).

    With a cache, only what it does not know of the target is evaluated. A race that was lost to
    another process here is planned again, a few times; a given plan is not.

    Raises UsageError (unknown names), RefusedError (a gate says no; the error says how to pass),
    InputError (the target would not render), ConflictError (a ref moved meanwhile, or what a plan
    was made on).
    """
    if options.force and not options.reason:
        raise UsageError("--force needs --reason TEXT: it is recorded in the commit")
    for last in range(1, TRIES + 1):
        ground = _ground(repository, evaluator, options, cache)
        try:
            return _promote(repository, evaluator, ground, options, cache)
        except ConflictError as error:
            lost = lost_here(repository, ground.branch, error)
            if last == TRIES or options.push or options.plan or not lost:
                raise
    raise AssertionError("the last try returned or raised")


def _promote(
    repository: Repository,
    evaluator: Evaluator,
    ground: _Ground,
    options: PromoteOptions,
    cache: RenderCache | None,
) -> Promotion:
    wanted = [each.name for each in ground.target.components]
    selection = select(ground.origin.pins, ground.pins, wanted, options.components)
    if selection.unknown:
        raise _unknown_components(selection.unknown, options, ground)
    result = Promotion(
        options=options,
        origin=ground.origin.tip.commit.id,
        branch=ground.branch.ref,
        unchanged=selection.unchanged,
        held=selection.held,
    )
    prepared = _prepare(repository, evaluator, ground, selection, cache) if selection.moves else None
    kept = {move.component for move in prepared.moves} if prepared else set()
    same = (move.component for move in selection.moves if move.component not in kept)
    result = replace(result, unchanged=tuple(sorted((*selection.unchanged, *same))))
    if prepared is None or not prepared.moves:
        _require_direction(ground, options)
        _require_plan(options.plan, None)
        return _finish(repository, evaluator, ground, result, cache)
    plan = _plan(ground, options, prepared)
    _require_plan(options.plan, plan)
    case = Case(ground.branch, ground.target, ground.origin, options.at, _approved(options))
    found = judge(repository, evaluator, case, cache)
    # A plan is made to be approved: it says which gates would refuse, and applying it asks them again.
    if not options.dry_run:
        require_passed(found, f"promotion from {options.source} to {options.target}", force=options.force)
    result = replace(result, moves=prepared.moves, plan=plan, refusals=found)
    if options.dry_run:
        return replace(result, comparison=_comparison(repository, ground, prepared.rendered))
    done = _carry_out(repository, evaluator, ground, result, prepared)
    remember_proof(cache, done.published, renderer_of(evaluator))
    return done


def _ground(
    repository: Repository, evaluator: Evaluator, options: PromoteOptions, cache: RenderCache | None
) -> _Ground:
    branch = open_branch(repository)
    remote_tips = _meet_remote(repository, branch, options)
    target = branch.environment(options.target)
    if environment_of(options.source) == options.target:
        origins = ", ".join(target.promotes_from or ())
        hint = f"{options.target} is promoted from {origins}" if origins else ""
        raise UsageError(f"{options.source} cannot be promoted to itself", hint=hint)
    branch.environment(environment_of(options.source))
    load_pauses(branch.source.tree, target.name)  # a wrong one is told even where nothing would move
    lock = load_lock(branch.source.tree, target)
    if lock is None:
        raise RefusedError(
            f"environment {target.name} tracks the source branch, so nothing can be promoted to it",
            place=f"environments/{target.name}/environment.yaml",
            hint="to make it an environment with pins, set promotesFrom",
        )
    origin = read_origin(repository, evaluator, branch, options.source, cache)
    return _Ground(branch, target, origin, deploy_tip(repository, target.name), lock.pins, remote_tips)


def _require_direction(ground: _Ground, options: PromoteOptions) -> None:
    """The wrong way is told even where nothing would move: nobody should take that for an answer."""
    allowed = ground.target.promotes_from or ()
    if ground.origin.environment not in allowed and not options.force:
        facts = Facts(options.at, ground.origin.environment, ground.target.name, allowed, "")
        what = f"promotion from {options.source} to {options.target}"
        require_passed(refusals(Gates(), facts), what, force=False)


def _meet_remote(
    repository: Repository, branch: SourceBranch, options: PromoteOptions
) -> Mapping[str, str | None]:
    """The remote's deploy tips by ref name, where this promotion is to be pushed on top of them."""
    if not options.push:
        return {}
    remote = branch.project.settings.remote
    require_current(repository, remote, branch.ref)
    names = (environment_of(options.source), options.target)
    return sync(repository, remote, branch.found.chosen(names))


def _unknown_components(names: tuple[str, ...], options: PromoteOptions, ground: _Ground) -> UsageError:
    both = sorted({each.name for each in ground.target.components} & set(ground.origin.pins))
    noun = "component" if len(names) == 1 else "components"
    return UsageError(
        f"{options.source} and {options.target} do not both have the {noun} {', '.join(names)}",
        hint=f"components of both: {', '.join(both) or 'none'}",
    )


def _prepare(
    repository: Repository,
    evaluator: Evaluator,
    ground: _Ground,
    selection: Selection,
    cache: RenderCache | None,
) -> _Prepared:
    """Render the target with its new pins; then leave out those behind which nothing changed."""
    name = ground.target.name
    lock = _edited(ground, selection.moves)
    tree = OverlaidTree(repository, ground.branch.source.tree, {lock_path(name): lock})
    rendered = render(repository, evaluator, Source(tree), (name,), cache)[0]
    require_rendered(rendered, f"{name} would not render with these pins; nothing was promoted")
    moves = tuple(
        replace(move, subjects=_subjects(repository, move, rendered))
        for move in selection.moves
        if _matters(repository, ground, move, rendered)
    )
    return _Prepared(moves, _edited(ground, moves), rendered)


def _edited(ground: _Ground, moves: tuple[PinMove, ...]) -> bytes:
    path, tree = lock_path(ground.target.name), ground.branch.source.tree
    pins = {move.component: Pin(move.new, ground.origin.environment) for move in moves}
    return edit_lock(tree.read(path) if tree.entry(path) else None, pins, path)


def _matters(repository: Repository, ground: _Ground, move: PinMove, rendered: Rendered) -> bool:
    """Whether anything that the component read differs between its pins, or a hold goes."""
    pin = ground.pins.get(move.component)
    if move.old is None or (pin and pin.hold):
        return True
    try:
        old = repository.tree(move.old)
    except InputError:  # a shallow clone has lost it: the new pin is the one that is here
        return True
    paths = code_paths(move.component, rendered.closure(move.component))
    return not same_code(old, repository.tree(move.new), paths)


def _subjects(repository: Repository, move: PinMove, rendered: Rendered) -> tuple[str, ...]:
    """The source commits between two pins that changed what the component read; none at the first one."""
    if not move.old:
        return ()
    paths = code_paths(move.component, rendered.closure(move.component))
    commits = changing_commits(repository, move.old, move.new, paths) or ()
    return tuple(_subject(commit) for commit in commits)


def _subject(commit: Commit) -> str:
    return f"{commit.id[:SHORT]} {commit.subject} ({commit.author.name})"


def _plan(ground: _Ground, options: PromoteOptions, prepared: _Prepared) -> PromotionPlan:
    lock = ground.branch.source.tree.entry(lock_path(ground.target.name))
    return PromotionPlan(
        source=ground.origin.environment,
        target=ground.target.name,
        origin=ground.origin.tip.commit.id,
        deployed=ground.deployed.commit.id if ground.deployed else "",
        lock=lock.id if lock else "",
        tree=prepared.rendered.tree,
        moves=tuple(PlannedMove(each.component, each.old or "", each.new) for each in prepared.moves),
        components=options.components,
        reason=options.reason,
        named=ground.origin.tip.commit.id if "@" in options.source else "",
    )


def _approved(options: PromoteOptions) -> tuple[str, ...]:
    """Who approved the plan, each once."""
    approvals = options.plan.approvals if options.plan else ()
    return tuple(dict.fromkeys(each.by for each in approvals))


def _require_plan(file: PlanFile | None, now: PromotionPlan | None) -> None:
    """Refuse a plan that is not what would be done now."""
    if file is None:
        return
    plan = file.plan
    moved = moved_since(plan, now) if now else (f"{plan.target} has what the plan would bring",)
    if moved:
        raise ConflictError(
            "the plan was made on something else; nothing was promoted",
            hint=f"make it anew, with the same -c and --reason: "
            f"envctl promote {plan.source} {plan.target} --dry-run -o json",
            problems=tuple(Problem("", each) for each in moved),
        )


def _comparison(repository: Repository, ground: _Ground, rendered: Rendered) -> Comparison:
    name, namespace = ground.target.name, ground.target.namespace or ""
    old = (
        tree_side(repository, ground.deployed, namespace)
        if ground.deployed
        else absent_side(name, f"{name} (nothing published)", namespace)
    )
    return compare_sides(old, rendered_side(rendered, f"{name} as promoted"))


def _finish(
    repository: Repository,
    evaluator: Evaluator,
    ground: _Ground,
    result: Promotion,
    cache: RenderCache | None,
) -> Promotion:
    """Do what is left of an earlier promotion that was cut short: bring files along, and publish."""
    if result.options.dry_run:
        return result
    result = replace(result, left=follow_head(repository))
    if not _is_unpublished(repository, ground):
        return result
    require_not_suspended(ground.branch, ground.target.name, result.options.at)
    branch, name, renderer = ground.branch, ground.target.name, renderer_of(evaluator)
    rendered = render(repository, evaluator, branch.source, (name,), cache)[0]
    require_rendered(rendered, f"{name} does not render with the pins that it has; nothing was published")
    if not result.options.push:
        return replace(result, published=publish(repository, rendered, branch.commit, renderer))
    remote = branch.project.settings.remote
    done = publish_and_push(repository, remote, branch.ref, (rendered,), branch.commit, renderer)
    return replace(result, published=done[0])


def _is_unpublished(repository: Repository, ground: _Ground) -> bool:
    """Whether the newest deploy commit of the target was made with other pins than it has now."""
    path = lock_path(ground.target.name)
    lock = ground.branch.source.tree.entry(path)
    if lock is None or ground.deployed is None:
        return lock is not None
    try:
        return repository.tree(ground.deployed.record.source_commit).entry(path) != lock
    except InputError:  # a shallow clone cannot tell
        return False


def _carry_out(
    repository: Repository, evaluator: Evaluator, ground: _Ground, result: Promotion, prepared: _Prepared
) -> Promotion:
    options = result.options
    message = promotion_message(
        ground.origin.environment,
        ground.target.name,
        result.origin,
        result.moves,
        reason=options.reason,
        forced=tuple(dict.fromkeys(each.gate for each in result.refusals)),
        approved=_approved(options),
    )
    landed = land(
        repository,
        Landing(
            branch=ground.branch,
            files={lock_path(ground.target.name): prepared.lock},
            message=message,
            target=prepared.rendered,
            renderer=renderer_of(evaluator),
            event=f"promoted {ground.origin.environment} to {ground.target.name}",
            remote=ground.branch.project.settings.remote if options.push else "",
            remote_tips=ground.remote_tips,
        ),
    )
    return replace(
        result,
        commit=landed.commit.id,
        published=landed.published,
        left=landed.left,
        not_pushed=landed.not_pushed,
    )
