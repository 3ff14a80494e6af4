"""Diff: two sides, each a published deploy tree or a render, compared object by object.

A side is named by an environment (what is published, else what would be), by
``environment@revision`` (a deploy commit, else a source revision), or by a source revision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from envctl.delivery.deploy import deploy_record
from envctl.errors import InputError, UsageError
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.rendering.apart import CacheApart
from envctl.workflows.rendering.render import render_project
from envctl.workflows.rendering.sides import (
    Comparison,
    Side,
    absent_side,
    compare_sides,
    rendered_side,
    tree_side,
)
from envctl.workflows.sources.project import (
    Project,
    as_problems,
    described,
    is_unpromoted,
    listed_environments,
    load_environment,
    load_project,
)
from envctl.workflows.sources.source import Source, at_revision
from envctl.workflows.sources.tips import Tip, as_tip, branches_of, deploy_tip, read_tip


@dataclass(frozen=True, slots=True)
class _Ground:
    """What sides are made from: a source that is read already, and what renders it."""

    repository: Repository
    evaluator: Evaluator
    cache: RenderCache | None
    source: Source
    project: Project

    def at(self, revision: str) -> "_Ground":
        """The same for another source. Raises InputError where `revision` names no commit."""
        source = at_revision(self.repository, revision)
        return replace(self, source=source, project=load_project(source.tree))


def diff(
    repository: Repository,
    evaluator: Evaluator,
    source: Source,
    first: str,
    second: str | None,
    cache: RenderCache | None = None,
) -> tuple[Comparison, ...]:
    """Compare two sides; with one environment, what is published with what `source` renders to.

    Two source revisions compare all environments. With a cache, only what it does not know is
    evaluated. Raises UsageError for names that fit nothing, InputError for what does not render.
    """
    project = load_project(source.tree)
    ground = _Ground(repository, evaluator, cache, source, project)
    known = project.files
    for text in (first,) if second is None else (first, second):
        _require_side(project, text)
    if second is None:
        _require_alone(project, first)
        return (_against_published(ground, first),)
    if _environment_of(first) in known or _environment_of(second) in known:
        _require_environments(ground, first, second)
        sides = [_side(ground, text) for text in (first, second)]
        return (compare_sides(sides[0], sides[1]),)
    _require_revisions(repository, project, first, second)
    return _between_revisions(ground.at(first), ground.at(second))


def _require_side(project: Project, text: str) -> None:
    name, at, revision = text.partition("@")
    if not text or (at and name in project.files and not revision):
        raise UsageError(
            f"'{text}' is nothing to compare",
            hint="name an environment (ENV), one at a revision (ENV@REVISION), or a revision",
        )


def _require_alone(project: Project, name: str) -> None:
    """Only an environment can be compared with what it has published."""
    if name in project.files:
        return
    if _environment_of(name) in project.files:
        raise UsageError(
            f"{name} needs a second side",
            hint=f"name what to compare it with: envctl diff {name} {_environment_of(name)}",
        )
    raise UsageError(
        f"there is no environment {name} in {described(project.tree)}",
        hint=f"{listed_environments(project)}; to compare revisions, name two of them",
    )


def _require_environments(ground: _Ground, first: str, second: str) -> None:
    """Refuse a revision beside an environment, which is told from a name that is only misspelt."""
    for text, other in ((first, second), (second, first)):
        if _environment_of(text) in ground.project.files:
            continue
        try:
            ground.repository.resolve(text)
        except InputError:
            continue
        name = _environment_of(other)
        raise UsageError(
            f"{text} is a revision, and {other} an environment",
            hint=f"compare {name}@{text} with {other}, or two revisions",
        )


def _require_revisions(repository: Repository, project: Project, *names: str) -> None:
    for name in names:
        try:
            repository.resolve(name)
        except InputError as error:
            raise UsageError(
                f"{name} is no environment in {described(project.tree)}, and {error.summary}",
                hint=listed_environments(project),
            ) from error


def _environment_of(text: str) -> str:
    return text.partition("@")[0]


def _against_published(ground: _Ground, name: str) -> Comparison:
    namespace = load_environment(ground.project, name).namespace or ""
    tip = deploy_tip(ground.repository, name)
    old = (
        tree_side(ground.repository, tip, namespace)
        if tip
        else absent_side(name, f"{name} (nothing published)", namespace)
    )
    return compare_sides(old, _render_sides(ground, (name,))[name])


def _between_revisions(old: _Ground, new: _Ground) -> tuple[Comparison, ...]:
    """All environments of two sources; without those that hold nothing on either side."""
    before, after = (_render_sides(each, _renderable(each)) for each in (old, new))
    names = dict.fromkeys([*new.project.environments, *old.project.environments])
    return tuple(
        compare_sides(before.get(name) or _absent(old, name), after.get(name) or _absent(new, name))
        for name in names
        if name in before or name in after
    )


def _renderable(ground: _Ground) -> tuple[str, ...]:
    project = ground.project
    return tuple(name for name in project.environments if not is_unpromoted(project, name))


def _absent(ground: _Ground, name: str) -> Side:
    why = "nothing promoted yet" if name in ground.project.environments else "no such environment"
    return absent_side(name, f"{name} in {described(ground.source.tree)} ({why})")


def _side(ground: _Ground, text: str) -> Side:
    name, _, revision = text.partition("@")
    namespace = load_environment(ground.project, name).namespace or ""
    repository = ground.repository
    if not revision:
        tip = deploy_tip(repository, name)
        return tree_side(repository, tip, namespace) if tip else _render_sides(ground, (name,))[name]
    commit_id = repository.resolve(revision)
    published = as_tip(repository.commit(commit_id), name)
    if isinstance(published, Tip):
        return tree_side(repository, published, namespace)
    _require_source(repository, name, commit_id)
    return _render_sides(ground.at(commit_id), (name,))[name]


def _require_source(repository: Repository, name: str, commit_id: str) -> None:
    """Refuse what is no source: another environment's deploy commit, or one made by hand on the branch."""
    record = deploy_record(repository.commit(commit_id).message)
    if record is None and repository.tree(commit_id).list("environments"):
        return
    tips = branches_of(repository, name).values()
    if record or any(repository.is_ancestor(commit_id, tip) for tip in tips):
        read_tip(repository, name, commit_id)  # raises, and says why it is none of this environment


def _render_sides(ground: _Ground, names: Sequence[str]) -> Mapping[str, Side]:
    """Each environment as it renders, in one go. Raises InputError with all that do not."""
    source, cache, commit = described(ground.source.tree), ground.cache, ground.source.commit
    if cache and commit:
        cache = CacheApart(cache, commit.id)
    rendered = render_project(
        ground.repository, ground.evaluator, ground.source, ground.project, names, cache
    )
    failed = [each for each in rendered if each.errors]
    if failed:
        verb = "does" if len(failed) == 1 else "do"
        problems = (problem for each in failed for error in each.errors for problem in as_problems(error))
        raise InputError(
            f"{', '.join(each.environment for each in failed)} {verb} not render from {source}",
            problems=tuple(problems),
        )
    return {
        each.environment: rendered_side(each, f"{each.environment} rendered from {source}")
        for each in rendered
    }
