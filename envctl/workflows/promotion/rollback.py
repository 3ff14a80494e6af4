"""Roll back: one commit that restores an environment as it was, and its old deploy tree (design §5).

Render is pure, so where everything that the old deploy commit was rendered from is there again, the
old tree is the right one, and is taken from Git: nothing is evaluated. That is proven by ids, where the
old deploy commit is remembered as an honest one, else by a render; what neither proves is refused,
with what is in the way. No ref ever moves back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from envctl.config.decisions import with_decisions, without_decisions
from envctl.config.lock import edit_lock
from envctl.config.wording import did_you_mean
from envctl.delivery.deploy import ENVIRONMENT, ROLLBACK_TO
from envctl.delivery.rollback import RestoredPin, hold_reason, rollback_message
from envctl.delivery.trailers import parse_trailers
from envctl.errors import ConflictError, InputError, Problem, RefusedError, UsageError
from envctl.manifests.paths import component_folder
from envctl.model.environment import Environment
from envctl.model.git import EntryKind
from envctl.model.lock import Lock, Pin
from envctl.ports import Evaluator, RenderCache, Repository, Tree
from envctl.workflows.promotion.judging import require_not_suspended
from envctl.workflows.promotion.wayback import find_target
from envctl.workflows.publishing.landing import Landing, land
from envctl.workflows.publishing.proofs import is_proven, remember_proof
from envctl.workflows.publishing.publish import (
    TRIES,
    Published,
    publish,
    published_tip,
    renderer_of,
    source_of,
)
from envctl.workflows.publishing.push import publish_and_push, require_current, sync
from envctl.workflows.rendering.compared import DeployTree
from envctl.workflows.rendering.render import render
from envctl.workflows.rendering.rendered import Rendered, Restored, require_rendered
from envctl.workflows.rendering.sides import Comparison, compare_sides, rendered_side, tree_side
from envctl.workflows.sources.following import follow_head
from envctl.workflows.sources.overlaid import OverlaidTree
from envctl.workflows.sources.project import Project, load_environment, load_lock, lock_path
from envctl.workflows.sources.readable import read
from envctl.workflows.sources.source import Source, require_reviewed
from envctl.workflows.sources.sourcecommit import SourceBranch, lost_here, open_branch
from envctl.workflows.sources.tips import Tip

# What people decided about an environment, not what it is made of: a rollback leaves it as it is.
_KEPT = ("freeze.yaml", "suspend.yaml")


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """What to roll back. `to` None means the last good deploy commit, no `components` the whole environment.

    `inexact` accepts a deploy tree that is not the old one bit for bit. `at` is the time now, in
    seconds since 1970.
    """

    environment: str
    to: str | None = None
    components: tuple[str, ...] = ()
    push: bool = False
    dry_run: bool = False
    reason: str = ""
    inexact: bool = False
    at: int = 0


@dataclass(frozen=True, slots=True)
class Rollback:
    """The result. `commit` is empty where nothing had to change, and in a dry run.

    - `old`, `to`: the deploy commits that it goes back from and to.
    - `proof`: how it is known that the old tree is the right one: ``ids``, ``render``, or ``none`` (inexact).
    - `comparison`: what changes on the deploy branch, for a dry run.
    - `not_pushed`: how to push what moved only here.
    - `files`: what is restored besides the pins. `held`: components that are held from now on.
    - `gates_change`: its file is restored, and with it other gates, another way of promotions, or other
      objects that are refused.
    """

    options: RollbackOptions
    branch: str
    old: Tip
    to: Tip
    proof: str = ""
    pins: tuple[RestoredPin, ...] = ()
    files: tuple[str, ...] = ()
    commit: str = ""
    published: Published | None = None
    left: tuple[str, ...] = ()
    not_pushed: str = ""
    gates_change: bool = False
    comparison: Comparison | None = None

    @property
    def held(self) -> tuple[str, ...]:
        return tuple(each.component for each in self.pins if each.new)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a rollback stands on: the source branch now, and the deploy commits that it goes between."""

    branch: SourceBranch
    environment: Environment
    tip: Tip
    to: Tip
    then: Project
    remote_tips: Mapping[str, str | None]

    @property
    def folder(self) -> str:
        return f"environments/{self.environment.name}"


