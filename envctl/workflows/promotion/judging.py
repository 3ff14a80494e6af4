"""Gathers what the gates of a promotion judge; the judgement itself is pure (`delivery.gates`)."""

from collections.abc import Iterator
from dataclasses import dataclass

from envctl.delivery.gates import Refusal, refusals, suspended
from envctl.errors import InputError, RefusedError
from envctl.model.environment import Environment
from envctl.model.gates import Facts
from envctl.model.observed import Observed
from envctl.model.times import time_text
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.audit.observed import read_observed
from envctl.workflows.audit.verify import verify_tip
from envctl.workflows.promotion.origin import Origin
from envctl.workflows.sources.project import load_pauses
from envctl.workflows.sources.source import require_reviewed
from envctl.workflows.sources.sourcecommit import SourceBranch


@dataclass(frozen=True, slots=True)
class Case:
    """One promotion to be judged. `at` is in seconds since 1970, `approvals` are ``Name <email>``."""

    branch: SourceBranch
    target: Environment
    origin: Origin
    at: int
    approvals: tuple[str, ...] = ()


def judge(
    repository: Repository, evaluator: Evaluator, case: Case, cache: RenderCache | None = None
) -> tuple[Refusal, ...]:
    """The gates that say no, none where all pass. Each fails closed: what cannot be read refuses."""
    observed, unreadable = _observed(repository, case.origin.environment)
    dates = [case.branch.commit.committer.time, case.origin.tip.commit.committer.time]
    facts = Facts(
        at=case.at,
        source=case.origin.environment,
        target=case.target.name,
        promotes_from=case.target.promotes_from or (),
        deploy_commit=case.origin.tip.commit.id,
        problems=(*_problems(repository, evaluator, case.origin, cache), *_unreviewed(repository, case)),
        observed=observed,
        unreadable=unreadable,
        pauses=load_pauses(case.branch.source.tree, case.target.name),
        approvals=case.approvals,
        promoter=str(repository.signature()[0]),
        seen=max(dates),
        deployed=case.origin.tip.commit.committer.time,
    )
    return refusals(case.target.gates, facts)


def require_passed(found: tuple[Refusal, ...], what: str, *, force: bool) -> None:
    """Raise RefusedError with every gate that says no, where none may be overridden."""
    standing = tuple(each for each in found if not force or not each.can_be_forced)
    if standing:
        forcible = all(each.can_be_forced for each in standing)
        raise RefusedError(
            f"{what} is refused",
            problems=tuple(each.problem for each in standing),
            hint="pass the gate, or override it on the record with --force --reason TEXT"
            if forcible
            else "this cannot be forced",
        )


def require_not_suspended(branch: SourceBranch, environment: str, at: int) -> None:
    """Raise RefusedError where the newest source commit lets nothing be published to an environment now."""
    pauses = load_pauses(branch.source.tree, environment)
    found = suspended(pauses, at, branch.commit.committer.time)
    if found:
        raise RefusedError(
            f"{environment} is suspended until {time_text(found.until)}: {found.why}",
            place=found.place,
            hint=f"wait, or end it: envctl resume {environment} --reason TEXT",
        )


def _observed(repository: Repository, environment: str) -> tuple[Observed | None, str]:
    try:
        return read_observed(repository, environment), ""
    except InputError as error:
        return None, error.summary


def _problems(
    repository: Repository, evaluator: Evaluator, origin: Origin, cache: RenderCache | None
) -> tuple[str, ...]:
    found = verify_tip(repository, evaluator, origin.tip, cache)
    return (*(change.path for change in found.differences), *found.problems)


def _unreviewed(repository: Repository, case: Case) -> Iterator[str]:
    """A deploy commit may be honest about a source that is on no source branch: publishing refuses those."""
    source = case.origin.tip.record.source_commit
    try:
        require_reviewed(repository, case.branch.name, source)
    except RefusedError:
        yield f"its source {source[:12]} is not on the source branch {case.branch.name}"
