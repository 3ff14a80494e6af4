"""What a freeze and a suspend do to publishing, whatever the clock says."""

import shutil
from pathlib import Path

import pytest

from envctl import wiring
from envctl.errors import RefusedError
from envctl.model.times import time_text
from envctl.workflows.promotion.judging import require_not_suspended
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.recall import recalled
from envctl.workflows.publishing.run import run_render
from envctl.workflows.publishing.runs import EnvironmentOutcome, PublishOptions
from envctl.workflows.sources.sourcecommit import open_branch
from tests.functional.conftest import SMALL, Workspace
from tests.functional.pausing import LATER, MAIN, SUSPEND, change, freeze, seconds, suspend


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """dev published and promoted to prod."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    return small


def test_neither_changes_what_is_rendered(line: Workspace) -> None:
    """Not the tree of the environment, nor of any other; no deploy commit is made for them."""
    before = line.git("rev-parse", "deploy/dev", "deploy/prod")
    trees = [each["tree"] for each in line.json("render")["environments"]]
    freeze(line)
    assert [each["state"] for each in line.json("render", "--publish")["environments"]] == ["unchanged"] * 2
    suspend(line)
    assert [each["tree"] for each in line.json("render")["environments"]] == trees
    line.ok("render", "--publish")
    assert line.git("rev-parse", "deploy/dev", "deploy/prod") == before


def test_a_frozen_environment_gets_its_own_settings_all_the_same(line: Workspace) -> None:
    """Promotions stop; a reviewed change of an overlay does not."""
    freeze(line)
    change(line, 7)
    assert line.json("render", "prod", "--publish")["environments"][0]["state"] == "published"


def test_what_is_suspended_is_rendered_and_not_published(line: Workspace) -> None:
    """It says so, with reason and expiry; the others are published, and nothing has failed."""
    tip = line.git("rev-parse", "deploy/prod")
    suspend(line)
    change(line, 7)
    line.write(MAIN, SMALL[MAIN].replace("'%d'", "'n%d'"))
    line.commit("Another web")
    outcome = line.ok("render", "--publish")
    assert outcome.out.splitlines()[2:] == [
        f"prod: 1 object, suspended until {LATER}, so nothing is published: incident 42",
        "  ~ ConfigMap prod/web  (web)",
    ]
    assert outcome.out.splitlines()[0].startswith("dev: 1 object, published ")
    assert line.git("rev-parse", "deploy/prod") == tip
    prod = line.json("render", "prod", "--publish")["environments"][0]
    assert (prod["state"], prod["commit"]) == ("suspended", tip)
    assert prod["suspended"] == {"until": LATER, "reason": "incident 42", "by": "Ann <ann@example.com>"}
    assert line.ok("render", "prod", "--check").code == 0


def test_what_waited_is_published_after_the_resume(line: Workspace) -> None:
    """And the reasons of suspend and resume are not those of the deploy commit."""
    suspend(line)
    change(line, 7)
    line.ok("resume", "prod", "--reason", "over")
    assert line.json("render", "prod", "--publish")["environments"][0]["state"] == "published"
    message = line.git("log", "-1", "--format=%B", "deploy/prod")
    assert "Envctl-Reason" not in message
    assert "Envctl-Pause" not in message


def test_a_suspended_environment_that_does_not_render_has_failed(line: Workspace) -> None:
    """It is checked all the same."""
    suspend(line)
    line.write("environments/prod/web.jsonnet", "error 'broken'")
    line.commit("Break prod")
    assert line.envctl("render", "prod", "--publish").code == 1


def test_a_lapsed_suspend_stops_nothing(line: Workspace) -> None:
    """The file may stay."""
    line.write(SUSPEND, "until: 2026-02-01T00:00Z\nreason: long ago\n")
    change(line, 7)
    assert line.json("render", "prod", "--publish")["environments"][0]["state"] == "published"


def test_an_older_commit_does_not_get_around_a_suspend(line: Workspace) -> None:
    """A job that was started before the suspend, and comes to publishing after it, is stopped too."""
    older = change(line, 7)
    suspend(line)
    outcome = line.json("render", "prod", "--rev", older, "--publish")
    assert [each["state"] for each in outcome["environments"]] == ["suspended"]
    line.ok("resume", "prod")
    outcome = line.json("render", "prod", "--rev", older, "--publish")
    assert [each["state"] for each in outcome["environments"]] == ["published"]


def run_at(
    line: Workspace, now: int, *, publish: bool = False
) -> tuple[EnvironmentOutcome | None, EnvironmentOutcome]:
    """What memory tells of prod at a time, and what a run says then."""
    repository = wiring.open_repository(line.path)
    options = PublishOptions(("prod",), now=now, publish=publish)
    source, cache = open_source(repository, options), wiring.render_cache(repository)
    known = recalled(repository, source.tree, options, cache, wiring.engine_version)
    with wiring.evaluator(repository) as engine:
        run = run_render(repository, engine, source, options, cache)
    return known[0] if known else None, run.outcomes[0]


def test_memory_does_not_answer_for_what_time_changes(line: Workspace) -> None:
    """A suspend lapses without any change of a file; it is not told from memory that it has not."""
    suspend(line)
    change(line, 7)
    end = seconds(LATER)
    told = [
        (known.state if known else None, then.state)
        for known, then in (run_at(line, now) for now in (end - 100, end - 100, end - 1))
    ]
    assert told == [(None, "suspended")] * 3


def test_a_suspend_lapses_at_its_end(line: Workspace) -> None:
    """To the second, by the clock that is given."""
    later = time_text(seconds("2026-03-01T00:00Z"))
    line.write(SUSPEND, f"until: {later}\nreason: x\n")
    change(line, 7)
    tip = line.git("rev-parse", "deploy/prod")
    assert run_at(line, seconds(later) - 1, publish=True)[1].state == "suspended"
    assert line.git("rev-parse", "deploy/prod") == tip
    assert run_at(line, seconds(later), publish=True)[1].state == "published"


CLOCKS = {
    "at the beginning of all time": 0,
    "before the source commit": seconds("2025-01-01T00:00Z"),
    "centuries ahead": seconds("2400-01-01T00:00Z"),
    "beyond the calendar": 10**13,
}


@pytest.mark.parametrize("now", CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_cannot_be_right_ends_no_suspend(line: Workspace, now: int) -> None:
    """Writer's fault row 17: not even one that lapsed long ago."""
    line.write(SUSPEND, "until: 2020-01-01T00:00Z\nreason: x\n")
    change(line, 7)
    tip = line.git("rev-parse", "deploy/prod")
    assert run_at(line, now, publish=True)[1].state == "suspended"
    assert line.git("rev-parse", "deploy/prod") == tip
    with pytest.raises(RefusedError):
        require_not_suspended(open_branch(wiring.open_repository(line.path)), "prod", now)


