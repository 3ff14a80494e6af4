"""What a running agent answers to probes and to Prometheus."""

import threading

import pytest

from envctl.agent.board import Board
from envctl.agent.pages import METRICS, answer, families
from envctl.httpserver.exposition import metrics_page
from envctl.model.health import Assessment
from envctl.model.observed import Health
from envctl.model.page import Page
from envctl.model.status import Condition, EnvironmentStatus

STATUS = EnvironmentStatus(
    revision="a" * 40,
    applied="a" * 40,
    sequence=7,
    objects=12,
    failed=1,
    kept=2,
    healed=3,
    conditions=(Condition("Ready", status=True, reason="Applied", message=""),),
)


def leading(environment: str = "prod") -> Board:
    """A board whose agent takes a turn whenever it is asked to, and has reported."""
    board = Board(environment)
    board.begin(lambda: threading.Thread(target=board.turn).start(), lambda: {"GET": 5, "PATCH": 2})
    board.show(STATUS, {"web": Assessment(Health.HEALTHY)})
    return board


def asked(path: str, *boards: Board) -> Page:
    return answer(boards, path, metrics_page)


def stuck() -> Board:
    board = Board("prod")
    board.begin(lambda: None, dict)
    board.answers = lambda seconds=0.05: Board.answers(board, seconds)  # type: ignore[method-assign]
    return board


def silent() -> Board:
    board = leading()
    board.fail("the API server is out of reach")
    return board


def blind() -> Board:
    board = leading()
    board.begin(lambda: None, dict, lambda: "cannot watch ConfigMap")
    return board


@pytest.mark.parametrize(
    ("path", "boards", "page"),
    [
        pytest.param("/healthz", [leading()], Page(200, "ok\n"), id="it turns"),
        pytest.param("/healthz", [Board("prod")], Page(200, "ok\n"), id="a stand-by lives"),
        pytest.param(
            "/healthz", [leading("dev"), stuck()], Page(503, "stuck: prod\n"), id="one of two is stuck"
        ),
        pytest.param("/readyz", [leading()], Page(200, "ok\n"), id="it has reported"),
        pytest.param("/readyz", [Board("prod")], Page(200, "ok\n"), id="a stand-by is ready"),
        pytest.param("/readyz", [stuck()], Page(503, "not ready: prod\n"), id="it has not reported yet"),
        pytest.param("/readyz", [silent()], Page(503, "not ready: prod\n"), id="it cannot report"),
        pytest.param("/readyz", [blind()], Page(503, "not ready: prod\n"), id="it cannot see a kind"),
        pytest.param("/", [], Page(404, "there are /healthz, /readyz and /metrics\n"), id="no page"),
    ],
)
def test_probes_say_whether_an_agent_lives_and_sees(path: str, boards: list[Board], page: Page) -> None:
    """A stand-by is well as it is: nobody restarts it, and nobody waits for it."""
    assert asked(path, *boards) == page


def test_metrics_are_those_of_each_environment() -> None:
    """Two environments in one process; all of ours, with their types, and no sample of what is not known."""
    leader, other = leading(), Board("dev")
    leader.look_up(1_700_000_000.5)
    leader.reconciled(0.25)
    page = asked("/metrics", leader, other)
    ours = [line for line in page.text.splitlines() if line.startswith("envctl_")]
    assert ours == [
        'envctl_leader{environment="prod"} 1.0',
        'envctl_leader{environment="dev"} 0.0',
        'envctl_condition{environment="prod",type="Ready"} 1.0',
        *(
            f'envctl_component_health{{component="web",environment="prod",health="{health}"}} {float(health == "Healthy")}'
            for health in Health
        ),
        'envctl_sequence{environment="prod"} 7.0',
        'envctl_up_to_date{environment="prod"} 1.0',
        'envctl_branch_read_timestamp_seconds{environment="prod"} 1.7000000005e+09',
        'envctl_objects{environment="prod"} 12.0',
        'envctl_failed_objects{environment="prod"} 1.0',
        'envctl_kept_objects{environment="prod"} 2.0',
        'envctl_heals_total{environment="prod"} 3.0',
        'envctl_reconcile_seconds_count{environment="prod"} 1.0',
        'envctl_reconcile_seconds_sum{environment="prod"} 0.25',
        'envctl_reconcile_seconds_count{environment="dev"} 0.0',
        'envctl_reconcile_seconds_sum{environment="dev"} 0.0',
        'envctl_api_requests_total{environment="prod",method="GET"} 5.0',
        'envctl_api_requests_total{environment="prod",method="PATCH"} 2.0',
    ]
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
