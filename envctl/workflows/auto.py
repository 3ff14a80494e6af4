"""Promote whatever its gates allow, environment by environment: what continuous delivery calls.

An environment without a gate that could stop a bad promotion is left to people: nothing is
promoted there just because nobody said no.
"""

from dataclasses import dataclass, replace

from envctl.errors import EnvctlError, RefusedError
from envctl.model.gates import Gates
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.origin import environment_of
from envctl.workflows.project import is_unpromoted, load_environment
from envctl.workflows.promote import PromoteOptions, Promotion, promote
from envctl.workflows.sourcecommit import open_branch


@dataclass(frozen=True, slots=True)
class AutoOutcome:
    """One promotion that was tried. `waits` says why it could not be yet, `error` what went wrong."""

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
    outcomes = []
    for source, target in _edges(repository, options):
        outcomes.append(
            _attempt(repository, evaluator, replace(options, source=source, target=target), cache)
        )
    return tuple(outcomes)


def _edges(repository: Repository, options: PromoteOptions) -> list[tuple[str, str]]:
    if options.target:
        return [(options.source, options.target)]
    project = open_branch(repository).project
    resolved = [load_environment(project, name) for name in project.environments]
    return [(each.promotes_from[0], each.name) for each in resolved if each.promotes_from]


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
    project = open_branch(repository).project
    source = environment_of(options.source)
    if source in project.environments and is_unpromoted(project, source):
        raise RefusedError(f"nothing was promoted to {source} yet")
    gates = load_environment(project, options.target).gates
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
