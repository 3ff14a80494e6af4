"""Promote whatever its gates allow, environment by environment: what continuous delivery calls.

An environment without a gate that could stop a bad promotion is left to people: nothing is
promoted there just because nobody said no.
"""

from dataclasses import dataclass, replace

from envctl.errors import EnvctlError, RefusedError
from envctl.model.gates import Gates
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.promotion.origin import environment_of
from envctl.workflows.promotion.promote import PromoteOptions, Promotion, promote
from envctl.workflows.sources.project import is_unpromoted
from envctl.workflows.sources.sourcecommit import open_branch


@dataclass(frozen=True, slots=True)
class AutoOutcome:
    """One promotion that was tried. `waits` says why it could not be yet, `error` what went wrong.

    `source` is "" where the target cannot be read, so that it is not known where its promotions come from.
    """

    source: str
    target: str
    promotion: Promotion | None = None
    waits: EnvctlError | None = None
    error: EnvctlError | None = None


def promote_allowed(
    repository: Repository,
    evaluator: Evaluator,
    options: PromoteOptions,
    cache: RenderCache | None = None,
) -> tuple[AutoOutcome, ...]:
    """Promote along every edge that its gates allow, in promotion order; `options` may name one edge.

    Of several origins the first one that the environment names counts. Held components stay.
    One promotion that fails never keeps the others from being tried.
    """
    return tuple(
        each
        if isinstance(each, AutoOutcome)
        else _attempt(repository, evaluator, replace(options, source=each[0], target=each[1]), cache)
        for each in _edges(repository, options)
    )


def _edges(repository: Repository, options: PromoteOptions) -> list[tuple[str, str] | AutoOutcome]:
    """Source and target of each promotion to be tried; where a target cannot be read, what is wrong."""
    if options.target:
        return [(options.source, options.target)]
    branch = open_branch(repository)
    edges: list[tuple[str, str] | AutoOutcome] = []
    for name in branch.found.environments:
        try:
            origins = branch.environment(name).promotes_from
        except EnvctlError as error:
            edges.append(AutoOutcome("", name, error=error))
        else:
            edges += [(origins[0], name)] if origins else []
    return edges


def _attempt(
    repository: Repository, evaluator: Evaluator, options: PromoteOptions, cache: RenderCache | None
) -> AutoOutcome:
    source, target = options.source, options.target
    try:
        _require_gates(repository, options)
        return AutoOutcome(source, target, promote(repository, evaluator, options, cache))
    except RefusedError as error:
        return AutoOutcome(source, target, waits=error)
    except EnvctlError as error:
        return AutoOutcome(source, target, error=error)


def _require_gates(repository: Repository, options: PromoteOptions) -> None:
    branch = open_branch(repository)
    source = environment_of(options.source)
    if source in branch.project.environments and is_unpromoted(branch.project, source):
        raise RefusedError(f"nothing was promoted to {source} yet")
    gates = branch.environment(options.target).gates
    if replace(gates, windows=(), places={}) == Gates():
        raise RefusedError(
            f"{options.target} has none of the gates health, soak and approvals, so people promote to it",
            place=f"environments/{options.target}/environment.yaml",
            hint=f"promote by hand: envctl promote {options.source} {options.target}; "
            "or add one, for example gates: {health: true}",
        )


def failed(outcomes: tuple[AutoOutcome, ...]) -> bool:
    """Whether something went wrong; waiting for a gate is no failure."""
    return any(each.error for each in outcomes)
