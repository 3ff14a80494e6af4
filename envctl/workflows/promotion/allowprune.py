"""Let what left a deploy branch go, past a guard: one commit on the source branch, bound to one deploy tree.

The commit changes no file. What it permits reaches the agent with the next deploy commit, and counts only
there: in a commit with the very tree that was reviewed, so that nobody can use it for something else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice, pairwise

from envctl.delivery.deploy import ALLOW_PRUNE, ENVIRONMENT, REASON, deploy_branch
from envctl.delivery.trailers import compose
from envctl.errors import Problem, RefusedError, UsageError
from envctl.manifests.paths import parse_path
from envctl.model.objects import ObjectId
from envctl.planning.permits import ALL, EMPTY_TREE, PROTECTED_KIND, TOO_MANY, bound_to, is_protected
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.publishing.landing import advance
from envctl.workflows.publishing.publish import published_tip
from envctl.workflows.publishing.push import require_current
from envctl.workflows.rendering.render import render
from envctl.workflows.rendering.rendered import Rendered, require_rendered
from envctl.workflows.sources.sourcecommit import SourceBranch, open_branch

GUARDS = (TOO_MANY, PROTECTED_KIND, EMPTY_TREE)
# How far back an object may have left the branch; what left earlier is permitted by a commit that names it.
_HISTORY = 1000
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class AllowOptions:
    """What is permitted: `objects` as messages name them, or what `guards` are about."""

    environment: str
    objects: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    reason: str = ""
    push: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Allowed:
    """What was permitted. `objects` is what may go, as far as Git knows; `commit` is "" in a dry run."""

    environment: str
    objects: tuple[str, ...]
    items: tuple[str, ...]
    tree: str
    branch: str
    commit: str = ""
    left: tuple[str, ...] = ()


def allow_prune(
    repository: Repository,
    evaluator: Evaluator,
    options: AllowOptions,
    cache: RenderCache | None = None,
) -> Allowed:
    """Write the commit that permits pruning, on the source branch; nothing is published.

    Raises UsageError (nothing or nobody named, no reason), RefusedError (an object is still on the branch, or
    was not on it; nothing has left it), InputError (the environment does not render), ConflictError (the
    branch moved meanwhile).
    """
    _require_words(options)
    branch = open_branch(repository)
    if options.push:
        require_current(repository, branch.project.settings.remote, branch.ref)
    branch.environment(options.environment)
    rendered = render(repository, evaluator, branch.source, (options.environment,), cache)[0]
    require_rendered(rendered, f"{options.environment} does not render; nothing was permitted")
    leaving = _leaving(repository, options.environment, rendered)
    chosen = _chosen(options, rendered, leaving)
    items = tuple(bound_to(item, rendered.tree) for item in _items(options))
    result = Allowed(options.environment, chosen, items, rendered.tree, branch.ref)
    return result if options.dry_run else _commit(repository, branch, options, result)


def _require_words(options: AllowOptions) -> None:
    missing = []
    if not options.objects and not options.guards:
        hint = f"name objects as messages do ('Namespace shop'), or --guard {'|'.join(GUARDS)}"
        missing.append(Problem("", "nothing is named that may go", hint))
    if not options.reason.strip() and not options.dry_run:
        missing.append(Problem("", "a reason is needed: it is recorded in the commit", "--reason TEXT"))
    if len(missing) == 1:
        raise UsageError(missing[0].reason, hint=missing[0].hint)
    if missing:
        raise UsageError("what may go, and why, must be said", problems=tuple(missing))


def _leaving(repository: Repository, environment: str, rendered: Rendered) -> Mapping[str, ObjectId]:
    """What was on the branch and is not in the render, by its name; only the agent knows what still lives."""
    tip = published_tip(repository, environment).commit
    here = {place[1] for path in rendered.blobs if (place := parse_path(path))}
    now = (each.path for each in repository.changes(None, tip.tree))
    commits = islice(repository.history(tip.id), _HISTORY)
    before = (
        each.path
        for newer, older in pairwise(commits)
        for each in repository.changes(newer.tree, older.tree)
        if each.new
    )
    found = (place[1] for path in (*now, *before) if (place := parse_path(path)))
    return {str(key): key for key in sorted(set(found) - here)}


def _chosen(options: AllowOptions, rendered: Rendered, leaving: Mapping[str, ObjectId]) -> tuple[str, ...]:
    """The names of what may go. Raises RefusedError for what cannot be permitted."""
    present = {str(place[1]) for path in rendered.blobs if (place := parse_path(path))}
    names = [" ".join(name.split()) for name in options.objects]
    problems = [each for name in names if (each := _stays(options.environment, name, present, leaving))]
    if len(problems) == 1:
        raise RefusedError(problems[0].reason, hint=problems[0].hint)
    if problems:
        told = f"{len(problems)} objects cannot be permitted to go; nothing was permitted"
        raise RefusedError(told, problems=tuple(problems))
    about = [name for name, key in leaving.items() if _is_about(options.guards, key)]
    if not names and not about:
        about_what = " or ".join(options.guards)
        raise RefusedError(
            f"nothing has left {deploy_branch(options.environment)} that {about_what} is about",
            hint="take the objects out of the source first, and commit that",
        )
    if EMPTY_TREE in options.guards and present:
        raise RefusedError(
            f"{options.environment} renders to {len(present)} objects, so {EMPTY_TREE} is not in the way",
            hint=f"for what has left: --guard {TOO_MANY}, or the names of the objects",
        )
    return tuple(dict.fromkeys((*names, *about)))


def _stays(environment: str, name: str, present: set[str], leaving: Mapping[str, ObjectId]) -> Problem | None:
    """Why an object cannot be permitted to go; None where it can."""
    if name in present:
        return Problem(
            "",
            f"{name} is still rendered for {environment}",
            "take it out of the source first, and commit that: a permission is for what has left",
        )
    if name not in leaving:
        near = get_close_matches(name, leaving, n=1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else "a name is written as messages write it: Kind.group ns/name"
        )
        return Problem("", f"{name} was not on {deploy_branch(environment)}", hint)
    return None


def _is_about(guards: Sequence[str], key: ObjectId) -> bool:
    return EMPTY_TREE in guards or (PROTECTED_KIND if is_protected(key) else TOO_MANY) in guards


def _items(options: AllowOptions) -> Iterator[str]:
    yield from (" ".join(name.split()) for name in options.objects)
    for guard in GUARDS:
        if guard in options.guards:
            yield from (EMPTY_TREE, ALL) if guard == EMPTY_TREE else (guard,)


def _commit(repository: Repository, branch: SourceBranch, options: AllowOptions, result: Allowed) -> Allowed:
    message, event = _message(options, result), f"allow-prune {options.environment}"
    commit, left = advance(repository, branch, {}, message, event, push=options.push)
    return replace(result, commit=commit.id, left=left)


def _message(options: AllowOptions, result: Allowed) -> str:
    count = len(result.objects)
    what = result.objects[0] if count == 1 else f"{count} objects"
    shown = [f"- {name}" for name in result.objects[:_SHOWN]]
    more = [f"- and {count - _SHOWN} more"] if count > _SHOWN else []
    return compose(
        f"Let {what} of {options.environment} go",
        ("\n".join([*shown, *more]),),
        (
            (ENVIRONMENT, options.environment),
            (ALLOW_PRUNE, ", ".join(result.items)),
            (REASON, options.reason),
        ),
    )
