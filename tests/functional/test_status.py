"""``envctl status``: the whole text of repositories in every state."""

import os
import shutil
from pathlib import Path

import pytest

from envctl.model.observed import Health
from tests.functional.conftest import WHO, Workspace
from tests.functional.statuses import LOCK, NOW, changed, release, report, short, shown, text, tip


@pytest.fixture
def released(small: Workspace) -> Workspace:
    """The small repository with dev published and promoted to prod."""
    release(small)
    return small


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
    report(sample, "prod", health=Health.PROGRESSING, since=NOW - 60, drifted=12)
    assert text(sample, "prod", width=80).splitlines()[:2] == [
        "ENVIRONMENT  FOLLOWS  PUBLISHED     SEQUENCE  OBSERVED",
        f"prod         staging  {tips[2]}  1         Progressing 1m, 12 drifted",
    ]
    assert max(map(len, text(sample, width=80).splitlines())) <= 80
    assert "SUBJECT" not in text(sample, width=50)


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
