"""The shortest way of a render: where nothing that it reads has changed, neither has its result.

A run without any error remembers which names at the root of the source it looked at, their fingerprints, and
what it said. The next run compares these fingerprints, and what the deploy branches are, and nothing else.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from envctl import __version__
from envctl.errors import EnvctlError
from envctl.model.evaluation import RENDER_VERSION
from envctl.ports import RenderCache, Repository, Tree
from envctl.workflows.publishing.runs import EnvironmentOutcome, FileChange, PublishOptions
from envctl.workflows.sources.tips import deploy_tip

# Read by every render, by path or by their lists of names.
_ALWAYS = ("components", "envctl.yaml", "environments", "lib", "policies", "schemas", "vendor")


@dataclass(frozen=True, slots=True)
class Run:
    """A run without errors: the engine's name and version, what was read, and what it gave, in order."""

    engine: str
    version: str
    prints: Mapping[str, str]
    outcomes: tuple[EnvironmentOutcome, ...]


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
    try:
        if any(tree.fingerprint(name) != found for name, found in run.prints.items()):
            return None
        outcomes = [_now(repository, each) for each in run.outcomes]
    except EnvctlError:  # the whole way says what is wrong, and of which environment
        return None
    found = tuple(each for each in outcomes if each)
    return found if len(found) == len(outcomes) else None


def _now(repository: Repository, then: EnvironmentOutcome) -> EnvironmentOutcome | None:
    """An outcome as it is today; None where its deploy branch has become another one."""
    if then.state == "waiting":
        return then
    tip = deploy_tip(repository, then.environment)
    if tip and tip.commit.tree == then.tree:
        return replace(then, state="unchanged", commit=tip.commit.id, changes=())
    same = (tip.commit.id if tip else "") == then.commit
    return then if same and then.state in {"new", "differs"} else None


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
        tuple(outcomes),
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
    outcomes = tuple(
        EnvironmentOutcome(
            **{**each, "changes": tuple(FileChange(**one) for one in each["changes"]), "errors": ()}
        )
        for each in data["outcomes"]
    )
    return Run(data["engine"], data["version"], dict(data["prints"]), outcomes)


def _key(tree: Tree, options: PublishOptions) -> str:
    """Runs are told apart by what they were asked: not every tree takes every name that another one takes."""
    form = tree.label if tree.label in {"work tree", "index"} else "commit"
    asked = json.dumps([options.environments, options.engine])
    return f"run {__version__} {RENDER_VERSION} {form} {asked}"
