"""The pages of an agent: ``/healthz``, ``/readyz`` and ``/metrics``, and what its metrics are.

Labels are environments, components, conditions and methods, so the number of samples is bounded; there is
none for each object.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from envctl import __version__
from envctl.agent.board import BOUNDS, OUTCOMES, PATIENCE, Board, Shown
from envctl.model.metrics import Family, MetricKind, Sample
from envctl.model.observed import Health
from envctl.model.page import Page
from envctl.model.plan import Action
from envctl.model.status import EnvironmentStatus
from envctl.model.times import parse_time

GAUGE, COUNTER, HISTOGRAM = MetricKind.GAUGE, MetricKind.COUNTER, MetricKind.HISTOGRAM

METRICS: Mapping[str, tuple[MetricKind, str]] = {
    "envctl_build_info": (GAUGE, "1, with the version of envctl."),
    "envctl_leader": (GAUGE, "1 where this process acts for the environment, 0 where it stands by."),
    "envctl_ready": (GAUGE, "1 where the agent sees the cluster and has reported, or stands by; as /readyz."),
    "envctl_condition": (GAUGE, "1 where a condition of the environment is true, else 0."),
    "envctl_health": (GAUGE, "1 for the health that the environment has, 0 for the others."),
    "envctl_component_health": (GAUGE, "1 for the health that a component has, 0 for the others."),
    "envctl_sequence": (GAUGE, "Sequence number of the accepted deploy commit."),
    "envctl_revision_timestamp_seconds": (GAUGE, "When the accepted deploy commit was made."),
    "envctl_up_to_date": (GAUGE, "1 where the accepted deploy commit is applied without a failure."),
    "envctl_branch_read_timestamp_seconds": (GAUGE, "When the branch was last read without an error."),
    "envctl_objects": (GAUGE, "Objects in the inventory."),
    "envctl_failed_objects": (GAUGE, "Objects that could not be applied or pruned."),
    "envctl_kept_objects": (GAUGE, "Objects that left the branch and that a guard keeps."),
    "envctl_fought_objects": (
        GAUGE,
        "Objects that somebody keeps changing, so that they are healed less often.",
    ),
    "envctl_drifted_objects": (
        GAUGE,
        "Objects that differ from the branch and are not healed (drift: warn).",
    ),
    "envctl_heals": (COUNTER, "Objects that were put back after somebody changed or deleted them."),
    "envctl_reconciles": (COUNTER, "Reconciles, by how they ended."),
    "envctl_object_results": (COUNTER, "Objects by what reconciles did to them."),
    "envctl_reconcile_duration_seconds": (HISTOGRAM, "How long reconciles took."),
    "envctl_api_requests": (COUNTER, "Requests to the API server by method and status; a watch counts once."),
}
"""Every metric of an environment: its kind and what it says. Prometheus adds ``_total`` to counters."""


def answer(boards: Sequence[Board], path: str, metrics_page: Callable[[Sequence[Family]], Page]) -> Page:
    """The page at a path."""
    match path:
        case "/healthz":
            # All together wait no longer than one: a probe does not wait longer for more environments.
            stuck = [board.environment for board in boards if not board.answers(PATIENCE / len(boards))]
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
        yield Sample({"environment": board.environment, **each.labels}, each.value, each.buckets)


def _samples(name: str, board: Board, shown: Shown) -> Iterator[Sample]:
    match name:
        case "envctl_build_info":
            yield Sample({"version": __version__}, 1)
        case "envctl_leader":
            yield Sample({}, board.leads)
        case "envctl_ready":
            yield Sample({}, board.ready)
        case "envctl_api_requests":
            for (method, status), count in sorted(board.requests().items()):
                yield Sample({"method": method, "code": str(status) if status else "none"}, count)
        case "envctl_branch_read_timestamp_seconds" if board.read_at:
            yield Sample({}, board.read_at)
        case _ if board.leads:
            yield from _of_reconciles(name, shown)
            yield from _of_status(name, shown.status) if shown.status else ()


def _of_reconciles(name: str, shown: Shown) -> Iterator[Sample]:
    match name:
        case "envctl_reconciles":
            for outcome in OUTCOMES:
                yield Sample({"outcome": outcome}, shown.outcomes.get(outcome, 0))
        case "envctl_object_results":
            for action in Action:
                yield Sample({"action": str(action)}, shown.results.get(action, 0))
        case "envctl_reconcile_duration_seconds":
            bounds = (*(str(bound) for bound in BOUNDS), "+Inf")
            buckets = tuple(zip(bounds, accumulate(shown.durations), strict=True))
            yield Sample({}, shown.seconds, buckets)


def _of_status(name: str, status: EnvironmentStatus) -> Iterator[Sample]:
    match name:
        case "envctl_condition":
            yield from (Sample({"type": each.type}, each.status) for each in status.conditions)
        case "envctl_health":
            yield from (Sample({"health": str(each)}, status.health is each) for each in Health)
        case "envctl_component_health":
            for component in sorted(status.components, key=lambda each: each.name):
                for each in Health:
                    labels = {"component": component.name, "health": str(each)}
                    yield Sample(labels, component.health is each)
    values = {
        "envctl_sequence": status.sequence,
        "envctl_revision_timestamp_seconds": parse_time(status.committed_at),
        "envctl_up_to_date": bool(status.revision) and status.applied == status.revision,
        "envctl_objects": status.objects,
        "envctl_failed_objects": status.failed,
        "envctl_kept_objects": status.kept,
        "envctl_fought_objects": status.fought,
        "envctl_drifted_objects": status.drifted,
        "envctl_heals": status.healed,
    }
    value = values.get(name)
    if value is not None:
        yield Sample({}, value)
