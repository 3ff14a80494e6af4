"""A plan for a cluster, as text and JSON: what `apply --dry-run` and `diff --cluster` print."""

from collections.abc import Iterator, Sequence

import click

from envctl.cli.fieldlines import field_lines
from envctl.cli.printers import short, styled_change
from envctl.model.changes import FieldChange, ObjectAction, ObjectDiff
from envctl.model.plan import Action, ReconcileResult
from envctl.model.planned import ClusterPlan, Planned
from envctl.model.values import JsonObject

_SIGNS = {Action.CREATED: "created", Action.CONFIGURED: "changed", Action.DELETED: "deleted"}


def plan_data(environment: str, url: str, plan: ClusterPlan) -> JsonObject:
    """The plan as JSON."""
    result = plan.result
    return {
        "environment": environment,
        "cluster": url,
        "revision": result.revision,
        "sequence": result.sequence,
        "dryRun": True,
        "differs": plan.differs,
        "succeeded": result.succeeded,
        "counts": counts_data(result),
        "objects": [_object_data(each) for each in plan.objects],
        "refused": refused_data(result),
    }


def counts_data(result: ReconcileResult) -> JsonObject:
    """How many objects met each action, 0 for those that none met."""
    counts = result.counts()
    return {str(action): counts.get(action, 0) for action in Action}


def refused_data(result: ReconcileResult) -> list[JsonObject]:
    """What a guard keeps, and the way past it."""
    return [
        {"guard": each.guard, "subject": each.subject, "reason": each.reason, "hint": each.hint}
        for each in result.refused
    ]


def summary_line(environment: str, url: str, result: ReconcileResult) -> str:
    """What was done, or would be, in one line."""
    counts = result.counted() or "nothing to do"
    return f"{environment} at {short(result.revision)} (#{result.sequence}) on {url}: {counts}"


def _object_data(planned: Planned) -> JsonObject:
    result = planned.result
    return {
        "object": str(result.id),
        "component": planned.component,
        "action": str(result.action),
        "reason": result.reason,
        "hint": result.hint,
        "drifted": planned.drifted,
        "adopted": planned.adopted,
        "fields": [_field_data(each, planned.managers.get(each.path, "")) for each in planned.fields],
    }


def _field_data(change: FieldChange, manager: str) -> JsonObject:
    return {
        "path": change.path,
        "action": str(change.action),
        "live": change.old,
        "planned": change.new,
        "manager": manager,
    }


def plan_lines(environment: str, url: str, plan: ClusterPlan, *, full: bool = False) -> Iterator[str]:
    """The plan as text: each object with its fields, what a guard keeps, and the counts."""
    shown = [each for each in plan.objects if each.shown]
    told = [("\n".join(_object_lines(each, full=full)), each.result.hint) for each in shown]
    yield from hinted(told, "    ")
    yield from kept_lines(plan.result)
    yield f"dry run: {summary_line(environment, url, plan.result)}"


def kept_lines(result: ReconcileResult) -> Iterator[str]:
    """What a guard keeps, why, and the way past it."""
    kept = click.style("kept ", fg="yellow")
    told = [(f"{kept}{each.subject}: {each.reason} [{each.guard}]", each.hint) for each in result.refused]
    yield from hinted(told, "  ")


def hinted(told: Sequence[tuple[str, str]], indent: str) -> Iterator[str]:
    """Lines with their hints; those that follow each other with the same hint have it once."""
    for number, (line, hint) in enumerate(told):
        yield line
        if hint and hint not in {other for _, other in told[number + 1 : number + 2]}:
            yield click.style(f"{indent}{hint}", dim=True)


def _object_lines(planned: Planned, *, full: bool) -> Iterator[str]:
    result = planned.result
    words = [str(result.action)] if result.action not in _SIGNS else []
    words += ["drifted"] if planned.drifted else []
    words += ["adopted"] if planned.adopted else []
    words += ["only who owns its fields"] if result.action is Action.CONFIGURED and not planned.fields else []
    note = f"  {', '.join(words)}" if words else ""
    reason = f": {result.reason}" if result.reason else ""
    sign = _SIGNS.get(result.action, "changed" if result.action is not Action.SKIPPED else "")
    yield styled_change(sign, str(result.id), planned.component) + note + reason
    diff = ObjectDiff(ObjectAction.CHANGED, planned.fields)
    yield from (f"  {line}" for line in field_lines(diff, full=full))
    for manager in dict.fromkeys(planned.managers.values()):
        paths = ", ".join(path.removeprefix("$") for path, by in planned.managers.items() if by == manager)
        yield click.style(f"    set in the cluster by {manager}: {paths}", dim=True)
