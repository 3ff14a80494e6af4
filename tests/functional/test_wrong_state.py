"""A repository that is not in a state to work on: the whole message, the exit code, nothing half written."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.conftest import SMALL, Workspace, new_workspace
from tests.functional.failing import fails, told

MAIN = "components/web/main.jsonnet"
CONFLICT = (
    "components:\n  web:\n<<<<<<< HEAD\n    revision: aaaa\n=======\n    revision: bbbb\n>>>>>>> other\n"
)


def untouched(small: Workspace) -> None:
    """The small repository as it is."""


def files_lying_about(small: Workspace) -> None:
    small.write(MAIN, SMALL[MAIN] + "\n")
    small.write("notes.md", "x")


def many_files_lying_about(small: Workspace) -> None:
    for number in range(7):
        small.write(f"notes-{number}.md", "x")


def published(small: Workspace) -> None:
    small.ok("render", "dev", "--publish")


def branch_by_hand(small: Workspace) -> None:
    small.git("branch", "deploy/dev")


def branch_of_another_environment(small: Workspace) -> None:
    published(small)
    small.git("branch", "deploy/prod", "deploy/dev")


def edited_by_hand(small: Workspace) -> None:
    published(small)
    message = small.git("log", "-1", "--format=%B", "deploy/dev")
    small.git("checkout", "-q", "deploy/dev")
    small.edit("web/dev/ConfigMap_web.yaml", '"1"', '"7"')
    small.git("commit", "-qam", message)
    small.git("checkout", "-q", "main")


def detached(small: Workspace) -> None:
    published(small)
    small.git("checkout", "-q", "--detach")


def source_branch_elsewhere(small: Workspace) -> None:
    published(small)
    small.write("envctl.yaml", "sourceBranch: trunk\n")
    small.commit("Rename the source branch")


def conflict_committed(small: Workspace) -> None:
    published(small)
    small.write("environments/prod/lock.yaml", CONFLICT)
    small.commit("Merge")


def many_fail(small: Workspace) -> None:
    small.edit(MAIN, "'%d' % $.config.replicas", "if $.config.replicas > 2 then error 'too many' else 'few'")
    small.commit("Refuse many")
    published(small)


def nobody(small: Workspace) -> None:
    published(small)
    small.git("config", "--unset", "user.name")


def source_lost(small: Workspace) -> None:
    """The source commit of a deploy branch was only in a branch that is gone."""
    small.git("checkout", "-qb", "short-lived")
    small.write("notes.md", "x")
    small.commit("Short-lived")
    published(small)
    small.git("checkout", "-q", "main")
    small.git("branch", "-qD", "short-lived")
    small.git("reflog", "expire", "--expire=now", "--all")
    small.git("gc", "-q", "--prune=now")


@dataclass(frozen=True)
class Wrong:
    """What is wrong, the command, and what it must say on standard error."""

    prepare: Callable[[Workspace], None]
    command: str
    err: str
    code: int = 1


STATES = {
    "dirty work tree": Wrong(
        files_lying_about,
        "render dev --publish",
        """
        error: the work tree has changes that no commit holds: components/web/main.jsonnet, notes.md
        hint: commit them, or publish the last commit as it is with --rev HEAD
        """,
    ),
    "very dirty work tree": Wrong(
        many_files_lying_about,
        "render --publish",
        """
        error: the work tree has changes that no commit holds: notes-0.md, notes-1.md, notes-2.md, notes-3.md, notes-4.md and 2 more
        hint: commit them, or publish the last commit as it is with --rev HEAD
        """,
    ),
    "publishing onto a branch made by hand": Wrong(
        branch_by_hand,
        "render --publish",
        """
        dev: failed
          error: deploy/dev ({HEAD}): its tip was not written by envctl: it lacks the Envctl- trailers
          hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside
        """,
    ),
    "promoting from a branch made by hand": Wrong(
        branch_by_hand,
        "promote dev prod",
        """
        error: deploy/dev ({HEAD}): its tip was not written by envctl: it lacks the Envctl- trailers
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside
        """,
    ),
    "branch of another environment": Wrong(
        branch_of_another_environment,
        "diff prod",
        """
        error: deploy/prod ({deploy/prod}): its tip belongs to environment dev
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/prod prod-aside
        """,
    ),
    "promoting from an edited branch": Wrong(
        edited_by_hand,
        "promote dev prod",
        """
        error: promotion from dev to prod is refused
          deploy/dev: verified: the branch is not what its source renders to: web/dev/ConfigMap_web.yaml, Envctl-Sequence is 1, expected 2
            see envctl verify dev, then publish it again
        hint: pass the gate, or override it on the record with --force --reason TEXT
        """,
    ),
    "detached HEAD": Wrong(
        detached,
        "promote dev prod",
        """
        error: HEAD is detached, so it is not known which branch a promotion belongs on
        hint: check out the source branch, or set sourceBranch in envctl.yaml
        """,
    ),
    "source branch that is not here": Wrong(
        source_branch_elsewhere,
        "promote dev prod",
        """
        error: the source branch trunk does not exist in this repository
        hint: fetch it (git fetch origin trunk:trunk), or correct sourceBranch in envctl.yaml
        """,
    ),
    "source commit that is not here": Wrong(
        source_lost,
        "verify dev",
        """
        error: deploy/dev ({deploy/dev}): its source commit f75b5428ff75 is not in this repository
        hint: fetch it (git fetch, in a shallow clone with --unshallow), or publish again
        """,
    ),
    "promotion of an unknown component": Wrong(
        published,
        "promote dev prod -c wep -c web",
        """
        error: dev and prod do not both have the component wep
        hint: components of both: web
        """,
        code=2,
    ),
    "promotion of what is not published": Wrong(
        untouched,
        "promote dev prod",
        """
        error: environment dev is not published: there is no branch deploy/dev
        hint: publish it first: envctl render dev --publish
        """,
    ),
    "promotion to what tracks the source": Wrong(
        published,
        "promote prod dev",
        """
        error: environments/dev/environment.yaml: environment dev tracks the source branch, so nothing can be promoted to it
        hint: to make it an environment with pins, set promotesFrom
        """,
    ),
    "promotion to itself": Wrong(
        published,
        "promote prod prod",
        """
        error: prod cannot be promoted to itself
        hint: prod is promoted from dev
        """,
        code=2,
    ),
    "force without a reason": Wrong(
        published,
        "promote dev prod --force",
        """
        error: --force needs --reason TEXT: it is recorded in the commit
        """,
        code=2,
    ),
    "lock with a merge conflict, promoted to": Wrong(
        conflict_committed,
        "promote dev prod",
        """
        error: environments/prod/lock.yaml:3: this file has an unresolved merge conflict
        hint: take one side as it is (git checkout --ours or --theirs, then git add), and promote again what the other side had
        """,
    ),
    "promotion that would not render": Wrong(
        many_fail,
        "promote dev prod",
        """
        error: prod would not render with these pins; nothing was promoted
          components/web/main.jsonnet:7:53: too many
          while evaluating web in prod
          $.settings.data.replicas: this part of the output needs it
        """,
    ),
    "promotion by nobody": Wrong(
        nobody,
        "promote dev prod",
        """
        error: Git does not know the name of the author
        hint: git config user.name "Your Name"; git config user.email you@example.com
        """,
    ),
    "pushing a publish to no remote": Wrong(
        untouched,
        "render dev --publish --push",
        """
        error: there is no remote 'origin'
        hint: git remote add origin URL
        """,
    ),
    "pushing a promotion to no remote": Wrong(
        published,
        "promote dev prod --push",
        """
        error: there is no remote 'origin'
        hint: git remote add origin URL
        """,
    ),
}


@pytest.mark.parametrize("wrong", [pytest.param(each, id=name) for name, each in STATES.items()])
def test_a_wrong_state_is_told_whole(small: Workspace, wrong: Wrong) -> None:
    """Nothing on standard output, the reason and the next step on standard error; nothing moved."""
    wrong.prepare(small)
    outcome = fails(small, *wrong.command.split())
    assert (outcome.code, outcome.err) == (wrong.code, told(small, wrong.err))


def places(folder: Path) -> Iterator[tuple[str, Workspace]]:
    """Folders that are no repository to work on."""
    empty = Workspace(folder / "empty")
    empty.path.mkdir()
    yield "no repository", empty
    yield "no folder", Workspace(folder / "nowhere")
    fresh = new_workspace(folder / "fresh")
    for path, text in SMALL.items():
        fresh.write(path, text)
    yield "no commit", fresh


PLACES = {
    ("no repository", "render"): "error: {path}: there is no Git repository here, nor in a directory above\n"
    "hint: go into one, name it with -C, or make one: git init\n",
    ("no repository", "status"): "error: {path}: there is no Git repository here, nor in a directory above\n"
    "hint: go into one, name it with -C, or make one: git init\n",
    ("no folder", "render"): "error: {path}: there is no such directory\n",
    (
        "no commit",
        "render --publish",
    ): "error: the repository has no commit yet\nhint: commit the source first\n",
    ("no commit", "status"): "error: the repository has no commit yet\nhint: commit the source first\n",
    (
        "no commit",
        "promote dev prod",
    ): "error: the repository has no commit yet\nhint: commit the source first\n",
    ("no commit", "verify dev"): "error: environment dev is not published: there is no branch deploy/dev\n"
    "hint: publish it first: envctl render dev --publish\n",
    ("no commit", "render --index"): "error: environments/: no environment found in the index\n"
    "hint: an environment is a folder environments/<name>/ with an environment.yaml\n",
    ("no commit", "render --rev HEAD"): "error: HEAD points to no commit yet\nhint: make the first commit\n",
}


@pytest.mark.parametrize(("place", "command"), PLACES, ids=" - ".join)
def test_a_place_that_is_no_repository_to_work_on(tmp_path: Path, place: str, command: str) -> None:
    """No repository, no folder, no commit: said at once, and nothing is made."""
    workspace = dict(places(tmp_path))[place]
    before = sorted(tmp_path.rglob("*"))
    outcome = workspace.envctl(*command.split())
    assert (outcome.out, outcome.err) == ("", PLACES[place, command].format(path=workspace.path))
    assert outcome.code == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_files_can_be_rendered_before_the_first_commit(tmp_path: Path) -> None:
    """Trying out needs no commit."""
    outcome = dict(places(tmp_path))["no commit"].ok("render")
    assert outcome.out == (
        "dev: 1 object, not published yet\n  + ConfigMap dev/web  (web)\nprod: nothing promoted yet\n"
    )


@pytest.fixture
def bare(small: Workspace, tmp_path: Path) -> Workspace:
    """The small repository without a work tree, as on a server."""
    path = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(small.path), str(path)], check=True)
    return Workspace(path)


def test_a_bare_repository_renders_and_publishes_its_head(bare: Workspace) -> None:
    """There is nothing else that could be meant."""
    assert bare.ok("render", "dev").out.splitlines()[0] == "dev: 1 object, not published yet"
    bare.ok("render", "dev", "--publish")
    assert bare.git("log", "--format=%s", "deploy/dev") == "dev: Add web"


def test_a_bare_repository_has_no_index(bare: Workspace) -> None:
    """--index is an error there, and not read as HEAD."""
    outcome = fails(bare, "render", "--index")
    assert (outcome.code, outcome.err) == (
        2,
        "error: a bare repository has no index\nhint: name a commit with --rev\n",
    )


def test_one_branch_by_hand_does_not_keep_the_others_from_being_published(small: Workspace) -> None:
    """Each environment stands for itself: one is published, the other is told."""
    published(small)
    small.ok("promote", "dev", "prod")
    small.git("branch", "-f", "deploy/dev", "main")
    small.edit("environments/prod/environment.yaml", "replicas: 3", "replicas: 4")
    small.commit("prod: four")
    by_hand = small.git("rev-parse", "deploy/dev")
    outcome = small.envctl("render", "--publish")
    assert outcome.code == 1
    assert outcome.out.splitlines()[0].startswith("prod: 1 object, published ")
    assert outcome.err.startswith("dev: failed\n")
    assert small.git("rev-parse", "deploy/dev") == by_hand
    assert small.git("log", "-1", "--format=%s", "deploy/prod") == "prod: four"


def test_a_failing_environment_is_never_published(small: Workspace) -> None:
    """Not in part either: no ref, no tree of it.

    Writer's fault row 5: the component and the reason are named, the other environment is published.
    """
    small.edit("environments/prod/environment.yaml", "promotesFrom: [dev]\n", "")
    small.edit(MAIN, "'%d' % $.config.replicas", "if $.config.replicas > 2 then error 'too many' else 'few'")
    small.commit("Refuse many")
    outcome = small.envctl("render", "--publish", "-o", "json")
    assert outcome.code == 1
    assert [(each["environment"], each["state"]) for each in outcome.data["environments"]] == [
        ("dev", "published"),
        ("prod", "failed"),
    ]
    (error,) = outcome.data["environments"][1]["errors"]
    assert (error["place"].partition(":")[0], error["summary"]) == (MAIN, "too many")
    assert "web in prod" in str(error)
    assert small.git("for-each-ref", "--format=%(refname)", "refs/heads/deploy") == "refs/heads/deploy/dev"
