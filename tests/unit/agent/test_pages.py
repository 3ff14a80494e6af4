"""What a running agent answers to probes and to Prometheus."""

import threading
import time
from pathlib import Path

import pytest

from envctl import __version__
from envctl.agent.board import BOUNDS, Board
from envctl.agent.pages import METRICS, answer, families
from envctl.httpserver.exposition import metrics_page
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.page import Page
from envctl.model.plan import Action, ObjectResult, ReconcileResult
from envctl.model.status import ComponentStatus, Condition, EnvironmentStatus

STATUS = EnvironmentStatus(
    revision="a" * 40,
    applied="a" * 40,
    sequence=7,
    objects=12,
    failed=1,
    kept=2,
    fought=4,
    drifted=5,
    healed=3,
    committed_at="2023-11-14T22:13:20Z",
    health=Health.DEGRADED,
    components=(ComponentStatus("web", Health.DEGRADED, "then", 12, "y"),),
    conditions=(Condition("Ready", status=True, reason="Applied", message=""),),
)


def leading(environment: str = "prod") -> Board:
    """A board whose agent takes a turn whenever it is asked to, and has reported."""
    board = Board(environment, time.monotonic)
    board.attach(lambda: {("GET", 200): 3, ("GET", 404): 2})
    board.attach(lambda: {("GET", 200): 1, ("PATCH", 0): 2})
    board.begin(lambda: threading.Thread(target=board.turn).start(), lambda: 1_700_000_000.5)
    board.show(STATUS)
    board.told()
    return board


def standing_by(trouble: str = "") -> Board:
    board = Board("dev", time.monotonic)
    board.attach(dict, lambda: trouble)
    return board


def asked(path: str, *boards: Board) -> Page:
    return answer(boards, path, metrics_page)


def silent_for(*times: float) -> Board:
    """A board whose agent takes no turn; the clock shows these times, one after the other."""
    board = Board("prod", iter(times).__next__)
    board.begin(lambda: None)
    return board


def silent() -> Board:
    board = leading()
    board.told("the API server is out of reach")
    return board


def blind() -> Board:
    board = leading()
    board.begin(lambda: None, float, lambda: "cannot watch ConfigMap")
    return board


@pytest.mark.parametrize(
    ("path", "boards", "page"),
    [
        pytest.param("/healthz", [leading()], Page(200, "ok\n"), id="it turns"),
        pytest.param("/healthz", [standing_by()], Page(200, "ok\n"), id="a stand-by lives"),
        pytest.param(
            "/healthz",
            [leading("dev"), silent_for(0, 900)],
            Page(503, "stuck: prod\n"),
            id="one of two is stuck",
        ),
        pytest.param("/healthz", [silent_for(0, 899)], Page(200, "ok\n"), id="it waits for somebody slow"),
        pytest.param("/readyz", [leading()], Page(200, "ok\n"), id="it has reported"),
        pytest.param("/readyz", [standing_by()], Page(200, "ok\n"), id="a stand-by is ready"),
        pytest.param(
            "/readyz", [standing_by("?")], Page(503, "not ready: dev\n"), id="a stand-by cannot see the lease"
        ),
        pytest.param(
            "/readyz", [silent_for(0)], Page(503, "not ready: prod\n"), id="it has not reported yet"
        ),
        pytest.param("/readyz", [silent()], Page(503, "not ready: prod\n"), id="it cannot report"),
        pytest.param("/readyz", [blind()], Page(503, "not ready: prod\n"), id="it cannot see a kind"),
        pytest.param("/", [], Page(404, "there are /healthz, /readyz and /metrics\n"), id="no page"),
    ],
)
def test_probes_say_whether_an_agent_lives_and_sees(path: str, boards: list[Board], page: Page) -> None:
    """A stand-by is well as it is: nobody restarts it, and nobody waits for it."""
    assert asked(path, *boards) == page


def test_a_probe_does_not_wait_longer_for_more_environments() -> None:
    """The kubelet gives it five seconds, however many agents are busy with a slow server."""
    began = time.monotonic()
    assert asked("/healthz", *(silent_for(0, 1) for _ in range(4))) == Page(200, "ok\n")
    assert time.monotonic() - began < 3