@dataclass(frozen=True, slots=True)
class _Restored:
    """What changes on the source branch: contents, ids, or "" for what goes."""

    files: Mapping[str, bytes | str] = field(default_factory=dict)
    pins: tuple[RestoredPin, ...] = ()


def rollback(
    repository: Repository,
    evaluator: Evaluator,
    options: RollbackOptions,
    cache: RenderCache | None = None,
) -> Rollback:
    """Roll back, or say what a rollback would do (`dry_run`).

    Raises UsageError (unknown names), RefusedError (no way back, or none that is exact; the error
    says what is in the way), InputError (what would be restored is not in this clone),
    ConflictError (a ref moved meanwhile). A race that was lost to another process here is tried again,
    a few times.
    """
    for last in range(1, TRIES + 1):
        ground = _ground(repository, options)
        try:
            return _rollback(repository, evaluator, ground, options, cache)
        except ConflictError as error:
            if last == TRIES or options.push or not lost_here(repository, ground.branch, error):
                raise
    raise AssertionError("the last try returned or raised")


def _rollback(
    repository: Repository,
    evaluator: Evaluator,
    ground: _Ground,
    options: RollbackOptions,
    cache: RenderCache | None,
) -> Rollback:
    restored = _restored(repository, ground, options)
    result = Rollback(
        options,
        ground.branch.ref,
        ground.tip,
        ground.to,
        pins=restored.pins,
        files=tuple(sorted(path for path in restored.files if path != lock_path(options.environment))),
        gates_change=_gates_change(repository, ground, restored),
    )
    if not restored.files and ground.to.commit.tree == ground.tip.commit.tree:
        return result
    proof, target = _target(repository, evaluator, ground, restored, options, cache)
    result = replace(result, proof=proof)
    if not restored.files and _was_cut_short(ground):
        return result if options.dry_run else _finish(repository, evaluator, ground, result, target)
    if not restored.files:
        raise RefusedError(
            f"nothing of {options.environment} is left to restore on {ground.branch.name}: "
            "its pins and files are as they were",
            hint=f"publish what is there: envctl render {options.environment} --publish",
        )
    if options.dry_run:
        return replace(result, comparison=_comparison(repository, ground, target))
    landing = _landing(evaluator, ground, restored, result, target)
    landed = land(repository, landing)
    remember_proof(cache, landed.published, landing.renderer)
    return replace(
        result,
        commit=landed.commit.id,
        published=landed.published,
        left=landed.left,
        not_pushed=landed.not_pushed,
    )


def _was_cut_short(ground: _Ground) -> bool:
    """Whether the newest source commit is this very rollback, which then was not published."""
    name, to = ground.environment.name, ground.to.commit.id
    wanted = {(ENVIRONMENT, name), (ROLLBACK_TO, f"{name}@{to}")}
    return wanted <= set(parse_trailers(ground.branch.commit.message))


def _finish(
    repository: Repository,
    evaluator: Evaluator,
    ground: _Ground,
    result: Rollback,
    target: Rendered | Restored,
) -> Rollback:
    """Do what is left of a rollback that was cut short: bring files along, and publish."""
    branch, renderer = ground.branch, _renderer(evaluator, target)
    result = replace(result, left=follow_head(repository))
    if not result.options.push:
        return replace(result, published=publish(repository, target, branch.commit, renderer))
    remote = branch.project.settings.remote
    done = publish_and_push(repository, remote, branch.ref, (target,), branch.commit, renderer)
    return replace(result, published=done[0])


