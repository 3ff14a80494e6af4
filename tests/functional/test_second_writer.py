"""Branches that somebody else moves meanwhile: the winner's work stays, the loser builds on it or is told."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from envctl import wiring
from envctl.model.git import CommitDraft
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.run import run_render
from envctl.workflows.publishing.runs import PublishOptions
from tests.functional.conftest import SMALL, Outcome, Workspace, identified
from tests.functional.failing import fails, told
from tests.support.git_servers import GitServer, git_http_server

MAIN = "components/web/main.jsonnet"
ENVCTL = (sys.executable, "-m", "envctl")
RECEIVE = "/platform.git/git-receive-pack"


@pytest.fixture
def remote(small: Workspace, tmp_path: Path) -> Workspace:
    """The small repository as it stands on a Git server, dev published."""
    path = tmp_path / "root" / "platform.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(small.path), str(path)], check=True)
    bare = identified(Workspace(path))
    bare.ok("render", "dev", "--publish")
    return bare


@pytest.fixture
def ann(remote: Workspace, tmp_path: Path) -> Workspace:
    """A clone of hers."""
    return remote.clone(tmp_path / "ann")


@pytest.fixture
def bob(remote: Workspace, tmp_path: Path) -> Workspace:
    """Another clone."""
    return remote.clone(tmp_path / "bob")


@pytest.fixture
def server(remote: Workspace) -> Iterator[GitServer]:
    """The same repository over HTTP; its script lets others act between look-up and push."""
    with git_http_server(remote.path.parent) as running:
        yield running


def change(workspace: Workspace, number: int) -> None:
    """A source commit, pushed, that changes what dev renders to."""
    workspace.git("pull", "-q", "--rebase", "origin", "main")
    workspace.write(MAIN, SMALL[MAIN].replace("'%d' %", f"'{number}: %d' %"))
    workspace.commit(f"Change {number}")
    workspace.git("push", "-q", "origin", "main")


def before_push(server: GitServer, *acts: Callable[[], object]) -> None:
    """Let others act when the next packs arrive, before Git sees them: one act for each pack."""
    waiting = list(acts)

    def script(method: str, path: str) -> None:
        if (method, path) == ("POST", RECEIVE) and waiting:
            waiting.pop(0)()

    server.script = script


def subjects(workspace: Workspace, ref: str) -> list[str]:
    return workspace.git("log", "--format=%s", ref).splitlines()


def test_a_publish_that_lost_the_race_is_rendered_again_on_the_new_tip(
    ann: Workspace, bob: Workspace, remote: Workspace, server: GitServer
) -> None:
    """Bob publishes while Ann's push is on its way: both commits stand, one after the other.

    Writer's fault row 1: never merged, always rendered again.
    """
    change(bob, 2)
    change(ann, 3)
    ann.git("remote", "set-url", "origin", server.url("platform.git"))
    before_push(server, lambda: bob.ok("render", "dev", "--publish", "--push"))
    outcome = ann.json("render", "dev", "--publish", "--push")
    assert [each["state"] for each in outcome["environments"]] == ["pushed"]
    assert subjects(remote, "deploy/dev") == ["dev: Change 3", "dev: Change 2", "dev: Add web"]
    assert ann.git("rev-parse", "deploy/dev") == remote.git("rev-parse", "deploy/dev")
    assert remote.envctl("verify", "dev").code == 0


def test_a_publish_that_always_loses_ends_and_has_moved_nothing(
    ann: Workspace, remote: Workspace, server: GitServer
) -> None:
    """After five lost races the command gives up; here and there all refs are the winner's.

    Writer's fault row 1: five tries, and no more.
    """

    def win() -> None:
        tip = remote.git("rev-parse", "deploy/dev")
        message = remote.git("log", "-1", "--format=%B", "deploy/dev")
        made = remote.git("commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", message)
        remote.git("update-ref", "refs/heads/deploy/dev", made)

    change(ann, 2)
    ann.git("remote", "set-url", "origin", server.url("platform.git"))
    before_push(server, *[win] * 5)
    outcome = ann.envctl("render", "dev", "--publish", "--push", "-o", "json")
    assert outcome.code == 1
    error = outcome.data["error"]
    assert (error["summary"], error["hint"]) == (
        "deploy branches on origin: other writers were faster 5 times in a row; nothing was published",
        "run the command again",
    )
    assert [(each["place"], each["hint"]) for each in error["problems"]] == [("refs/heads/deploy/dev", "")]
    assert len(subjects(remote, "deploy/dev")) == 6
    assert ann.git("rev-parse", "deploy/dev") in remote.git("rev-list", "deploy/dev").splitlines()
    assert ann.envctl("render", "dev", "--publish", "--push").code == 0
    assert subjects(remote, "deploy/dev")[0] == "dev: Change 2"


def test_a_promotion_that_lost_the_race_has_moved_nothing(
    ann: Workspace, bob: Workspace, remote: Workspace, server: GitServer
) -> None:
    """Bob pushes to main while Ann's promotion is on its way: she is told, and tries again."""
    before_push(server, lambda: change(bob, 2))
    ann.git("remote", "set-url", "origin", server.url("platform.git"))
    ann.git("fetch", "-q")
    ann.ok("render", "dev", "--publish", "--push")
    outcome = fails(ann, "promote", "dev", "prod", "--push")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: main on origin was moved by someone else; nothing was written\n"
        "hint: git pull --rebase origin main, then run the command again\n"
    )
    assert remote.git("for-each-ref", "--format=%(refname:short)") == "deploy/dev\nmain"
    ann.git("pull", "-q", "--rebase", "origin", "main")
    ann.ok("promote", "dev", "prod", "--push")
    assert subjects(remote, "main") == ["Promote dev to prod: web", "Change 2", "Add web"]
    assert subjects(remote, "deploy/prod") == ["prod: Promote dev to prod: web"]


