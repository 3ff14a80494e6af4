"""``envctl status``: the whole text, JSON and CSV of repositories in every state."""

import csv
import io
import json
import os
import re
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import pytest

from envctl.cli.statustext import Page, status_lines
from envctl.model.observed import ComponentHealth, Health, Observed
from envctl.wiring import open_repository
from envctl.workflows.observed import record_observed
from envctl.workflows.status import status
from tests.functional.conftest import WHO, Workspace
from tests.functional.failing import told

MADE = 1_767_323_045  # when all commits of these tests were made: WHO["date"]
HOUR, DAY = 3600, 86_400
NOW = MADE + 3 * DAY
MAIN, LOCK = "components/web/main.jsonnet", "environments/prod/lock.yaml"
STATUS = "refs/envctl/status"


def text(workspace: Workspace, *names: str, width: int | None = None) -> str:
    """What people see three days after all commits were made; ids are cut out by their columns."""
    found = status(open_repository(workspace.path), names)
    return "".join(f"{click.unstyle(line)}\n" for line in status_lines(found, Page(NOW, width)))


def shown(expected: str) -> str:
    return textwrap.dedent(expected).lstrip("\n")


def short(workspace: Workspace, revision: str, length: int = 8) -> str:
    return workspace.git("rev-parse", revision)[:length]


def tip(workspace: Workspace, environment: str) -> str:
    return short(workspace, f"deploy/{environment}", 12)


def report(workspace: Workspace, environment: str, **values: Any) -> Observed:
    """Record that the environment is healthy at its tip for two days, but for `values`."""
    observed = Observed(
        environment=environment,
        revision=workspace.git("rev-parse", f"deploy/{environment}"),
        sequence=1,
        health=Health.HEALTHY,
        since=NOW - 2 * DAY,
        reported=NOW - 60,
    )
    observed = replace(observed, **values)
    record_observed(open_repository(workspace.path), observed)
    return observed