EXPOSED = [
    f'envctl_build_info{{environment="prod",version="{__version__}"}} 1.0',
    f'envctl_build_info{{environment="dev",version="{__version__}"}} 1.0',
    'envctl_leader{environment="prod"} 1.0',
    'envctl_leader{environment="dev"} 0.0',
    'envctl_ready{environment="prod"} 1.0',
    'envctl_ready{environment="dev"} 1.0',
    'envctl_condition{environment="prod",type="Ready"} 1.0',
    *(
        f'envctl_health{{environment="prod",health="{health}"}} {float(health == "Degraded")}'
        for health in Health
    ),
    *(
        f'envctl_component_health{{component="web",environment="prod",health="{health}"}} '
        f"{float(health == 'Degraded')}"
        for health in Health
    ),
    'envctl_sequence{environment="prod"} 7.0',
    'envctl_revision_timestamp_seconds{environment="prod"} 1.7e+09',
    'envctl_up_to_date{environment="prod"} 1.0',
    'envctl_branch_read_timestamp_seconds{environment="prod"} 1.7000000005e+09',
    'envctl_objects{environment="prod"} 12.0',
    'envctl_failed_objects{environment="prod"} 1.0',
    'envctl_kept_objects{environment="prod"} 2.0',
    'envctl_fought_objects{environment="prod"} 4.0',
    'envctl_drifted_objects{environment="prod"} 5.0',
    'envctl_heals_total{environment="prod"} 3.0',
    'envctl_reconciles_total{environment="prod",outcome="succeeded"} 0.0',
    'envctl_reconciles_total{environment="prod",outcome="failed"} 1.0',
    'envctl_reconciles_total{environment="prod",outcome="interrupted"} 0.0',
    'envctl_reconciles_total{environment="prod",outcome="stopped"} 1.0',
    'envctl_reconciles_total{environment="prod",outcome="unread"} 1.0',
    *(
        f'envctl_object_results_total{{action="{action}",environment="prod"}} {float(action == "failed")}'
        for action in Action
    ),
    *(
        f'envctl_reconcile_duration_seconds_bucket{{environment="prod",le="{bound}"}} {count}'
        for bound, count in zip((*BOUNDS, "+Inf"), (0.0, *[2.0] * (len(BOUNDS) - 1), 3.0), strict=True)
    ),
    'envctl_reconcile_duration_seconds_count{environment="prod"} 3.0',
    'envctl_reconcile_duration_seconds_sum{environment="prod"} 4000.5',
    'envctl_api_requests_total{code="200",environment="prod",method="GET"} 4.0',
    'envctl_api_requests_total{code="404",environment="prod",method="GET"} 2.0',
    'envctl_api_requests_total{code="none",environment="prod",method="PATCH"} 2.0',
]


def test_metrics_are_those_of_each_environment() -> None:
    """Two environments in one process; all of ours, with their types, and no sample of what is not known."""
    leader, other = leading(), standing_by()
    failed = ObjectResult(ObjectId("", "ConfigMap", "a", "b"), Action.FAILED, "no")
    leader.reconciled(0.25, ReconcileResult("a" * 40, 7, (failed,)))
    leader.reconciled(4000, None)
    leader.reconciled(0.25, None, unread=True)
    page = asked("/metrics", leader, other)
    ours = [line for line in page.text.splitlines() if line.startswith("envctl_")]
    assert ours == EXPOSED
    assert "process_resident_memory_bytes" in page.text
    assert page.type.startswith("text/plain; version=")


def test_every_metric_says_what_it_is() -> None:
    """Names as Prometheus wants them, and each with a help text."""
    assert [each.name for each in families([])] == list(METRICS)
    assert all(name.startswith("envctl_") and text.endswith(".") for name, (_, text) in METRICS.items())


def test_an_agent_that_has_ended_shows_nothing() -> None:
    """Another one may lead by now."""
    board = leading()
    board.end()
    assert (board.leads, board.ready, board.shown.status) == (False, True, None)


def test_the_table_in_the_documentation_lists_every_metric() -> None:
    """By the name that Prometheus shows, with kind and meaning."""
    text = (Path(__file__).parents[3] / "docs" / "agent.md").read_text()
    rows = [
        f"| `{name}{'_total' if kind == 'counter' else ''}` | {kind} | {text} |\n"
        for name, (kind, text) in METRICS.items()
    ]
    assert f"|---|---|---|\n{''.join(rows)}\n" in text