def _renderer(evaluator: Evaluator, target: Rendered | Restored) -> str:
    return target.renderer if isinstance(target, Restored) else renderer_of(evaluator)


def _ground(repository: Repository, options: RollbackOptions) -> _Ground:
    branch, name = open_branch(repository), options.environment
    environment = branch.environment(name)
    if load_lock(branch.source.tree, environment) is None:
        raise RefusedError(
            f"environment {name} tracks the source branch, so it is as old as that",
            hint="take the source commit back: git revert COMMIT, then publish",
        )
    if not options.dry_run:
        require_not_suspended(branch, name, options.at)
    remote_tips: Mapping[str, str | None] = {}
    if options.push:
        remote = branch.project.settings.remote
        see = f"see envctl history {name} first: where they rolled back, a second one goes further back"
        require_current(repository, remote, branch.ref, see)
        remote_tips = sync(repository, remote, (name,))
    tip = published_tip(repository, name)
    _require_components(branch, environment, options)
    to = find_target(repository, tip, options.to, options.components)
    then = read(source_of(repository, to).tree).limited((name,))
    # It is committed to the source branch from here, so it must have been there before.
    require_reviewed(repository, branch.name, to.record.source_commit)
    if name not in then.environments:
        raise RefusedError(f"at {to.record.source_commit[:12]} there was no environment {name}")
    return _Ground(branch, environment, tip, to, then, remote_tips)


def _restored(repository: Repository, ground: _Ground, options: RollbackOptions) -> _Restored:
    now, then = ground.branch.source.tree, ground.then.tree
    name = ground.environment.name
    old = load_lock(now, ground.environment) or Lock()
    new = load_lock(then, load_environment(ground.then, name))
    if new is None:
        raise RefusedError(
            f"at {ground.to.commit.id[:12]} {name} had no pins: it tracked the source branch",
            hint="name a deploy commit since it has: --to REV",
        )
    _require_known(ground, new, options)
    pins = tuple(_pins(old, new, options.components))
    _require_here(repository, pins, name)
    files: dict[str, bytes | str] = {}
    files |= dict(_own_files(repository, now, then, ground.folder, options.components))
    lock = _lock(ground, old, new, pins, options)
    path = lock_path(name)
    if not now.entry(path) or lock != now.read(path):
        files[path] = lock
    return _Restored(files, pins)


def _gates_change(repository: Repository, ground: _Ground, restored: _Restored) -> bool:
    """Whether what may come into the environment is decided in another way from now on."""
    if f"{ground.folder}/environment.yaml" not in restored.files:
        return False
    tree = OverlaidTree(repository, ground.branch.source.tree, restored.files)
    now, next_one = ground.environment, read(tree).environment(ground.environment.name)
    return _decisions(next_one) != _decisions(now)


def _decisions(environment: Environment) -> tuple[object, ...]:
    return environment.gates, environment.promotes_from, environment.refuse


def _require_components(branch: SourceBranch, environment: Environment, options: RollbackOptions) -> None:
    lock = load_lock(branch.source.tree, environment) or Lock()
    known = sorted({*lock.pins, *(each.name for each in environment.components)})
    for name in options.components:
        if name not in known:
            raise UsageError(
                f"{options.environment} has no component {name}",
                hint=did_you_mean(name, known, otherwise="components there"),
            )


def _require_known(ground: _Ground, lock: Lock, options: RollbackOptions) -> None:
    unknown = [name for name in options.components if name not in lock.pins]
    if unknown:
        raise UsageError(
            f"{options.environment}@{ground.to.commit.id[:12]} had no component {', '.join(unknown)}",
            hint=f"components there: {', '.join(sorted(lock.pins))}",
        )


def _pins(old: Lock, new: Lock, components: tuple[str, ...]) -> Iterator[RestoredPin]:
    for name in sorted(components or {*old.pins, *new.pins}):
        before, after = old.pins.get(name), new.pins.get(name)
        if before is None or after is None or before.revision != after.revision:
            yield RestoredPin(name, before.revision if before else "", after.revision if after else "")


