"""envctl history on real repositories: who, when, why, what, from which revision to which."""

import csv
import io
from pathlib import Path

import pytest

from tests.functional.conftest import SMALL, WHO, Workspace
from tests.functional.failing import fails, told

MAIN = "components/web/main.jsonnet"
LOCK = "environments/prod/lock.yaml"
PROD = "environments/prod/environment.yaml"


def filled(workspace: Workspace, text: str, **commits: str) -> str:
    """An expected text with the short ids of commits filled in."""
    for name, commit in commits.items():
        text = text.replace(f"{{{name}}}", workspace.git("rev-parse", commit)[:12])
    return told(workspace, text)


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """dev and prod with a first promotion, a forced one, a change of settings and a rollback."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    small.git("tag", "first")
    small.edit(MAIN, "replicas: 1 }", "replicas: 1, color: 'blue' }")
    small.edit(MAIN, "replicas: '%d'", "color: $.config.color, replicas: '%d'")
    small.commit("Colour web")
    small.git("tag", "blue")
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod", "--force", "--reason", "the shop is down")
    small.edit(PROD, "replicas: 3", "replicas: 5")
    small.git(
        "commit", "-qam", "Scale web\n\nEnvctl-Reason: Black Friday", "--author", "Bob <bob@example.com>"
    )
    small.ok("render", "prod", "--publish")
    small.git("checkout", "-q", "first", "--", LOCK)
    first = small.git("rev-parse", "deploy/prod~2")
    small.git(
        "commit", "-qam", f"Roll prod back\n\nEnvctl-Environment: prod\nEnvctl-Rollback-To: prod@{first}"
    )
    small.ok("render", "prod", "--publish")
    return small


def test_the_history_tells_who_when_why_what_and_from_where_to_where(line: Workspace) -> None:
    """Newest first; each kind of deploy commit in its own words."""
    assert line.ok("history", "prod").out == filled(
        line,
        """
        #4 {four}  2026-01-02T03:04:05Z  rolled back to prod@{one}
          Ann <ann@example.com>: Roll prod back
          web: {blue} -> {add}

        #3 {three}  2026-01-02T03:04:05Z  published
          Bob <bob@example.com> (committed by Ann <ann@example.com>): Scale web
          reason: Black Friday
          web: {blue}, its settings changed

        #2 {two}  2026-01-02T03:04:05Z  promoted from dev@{dev}
          Ann <ann@example.com>: Promote dev to prod: web
          reason: the shop is down
          web: {add} -> {blue}

        #1 {one}  2026-01-02T03:04:05Z  promoted from dev@{dev1}
          Ann <ann@example.com>: Promote dev to prod: web
          web: - -> {add}

        """,
        four="deploy/prod",
        three="deploy/prod~1",
        two="deploy/prod~2",
        one="deploy/prod~3",
        dev="deploy/dev",
        dev1="deploy/dev~1",
        blue="blue",
        add="first~1",
    )


def test_a_tracking_environment_moves_with_its_source(line: Workspace) -> None:
    """Without pins, from source commit to source commit."""
    moves = [each["components"] for each in line.json("history", "dev")["deploys"]]
    blue, add = line.git("rev-parse", "blue"), line.git("rev-parse", "first~1")
    assert moves == [
        [{"component": "web", "old": add, "new": blue, "changed": True}],
        [{"component": "web", "old": "", "new": add, "changed": True}],
    ]


def test_the_json_has_everything_under_stable_names(line: Workspace) -> None:
    """One deploy commit, whole."""
    found = line.json("history", "prod", "-n", "1")
    person = {"name": "Ann", "email": "ann@example.com", "time": "2026-01-02T03:04:05Z"}
    tip, source = line.git("rev-parse", "deploy/prod"), line.git("rev-parse", "main")
    renderer = found["deploys"][0].pop("renderer")
    assert renderer.startswith("envctl ")
    assert found == {
        "environment": "prod",
        "deployCommit": tip,
        "more": 3,
        "cut": "",
        "deploys": [
            {
                "sequence": 4,
                "deployCommit": tip,
                "sourceCommit": source,
                "sourceHere": True,
                "time": "2026-01-02T03:04:05Z",
                "kind": "rolled back",
                "author": person,
                "committer": person,
                "subject": "Roll prod back",
                "reason": "",
                "promotedFrom": "",
                "rollbackTo": f"prod@{line.git('rev-parse', 'deploy/prod~3')}",
                "forced": [],
                "allowPrune": [],
                "approvedBy": [],
                "problem": "",
                "components": [
                    {
                        "component": "web",
                        "old": line.git("rev-parse", "blue"),
                        "new": line.git("rev-parse", "first~1"),
                        "changed": True,
                    }
                ],
            }
        ],
    }


def test_a_limit_says_how_many_are_left_out(line: Workspace) -> None:
    """So that nobody takes a part for the whole."""
    assert line.ok("history", "prod", "-n", "2").out.endswith(
        "\nand 2 older deploy commits (--all shows them)\n"
    )
    assert line.ok("history", "prod", "-n", "3").out.endswith(
        "\nand 1 older deploy commit (--all shows them)\n"
    )
    assert "older" not in line.ok("history", "prod", "-n", "4").out
    assert line.ok("history", "prod", "-c", "web", "-n", "1").out.endswith(
        "\nand older ones (--all shows them)\n"
    )


def test_the_csv_has_a_line_for_each_deploy_and_component(line: Workspace) -> None:
    """For spreadsheets: a subject that would be a formula is told as text."""
    line.edit(PROD, "replicas: 5", "replicas: 7")
    line.commit('=HYPERLINK(1), "x"\n\nEnvctl-Reason: @SUM(1)')
    line.ok("render", "prod", "--publish")
    text = line.ok("history", "prod", "--all", "--csv").out
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.count("\r\n") == len(rows) + 1 == 6
    assert [row["sequence"] for row in rows] == ["5", "4", "3", "2", "1"]
    picked = ("environment", "kind", "component", "changed", "author", "subject", "reason", "problem")
    assert {name: rows[0][name] for name in picked} == {
        "environment": "prod",
        "kind": "published",
        "component": "web",
        "changed": "true",
        "author": "Ann",
        "subject": '\'=HYPERLINK(1), "x"',
        "reason": "'@SUM(1)",
        "problem": "",
    }


def test_commits_that_envctl_did_not_write_are_listed_and_marked(line: Workspace) -> None:
    """At the tip or below: what they changed is told, and nothing fails."""
    line.git("checkout", "-q", "deploy/prod")
    line.edit("web/prod/ConfigMap_web.yaml", "web", "web")
    line.write("web/prod/ConfigMap_web.yaml", "by: hand\n")
    line.commit("Fix prod at night")
    line.git("checkout", "-q", "main")
    shown = line.ok("history", "prod", "-n", "1").out
    assert shown == filled(
        line,
        """
        #- {tip}  2026-01-02T03:04:05Z  foreign commit: not written by envctl: it lacks the Envctl- trailers
          Ann <ann@example.com>: Fix prod at night
          web

        and 4 older deploy commits (--all shows them)
        """,
        tip="deploy/prod",
    )
    assert [each["sequence"] for each in line.json("history", "prod", "-c", "web")["deploys"]] == [
        *(0, 4, 3, 2, 1)
    ]


@pytest.mark.parametrize(
    ("trailer", "problem"),
    {
        "another environment's": ("Envctl-Environment: dev", "belongs to environment dev"),
        "endless sequence": (f"Envctl-Sequence: {'9' * 5000}", "not written by envctl"),
        "no sequence": ("Envctl-Sequence: -1", "not written by envctl"),
    }.values(),
    ids=lambda value: value[:20],
)
def test_odd_trailers_are_marked(line: Workspace, trailer: str, problem: str) -> None:
    """Anybody can write a trailer."""
    message = line.git("log", "-1", "--format=%B", "deploy/prod")
    parent = line.git("rev-parse", "deploy/prod")
    odd = line.git("commit-tree", "-p", parent, "-m", f"{message}\n{trailer}", f"{parent}^{{tree}}")
    line.git("update-ref", "refs/heads/deploy/prod", odd)
    found = line.json("history", "prod")["deploys"]
    assert found[0]["problem"].startswith(problem)
    assert [each["sequence"] for each in found] == [0, 4, 3, 2, 1]


def test_a_merge_in_the_branch_is_marked(line: Workspace) -> None:
    """Deploy branches are linear; its second parent's history is not this branch's."""
    message = line.git("log", "-1", "--format=%B", "deploy/prod")
    tip, other = line.git("rev-parse", "deploy/prod"), line.git("rev-parse", "deploy/dev")
    merge = line.git("commit-tree", "-p", tip, "-p", other, "-m", message, f"{tip}^{{tree}}")
    line.git("update-ref", "refs/heads/deploy/prod", merge)
    found = line.json("history", "prod")["deploys"]
    assert found[0]["problem"] == "a merge; deploy branches are linear"
    assert len(found) == 5


def test_approvals_forced_gates_and_permissions_are_told(line: Workspace) -> None:
    """Whatever the trailers of a deploy commit say."""
    message = line.git("log", "-1", "--format=%B", "deploy/prod").replace("Sequence: 4", "Sequence: 5")
    more = (
        "Envctl-Forced: health, soak\nEnvctl-Allow-Prune: web\n"
        "Envctl-Approved-By: Eve <eve@example.com>\nEnvctl-Approved-By: Max <max@example.com>"
    )
    parent = line.git("rev-parse", "deploy/prod")
    made = line.git("commit-tree", "-p", parent, "-m", f"{message}\n{more}", f"{parent}^{{tree}}")
    line.git("update-ref", "refs/heads/deploy/prod", made)
    found = line.json("history", "prod", "-n", "1")["deploys"][0]
    assert (found["forced"], found["allowPrune"]) == (["health", "soak"], ["web"])
    assert found["approvedBy"] == ["Eve <eve@example.com>", "Max <max@example.com>"]
    assert line.ok("history", "prod", "-n", "1").out == filled(
        line,
        """
        #5 {tip}  2026-01-02T03:04:05Z  rolled back to prod@{to}; forced past health, soak; allowed to prune web
          Ann <ann@example.com>: Roll prod back
          approved by Eve <eve@example.com>, Max <max@example.com>
          web: {add}, its settings changed

        and 4 older deploy commits (--all shows them)
        """,
        tip="deploy/prod",
        to="deploy/prod~4",
        add="first~1",
    )


def test_the_way_of_a_release_is_told_as_it_went(small: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that others approved, a promotion by force, and a rollback, by envctl's own commands."""
    small.edit(PROD, "namespace: prod\n", "namespace: prod\ngates: {approvals: 1, health: false}\n")
    small.commit("Ask for an approval")
    small.ok("render", "dev", "--publish")
    plan = str(small.path.parent / "plan.json")
    Path(plan).write_text(small.ok("promote", "dev", "prod", "--dry-run", "-o", "json").out)
    for name, value in {"NAME": "Eve", "EMAIL": "eve@example.com"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    small.ok("approve", plan)
    monkeypatch.undo()
    small.ok("promote", "--plan", plan)
    small.edit(MAIN, "replicas: '%d'", "new: 'yes', replicas: '%d'")
    small.commit("Change web")
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod", "--force", "--reason", "the shop is down")
    small.ok("rollback", "prod", "--reason", "that was not it")
    found = small.json("history", "prod")["deploys"]
    assert [(each["kind"], each["forced"], each["reason"]) for each in found] == [
        ("rolled back", [], "that was not it"),
        ("promoted", ["approvals"], "the shop is down"),
        ("promoted", [], ""),
    ]
    assert [each["approvedBy"] for each in found] == [[], [], ["Eve <eve@example.com>"]]
    assert found[0]["rollbackTo"] == f"prod@{found[2]['deployCommit']}"
    old, new = found[2]["components"][0]["new"], found[1]["components"][0]["new"]
    assert [(each["components"][0]["old"], each["components"][0]["new"]) for each in found] == [
        (new, old),
        (old, new),
        ("", old),
    ]


def test_a_component_that_is_gone_keeps_its_history(line: Workspace) -> None:
    """The branch knows it, although no file of the source does."""
    line.write("components/old/main.jsonnet", SMALL[MAIN].replace("'web'", "'old'"))
    line.write("environments/dev/environment.yaml", "namespace: dev\ncomponents: [web, old]\n")
    line.commit("Add old")
    line.ok("render", "dev", "--publish")
    line.git("rm", "-qr", "components/old")
    line.write("environments/dev/environment.yaml", "namespace: dev\ncomponents: [web]\n")
    line.commit("Remove old")
    line.ok("render", "dev", "--publish")
    subjects = [each["subject"] for each in line.json("history", "dev", "-c", "old")["deploys"]]
    assert subjects == ["Remove old", "Add old"]


def test_a_fresh_clone_has_the_same_history(line: Workspace, tmp_path: Path) -> None:
    """From its remote-tracking branch."""
    clone = line.clone(tmp_path / "clone")
    assert clone.ok("history", "prod").out == line.ok("history", "prod").out


def test_a_shallow_clone_shows_what_its_trailers_say(line: Workspace, tmp_path: Path) -> None:
    """Pins of source commits that are not here are unknown, and where the branch is cut is said."""
    line.git(
        "clone", "-q", "--depth", "2", "--no-single-branch", f"file://{line.path}", str(tmp_path / "clone")
    )
    found = Workspace(tmp_path / "clone").json("history", "prod")
    assert [
        (each["sequence"], each["sourceHere"], [(c["old"], c["new"]) for c in each["components"]])
        for each in found["deploys"]
    ] == [
        (4, True, [(line.git("rev-parse", "blue"), line.git("rev-parse", "first~1"))]),
        (3, True, [(None, line.git("rev-parse", "blue"))]),
    ]
    assert found["cut"].startswith("there is no commit ")


def test_a_source_that_is_gone_leaves_the_pins_unknown(line: Workspace, tmp_path: Path) -> None:
    """The row is still there, with what its trailers say."""
    line.git("clone", "-q", "--depth", "1", "--single-branch", f"file://{line.path}", str(tmp_path / "clone"))
    clone = Workspace(tmp_path / "clone")
    clone.git("fetch", "-q", "origin", "deploy/prod:refs/heads/deploy/prod")
    assert clone.ok("history", "prod", "-n", "2").out.endswith(
        filled(
            line,
            """
              Bob <bob@example.com> (committed by Ann <ann@example.com>): Scale web
              reason: Black Friday
              web
              its source commit {scale} is not here

            and 2 older deploy commits (--all shows them)
            """,
            scale="main~1",
        )
    )


def test_a_lock_that_cannot_be_read_leaves_the_pins_unknown(line: Workspace) -> None:
    """An old source is what it is; its deploy commit still has its row."""
    message = line.git("log", "-1", "--format=%B", "deploy/prod").replace("Sequence: 4", "Sequence: 5")
    line.write(LOCK, "components: [\n")
    broken = line.commit("Break the lock")
    message = message.replace(line.git("rev-parse", "main~1"), broken)
    parent = line.git("rev-parse", "deploy/prod")
    made = line.git("commit-tree", "-p", parent, "-m", message, f"{parent}^{{tree}}")
    line.git("update-ref", "refs/heads/deploy/prod", made)
    found = line.json("history", "prod", "-n", "1")["deploys"][0]
    old = line.git("rev-parse", "first~1")
    assert found["components"] == [{"component": "web", "old": old, "new": None, "changed": True}]


def test_names_that_fit_nothing_are_answered_with_what_there_is(line: Workspace) -> None:
    """Unknown environments and components, and an environment that is not published."""
    line.write("environments/qa/environment.yaml", "components: [web]\n")
    line.commit("Add qa")
    errors = {
        ("history", "prodd"): (2, "did you mean `prod`?"),
        ("history", "qa"): (1, "publish it first: envctl render qa --publish"),
        ("history", "prod", "-c", "webb"): (2, "did you mean `web`?"),
        ("history", "prod", "-n", "3", "--all"): (2, "leave one of them out"),
        ("history", "prod", "--csv", "-o", "json"): (2, "leave one of them out"),
        ("history", "prod", "-n", "0"): (2, "see `envctl history --help`"),
    }
    for arguments, (code, hint) in errors.items():
        outcome = fails(line, *arguments)
        assert (outcome.code, hint in outcome.out + outcome.err) == (code, True), arguments


def test_what_a_terminal_would_obey_is_escaped(line: Workspace) -> None:
    """Subjects and names are written by others."""
    line.edit(PROD, "replicas: 5", "replicas: 7")
    line.git("commit", "-qam", "Hide \x1b[31m\x1b]0;x\x07", "--author", f"E\x1b[2Jve <{WHO['email']}>")
    line.ok("render", "prod", "--publish")
    for arguments in ((), ("-o", "json"), ("--csv",)):
        assert "\x1b" not in line.ok("history", "prod", *arguments).out
