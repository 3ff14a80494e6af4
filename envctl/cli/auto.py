"""``envctl promote --auto``: what the gates allow, for continuous delivery."""

from collections.abc import Iterable, Iterator, Sequence

import click

from envctl import wiring
from envctl.cli.options import Session
from envctl.cli.printers import emit, error_data, error_lines, telling
from envctl.cli.promotions import promotion_data, promotion_lines
from envctl.errors import EXIT_CLEAN, EXIT_FAILED, UsageError
from envctl.model.values import JsonObject
from envctl.workflows.promotion.auto import AutoOutcome, failed, promote_allowed
from envctl.workflows.promotion.promote import PromoteOptions


def run_auto(session: Session, options: PromoteOptions, *, planned: bool) -> int:
    """Promote what gates allow. Exit code 1 where something went wrong; waiting for a gate is no failure."""
    if planned or options.force or options.components:
        raise UsageError(
            "--auto does what the gates allow: it takes no --plan, --force or --component",
            hint="envctl promote --auto [FROM TO] [--push] [--dry-run]",
        )
    if bool(options.source) != bool(options.target):
        raise UsageError(
            "--auto takes two environments or none", hint=f"envctl promote --auto {options.source} TO"
        )
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository)
    with telling(session, "promoting what the gates allow …"), wiring.evaluator(repository) as engine:
        found = promote_allowed(repository, engine, options, cache)
    emit(session, _data(found), _lines(found))
    return EXIT_FAILED if failed(found) else EXIT_CLEAN


def _data(found: Sequence[AutoOutcome]) -> JsonObject:
    return {"promotions": [_outcome_data(each) for each in found]}


def _outcome_data(each: AutoOutcome) -> JsonObject:
    problem = each.waits or each.error
    return {
        "from": each.source,
        "to": each.target,
        "state": _state(each),
        "promotion": promotion_data(each.promotion) if each.promotion else None,
        "problem": error_data(problem) if problem else None,
    }


def _state(each: AutoOutcome) -> str:
    if each.error:
        return "failed"
    if each.waits:
        return "waiting"
    return "promoted" if each.promotion and each.promotion.moves else "unchanged"


def _lines(found: Sequence[AutoOutcome]) -> Iterator[str]:
    if not found:
        yield "no environment takes promotions"
    for each in found:
        edge = f"{each.source} -> {each.target}" if each.source else each.target
        yield click.style(f"{edge}: {_state(each)}", bold=True)
        yield from (f"  {line}" for line in _told(each))


def _told(each: AutoOutcome) -> Iterable[str]:
    problem = each.waits or each.error
    if problem:
        return error_lines(problem)
    return promotion_lines(each.promotion) if each.promotion else ()