def behind(_ann: Workspace, bob: Workspace) -> None:
    change(bob, 2)


def ahead(ann: Workspace, _bob: Workspace) -> None:
    ann.write("notes.md", "x")
    ann.commit("Notes")


def apart(ann: Workspace, bob: Workspace) -> None:
    behind(ann, bob)
    ahead(ann, bob)


def deployed_apart(ann: Workspace, bob: Workspace) -> None:
    """Both published other sources; only Bob pushed."""
    change(bob, 2)
    bob.ok("render", "dev", "--publish", "--push")
    ahead(ann, bob)
    ann.edit(MAIN, "'%d' %", "'3: %d' %")
    ann.commit("Change 3")
    ann.ok("render", "dev", "--publish")


MOVED_ON = """
error: main on origin was moved by someone else; nothing was written
hint: git pull --rebase origin main, then run the command again
"""


@pytest.mark.parametrize(
    ("prepare", "command", "err"),
    [
        pytest.param(behind, "promote dev prod --push", MOVED_ON, id="main is behind"),
        pytest.param(apart, "promote dev prod --push", MOVED_ON, id="main went another way"),
        pytest.param(
            ahead,
            "promote dev prod --push",
            """
            error: main here has commits that origin does not have
            hint: git push origin main
            """,
            id="main is ahead",
        ),
        pytest.param(
            deployed_apart,
            "render dev --publish --push",
            """
            error: local deploy/dev ({deploy/dev}) and the one on origin ({theirs}) went different ways
            hint: the remote's counts: git branch -f deploy/dev {theirs}
            """,
            id="deploy branch went another way",
        ),
    ],
)
def test_a_remote_that_moved_before_is_told_whole(
    ann: Workspace,
    bob: Workspace,
    remote: Workspace,
    prepare: Callable[[Workspace, Workspace], None],
    command: str,
    err: str,
) -> None:
    """Who is ahead of whom, and what to do; no ref moves, here or there."""
    prepare(ann, bob)
    refs = remote.git("show-ref")
    outcome = fails(ann, *command.split())
    theirs = remote.git("rev-parse", "deploy/dev")[:12]
    assert (outcome.code, outcome.out, outcome.err) == (1, "", told(ann, err).replace("{theirs}", theirs))
    assert remote.git("show-ref") == refs


def test_a_fresh_clone_promotes_on_top_of_the_remote(
    ann: Workspace, remote: Workspace, tmp_path: Path
) -> None:
    """The next promotion comes from a clone that has no local deploy branch at all."""
    ann.ok("promote", "dev", "prod", "--push")
    change(ann, 2)
    ann.ok("render", "dev", "--publish", "--push")
    fresh = remote.clone(tmp_path / "fresh")
    fresh.ok("promote", "dev", "prod", "--push")
    assert subjects(remote, "deploy/prod") == ["prod: Promote dev to prod: web"] * 2
    assert remote.git("log", "-1", "--format=%(trailers:key=Envctl-Sequence,valueonly)", "deploy/prod") == "2"


def test_a_ref_that_another_process_is_writing_is_told(small: Workspace) -> None:
    """Git's own lock on the branch is respected, and left alone."""
    lock = small.path / ".git/refs/heads/deploy/dev.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    outcome = fails(small, "render", "dev", "--publish")
    assert outcome.code == 1
    assert outcome.err == told(
        small,
        """
        dev: failed
          error: {path}/.git/refs/heads/deploy/dev.lock: another process works on the repository: its lock file was made less than a minute ago, and no process that can be seen here has it open
          hint: wait for it; where no Git process runs any more, remove the file
        """,
    )


def test_a_promotion_whose_deploy_branch_is_locked_says_what_is_left_to_do(small: Workspace) -> None:
    """The promotion stands on the source branch, the work tree follows, and publishing finishes it."""
    small.ok("render", "dev", "--publish")
    lock = small.path / ".git/refs/heads/deploy/prod.lock"
    lock.touch()
    outcome = small.envctl("promote", "dev", "prod")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == told(
        small,
        """
        error: deploy/prod: promoted dev to prod: committed as {HEAD}, but not published yet
          {path}/.git/refs/heads/deploy/prod.lock: another process works on the repository: its lock file was made less than a minute ago, and no process that can be seen here has it open
            wait for it; where no Git process runs any more, remove the file
        hint: publish it: envctl render prod --publish
        """,
    )
    assert small.git("log", "-1", "--format=%s") == "Promote dev to prod: web"
    assert small.git("status", "--porcelain") == ""
    lock.unlink()
    assert small.json("render", "prod", "--publish")["environments"][0]["state"] == "published"


