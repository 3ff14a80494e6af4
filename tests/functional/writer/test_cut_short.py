"""Commands that ended in the middle, put together by hand: what the next command says, and what it finishes.

`test_killed` really kills them, at every system call; this runs where no process can be traced.
"""

import pytest

from envctl.cli.main import COMMANDS
from tests.functional.conftest import Workspace

LOCK = "environments/prod/lock.yaml"
MAIN = "components/web/main.jsonnet"


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """Two promotions to prod."""
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    small.edit(MAIN, "'%d' %", "'now: %d' %")
    small.commit("Change web")
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    return small


def cut_short(line: Workspace) -> tuple[str, str]:
    """Take back what came after the move of main; the tips of main and prod as they were at the end."""
    ends = (line.git("rev-parse", "main"), line.git("rev-parse", "deploy/prod"))
    line.git("update-ref", "refs/heads/deploy/prod", "deploy/prod~1")
    line.git("checkout", "-q", "HEAD~1", "--", LOCK)
    line.write("environments/prod/.lock.yaml.envctl-99", "comp")
    return ends


def tips(line: Workspace) -> tuple[str, str]:
    return (line.git("rev-parse", "main"), line.git("rev-parse", "deploy/prod"))


def test_a_publish_over_a_promotion_that_was_cut_short_is_told_what_it_is(line: Workspace) -> None:
    """Writer's fault row 2: to commit the files that lag would take the promotion back."""
    cut_short(line)
    outcome = line.envctl("render", "prod", "--publish")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: the work tree has changes that no commit holds: environments/prod/.lock.yaml.envctl-99, "
        f"{LOCK}\n"
        "hint: “Promote dev to prod: web” was cut short before they were here: "
        f"git checkout HEAD -- {LOCK}\n"
    )


def test_a_promotion_that_was_cut_short_is_finished_when_it_is_run_again(line: Workspace) -> None:
    """Writer's fault row 2: the files follow, and the deploy commit is the one that it would have made."""
    ends = cut_short(line)
    outcome = line.ok("promote", "dev", "prod")
    assert outcome.out.startswith("nothing to promote: prod already has what dev has published\n")
    assert f"published {ends[1][:12]} on deploy/prod" in outcome.out
    assert (tips(line), line.git("status", "--porcelain")) == (ends, "")
    assert "published" not in line.ok("promote", "dev", "prod").out.partition("\n")[2]


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(line: Workspace) -> None:
    """Writer's fault row 2: the promotion is published, and the note says which file does not follow."""
    ends = cut_short(line)
    mine = (line.path / LOCK).read_text() + "# mine\n"
    line.write(LOCK, mine)
    outcome = line.ok("promote", "dev", "prod")
    assert tips(line) == ends
    assert (line.path / LOCK).read_text() == mine
    assert LOCK in outcome.err


@pytest.mark.skipif("rollback" not in COMMANDS, reason="there is no rollback yet")
def test_a_rollback_that_was_cut_short_is_finished_when_it_is_run_again(line: Workspace) -> None:
    """Writer's fault row 2: with the very commit that it would have made; another time it is a new rollback."""
    line.ok("rollback", "prod", "--reason", "broken")
    ends = cut_short(line)
    outcome = line.ok("rollback", "prod", "--reason", "broken")
    assert f"published {ends[1][:12]} on deploy/prod" in outcome.out
    assert (tips(line), line.git("status", "--porcelain")) == (ends, "")
    assert line.envctl("rollback", "prod", "--reason", "broken").code == 1
