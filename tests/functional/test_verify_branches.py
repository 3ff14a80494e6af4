"""What ``envctl verify`` looks at: the tips of environments, one commit, a range, a whole branch."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.functional import tampers
from tests.functional.conftest import Workspace
from tests.functional.failing import fails
from tests.functional.tampering import FILE, message_of, put, remade, says, told
from tests.functional.test_remembering import entries


def nothing(line: Workspace) -> None:
    """The branches as they are."""


def prod_by_hand(line: Workspace) -> None:
    put(line, line.git("rev-parse", "main"), "refs/heads/deploy/prod")


def prod_without_its_source(line: Workspace) -> None:
    message = message_of(line, "deploy/prod").replace(line.git("rev-parse", "main~1"), "0123456789" * 4)
    put(line, remade(line, "deploy/prod", message=lambda _: message), "refs/heads/deploy/prod")


def both(line: Workspace) -> None:
    prod_without_its_source(line)
    tampers.file_edited(line)


def prod_gone(line: Workspace) -> None:
    line.git("branch", "-qD", "deploy/prod")


def everything_gone(line: Workspace) -> None:
    line.git("branch", "-qD", "deploy/prod", "deploy/dev")


def reviewed_elsewhere(line: Workspace) -> None:
    """Published from a branch that nobody merged, before the source branch was named."""
    line.git("checkout", "-qb", "feature")
    line.edit("components/web/main.jsonnet", "replicas: 4", "replicas: 8")
    line.commit("Eight replicas")
    line.ok("render", "dev", "--publish")
    line.git("checkout", "-q", "main")
    line.write("envctl.yaml", "sourceBranch: main\n")
    line.commit("Name the source branch")


def source_branch_elsewhere(line: Workspace) -> None:
    line.write("envctl.yaml", "sourceBranch: trunk\n")
    line.commit("Rename the source branch")


@dataclass(frozen=True)
class Asked:
    """A command and its whole answer."""

    command: str
    out: str
    code: int = 0
    err: str = ""
    do: Callable[[Workspace], None] = nothing


CASES = {
    "all that is published": Asked(
        "verify",
        """
        deploy/dev ({good}): exactly what source {main} renders to
        deploy/prod ({deploy/prod}): exactly what source {main~1} renders to
        """,
    ),
    "what is not published is left out": Asked(
        "verify",
        "deploy/dev ({good}): exactly what source {main} renders to\n",
        do=prod_gone,
    ),
    "nothing is published": Asked(
        "verify",
        "",
        1,
        """
        error: no environment is published: there is no deploy branch of dev, prod
        hint: publish first: envctl render --publish
        """,
        do=everything_gone,
    ),
    "named, and not published": Asked(
        "verify dev prod",
        "",
        1,
        """
        error: environment prod is not published: there is no branch deploy/prod
        hint: publish it first: envctl render prod --publish
        """,
        do=prod_gone,
    ),
    "one made by hand among others": Asked(
        "verify",
        """
        deploy/dev ({good}): exactly what source {main} renders to
        deploy/prod ({main}): no deploy commit of prod: it lacks the Envctl- trailers
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: Four replicas
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/prod prod-aside
        """,
        16,
        do=prod_by_hand,
    ),
    "one that cannot be checked among others": Asked(
        "verify prod dev",
        """
        deploy/prod ({deploy/prod}): cannot be checked
          error: deploy/prod ({deploy/prod}): its source commit 012345678901 is not in this repository
          hint: fetch it (git fetch, in a shallow clone with --unshallow), or publish again
        deploy/dev ({good}): exactly what source {main} renders to
        """,
        1,
        do=prod_without_its_source,
    ),
    "what differs counts more than what cannot be checked": Asked(
        "verify",
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        deploy/prod ({deploy/prod}): cannot be checked
          error: deploy/prod ({deploy/prod}): its source commit 012345678901 is not in this repository
          hint: fetch it (git fetch, in a shallow clone with --unshallow), or publish again
        """,
        16,
        do=both,
    ),
    "an older commit": Asked(
        "verify dev --rev deploy/dev~1", "deploy/dev ({good~1}): exactly what source {main~2} renders to\n"
    ),
    "a source commit does not blame the branch": Asked(
        "verify dev --rev main",
        """
        deploy/dev ({main}): no deploy commit of dev: it lacks the Envctl- trailers
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: Four replicas
        """,
        16,
    ),
    "another environment's commit does not blame the branch": Asked(
        "verify prod --rev deploy/dev",
        """
        deploy/prod ({good}): no deploy commit of prod: it belongs to environment dev
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: dev: Four replicas
        """,
        16,
    ),
    "a commit that is not there": Asked(
        "verify dev --rev v9",
        "",
        1,
        """
        error: there is no branch, tag or commit 'v9'
        hint: git branch -a lists the branches
        """,
    ),
    "a range": Asked(
        "verify dev --rev deploy/dev~2..deploy/dev",
        "deploy/dev: 2 commits ({good~1} to {good}), each exactly what its source renders to\n",
        err="rendering dev again: 0 of 2 commits done\n",
    ),
    "a range of one": Asked(
        "verify dev --rev deploy/dev~2..deploy/dev~1",
        "deploy/dev ({good~1}): exactly what source {main~2} renders to\n",
        err="rendering dev again: 0 of 1 commit done\n",
    ),
    "a range up to the tip": Asked(
        "verify dev --rev deploy/dev~1..",
        "deploy/dev ({good}): exactly what source {main} renders to\n",
        err="rendering dev again: 0 of 1 commit done\n",
    ),
    "a range from the root": Asked(
        "verify dev --rev ..deploy/dev~1",
        "deploy/dev: 2 commits ({good~2} to {good~1}), each exactly what its source renders to\n",
        err="rendering dev again: 0 of 2 commits done\n",
    ),
    "a range the wrong way round": Asked(
        "verify dev --rev deploy/dev..deploy/dev~2",
        "",
        2,
        """
        error: the first-parent history of the range deploy/dev..deploy/dev~2 does not lead to deploy/dev
        hint: write FROM..TO: the commits after FROM, which is the older one, up to TO
        """,
    ),
    "a range of nothing": Asked(
        "verify dev --rev deploy/dev..",
        "",
        2,
        """
        error: the range deploy/dev.. holds no commit
        hint: write FROM..TO: the commits after FROM, which is the older one, up to TO
        """,
    ),
    "a range with three dots": Asked(
        "verify dev --rev deploy/dev~2...deploy/dev",
        "",
        2,
        """
        error: 'deploy/dev~2...deploy/dev' is no range
        hint: write FROM..TO: the commits after FROM, which is the older one, up to TO
        """,
    ),
    "a range that leads to a source": Asked(
        "verify dev --rev main..deploy/dev",
        "",
        2,
        """
        error: the first-parent history of the range main..deploy/dev does not lead to main
        hint: write FROM..TO: the commits after FROM, which is the older one, up to TO
        """,
    ),
    "a commit of several environments": Asked(
        "verify --rev main",
        "",
        2,
        """
        error: --rev names commits of one environment
        hint: name it: envctl verify ENV --rev REV
        """,
    ),
    "a range and all": Asked(
        "verify dev --all --rev main", "", 2, "error: --rev and --all exclude each other\n"
    ),
    "all of all": Asked(
        "verify --all",
        """
        deploy/dev: 3 commits ({good~2} to {good}), each exactly what its source renders to
        deploy/prod ({deploy/prod}): exactly what source {main~1} renders to
        """,
        err="rendering dev again: 0 of 3 commits done\nrendering prod again: 0 of 1 commit done\n",
    ),
    "a source that nobody reviewed": Asked(
        "verify dev",
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {feature}
          its source {feature} is not on the source branch main
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}; then publish again: envctl render dev --publish
        """,
        16,
        do=reviewed_elsewhere,
    ),
    "a source branch that is not here": Asked(
        "verify dev",
        "",
        1,
        """
        error: the source branch trunk is not in this repository
        hint: fetch it, so that sources can be looked up on it
        """,
        do=source_branch_elsewhere,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(each, id=name) for name, each in CASES.items()])
def test_what_was_asked_for_is_answered_whole(line: Workspace, case: Asked) -> None:
    """Tips, commits and ranges: the whole answer, and nothing moved."""
    case.do(line)
    says(line, case.command, case.out, case.code, case.err)


def test_a_hand_edit_as_one_document(line: Workspace) -> None:
    """Writer's fault row 29: everything that a machine needs to act on it."""
    tampers.edited_on_top(line)
    outcome = fails(line, "verify", "dev", "-o", "json")
    bad, good, source = (line.git("rev-parse", name) for name in ("deploy/dev", "good", "main"))
    assert outcome.code == 16
    assert outcome.data == {
        "clean": False,
        "environments": [
            {
                "environment": "dev",
                "clean": False,
                "lastGood": good,
                "remedy": f"put the branch back to its last good commit: git branch -f deploy/dev {good[:12]}",
                "error": None,
                "commits": [
                    {
                        "commit": bad,
                        "sequence": 0,
                        "sourceCommit": "",
                        "author": "Mallory <mallory@example.com>",
                        "authoredAt": "2026-02-03T04:05:06+01:00",
                        "committer": "Mallory <mallory@example.com>",
                        "committedAt": "2026-02-03T04:05:06+01:00",
                        "subject": "Quick fix for the outage",
                        "clean": False,
                        "foreign": "it lacks the Envctl- trailers",
                        "differences": [{"path": FILE, "action": "changed"}],
                        "problems": [],
                        "unchecked": [],
                        "note": "",
                    },
                    {
                        "commit": good,
                        "sequence": 3,
                        "sourceCommit": source,
                        "author": "Ann <ann@example.com>",
                        "authoredAt": "2026-01-02T03:04:05Z",
                        "committer": "Ann <ann@example.com>",
                        "committedAt": "2026-01-02T03:04:05Z",
                        "subject": "dev: Four replicas",
                        "clean": True,
                        "foreign": "",
                        "differences": [],
                        "problems": [],
                        "unchecked": [],
                        "note": "",
                    },
                ],
            }
        ],
    }