def test_a_promotion_leaves_the_work_tree_to_a_process_that_holds_the_index(small: Workspace) -> None:
    """It is done all the same, and says that the checked-out file does not follow."""
    small.ok("render", "dev", "--publish")
    (small.path / ".git/index.lock").touch()
    outcome = small.ok("promote", "dev", "prod")
    assert outcome.err == (
        "note: environments/prod/lock.yaml here was left as it is: you changed it, or another process holds the "
        "index. Your next commit must not take the new one back; to have its state: "
        "git checkout HEAD -- environments/prod/lock.yaml\n"
    )
    assert small.git("log", "-1", "--format=%s", "deploy/prod") == "prod: Promote dev to prod: web"
    assert not (small.path / "environments/prod/lock.yaml").exists()
    (small.path / ".git/index.lock").unlink()
    small.git("checkout", "HEAD", "--", "environments/prod/lock.yaml")
    assert small.git("status", "--porcelain") == ""


def test_many_writers_at_once_make_one_line(remote: Workspace, tmp_path: Path) -> None:
    """Four clones publish and push one after another's source at the same time: no commit is lost."""
    clones = [remote.clone(tmp_path / f"clone-{number}") for number in range(4)]
    for number, clone in enumerate(clones):
        change(clone, number + 2)
    running = [
        subprocess.Popen(
            [*ENVCTL, "-C", str(clone.path), "render", "dev", "--publish", "--push", "-o", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for clone in clones
    ]
    done = [Outcome(each.wait(), *each.communicate()) for each in running]
    assert [each.err for each in done] == [""] * 4
    assert {json.loads(each.out)["environments"][0]["state"] for each in done} <= {"pushed", "superseded"}
    assert subjects(remote, "deploy/dev")[0] == "dev: Change 5"
    assert remote.git("rev-list", "--merges", "--count", "deploy/dev") == "0"
    numbers = remote.git("log", "--format=%(trailers:key=Envctl-Sequence,valueonly,separator=)", "deploy/dev")
    assert numbers.split() == [str(number) for number in range(len(numbers.split()), 0, -1)]


@pytest.mark.parametrize("depth", [[], ["--depth=1"]], ids=["whole", "shallow"])
def test_a_slow_job_of_an_old_commit_publishes_nothing(
    bob: Workspace, remote: Workspace, server: GitServer, tmp_path: Path, depth: list[str]
) -> None:
    """As CI works: a detached clone of one commit, which a newer one overtakes."""
    slow = Workspace(tmp_path / "slow")
    subprocess.run(["git", "clone", "-q", *depth, server.url("platform.git"), str(slow.path)], check=True)
    slow.git("checkout", "-q", "--detach")
    change(bob, 2)
    bob.ok("render", "dev", "--publish", "--push")
    slow.git("remote", "set-branches", "origin", "*")
    slow.git("branch", "-D", "main")
    tip = remote.git("rev-parse", "deploy/dev")
    outcome = slow.json("render", "dev", "--publish", "--push")
    assert [each["state"] for each in outcome["environments"]] == ["superseded"]
    assert remote.git("rev-parse", "deploy/dev") == tip


def test_a_publish_that_another_one_here_overtakes_builds_on_it(small: Workspace) -> None:
    """The deploy branch moves after its tip was read, while the new tree is written: no commit is lost."""
    small.ok("render", "dev", "--publish")
    small.edit(MAIN, "'%d' %", "'more: %d' %")
    small.commit("More")
    repository = wiring.open_repository(small.path)

    class Raced:
        """The repository, in which somebody else publishes once, while the commit is being written."""

        moved = False

        def __getattr__(self, name: str) -> Any:
            return getattr(repository, name)

        def write_commit(self, draft: CommitDraft) -> str:
            if not self.moved:
                self.moved = True
                trailers = small.git("log", "-1", "--format=%(trailers)", "deploy/dev")
                message = f"dev: Faster\n\n{trailers.replace('Sequence: 1', 'Sequence: 2')}\n"
                made = small.git("commit-tree", "deploy/dev^{tree}", "-p", "deploy/dev", "-m", message)
                small.git("update-ref", "refs/heads/deploy/dev", made)
            return repository.write_commit(draft)

    raced: Any = Raced()
    options = PublishOptions(("dev",), publish=True)
    with wiring.evaluator(repository) as engine:
        run = run_render(raced, engine, open_source(raced, options), options)
    assert [each.state for each in run.outcomes] == ["published"]
    assert subjects(small, "deploy/dev") == ["dev: More", "dev: Faster", "dev: Add web"]