@pytest.fixture
def released(small: Workspace) -> Workspace:
    """The small repository with dev published and promoted to prod."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    return small


def changed(workspace: Workspace, replicas: int = 2) -> str:
    workspace.write(MAIN, f"// {replicas}\n" + workspace.git("show", f"HEAD:{MAIN}") + "\n")
    return workspace.commit(f"Replicas {replicas}")


def test_nothing_is_published(small: Workspace) -> None:
    """A repository at its very beginning: dashes, and words for what is missing."""
    assert text(small) == shown("""
        ENVIRONMENT  FOLLOWS  PUBLISHED  SEQUENCE  SUBJECT
        dev          main     -          -
        prod         dev      -          -

        COMPONENT  dev            prod
        web        not published  not promoted
    """)


def test_nothing_is_promoted(small: Workspace) -> None:
    """Zero lag is said."""
    small.ok("render", "dev", "--publish")
    assert text(small) == shown(f"""
        ENVIRONMENT  FOLLOWS  PUBLISHED     SEQUENCE  SUBJECT
        dev          main     {tip(small, "dev")}  1         Add web
        prod         dev      -             -

        COMPONENT  dev                  prod
        web        {short(small, "main")} up to date  not promoted
    """)


def test_lags_are_told_in_commits_and_in_time(released: Workspace) -> None:
    """The age is that of the oldest commit that is lacking; other files do not count."""
    pin = short(released, "main~1")
    changed(released, 2)
    released.write("notes.md", "x")
    released.commit("Notes")
    changed(released, 3)
    released.ok("render", "dev", "--publish", "--rev", "HEAD")
    assert text(released) == shown(f"""
        ENVIRONMENT  FOLLOWS  PUBLISHED     SEQUENCE  SUBJECT
        dev          main     {tip(released, "dev")}  1         Add web
        prod         dev      {tip(released, "prod")}  1         Promote dev to prod: web

        COMPONENT  dev               prod
        web        {pin} -2 (3d)  {pin} -2 (3d)
        -N (age): N source commits touched it or the libraries since; the age of the oldest
    """)


def test_pins_that_wait_to_be_published_are_marked(released: Workspace) -> None:
    """Somebody edited the lock, and nobody published it."""
    new = changed(released)
    released.edit(LOCK, released.git("rev-parse", "main~2"), new)
    released.commit("Pin web")
    assert text(released, "prod") == shown(f"""
        ENVIRONMENT  FOLLOWS  PUBLISHED     SEQUENCE  SUBJECT
        prod         dev      {tip(released, "prod")}  1         Promote dev to prod: web

        COMPONENT  prod
        web        {new[:8]} up to date*
        *: pinned anew, not published yet (envctl render --publish)
    """)


def test_a_held_component_says_why(released: Workspace) -> None:
    """In the matrix as a word, below it with its reason."""
    released.write(LOCK, (released.path / LOCK).read_text() + "    hold: incident 7\n")
    released.commit("Hold web")
    lines = text(released, "prod").splitlines()
    assert lines[-2:] == [
        f"web        {short(released, 'main~2')} up to date held",
        "prod: web is held: incident 7",
    ]


def test_pauses_are_told_until_they_lapse(released: Workspace) -> None:
    """A freeze of the future and a suspension of the past."""
    released.write(
        "environments/prod/freeze.yaml",
        "until: 2026-01-09T08:00:00+01:00\nreason: the fair\nby: Ann <a@b.c>\n",
    )
    released.write("environments/prod/suspend.yaml", "until: 2026-01-03T08:00:00Z\nreason: over\n")
    released.commit("Freeze prod")
    assert text(released, "prod").splitlines()[-1] == (
        "prod: frozen until 2026-01-09T07:00:00Z by Ann <a@b.c>: the fair"
    )
    data = released.json("status", "prod")["environments"][0]
    assert data["frozen"] == {"until": "2026-01-09T07:00:00Z", "reason": "the fair", "by": "Ann <a@b.c>"}
    assert data["suspended"] == {"until": "2026-01-03T08:00:00Z", "reason": "over", "by": ""}


def at_its_tip(workspace: Workspace) -> None:
    report(workspace, "prod")


def degraded(workspace: Workspace) -> None:
    report(workspace, "prod", health=Health.DEGRADED, since=NOW - 5 * 60, drifted=2)


def reported_long_ago(workspace: Workspace) -> None:
    report(workspace, "prod", reported=NOW - 3 * HOUR)


def behind(workspace: Workspace) -> None:
    report(workspace, "prod")
    for number in (4, 5):
        workspace.write(
            "environments/prod/environment.yaml",
            f"namespace: prod\npromotesFrom: [dev]\ncomponents: [{{name: web, config: {{replicas: {number}}}}}]\n",
        )
        workspace.commit(f"Replicas {number}")
        workspace.ok("render", "prod", "--publish")


def of_a_newer_commit(workspace: Workspace) -> None:
    behind(workspace)
    report(workspace, "prod", reported=NOW - 30)
    workspace.git("branch", "-f", "deploy/prod", "deploy/prod~1")


def of_another_environment(workspace: Workspace) -> None:
    report(workspace, "prod", revision=workspace.git("rev-parse", "deploy/dev"))


def of_a_source_commit(workspace: Workspace) -> None:
    report(workspace, "prod", revision=workspace.git("rev-parse", "main"))


def of_nothing_here(workspace: Workspace) -> None:
    report(workspace, "prod", revision="ab" * 20)


SIGHTINGS: dict[str, tuple[Callable[[Workspace], None], str, str, int]] = {
    "healthy": (at_its_tip, "Healthy 2d", "current", 0),
    "degraded, with drift": (degraded, "Degraded 5m, 2 drifted", "current", 0),
    "an agent that is silent": (reported_long_ago, "Healthy 2d, seen 3h ago", "current", 0),
    "two commits behind": (behind, "Healthy 2d, 2 behind", "behind", 2),
    "a commit that is not fetched": (
        of_a_newer_commit,
        "Healthy 2d, of a newer commit than here",
        "newer",
        0,
    ),
    "another environment's commit": (of_another_environment, "Healthy 2d, of another revision", "other", 0),
    "no deploy commit": (of_a_source_commit, "Healthy 2d, of another revision", "other", 0),
    "a commit of nowhere": (of_nothing_here, "Healthy 2d, of a commit not here", "not here", 0),
}


@pytest.mark.parametrize("name", SIGHTINGS)
def test_what_is_observed_is_told_with_what_it_is_about(released: Workspace, name: str) -> None:
    """Health and since when; whether it is about the newest commit; drift; how old the report is."""
    prepare, expected, relation, count = SIGHTINGS[name]
    prepare(released)
    header, dev, prod = text(released).splitlines()[:3]
    start, end = header.index("OBSERVED"), header.index("SUBJECT")
    assert (dev[start:end].strip(), prod[start:end].strip()) == ("-", expected)
    observed = released.json("status", "prod")["environments"][0]["observed"]
    assert (observed["relation"], observed["behind"]) == (relation, count)


def test_the_health_of_a_component_stands_beside_it(released: Workspace) -> None:
    """Only where it is not healthy; JSON has it always."""
    report(
        released,
        "prod",
        health=Health.DEGRADED,
        components={"web": ComponentHealth(Health.DEGRADED, NOW - HOUR)},
    )
    report(released, "dev", components={"web": ComponentHealth(Health.HEALTHY, NOW - 2 * DAY)})
    pin = short(released, "main~1")
    assert text(released).splitlines()[-1] == f"web        {pin} up to date  {pin} up to date Degraded"
    components = [each["components"][0] for each in released.json("status")["environments"]]
    assert [(each["health"], each["healthSince"]) for each in components] == [
        ("Healthy", "2026-01-03T03:04:05Z"),
        ("Degraded", "2026-01-05T02:04:05Z"),
    ]


def broken_report(workspace: Workspace) -> None:
    """A report that says nothing of the kind."""
    workspace.write("../status.json", '{"environment": "prod", "health": "Fine"}')
    blob = workspace.git("hash-object", "-w", "../status.json")
    workspace.write("../tree", f"100644 blob {blob}\tstatus.json\n")
    tree = workspace.git("-c", "alias.mk=!git mktree < ../tree", "mk")
    workspace.git("update-ref", f"{STATUS}/prod", workspace.git("commit-tree", "-m", "Report", tree))


def foreign_branch(workspace: Workspace) -> None:
    workspace.git("branch", "-f", "deploy/prod", "main")


def broken_lock(workspace: Workspace) -> None:
    workspace.write(LOCK, "<<<<<<< HEAD\n")
    workspace.commit("Merge")


def broken_file(workspace: Workspace) -> None:
    workspace.write("environments/prod/environment.yaml", "component: [web]\n")
    workspace.commit("Break prod")


def broken_base(workspace: Workspace) -> None:
    workspace.write("environments/base/environment.yaml", "abstract: maybe\n")
    workspace.edit("environments/prod/environment.yaml", "namespace:", "extends: [base]\nnamespace:")
    workspace.commit("Break the base")


def broken_freeze(workspace: Workspace) -> None:
    workspace.write("environments/prod/freeze.yaml", "until: tomorrow\nreason: x\n")
    workspace.commit("Freeze prod")


def lost_source(workspace: Workspace) -> None:
    """The source commit that the deploy commit names is nowhere."""
    source = workspace.git("rev-parse", "main")
    message = workspace.git("log", "-1", "--format=%B", "deploy/prod").replace(source, "ab" * 20)
    commit = workspace.git("commit-tree", "-m", message, "deploy/prod^{tree}")
    workspace.git("branch", "-f", "deploy/prod", commit)


def conflict_in_the_work_tree(workspace: Workspace) -> None:
    workspace.write(LOCK, "<<<<<<< HEAD\n")


@dataclass(frozen=True)
class Unread:
    """What is broken, which part cannot be read, and the notes at the end of the text."""

    prepare: Callable[[Workspace], None]
    part: str
    notes: str
    has_pins: bool = True


UNREAD = {
    "a report": Unread(
        broken_report,
        "report",
        """
        prod: not read: refs/envctl/status/prod ({report}): the status is wrong: revision: it is missing
          it is written anew by the next report of the agent; docs/status-ref.md has the format
        prod: not read: sequence: it is missing
        prod: not read: health: "Fine" is none of Healthy, Progressing, Degraded, Suspended, Missing, Unknown
        prod: not read: since: it is missing
        prod: not read: reported: it is missing
        """,
    ),
    "a foreign deploy branch": Unread(
        foreign_branch,
        "deploy branch",
        """
        prod: not read: deploy/prod ({tip}): its tip was not written by envctl: it lacks the Envctl- trailers
          there is no deploy commit below it; move the branch aside: git branch -m deploy/prod prod-aside
        """,
    ),
    "a lock with a conflict": Unread(
        broken_lock,
        "files",
        """
        prod: not read: environments/prod/lock.yaml:1: this file has an unresolved merge conflict
          take one side as it is (git checkout --ours or --theirs, then git add), and promote again what the other side had
        """,
        has_pins=False,
    ),
    "an environment file": Unread(
        broken_file,
        "files",
        """
        prod: not read: environments/prod/environment.yaml:1: component: unknown key
          did you mean `components`?
        """,
        has_pins=False,
    ),
    "what it extends": Unread(
        broken_base,
        "files",
        """
        prod: not read: environments/base/environment.yaml:1: abstract: must be true or false, is the text "maybe"
        base: not read: environments/base/environment.yaml:1: abstract: must be true or false, is the text "maybe"
        """,
        has_pins=False,
    ),
    "a freeze": Unread(
        broken_freeze,
        "files",
        """
        prod: not read: environments/prod/freeze.yaml:1: until: is the text "tomorrow", which does not fit
          When it lapses by itself, with an offset from UTC: 2026-01-05T08:00:00Z.
        """,
        has_pins=False,
    ),
    "a source that is gone": Unread(
        lost_source,
        "published pins",
        """
        prod: not read: deploy/prod ({tip}): its source commit abababababab is not in this clone
          fetch it (git fetch, in a shallow clone with --unshallow), or publish again
        """,
    ),
    "a lock in the work tree": Unread(
        conflict_in_the_work_tree,
        "work tree",
        """
        prod: not read: environments/prod/lock.yaml:1: this file has an unresolved merge conflict
          take one side as it is (git checkout --ours or --theirs, then git add), and promote again what the other side had
        """,
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_marks_its_own_environment_only(released: Workspace, name: str) -> None:
    """The others are told as ever, the reason stands below, and the command fails."""
    unread, pin = UNREAD[name], short(released, "main~1")
    unread.prepare(released)
    ids = {
        "tip": tip(released, "prod"),
        "report": released.git("rev-parse", f"{STATUS}/prod", check=False)[:12],
    }
    lines = text(released).splitlines()
    matrix = lines.index("") + 2
    cells = ["web", f"{pin} up to date", *([f"{pin} up to date"] if unread.has_pins else [])]
    assert re.split(r" {2,}", lines[matrix]) == cells
    assert "\n".join(lines[matrix + 1 :]) + "\n" == told(released, unread.notes).format(**ids)
    outcome = released.envctl("status", "-o", "json")
    states = {each["environment"]: each["unread"] for each in outcome.data["environments"]}
    assert (outcome.code, states["dev"], states["prod"]) == (1, [], [unread.part])
    assert released.envctl("status", "dev").code == 0


def test_a_bare_repository_has_the_same_status(released: Workspace, tmp_path: Path) -> None:
    """Servers have no work tree."""
    bare = Workspace(tmp_path / "bare.git")
    released.git("clone", "-q", "--bare", str(released.path), str(bare.path))
    assert text(bare) == text(released)


def test_a_fresh_clone_has_the_same_status(released: Workspace, tmp_path: Path) -> None:
    """Its deploy branches are remote-tracking ones."""
    assert text(released.clone(tmp_path / "clone")) == text(released)


def test_a_clone_of_another_branch_looks_at_the_source_branch_of_its_remote(
    released: Workspace, tmp_path: Path
) -> None:
    """A checkout of a pull request has no branch main of its own."""
    released.write("envctl.yaml", "sourceBranch: main\n")
    released.commit("Name the source branch")
    clone = released.clone(tmp_path / "clone")
    clone.git("checkout", "-q", "--detach")
    clone.git("branch", "-qD", "main")
    assert clone.json("status")["source"] == {
        "branch": "origin/main",
        "commit": released.git("rev-parse", "main"),
    }
    assert text(clone).replace("origin/main", "main").split() == text(released).split()


def test_a_shallow_clone_says_that_lags_are_unknown(released: Workspace, tmp_path: Path) -> None:
    """What the clone does not have is said as such, with the way to get it."""
    pin = short(released, "main~1")
    changed(released)
    clone = Workspace(tmp_path / "clone")
    released.git(
        "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{released.path}", str(clone.path)
    )
    assert text(clone) == shown(f"""
        ENVIRONMENT  FOLLOWS  PUBLISHED     SEQUENCE  SUBJECT
        dev          main     {tip(released, "dev")}  1         Add web
        prod         dev      {tip(released, "prod")}  1         Promote dev to prod: web

        COMPONENT  dev            prod
        web        not published  {pin} lag unknown
        dev: not read: deploy/dev ({tip(released, "dev")}): its source commit {short(released, "main~2", 12)} is not in this clone
          fetch it (git fetch, in a shallow clone with --unshallow), or publish again
        prod: lag of web unknown: its history is not in this clone (git fetch --unshallow)
        prod: not read: deploy/prod ({tip(released, "prod")}): its source commit {short(released, "main~1", 12)} is not in this clone
          fetch it (git fetch, in a shallow clone with --unshallow), or publish again
    """)


def test_a_pin_beside_the_source_branch_is_told(released: Workspace) -> None:
    """Somebody pinned what was never merged."""
    released.git("checkout", "-qb", "feature")
    feature = changed(released)
    released.git("checkout", "-q", "main")
    released.edit(LOCK, released.git("rev-parse", "main~1"), feature)
    released.commit("Pin a feature")
    assert text(released, "prod").splitlines()[-3:] == [
        f"web        {feature[:8]} lag unknown*",
        "*: pinned anew, not published yet (envctl render --publish)",
        "prod: lag of web unknown: its revision is not on the source branch",
    ]


def test_pins_that_nobody_committed_are_told(released: Workspace) -> None:
    """They count for nothing until they are."""
    released.edit(LOCK, released.git("rev-parse", "main~1"), "ab" * 20)
    lines = text(released, "prod").splitlines()
    assert lines[-2:] == [
        f"web        {short(released, 'main~1')} up to date",
        "prod: lock.yaml in the work tree has other pins: web",
    ]
    assert released.json("status", "prod")["environments"][0]["uncommittedPins"] == ["web"]
    released.git("checkout", "-q", "--detach")
    assert text(released, "prod").splitlines()[-1] == lines[-2]


def test_a_narrow_terminal_gets_whole_columns(sample: Workspace) -> None:
    """Environments that have no room go below; subjects end with a whole word."""
    sample.ok("render", "dev", "--publish")
    sample.ok("promote", "dev", "staging")
    sample.ok("promote", "staging", "prod")
    pin = short(sample, "main~2")
    tips = [tip(sample, name) for name in ("dev", "staging", "prod")]
    assert text(sample, width=60) == shown(f"""
        ENVIRONMENT  FOLLOWS  PUBLISHED     SEQUENCE  SUBJECT
        dev          main     {tips[0]}  1         Add the…
        staging      dev      {tips[1]}  1         Promote dev…
        prod         staging  {tips[2]}  1         Promote…

        COMPONENT     dev                  staging
        cluster       {pin} up to date  {pin} up to date
        platform      {pin} up to date  {pin} up to date
        model-server  {pin} up to date  {pin} up to date
        vector-store  {pin} up to date  {pin} up to date
        gateway       {pin} up to date  {pin} up to date
        batch-worker  {pin} up to date  {pin} up to date

        COMPONENT     prod
        cluster       {pin} up to date
        platform      {pin} up to date
        model-server  {pin} up to date
        vector-store  {pin} up to date
        gateway       {pin} up to date
        batch-worker  {pin} up to date
    """)
    assert max(map(len, text(sample, width=80).splitlines())) <= 80
    assert "SUBJECT" not in text(sample, width=50)


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
    broken_file(released)
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


def test_the_command_says_what_the_workflow_found(released: Workspace) -> None:
    """Without a terminal nothing is cut, and the exit code is 0."""
    assert released.ok("status").out == text(released)


def test_status_writes_nothing(released: Workspace) -> None:
    """Not a file, not a ref, not an object: a folder that cannot be written will do."""
    report(released, "prod")
    for folder, _, _ in os.walk(released.path):
        Path(folder).chmod(0o555)
    before = sorted((each, each.stat().st_mtime_ns) for each in released.path.rglob("*"))
    assert released.ok("status", "-o", "json").data["environments"]
    assert sorted((each, each.stat().st_mtime_ns) for each in released.path.rglob("*")) == before
    for folder, _, _ in os.walk(released.path):
        Path(folder).chmod(0o755)
    shutil.rmtree(released.path)


def test_all_commits_here_are_of_one_day() -> None:
    """The ages above count from it."""
    assert WHO["date"] == "2026-01-02T03:04:05+00:00"
