"""The shortest way of a render: where nothing that it reads has changed, neither has its result.

A run remembers which names at the root of the source it looked at, their fingerprints, and the deploy trees
it made. The next run compares these fingerprints and nothing else. Only a run without any error is
remembered, and only results that are published already are told from memory: whatever differs is rendered.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from envctl import __version__
from envctl.model.evaluation import RENDER_VERSION
from envctl.ports import RenderCache, Repository, Tree
from envctl.workflows.runs import EnvironmentOutcome, PublishOptions
from envctl.workflows.tips import deploy_tip

# Read by every render, by path or by their lists of names.
_ALWAYS = ("components", "envctl.yaml", "environments", "lib", "policies", "schemas", "vendor")


@dataclass(frozen=True, slots=True)
class Known:
    """An environment that was rendered: its deploy tree and number of objects; or one that waits ("")."""

    environment: str
    tree: str
    objects: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run without errors: the engine's name and version, what was read, and what it gave, in order."""

    engine: str
    version: str
    prints: Mapping[str, str]
    known: tuple[Known, ...]


def recalled(
    repository: Repository,
    tree: Tree,
    options: PublishOptions,
    cache: RenderCache | None,
    version_of: Callable[[str], str],
) -> tuple[EnvironmentOutcome, ...] | None:
    """The outcomes of this run, where a remembered one shows that nothing changed; None for all else.

    `version_of` gives the version of an engine that is installed, "" for any other.
    """
    run = _loaded(cache, tree, options)
    if run is None or version_of(run.engine) != run.version:
        return None
    if any(tree.fingerprint(name) != print_ for name, print_ in run.prints.items()):
        return None
    outcomes = [_outcome(repository, each) for each in run.known]
    found = tuple(each for each in outcomes if each)
    return found if len(found) == len(outcomes) else None


def _outcome(repository: Repository, known: Known) -> EnvironmentOutcome | None:
    if not known.tree:
        return EnvironmentOutcome(known.environment, "waiting")
    tip = deploy_tip(repository, known.environment)
    if tip is None or tip.commit.tree != known.tree:
        return None
    return EnvironmentOutcome(known.environment, "unchanged", known.objects, known.tree, tip.commit.id)


def remember(
    cache: RenderCache | None,
    tree: Tree,
    tops: Iterable[str],
    options: PublishOptions,
    engine: str,
    outcomes: Iterable[EnvironmentOutcome],
) -> None:
    """Remember a run without errors. `tops` are the names at the root that it looked at."""
    if cache is None:
        return
    names = sorted({*_ALWAYS, *tops})
    run = Run(
        engine.partition(" ")[0],
        engine,
        {name: tree.fingerprint(name) for name in names},
        tuple(Known(each.environment, each.tree, each.objects) for each in outcomes),
    )
    data = json.dumps(asdict(run), separators=(",", ":")).encode()
    if cache.get(_key(tree, options)) != data:
        cache.put(_key(tree, options), data)


def _loaded(cache: RenderCache | None, tree: Tree, options: PublishOptions) -> Run | None:
    data = cache.get(_key(tree, options)) if cache else None
    try:
        return _decoded(json.loads(data)) if data else None
    except (ValueError, TypeError, KeyError):
        return None


def _decoded(data: Any) -> Run:
    known = tuple(Known(**each) for each in data["known"])
    return Run(data["engine"], data["version"], dict(data["prints"]), known)


def _key(tree: Tree, options: PublishOptions) -> str:
    """Runs are told apart by what they were asked; index and work tree have the same fingerprints."""
    form = "files" if tree.label in {"work tree", "index"} else "commit"
    asked = json.dumps([options.environments, options.engine])
    return f"run {__version__} {RENDER_VERSION} {form} {asked}"
