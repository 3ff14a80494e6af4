"""Promotions as text and as JSON."""

from collections.abc import Iterator

import click

from envctl.cli.diff import comparison_data, comparison_lines
from envctl.cli.differences import colorless
from envctl.cli.printers import change_lines, counted, short
from envctl.cli.told import summary
from envctl.delivery.plan import PlanFile, plan_data
from envctl.model.values import JsonObject
from envctl.workflows.promotion.promote import Promotion
from envctl.workflows.publishing.run import file_change
from envctl.workflows.rendering.sides import Comparison


def promotion_data(result: Promotion) -> JsonObject:
    """A promotion as JSON; that of a dry run holds its plan."""
    published, options = result.published, result.options
    data: dict[str, object] = {
        "from": options.source,
        "to": options.target,
        "dryRun": options.dry_run,
        "origin": result.origin,
        "branch": result.branch.removeprefix("refs/heads/"),
        "commit": result.commit,
        "moves": [
            {"component": each.component, "old": each.old, "new": each.new, "commits": list(each.subjects)}
            for each in result.moves
        ],
        "unchanged": list(result.unchanged),
        "held": dict(result.held),
        "refusals": [
            {"gate": each.gate, "place": each.place, "reason": each.reason, "hint": each.hint}
            for each in result.refusals
        ],
        "overridden": [str(each.problem) for each in result.refusals] if not options.dry_run else [],
        "deployCommit": published.commit if published else "",
        "files": [change.path for change in published.changes] if published else [],
        "pushed": options.push and bool(result.commit),
    }
    if result.plan:
        data["plan"] = plan_data(options.plan or PlanFile(result.plan))
    if result.comparison:
        data["comparison"] = comparison_data(result.comparison)
    return data  # type: ignore[return-value]


def promotion_lines(result: Promotion) -> Iterator[str]:
    """A promotion as text."""
    options = result.options
    for name, reason in result.held.items():
        yield (
            f"{click.style(name, bold=True)}: held ({colorless(' '.join(reason.split()))}); "
            f"to promote it, name it: envctl promote {options.source} {options.target} -c {name}"
        )
    if not result.moves:
        more = " but what is held" if result.held else ""
        yield f"nothing to promote: {options.target} already has what {options.source} has published{more}"
        if result.published and result.published.update:
            commit = short(result.published.commit)
            yield f"published {commit} on deploy/{options.target}: it was promoted before, and not published"
        return
    for move in result.moves:
        old = f"{short(move.old)} -> " if move.old else "new, at "
        yield f"{click.style(move.component, bold=True)}: {old}{short(move.new)}"
        yield from (f"  {colorless(subject)}" for subject in move.subjects)
    word = "to be passed: " if options.dry_run else "overridden: "
    for refusal in result.refusals:
        yield click.style(word, fg="yellow") + colorless(str(refusal.problem))
    branch = result.branch.removeprefix("refs/heads/")
    if result.comparison:
        yield from _preview(result.comparison, first=not (result.plan and result.plan.deployed))
        yield f"dry run: one commit on {branch}, and one on deploy/{options.target}; nothing was written"
        return
    yield f"committed {short(result.commit)} on {branch}"
    yield from published_lines(result)
    if options.push:
        yield "pushed both"


def _preview(comparison: Comparison, *, first: bool) -> Iterator[str]:
    """What would change; of a first promotion, where everything is new, only how much."""
    if first:
        yield f"{comparison.new}: {summary(comparison)}"
    else:
        yield from comparison_lines((comparison,))


def published_lines(result: Promotion) -> Iterator[str]:
    """What became of the deploy branch."""
    published = result.published
    if not published or not published.update:
        return
    files = counted(len(published.changes), "file")
    yield f"published {short(published.commit)} on deploy/{published.environment}, {files} changed"
    yield from change_lines([each for change in published.changes if (each := file_change(change))])
