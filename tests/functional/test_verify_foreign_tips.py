"""A deploy branch whose tip envctl did not write: who refuses it, who goes on, and the way back, walked."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from envctl import wiring
from envctl.ports import Repository
from envctl.workflows.sources.tips import Foreign, tip_state
from tests.functional import tampers
from tests.functional.conftest import Workspace, identified
from tests.functional.failing import fails
from tests.functional.tampering import DEV, put, says, told

TRACKING = "refs/remotes/origin/deploy/dev"


@pytest.fixture
def edited(line: Workspace) -> Workspace:
    """Mallory's commit on deploy/dev."""
    tampers.edited_on_top(line)
    return line


REFUSED = {
    "render dev": """
        dev: failed
          error: deploy/dev ({deploy/dev}): its tip was not written by envctl: it lacks the Envctl- trailers
          hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    "render dev --publish": """
        dev: failed
          error: deploy/dev ({deploy/dev}): its tip was not written by envctl: it lacks the Envctl- trailers
          hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    "promote dev prod": """
        error: deploy/dev ({deploy/dev}): its tip was not written by envctl: it lacks the Envctl- trailers
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    "diff dev": """
        error: deploy/dev ({deploy/dev}): its tip was not written by envctl: it lacks the Envctl- trailers
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
}


@pytest.mark.parametrize("command", REFUSED)
def test_nothing_is_built_on_a_hand_edit(edited: Workspace, command: str) -> None:
    """Writer's fault row 29: refused with the last good commit and the very command that leads back."""
    assert fails(edited, *command.split()).err == told(edited, REFUSED[command])


def test_the_others_go_on(edited: Workspace) -> None:
    """Writer's fault row 29: one branch by hand hides nothing of the others, here or in the past."""
    assert edited.ok("diff", "prod", "prod@deploy/prod").out.endswith("no differences in 1 object\n")
    out = edited.envctl("diff", "dev@deploy/dev~1", "dev@deploy/dev~2").out
    assert "data.replicas" in out
    edited.edit("environments/prod/environment.yaml", "replicas: 3", "replicas: 5")
    edited.commit("prod: five")
    outcome = edited.envctl("render", "--publish")
    assert outcome.code == 1
    assert outcome.out.startswith("prod: 1 object, published ")
    assert edited.git("log", "-1", "--format=%s", "deploy/prod") == "prod: five"


DIFFS = {
    "another environment's commit": (
        "diff prod@deploy/dev~1 prod",
        """
        error: commit {good} is no deploy commit of prod: it belongs to environment dev
        hint: see which there are: git log deploy/prod
        """,
    ),
    "a commit by hand": (
        "diff dev@deploy/dev dev@good",
        """
        error: commit {deploy/dev} is no deploy commit of dev: it lacks the Envctl- trailers
        hint: see which there are: git log deploy/dev
        """,
    ),
}


@pytest.mark.parametrize("case", DIFFS)
def test_a_revision_of_diff_that_is_neither_source_nor_published(edited: Workspace, case: str) -> None:
    """Told as what it is, not as a source without environments."""
    command, err = DIFFS[case]
    assert fails(edited, *command.split()).err == told(edited, err)


def test_a_source_may_be_compared_while_the_branch_is_replaced_by_it(line: Workspace) -> None:
    """A source commit stays one, even where somebody put the deploy branch onto it."""
    tampers.branch_on_the_source(line)
    outcome = line.envctl("diff", "dev@main~3", "dev@main")
    assert (outcome.code, outcome.err) == (16, "")
    assert "data.replicas" in outcome.out


def commands(hint: str) -> list[list[str]]:
    """The commands of a hint, in order."""
    return [each.split() for each in re.findall(r"(?:git|envctl) [^;]+", hint)]


