"""Freeze, suspend, resume: one commit each, what they stop and what they do not, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.workflows.promotion.pause import PauseOptions, pause
from tests.functional.conftest import Workspace
from tests.functional.pausing import FREEZE, LATER, LATEST, MAIN, freeze, seconds, suspend
from tests.functional.races import raced


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """dev published and promoted to prod."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    return small


def state(line: Workspace) -> tuple[str, str, str]:
    """All refs, the index and the files."""
    files = sorted(str(each) for each in line.path.rglob("*") if ".git" not in each.parts)
    return line.git("show-ref"), line.git("status", "--porcelain"), "\n".join(files)


def test_a_freeze_is_one_commit_of_one_file(line: Workspace) -> None:
    """With trailers, by whom Git says, and the work tree follows."""
    head = line.git("rev-parse", "main")
    outcome = line.ok(
        "freeze", "prod", "--until", "2999-01-01T01:00+01:00", "--reason", "end of\nthe quarter"
    )
    commit = line.git("rev-parse", "main")
    assert outcome.out == (
        f"prod: frozen until {LATER}: end of the quarter\n"
        f"committed {commit[:12]} on main\n"
        "others see it once main is pushed\n"
    )
    assert line.git("show", "--name-only", "--format=%P %an", "main") == f"{head} Ann\n\n{FREEZE}"
    assert line.git("log", "-1", "--format=%B") == (
        f"Freeze prod until {LATER}\n\n"
        "Envctl-Environment: prod\n"
        f"Envctl-Pause: freeze until {LATER}\n"
        "Envctl-Reason: end of the quarter"
    )
    assert (line.path / FREEZE).read_text() == (
        "# Written by `envctl freeze`; removed by `envctl resume`.\n"
        f'until: "{LATER}"\n'
        'reason: "end of the quarter"\n'
        'by: "Ann <ann@example.com>"\n'
    )
    assert line.git("status", "--porcelain") == ""


def test_the_result_for_machines(line: Workspace) -> None:
    """The same for all three commands."""
    frozen, suspended = freeze(line), suspend(line)
    resumed = line.json("resume", "prod")
    by = "Ann <ann@example.com>"
    first = {"kind": "freeze", "until": LATER, "reason": "end of the quarter", "by": by}
    second = {"kind": "suspend", "until": LATER, "reason": "incident 42", "by": by}
    same = {"environment": "prod", "branch": "main", "pushed": False}
    assert [
        {key: value for key, value in each.items() if key != "commit"}
        for each in (frozen, suspended, resumed)
    ] == [{**same, "pauses": [first]}, {**same, "pauses": [second]}, {**same, "pauses": [first, second]}]
    assert [frozen["commit"], suspended["commit"], resumed["commit"]] == line.git(
        "rev-list", "--reverse", "-3", "main"
    ).split()


def test_resume_ends_both(line: Workspace) -> None:
    """One commit; nothing is left, and the tree is that of before."""
    before = line.git("rev-parse", "main^{tree}")
    freeze(line)
    suspend(line)
    outcome = line.ok("resume", "prod", "--reason", "it is over")
    commit = line.git("rev-parse", "main")
    assert outcome.out == (
        f"prod: no longer frozen (it was until {LATER}: end of the quarter)\n"
        f"prod: no longer suspended (it was until {LATER}: incident 42)\n"
        f"committed {commit[:12]} on main\n"
        "others see it once main is pushed\n"
    )
    assert line.git("rev-parse", "main^{tree}") == before
    assert line.git("log", "-1", "--format=%B").splitlines()[2:] == [
        "Envctl-Environment: prod",
        "Envctl-Pause: resume after freeze and suspend",
        "Envctl-Reason: it is over",
    ]
    assert line.git("status", "--porcelain") == ""


def test_a_later_time_extends(line: Workspace) -> None:
    """With the new reason; the message says that it was frozen already."""
    freeze(line)
    outcome = line.ok("freeze", "prod", "--until", LATEST, "--reason", "not done yet")
    assert outcome.out.splitlines()[0] == f"prod: still frozen until {LATEST}: not done yet"
    assert line.git("log", "-1", "--format=%s") == f"Keep prod frozen until {LATEST}"