def test_an_older_renderer_is_named_beside_what_differs(line: Workspace) -> None:
    """It may be why: the reader should not have to look it up."""
    message = message_of(line, "good").replace("gojsonnet 0", "gojsonnet 9.0")
    tree = "good~1^{tree}"
    put(line, remade(line, tree=tree, message=lambda _: message))
    out = line.envctl("verify", "dev").out
    renderer = next(each for each in message.splitlines() if "Renderer" in each).partition(": ")[2]
    now = renderer.replace("9.0", "0")
    assert f"\n  it was rendered by {renderer}, and now by {now}\n" in out


def test_the_render_cache_is_neither_asked_nor_filled(line: Workspace) -> None:
    """What verifies proves: it starts from nothing and leaves nothing behind."""
    for path in sorted(line.path.glob(".git/envctl/render/**/*")):
        if path.is_file():
            path.unlink()
    line.ok("verify", "--all")
    assert entries(line) == set()


PLACES = {
    "another language": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "no language": {"LC_ALL": "C"},
    "far east": {"TZ": "Pacific/Kiritimati"},
    "far west": {"TZ": "America/Anchorage"},
    "hashes in another order": {"PYTHONHASHSEED": "7"},
    "hashes in a third order": {"PYTHONHASHSEED": "4242"},
    "without a home": {"HOME": "/nonexistent"},
}


@pytest.mark.parametrize("place", PLACES)
def test_ci_renders_the_same_bytes_wherever_it_runs(promoted: Workspace, place: str) -> None:
    """Writer's fault row 6: all environments, in a process of another locale, time zone, seed, folder and umask."""
    command = [sys.executable, "-m", "envctl", "-C", str(promoted.path), "verify", "--all"]
    done = subprocess.run(
        command,
        env={**os.environ, **PLACES[place]},
        cwd="/",
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == told(
        promoted,
        """
        deploy/dev ({deploy/dev}): exactly what source {main~2} renders to
        deploy/staging ({deploy/staging}): exactly what source {main~1} renders to
        deploy/prod ({deploy/prod}): exactly what source {main} renders to
        """,
    )