LED_ASTRAY: dict[str, Callable[[Workspace], None]] = {
    "a hand edit": tampers.edited_on_top,
    "two hand edits": tampers.edited_twice_on_top,
    "a revert": tampers.reverted,
    "a merge": tampers.merge,
    "the source merged in": tampers.source_merged_in,
    "another sequence": tampers.sequence_jumps,
    "a forged permission": tampers.permission_forged,
    "an old commit again": tampers.replayed,
    "a changed mode": tampers.mode_changed,
    "a file edited": tampers.file_edited,
    "a commit left out": tampers.commit_left_out,
    "cut off": tampers.cut_off,
    "the source": tampers.branch_on_the_source,
}


@pytest.mark.parametrize("astray", LED_ASTRAY)
def test_the_way_back_leads_back(line: Workspace, astray: str) -> None:
    """Writer's fault row 29: the commands of the hint, as they stand there, and a publish make the branch good."""
    LED_ASTRAY[astray](line)
    data = line.envctl("verify", "dev", "-o", "json").data
    for command in commands(data["environments"][0]["remedy"]):
        if command[0] == "git":
            line.git(*command[1:])
        else:
            line.ok(*command[1:])
    line.ok("render", "dev", "--publish")
    line.ok("verify", "dev")


def test_the_way_back_from_a_branch_that_is_checked_out(line: Workspace) -> None:
    """Who edits by hand is still on the branch: Git would refuse to move it under the work tree."""
    line.git("checkout", "-q", "deploy/dev")
    line.git("commit", "-q", "--allow-empty", "-m", "Start CI again")
    hint = line.envctl("verify", "dev", "-o", "json").data["environments"][0]["remedy"]
    assert hint == told(line, "put the branch back to its last good commit: git reset --hard {good}")
    line.git(*commands(hint)[0][1:])
    line.ok("verify", "dev")


@pytest.fixture
def team(line: Workspace, tmp_path: Path) -> Workspace:
    """A clone of a server; it has deploy/dev as a remote-tracking branch only."""
    subprocess.run(["git", "clone", "-q", "--bare", str(line.path), str(tmp_path / "origin.git")], check=True)
    return identified(Workspace(tmp_path / "origin.git")).clone(tmp_path / "team")


def server(team: Workspace) -> Workspace:
    return Workspace(team.path.parent / "origin.git")


def pushed_by_mallory(team: Workspace) -> None:
    """A hand edit on the server, fetched here."""
    clone = identified(server(team).clone(team.path.parent / "mallory"))
    tampers.edited_on_top(clone)
    clone.git("push", "-q", "origin", "deploy/dev")
    team.git("fetch", "-q")


@dataclass(frozen=True)
class Where:
    """Which branches are here, and what the hint of a tip made by hand is."""

    local: str
    hint: str


BESIDE = "git push --force-with-lease=deploy/dev:{origin/deploy/dev} origin {good}:refs/heads/deploy/dev"
WHERES = {
    "only as it was fetched": Where("", f"put it back on origin, which rewrites it for everybody: {BESIDE}"),
    "here one commit behind": Where(
        "good", f"put it back on origin, which rewrites it for everybody: {BESIDE}"
    ),
    "here as well": Where(
        "origin/deploy/dev",
        "put the branch back to its last good commit: git branch -f deploy/dev {good}; "
        f"put it back on origin too, which rewrites it for everybody: {BESIDE}",
    ),
}


@pytest.mark.parametrize("where", WHERES)
def test_a_branch_on_a_remote_is_rewritten_only_on_purpose(team: Workspace, where: str) -> None:
    """Writer's fault row 29: the hint says that it rewrites, holds on to what was seen, and works."""
    pushed_by_mallory(team)
    if WHERES[where].local:
        team.git("branch", "--no-track", "deploy/dev", WHERES[where].local)
    says(
        team,
        "verify dev",
        """
        deploy/dev ({origin/deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Mallory <mallory@example.com>, 2026-02-03T04:05:06+01:00: Quick fix for the outage
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 2 commits ({good} to {origin/deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good}
        hint: """
        + WHERES[where].hint
        + "\n",
    )
    for command in commands(told(team, WHERES[where].hint)):
        team.git(*command[1:])
    assert server(team).git("rev-parse", "deploy/dev") == team.git("rev-parse", "good")
    team.ok("verify", "dev")