def test_a_lapsed_one_is_replaced_or_removed(line: Workspace) -> None:
    """It stands in nobody's way."""
    for command in (
        ("freeze", "prod", "--until", LATER, "--reason", "again"),
        ("resume", "prod"),
    ):
        line.write(FREEZE, "until: 2020-01-01T00:00Z\nreason: long ago\n")
        line.commit("An old freeze")
        line.ok(*command)
    assert line.git("log", "-1", "--format=%s") == "Remove the lapsed freeze of prod"


def test_a_dirty_work_tree_stays_as_it_is(line: Workspace) -> None:
    """The commit is made of Git objects; what lies about is not in it."""
    line.write(MAIN, "half an edit")
    line.write("notes.md", "x")
    line.git("add", "notes.md")
    before = line.git("status", "--porcelain")
    freeze(line)
    assert line.git("show", "--name-only", "--format=", "main") == FREEZE
    assert line.git("status", "--porcelain") == before


def test_a_file_that_somebody_is_writing_is_left_and_told(line: Workspace) -> None:
    """The next commit must not take the freeze back."""
    line.write(FREEZE, "mine")
    outcome = line.ok("freeze", "prod", "--for", "4h", "--reason", "sale")
    assert outcome.err == (
        f"note: {FREEZE} here was left as it is: you changed it, or another process holds the index. "
        f"Your next commit must not take the new one back; to have its state: git checkout HEAD -- {FREEZE}\n"
    )
    assert (line.path / FREEZE).read_text() == "mine"


def test_in_a_bare_repository(line: Workspace, tmp_path: Path) -> None:
    """Nothing is checked out, and nothing needs to be."""
    line.git("clone", "-q", "--bare", str(line.path), str(tmp_path / "bare.git"))
    bare = Workspace(tmp_path / "bare.git")
    bare.git("config", "user.name", "Ann")
    bare.git("config", "user.email", "ann@example.com")
    freeze(bare)
    assert bare.git("ls-tree", "--name-only", "main", "environments/prod/").split()[1] == FREEZE
    bare.ok("resume", "prod")
    assert bare.git("rev-parse", "main^{tree}") == line.git("rev-parse", "main^{tree}")


def nothing(line: Workspace) -> None:
    """The line as it is."""


def frozen(line: Workspace) -> None:
    freeze(line)


def base(line: Workspace) -> None:
    line.write("environments/base/environment.yaml", "abstract: true\n")
    line.commit("Add base")


def malformed(line: Workspace) -> None:
    line.write(FREEZE, "until: tomorrow\nresaon: sale\n")
    line.commit("Freeze by hand")


def misnamed(line: Workspace) -> None:
    line.write("environments/prod/freeze.yml", "until: 2999-01-01T00:00Z\nreason: x\n")
    line.commit("Freeze by hand")


def abstract(line: Workspace) -> None:
    base(line)
    line.write("environments/base/suspend.yaml", "until: 2999-01-01T00:00Z\nreason: x\n")
    line.commit("Suspend base")


