"""``envctl status`` for programs and auditors: the whole JSON and CSV."""

import csv
import io
import json

import pytest

from envctl.model.observed import ComponentHealth, Health
from tests.functional.conftest import Workspace
from tests.functional.statuses import DAY, LOCK, NOW, changed, release, report


@pytest.fixture
def released(small: Workspace) -> Workspace:
    """The small repository with dev published and promoted to prod."""
    release(small)
    return small


def test_json_tells_all_of_it(released: Workspace) -> None:
    """The whole document; the keys stay as they are."""
    pin, new = released.git("rev-parse", "main~1"), changed(released)
    report(released, "prod", components={"web": ComponentHealth(Health.HEALTHY, NOW - DAY)}, drifted=0)
    component = {
        "component": "web",
        "pinned": "",
        "published": pin,
        "behind": 1,
        "behindSince": "2026-01-02T03:04:05Z",
        "lagUnknown": "",
        "waits": False,
        "held": None,
        "health": None,
        "healthSince": "",
    }
    dev = {
        "environment": "dev",
        "tracksSource": True,
        "promotesFrom": [],
        "deployCommit": released.git("rev-parse", "deploy/dev"),
        "sequence": 1,
        "sourceCommit": pin,
        "publishedAt": "2026-01-02T03:04:05Z",
        "subject": "dev: Add web",
        "observed": None,
        "frozen": None,
        "suspended": None,
        "uncommittedPins": [],
        "components": [component],
        "unread": [],
        "problems": [],
    }
    observed = {
        "revision": released.git("rev-parse", "deploy/prod"),
        "sequence": 1,
        "relation": "current",
        "behind": 0,
        "health": "Healthy",
        "since": "2026-01-03T03:04:05Z",
        "reported": "2026-01-05T03:03:05Z",
        "drifted": 0,
    }
    healthy = {"pinned": pin, "health": "Healthy", "healthSince": "2026-01-04T03:04:05Z"}
    prod = {
        "environment": "prod",
        "tracksSource": False,
        "promotesFrom": ["dev"],
        "deployCommit": released.git("rev-parse", "deploy/prod"),
        "sourceCommit": released.git("rev-parse", "main~1"),
        "subject": "prod: Promote dev to prod: web",
        "observed": observed,
        "components": [component | healthy],
    }
    assert released.json("status") == {
        "source": {"branch": "main", "commit": new},
        "environments": [dev, dev | prod],
    }


def test_csv_has_a_line_for_each_component(released: Workspace) -> None:
    """The whole table, as RFC 4180 has it: CRLF, and a header."""
    pin = released.git("rev-parse", "main~1")
    released.write("environments/prod/environment.yaml", "component: [web]\n")
    released.commit("Break prod")
    outcome = released.envctl("status", "--csv")
    assert outcome.code == 1
    assert outcome.out == (
        "environment,follows,deploy_commit,sequence,source_commit,published_at,observed_revision,"
        "observed_relation,observed_health,observed_since,reported_at,drifted,frozen_until,suspended_until,"
        "problem,component,pinned,published,waits,behind,behind_since,lag_unknown,held,health,health_since\r\n"
        f"dev,the source branch,{released.git('rev-parse', 'deploy/dev')},1,{pin},2026-01-02T03:04:05Z"
        f",,,,,,,,,,web,,{pin},no,0,,,,,\r\n"
        f"prod,,{released.git('rev-parse', 'deploy/prod')},1,{released.git('rev-parse', 'main~1')},"
        "2026-01-02T03:04:05Z,,,,,,,,,environments/prod/environment.yaml:1: component: unknown key "
        "(did you mean `components`?),,,,,,,,,,\r\n"
    )


def test_csv_runs_no_formula_of_a_lock(released: Workspace) -> None:
    """A reason is written by somebody; a spreadsheet must not run it."""
    released.write(
        LOCK, (released.path / LOCK).read_text() + '    hold: "=HYPERLINK(\\"http://x\\"), says Ann"\n'
    )
    released.commit("Hold web")
    rows = list(csv.DictReader(io.StringIO(released.ok("status", "prod", "--csv").out)))
    assert rows[0]["held"] == """'=HYPERLINK("http://x"), says Ann"""


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        pytest.param(
            ("--csv", "-o", "json"), "--csv and -o json are two forms of the same; choose one", id="two forms"
        ),
        pytest.param(
            ("--csv", "--cluster"), "--csv tells what is in Git, not what is in a cluster", id="a cluster"
        ),
        pytest.param(("--watch",), "--watch is for people at a terminal", id="no terminal"),
        pytest.param(("--watch", "-o", "json"), "--watch is for people at a terminal", id="a program"),
    ],
)
def test_forms_that_do_not_go_together_are_refused(
    small: Workspace, arguments: tuple[str, ...], summary: str
) -> None:
    """With exit code 2, before anything is read."""
    outcome = small.envctl("status", *arguments)
    said = json.loads(outcome.out)["error"]["summary"] if "json" in arguments else outcome.err.splitlines()[0]
    assert (outcome.code, said.removeprefix("error: ")) == (2, summary)