def at(repository: Repository) -> str:
    """The commit that counts as the tip of dev."""
    found = tip_state(repository, "dev")
    assert found
    return found.commit.id


def opened(workspace: Workspace) -> Repository:
    return wiring.open_repository(workspace.path)


NEWER = {
    "only the fetched one": ("", "good", "good"),
    "only the local one": ("good", "", "good"),
    "both the same": ("good", "good", "good"),
    "the fetched one ahead": ("good~2", "good", "good"),
    "the local one ahead": ("good", "good~2", "good"),
    "each ahead of the other": ("good", "aside", "good"),
}


@pytest.mark.parametrize("case", NEWER)
def test_the_newer_branch_counts(line: Workspace, case: str) -> None:
    """A fast-forward either way; where both went their own ways, what is here."""
    local, fetched, expected = NEWER[case]
    aside = tampers.by_mallory(line, "good~1", "good^{tree}", "Aside\n")
    line.git("tag", "aside", aside)
    line.git("branch", "-qD", "deploy/dev")
    for name, revision in ((DEV, local), (TRACKING, fetched)):
        if revision:
            put(line, line.git("rev-parse", revision), name)
    assert at(opened(line)) == line.git("rev-parse", expected)


def test_the_remote_of_the_settings_counts(line: Workspace) -> None:
    """Several remotes have the branch: the one in envctl.yaml is meant, origin where none is named there."""
    line.git("branch", "-qD", "deploy/dev")
    revisions = {"origin": "good~2", "upstream": "good~1", "team/fork": "good"}
    for name, revision in revisions.items():
        put(line, line.git("rev-parse", revision), f"refs/remotes/{name}/deploy/dev")
    assert at(opened(line)) == line.git("rev-parse", "good~2")
    for name, revision in revisions.items():
        line.write("envctl.yaml", f"remote: {name}\n")
        line.commit(f"Push to {name}")
        assert at(opened(line)) == line.git("rev-parse", revision)
    line.write("envctl.yaml", "remote: elsewhere\n")
    line.commit("Push to nowhere")
    assert tip_state(opened(line), "dev") is None


def test_the_tip_beside_is_good_where_nothing_below_is(team: Workspace) -> None:
    """The local branch was put upon the source; the one that was fetched is still right."""
    put(team, team.git("rev-parse", "main"))
    found = tip_state(opened(team), "dev")
    assert isinstance(found, Foreign)
    assert found.good
    assert (found.refs, found.good.commit.id) == ((DEV,), team.git("rev-parse", "good"))
    assert found.remedy == told(
        team, "put the branch back to its last good commit: git branch -f deploy/dev {good}"
    )


def test_a_branch_without_any_good_commit_on_a_remote(team: Workspace) -> None:
    """There is nothing to go back to: it can only be taken away."""
    put(team, team.git("rev-parse", "main"), TRACKING)
    put(team, team.git("rev-parse", "main"))
    found = tip_state(opened(team), "dev")
    assert isinstance(found, Foreign)
    assert found.good is None
    assert found.remedy == (
        "there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside; "
        "take it away on origin: git push origin --delete deploy/dev"
    )


def test_a_shallow_clone_that_cannot_tell_says_so(line: Workspace, tmp_path: Path) -> None:
    """Both branches are cut off before they meet: this environment fails alone, and says what to fetch."""
    line.git("tag", "old", "good~2")
    line.git("clone", "-q", "--depth", "1", "--no-single-branch", line.path.as_uri(), str(tmp_path / "ci"))
    clone = Workspace(tmp_path / "ci")
    clone.git("branch", "--no-track", "deploy/dev", "old")
    outcome = fails(clone, "render", "dev")
    assert outcome.err == told(
        clone,
        """
        dev: failed
          error: it cannot be told which is newer, deploy/dev ({deploy/dev}) or origin/deploy/dev ({good}): history is missing here
          hint: fetch it: git fetch --unshallow; or, where the local branch is not needed, git branch -D deploy/dev
        """,
    )
