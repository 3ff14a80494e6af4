"""The pages of an agent: ``/healthz``, ``/readyz`` and ``/metrics``, and what its metrics are.

Labels are environments, components, conditions and methods, so the number of samples is bounded; there is
none for each object.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from envctl.agent.board import Board, Shown
from envctl.model.metrics import Family, MetricKind, Sample
from envctl.model.observed import Health
from envctl.model.page import Page
from envctl.model.status import EnvironmentStatus

GAUGE, COUNTER, SUMMARY = MetricKind.GAUGE, MetricKind.COUNTER, MetricKind.SUMMARY

METRICS: Mapping[str, tuple[MetricKind, str]] = {
    "envctl_leader": (GAUGE, "1 where this process acts for the environment, 0 where it stands by."),
    "envctl_condition": (GAUGE, "1 where a condition of the environment is true, else 0."),
    "envctl_component_health": (GAUGE, "1 for the health that a component has."),
    "envctl_sequence": (GAUGE, "Sequence number of the accepted deploy commit."),
    "envctl_up_to_date": (GAUGE, "1 where the accepted deploy commit is applied without a failure."),
    "envctl_branch_read_timestamp_seconds": (GAUGE, "When the branch was last read without an error."),
    "envctl_objects": (GAUGE, "Objects in the inventory."),
    "envctl_failed_objects": (GAUGE, "Objects that could not be applied or pruned."),
    "envctl_kept_objects": (GAUGE, "Objects that left the branch and that a guard keeps."),
    "envctl_heals": (COUNTER, "Objects that were put back after somebody changed or deleted them."),
    "envctl_reconcile_seconds": (SUMMARY, "How long reconciles took."),
    "envctl_api_requests": (COUNTER, "Requests to the API server; a watch counts once."),
}
"""Every metric of an environment: its kind and what it says. Prometheus adds ``_total`` to counters."""


def answer(boards: Sequence[Board], path: str, metrics_page: Callable[[Sequence[Family]], Page]) -> Page:
    """The page at a path."""
    match path:
        case "/healthz":
            stuck = [board.environment for board in boards if not board.answers()]
            return Page(503, f"stuck: {', '.join(stuck)}\n") if stuck else Page(200, "ok\n")
        case "/readyz":
            waiting = [board.environment for board in boards if not board.ready]
            return Page(503, f"not ready: {', '.join(waiting)}\n") if waiting else Page(200, "ok\n")
        case "/metrics":
            return metrics_page(families(boards))
        case _:
            return Page(404, "there are /healthz, /readyz and /metrics\n")


def families(boards: Sequence[Board]) -> tuple[Family, ...]:
    """All metrics of all environments."""
    return tuple(
        Family(name, kind, text, tuple(sample for board in boards for sample in _labelled(name, board)))
        for name, (kind, text) in METRICS.items()
    )


def _labelled(name: str, board: Board) -> Iterator[Sample]:
    for each in _samples(name, board, board.shown):
        yield Sample({"environment": board.environment, **each.labels}, each.value, each.count)


def _samples(name: str, board: Board, shown: Shown) -> Iterator[Sample]:
    match name:
        case "envctl_leader":
            yield Sample({}, board.leads)
        case "envctl_api_requests":
            yield from (
                Sample({"method": method}, count) for method, count in sorted(board.requests().items())
            )
        case "envctl_component_health":
            yield from (
                Sample({"component": component, "health": str(health)}, found.health is health)
                for component, found in sorted(shown.components.items())
                for health in Health
            )
        case "envctl_branch_read_timestamp_seconds" if shown.looked_up:
            yield Sample({}, shown.looked_up)
        case "envctl_reconcile_seconds":
            yield Sample({}, shown.reconcile_seconds, shown.reconciles)
        case _ if shown.status:
            yield from _of_status(name, shown.status)


def _of_status(name: str, status: EnvironmentStatus) -> Iterator[Sample]:
    if name == "envctl_condition":
        yield from (Sample({"type": each.type}, each.status) for each in status.conditions)
    values = {
        "envctl_sequence": status.sequence,
        "envctl_up_to_date": bool(status.revision) and status.applied == status.revision,
        "envctl_objects": status.objects,
        "envctl_failed_objects": status.failed,
        "envctl_kept_objects": status.kept,
        "envctl_heals": status.healed,
    }
    if name in values:
        yield Sample({}, values[name])
