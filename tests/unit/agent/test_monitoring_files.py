"""The Grafana dashboard and the alert rules of Prometheus: they parse, and all that they ask for exists.

PromQL is parsed by `promql-parser`, the Rust port of Prometheus' own parser.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from envctl.agent.board import Board
from envctl.agent.pages import answer
from envctl.agent.report import status_from
from envctl.agent.situation import Situation
from envctl.httpserver.exposition import metrics_page
from envctl.model.health import Assessment
from envctl.model.inventory import Accepted, inventory_of
from envctl.model.observed import Health
from envctl.model.status import EnvironmentStatus

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "envctl-alerts.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DEPLOY / "grafana" / "envctl.json").read_text())
TARGETS = [(panel["title"], each["expr"]) for panel in DASHBOARD["panels"] for each in panel["targets"]]
GIVEN = {"instance", "job", "le"}  # labels that Prometheus adds, and that of buckets
Samples = Mapping[str, list[Mapping[str, str]]]


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Every sample of an agent that leads, by its name: its labels."""
    board = Board("prod", time.monotonic)
    board.attach(lambda: {("GET", 200): 1, ("PATCH", 503): 1, ("GET", 0): 1})
    board.begin(lambda: None, lambda: 1.0)
    situation = Situation(
        inventory_of(Accepted("1" * 40, "t", 7, "r"), []),
        components={"web": Assessment(Health.DEGRADED, "x")},
    )
    date = "2026-01-02T03:04:05Z"
    board.show(status_from(situation, EnvironmentStatus(), date, 1, date))
    text = answer([board], "/metrics", metrics_page).text
    found: dict[str, list[Mapping[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            found.setdefault(each.name, []).append(each.labels)
    return found


def parsed(expression: str) -> Any:
    """The syntax tree. The variables of Grafana are put in first, as Grafana does."""
    return promql_parser.parse(expression.replace("$__rate_interval", "5m").replace("$environment", ".*"))


def nodes(tree: Any) -> list[Any]:
    """The tree and all that is in it."""
    found: list[Any] = []
    promql_parser.walk(tree, found.append)
    return found


def wrong(expression: str, samples: Samples) -> list[str]:
    """What an expression asks for that no agent ever shows."""
    found, labels = [], set(GIVEN)
    tree = parsed(expression)
    selectors = [each for each in nodes(tree) if isinstance(each, promql_parser.VectorSelector)]
    for selector in selectors:
        shown = samples.get(selector.name)
        if shown is None:
            found.append(f"no metric {selector.name}")
            continue
        labels |= set().union(*shown)
        for matcher in selector.matchers.matchers:
            values = {each.get(matcher.name) for each in shown}
            equal = matcher.op == promql_parser.MatchOp.Equal
            if matcher.name not in labels or (equal and matcher.value not in values):
                found.append(f"{selector.name} has no {matcher.name} {matcher.value}")
    for each in nodes(tree):
        if isinstance(each, promql_parser.AggregateExpr) and each.modifier:
            found += [f"no label {name}" for name in each.modifier.labels if name not in labels]
    return found if selectors else ["it asks for nothing"]


@pytest.mark.parametrize("alert", ALERTS, ids=[each["alert"] for each in ALERTS])
def test_an_alert_can_fire_and_says_what_to_do(alert: Mapping[str, Any], samples: Samples) -> None:
    """Its metrics, labels and values exist; it has a severity, a sentence and a next step."""
    assert wrong(alert["expr"], samples) == []
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert set(alert["annotations"]) == {"summary", "action"}
    assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}


@pytest.mark.parametrize(
    ("title", "expression"), TARGETS, ids=[f"{title}-{n}" for n, (title, _) in enumerate(TARGETS)]
)
def test_a_panel_shows_what_there_is(title: str, expression: str, samples: Samples) -> None:
    """The same for each query of the dashboard."""
    assert title
    assert wrong(expression, samples) == []


def test_every_metric_of_the_agent_is_on_the_dashboard(samples: Samples) -> None:
    """What nobody looks at need not be measured."""
    asked = {
        each.name
        for _, expression in TARGETS
        for each in nodes(parsed(expression))
        if isinstance(each, promql_parser.VectorSelector)
    }
    ours = {name for name in samples if name.startswith("envctl_")}
    spare = {"_sum", "_count", "_created"}
    assert {name for name in ours - asked if not name.endswith(tuple(spare))} == set()


def test_panels_have_numbers_and_places_of_their_own() -> None:
    """No two lie on one another."""
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({each["alert"] for each in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("envctl_no_such_metric > 0", ["no metric envctl_no_such_metric"]),
        ('envctl_health{health="Splendid"}', ["envctl_health has no health Splendid"]),
        ("sum by (object) (envctl_objects)", ["no label object"]),
        ("1 + 1", ["it asks for nothing"]),
    ],
)
def test_the_check_finds_what_is_wrong(expression: str, said: list[str], samples: Samples) -> None:
    """Else the tests above would show nothing."""
    assert wrong(expression, samples) == said