def test_deploy_commits_are_the_same_whatever_the_clock_says(line: Workspace, tmp_path: Path) -> None:
    """Writer's fault row 17: ids, dates and sequence come from the source, never from a clock."""
    change(line, 7)
    tips = set()
    for name, now in {**CLOCKS, "right": seconds("2026-11-26T00:00Z")}.items():
        copy = Workspace(Path(shutil.copytree(line.path, tmp_path / name.replace(" ", "-"))))
        assert run_at(copy, now, publish=True)[1].state == "published"
        tips.add(
            copy.git("log", "-1", "--format=%H %ct %(trailers:key=Envctl-Sequence,valueonly)", "deploy/prod")
        )
    assert len(tips) == 1


def test_publishing_with_push_leaves_out_what_is_suspended(line: Workspace, tmp_path: Path) -> None:
    """The remote's branch stays."""
    line.git("clone", "-q", "--bare", str(line.path), str(tmp_path / "server.git"))
    line.git("remote", "add", "origin", str(tmp_path / "server.git"))
    server = Workspace(tmp_path / "server.git")
    before = server.git("rev-parse", "deploy/prod")
    suspend(line)
    change(line, 7)
    line.git("push", "-q", "origin", "main")
    outcome = line.json("render", "--publish", "--push")
    assert [each["state"] for each in outcome["environments"]] == ["unchanged", "suspended"]
    assert line.json("render", "prod", "--publish", "--push")["environments"][0]["state"] == "suspended"
    assert server.git("rev-parse", "deploy/prod") == before