def _require_here(repository: Repository, pins: tuple[RestoredPin, ...], environment: str) -> None:
    for each in pins:
        if not each.new:
            continue
        try:
            repository.commit(each.new)
        except InputError as error:
            raise InputError(
                f"the revision {each.new[:12]} of component {each.component} is not in this repository",
                place=lock_path(environment),
                hint="fetch it: git fetch, in a shallow clone with --unshallow",
            ) from error


def _own_files(
    repository: Repository, now: Tree, then: Tree, folder: str, components: tuple[str, ...]
) -> Iterator[tuple[str, bytes | str]]:
    """The environment's files to restore, but for its lock: path, and contents or id then ("" for none)."""
    before, after = now.entry(folder), then.entry(folder)
    kept = {"lock.yaml", *_KEPT}
    overlays = {f"{name}.jsonnet" for name in components}
    for each in repository.changes(before.id if before else None, after.id if after else None):
        if each.path in kept or (components and each.path not in overlays):
            continue
        path, value = f"{folder}/{each.path}", each.new or ""
        restored = _decided(now, then, path, value) if each.path == "environment.yaml" else value
        if restored is not None:
            yield path, restored


def _decided(now: Tree, then: Tree, path: str, identity: str) -> bytes | str | None:
    """An environment's file to restore, with the gates of now; None where nothing else differs.

    Who may promote to it was decided since, and is no part of what is rolled back.
    """
    if not identity or not now.entry(path):
        return identity
    before, after = then.read(path), now.read(path)
    if without_decisions(before, path) == without_decisions(after, path):
        return None
    return with_decisions(before, after, path) or identity


def _lock(
    ground: _Ground, old: Lock, new: Lock, pins: tuple[RestoredPin, ...], options: RollbackOptions
) -> bytes:
    """The lock as it was then, with what moved held; holds that stood already stay."""
    path = lock_path(ground.environment.name)
    tree = ground.branch.source.tree if options.components else ground.then.tree
    reason = hold_reason(ground.environment.name, ground.tip.commit.id, ground.to.commit.id, options.reason)
    moved = {each.component for each in pins}
    changes: dict[str, Pin | None] = {}
    for name in options.components or new.pins:
        standing = old.pins[name].hold if name in old.pins else None
        changes[name] = replace(new.pins[name], hold=reason if name in moved else standing)
    return edit_lock(tree.read(path) if tree.entry(path) else None, changes, path)


def _target(
    repository: Repository,
    evaluator: Evaluator,
    ground: _Ground,
    restored: _Restored,
    options: RollbackOptions,
    cache: RenderCache | None,
) -> tuple[str, Rendered | Restored]:
    """The deploy tree to have, and how it is known to be the right one."""
    old = Restored(ground.environment.name, ground.to.commit.tree, ground.to.record.renderer)
    around = _different_around(ground)
    same_renderer = old.renderer == renderer_of(evaluator)
    name = ground.environment.name
    source = Source(OverlaidTree(repository, ground.branch.source.tree, restored.files))
    same_source = not options.components and not around and same_renderer
    # Ids tell that the source is the same, and never that the old deploy commit was honest.
    if same_source and is_proven(cache, ground.to.commit.id, old.renderer):
        return "ids", old
    rendered = render(repository, evaluator, source, (name,), cache)[0]
    if not options.inexact or not rendered.errors:
        require_rendered(rendered, f"{name} would not render as it was; nothing was rolled back")
    different = _different(repository, ground, rendered, options.components)
    if not different:
        return "render", rendered if options.components else old
    if options.inexact:
        return "none", rendered
    if same_source:
        raise _dishonest(ground, different)
    raise _inexact(ground, different, around, same_renderer=same_renderer)