REFUSED: dict[str, tuple[Callable[[Workspace], None], tuple[str, ...], int, str]] = {
    # what happened before, the command, the exit code, the message
    "an end in the past": (
        nothing,
        ("freeze", "prod", "--until", "2020-01-01T00:00Z", "--reason", "x"),
        2,
        (
            "error: 2020-01-01T00:00:00Z is in the past, it is NOW now\n"
            "hint: name a later time with --until, or how long with --for\n"
        ),
    ),
    "no end": (
        nothing,
        ("suspend", "prod", "--reason", "x"),
        2,
        (
            "error: one of --until and --for is needed: it lapses by itself\n"
            "hint: --for 4h, or --until 2026-12-24T18:00+01:00\n"
        ),
    ),
    "two ends": (
        nothing,
        ("freeze", "prod", "--until", LATER, "--for", "4h", "--reason", "x"),
        2,
        ("error: --until and --for exclude each other\nhint: leave one of them out\n"),
    ),
    "an end without an offset": (
        nothing,
        ("freeze", "prod", "--until", "2999-01-01T00:00", "--reason", "x"),
        2,
        (
            "error: --until 2999-01-01T00:00 is no time with an offset from UTC\n"
            "hint: write it as 2026-12-24T18:00+01:00\n"
        ),
    ),
    "no length": (
        nothing,
        ("freeze", "prod", "--for", "0h", "--reason", "x"),
        2,
        "error: --for 0h is no length of time\nhint: write it as 30m, 4h or 2d12h\n",
    ),
    "no reason": (
        nothing,
        ("freeze", "prod", "--for", "4h", "--reason", " "),
        2,
        "error: a reason is needed: it is told to whoever is refused\nhint: --reason TEXT\n",
    ),
    "a misspelt environment": (
        nothing,
        ("freeze", "prdo", "--for", "4h", "--reason", "x"),
        2,
        "error: there is no environment prdo in commit HEAD\nhint: did you mean `prod`?\n",
    ),
    "an abstract environment": (
        base,
        ("suspend", "base", "--for", "4h", "--reason", "x"),
        2,
        (
            "error: environment base is abstract: it is only there to be extended\n"
            "hint: environments here: dev, prod\n"
        ),
    ),
    "an environment without promotions": (
        nothing,
        ("freeze", "dev", "--for", "4h", "--reason", "x"),
        1,
        (
            "error: environment dev tracks the source branch, so there are no promotions to freeze\n"
            "hint: to publish nothing to it for a while: envctl suspend dev\n"
        ),
    ),
    "frozen for as long already": (
        frozen,
        ("freeze", "prod", "--until", LATER, "--reason", "x"),
        1,
        (
            f"error: {FREEZE}:2: prod is frozen until {LATER} already: end of the quarter\n"
            "hint: name a later time to extend it, or end it: envctl resume prod\n"
        ),
    ),
    "nothing to resume": (
        nothing,
        ("resume", "prod"),
        1,
        "error: environment prod is neither frozen nor suspended\n",
    ),
    "nothing to resume in no environment": (
        nothing,
        ("resume", "prdo"),
        2,
        "error: there is no environment prdo in commit HEAD\nhint: did you mean `prod`?\n",
    ),
    "a file that is wrong": (
        malformed,
        ("render", "dev"),
        1,
        (
            f"error: 3 problems found in {FREEZE}\n"
            f"  {FREEZE}:1: the key `reason` is missing\n"
            f'  {FREEZE}:1: until: is the text "tomorrow", which does not fit\n'
            "    When it lapses by itself, with an offset from UTC: 2026-01-05T08:00:00Z.\n"
            f"  {FREEZE}:2: resaon: unknown key\n"
            "    did you mean `reason`?\n"
        ),
    ),
    "a file whose name is wrong": (
        misnamed,
        ("promote", "dev", "prod"),
        1,
        (
            "error: environments/prod/freeze.yml: a file of this name is not read\n"
            f"hint: rename it to {FREEZE}\n"
        ),
    ),
    "a suspend that suspends nothing": (
        abstract,
        ("render", "dev"),
        1,
        (
            "error: environments/base/suspend.yaml:1: environment base is abstract: it is never published, "
            "so this pauses nothing\nhint: pause those that extend it\n"
        ),
    ),
}


