"""Where the pins of a promotion come from: what an environment has published, never "latest" (design §5)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from envctl.errors import InputError, UsageError
from envctl.ports import Evaluator, RenderCache, Repository, Tree
from envctl.workflows.promotion.changelog import code_paths, same_code
from envctl.workflows.publishing.publish import published_tip, source_of
from envctl.workflows.rendering.render import render
from envctl.workflows.sources.pins import published_pins
from envctl.workflows.sources.project import load_environment, load_lock
from envctl.workflows.sources.readable import read
from envctl.workflows.sources.source import is_current
from envctl.workflows.sources.sourcecommit import SourceBranch
from envctl.workflows.sources.tips import Tip, read_tip


@dataclass(frozen=True, slots=True)
class Origin:
    """An environment as it was published: the deploy commit, and each component's revision there."""

    environment: str
    tip: Tip
    pins: Mapping[str, str]


def environment_of(text: str) -> str:
    """The environment that ``ENV`` or ``ENV@REVISION`` names."""
    return text.partition("@")[0]


def read_origin(
    repository: Repository,
    evaluator: Evaluator,
    branch: SourceBranch,
    text: str,
    cache: RenderCache | None = None,
) -> Origin:
    """What ``ENV``, or ``ENV@REVISION`` with a deploy commit, has published.

    Of an environment that tracks the source branch, the newest source commit counts where it renders
    to the very tree that is published: nothing but ids would change. Raises UsageError for unknown
    names, RefusedError for what is not published, InputError where its source is not here.
    """
    name, at, revision = text.partition("@")
    branch.environment(name)
    tip = published_tip(repository, name)
    if at:
        tip = _earlier(repository, tip, text, revision)
    published = read(source_of(repository, tip).tree).limited((name,))
    pins = published_pins(published, name, tip)
    origin = Origin(name, tip, pins)
    if at or load_lock(published.tree, load_environment(published, name)) is not None:
        return origin
    return replace(origin, pins=_newest(repository, evaluator, branch, origin, cache))


def _earlier(repository: Repository, tip: Tip, text: str, revision: str) -> Tip:
    name = tip.record.environment
    hint = f"see what {name} had: envctl history {name}"
    if not revision:
        raise UsageError(f"'{text}' names no deploy commit behind the @", hint=hint)
    commit = repository.resolve(revision)
    if not repository.is_ancestor(commit, tip.commit.id):
        raise UsageError(f"{commit[:12]} is no deploy commit of {name}", hint=hint)
    return read_tip(repository, name, commit)


def _newest(
    repository: Repository,
    evaluator: Evaluator,
    branch: SourceBranch,
    origin: Origin,
    cache: RenderCache | None,
) -> Mapping[str, str]:
    """The pins; where the newest commit renders to the same tree, it counts for those whose code changed."""
    tip, pins, newest = origin.tip, origin.pins, branch.commit.id
    old, new = repository.tree(tip.record.source_commit), branch.source.tree
    if _code(old) == _code(new) or not repository.is_ancestor(tip.record.source_commit, newest):
        return pins
    try:
        rendered = render(repository, evaluator, branch.source, (origin.environment,), cache)[0]
    except InputError:  # what the source is now does not matter for what is published
        return pins
    if rendered.tree != tip.commit.tree:
        return pins
    paths = {name: code_paths(name, rendered.closure(name)) for name in pins}
    return {name: pin if same_code(old, new, paths[name]) else newest for name, pin in pins.items()}


def _code(tree: Tree) -> tuple[tuple[str, str], ...]:
    return tuple((entry.name, entry.id) for entry in tree.list("") if not is_current(entry.name))