def _dishonest(ground: _Ground, different: tuple[str, ...]) -> RefusedError:
    name, to = ground.environment.name, ground.to.commit.id[:12]
    return RefusedError(
        f"{name}@{to} is not what its source renders to: {', '.join(different)}; nothing was rolled back",
        place=f"deploy/{name} ({to})",
        hint=f"see what is good: envctl verify {name} --all; then name it: envctl rollback {name} --to REV",
    )


def _comparison(repository: Repository, ground: _Ground, target: Rendered | Restored) -> Comparison:
    """What would change on the deploy branch."""
    namespace = ground.environment.namespace or ""
    now = tree_side(repository, ground.tip, namespace)
    if isinstance(target, Rendered):
        return compare_sides(now, rendered_side(target, f"{ground.environment.name} as rolled back"))
    return compare_sides(now, tree_side(repository, ground.to, namespace))


def _different(
    repository: Repository, ground: _Ground, rendered: Rendered, components: tuple[str, ...]
) -> tuple[str, ...]:
    """The components that would not be what they were."""
    then = DeployTree(repository, ground.to.commit.id)
    if not components and rendered.tree == then.id:
        return ()
    now = {part.component: part.tree for part in rendered.parts}
    names = components or tuple(sorted(now.keys() | {*ground.to.record.components}))
    found = tuple(name for name in names if now.get(name, "") != then.folder(component_folder(name)))
    return found if components or found else ("the order of components",)


def _inexact(
    ground: _Ground, different: tuple[str, ...], around: tuple[str, ...], *, same_renderer: bool
) -> RefusedError:
    problems = [
        Problem(path, "has changed since, and belongs to more than this environment") for path in around
    ]
    if not same_renderer:
        problems.append(Problem("", f"it was rendered by {ground.to.record.renderer}"))
    return RefusedError(
        f"{ground.environment.name} cannot be restored bit for bit as {ground.to.commit.id[:12]} had it: "
        f"{', '.join(different)} would differ",
        problems=tuple(problems),
        hint="take those changes back first, or accept what differs: --inexact (see it with --dry-run, "
        "then envctl diff)",
    )


def _different_around(ground: _Ground) -> tuple[str, ...]:
    """What renders may read and a rollback does not restore, where it differs: shared by environments."""
    now, then = ground.branch.source.tree, ground.then.tree
    found = [path for path in ("envctl.yaml", "policies") if _id(now, path) != _id(then, path)]
    names = {entry.name for tree in (now, then) for entry in tree.list("environments")}
    for name in sorted(names - {ground.environment.name}):
        folder = f"environments/{name}"
        if _id(now, folder) != _id(then, folder):
            found += _files(now, then, folder)
    return tuple(found)


def _files(now: Tree, then: Tree, folder: str) -> list[str]:
    """The entries of a folder that differ. Pins of other environments are theirs alone: renders read none."""
    kinds = {entry.kind for tree in (now, then) if (entry := tree.entry(folder))}
    if kinds != {EntryKind.TREE}:
        return [folder]
    names = {entry.name for tree in (now, then) for entry in tree.list(folder)}
    paths = (f"{folder}/{name}" for name in sorted(names - {"lock.yaml", *_KEPT}))
    return [path for path in paths if _id(now, path) != _id(then, path)]


def _id(tree: Tree, path: str) -> str:
    entry = tree.entry(path)
    return f"{entry.kind} {entry.id}" if entry else ""


def _landing(
    evaluator: Evaluator,
    ground: _Ground,
    restored: _Restored,
    result: Rollback,
    target: Rendered | Restored,
) -> Landing:
    options, name = result.options, ground.environment.name
    return Landing(
        branch=ground.branch,
        files=restored.files,
        message=rollback_message(
            name,
            ground.to.commit.id,
            result.pins,
            result.files,
            components=options.components,
            reason=options.reason,
        ),
        target=target,
        renderer=_renderer(evaluator, target),
        event=f"rolled back {name}",
        remote=ground.branch.project.settings.remote if options.push else "",
        remote_tips=ground.remote_tips,
    )