@pytest.mark.parametrize(("before", "command", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_changes_nothing(
    line: Workspace, before: Callable[[Workspace], None], command: tuple[str, ...], code: int, message: str
) -> None:
    """The whole message, the exit code, and the repository as it was."""
    before(line)
    then = state(line)
    outcome = line.envctl(*command)
    told = outcome.err.replace(line.git("rev-parse", "main")[:12], "HEAD")
    if "NOW" in message:
        start, _, end = message.partition("NOW")
        assert told.startswith(start)
        assert told.endswith(end)
    else:
        assert told == message
    assert (outcome.code, outcome.out) == (code, "")
    assert state(line) == then


@pytest.fixture
def server(line: Workspace, tmp_path: Path) -> Workspace:
    """A bare repository that the line pushes to."""
    line.git("clone", "-q", "--bare", str(line.path), str(tmp_path / "server.git"))
    line.git("remote", "add", "origin", str(tmp_path / "server.git"))
    return Workspace(tmp_path / "server.git")


def test_push_takes_the_source_branch_along(line: Workspace, server: Workspace) -> None:
    """And no deploy branch: nothing is published."""
    deploy = server.git("for-each-ref", "refs/heads/deploy")
    assert freeze(line, "--push")["pushed"] is True
    assert server.git("rev-parse", "main") == line.git("rev-parse", "main")
    assert line.json("resume", "prod", "--push")["pushed"] is True
    assert server.git("rev-parse", "main") == line.git("rev-parse", "main")
    assert server.git("for-each-ref", "refs/heads/deploy") == deploy


def test_a_push_that_comes_too_late_has_changed_nothing(
    line: Workspace, server: Workspace, tmp_path: Path
) -> None:
    """The remote has moved on: refused before anything is written."""
    other = server.clone(tmp_path / "other")
    other.write("notes.md", "x")
    other.commit("Notes")
    other.git("push", "-q", "origin", "main")
    before = state(line)
    outcome = line.envctl("suspend", "prod", "--for", "4h", "--reason", "x", "--push")
    assert outcome.code == 1
    assert outcome.err == (
        "error: main on origin was moved by someone else; nothing was written\n"
        "hint: git pull --rebase origin main, then run the command again\n"
    )
    assert state(line) == before


def test_a_race_that_was_lost_here_is_made_again(line: Workspace) -> None:
    """The branch moves between reading and writing; the freeze stands on the new commit."""
    pause(raced(line), PauseOptions("prod", "freeze", seconds(LATER), "x"), seconds("2026-11-26T00:00Z"))
    assert line.git("log", "-2", "--format=%s") == f"Freeze prod until {LATER}\nFaster"


def test_files_that_a_killed_freeze_left_behind_are_not_to_be_committed(line: Workspace) -> None:
    """The branch has moved and the files have not: to commit them would end the freeze."""
    freeze(line)
    line.git("rm", "-qf", FREEZE)
    outcome = line.envctl("render", "dev", "--publish")
    assert (outcome.code, outcome.err) == (
        1,
        (
            f"error: the work tree has changes that no commit holds: {FREEZE}\n"
            f"hint: “Freeze prod until {LATER}” was cut short before they were here: "
            f"git checkout HEAD -- {FREEZE}\n"
        ),
    )


def test_what_others_wrote_colours_nothing_and_makes_no_lines(line: Workspace) -> None:
    """The reason of a freeze, who decided it, a hold, and subjects of commits may hold whatever YAML and Git can."""
    line.edit("components/web/main.jsonnet", "'%d' %", "'now: %d' %")
    line.git("commit", "-qam", "Hide \x1b[8mthis")
    line.ok("render", "dev", "--publish")
    lock = "environments/prod/lock.yaml"
    text = (line.path / lock).read_text()
    line.write(
        "environments/prod/freeze.yaml",
        """until: "2099-01-01T00:00:00Z"
reason: "no\\nprod: resumed\\e[8m"
by: "Bob\\ndev: resumed\\e[8m"
""",
    )
    line.commit("Freeze")
    command = ("promote", "dev", "prod", "--dry-run")
    shown = line.ok(*command, "--color", "always").out + line.ok("status", "--color", "always").out
    line.write(lock, text.replace("from: dev", 'from: dev\n    hold: "bad\\nweb: fine\\e[8m"'))
    line.commit("Hold")
    shown += line.ok(*command, "--color", "always").out + line.ok("resume", "prod", "--color", "always").out
    assert "Hide" in shown
    assert "resumed" in shown
    assert "bad web: fine" in shown
    assert "\x1b[8m" not in shown
    assert not any(
        each.startswith(("prod: resumed", "dev: resumed", "web: fine")) for each in shown.splitlines()
    )
