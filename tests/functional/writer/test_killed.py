"""A writer that is killed with -9 at any system call: nothing is half done, and the next run finishes it."""

import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from envctl.cli.main import COMMANDS
from tests.functional.conftest import SMALL, Workspace, identified, new_workspace
from tests.support.git_servers import GitServer, git_http_server
from tests.support.repositories import CLEAN
from tests.support.strace import Call, Ran, calls, killed_at, missing

ROOT = Path(__file__).parents[3]
ENVCTL = (sys.executable, "-m", "envctl")
ENVIRONMENT = {**CLEAN, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
LOCK = re.compile(r"(/\S+\.lock): another process works on the repository")
RERUNS = 6
SHARE = 6  # one kill in six is at a call that only reads

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

Prepare = Callable[[Workspace, Workspace], None]
"""Brings a repository and its remote to where the command starts."""


@dataclass(frozen=True)
class Case:
    """A command that is killed, and where it starts. `weight`: its share of all kills.

    `once`: run again after it is done, it would do more, so only what is not done is run again.
    """

    command: str
    prepare: Prepare
    weight: int = 1
    over_http: bool = False
    once: bool = False


def published(here: Workspace, _remote: Workspace) -> None:
    here.ok("render", "dev", "--publish")


def promoted_before(here: Workspace, remote: Workspace) -> None:
    published(here, remote)
    here.ok("promote", "dev", "prod")
    changed(here, remote)
    here.ok("render", "dev", "--publish")


def promoted_twice(here: Workspace, remote: Workspace) -> None:
    promoted_before(here, remote)
    here.ok("promote", "dev", "prod")


def changed(here: Workspace, _remote: Workspace) -> None:
    here.edit("components/web/main.jsonnet", "'%d' %", "'now: %d' %")
    here.commit("Change web")


def pushed(here: Workspace, remote: Workspace) -> None:
    here.git("push", "-q", "origin", "main")
    here.ok("render", "dev", "--publish", "--push")
    assert remote.git("rev-parse", "deploy/dev")


def changed_and_pushed(here: Workspace, remote: Workspace) -> None:
    pushed(here, remote)
    changed(here, remote)
    here.git("push", "-q", "origin", "main")


CASES: dict[str, Case] = {
    "the first promotion": Case("promote dev prod", published, 3),
    "a later promotion": Case("promote dev prod", promoted_before, 3),
    "a publish": Case("render dev --publish", changed, 2),
    "a publish pushed to a folder": Case("render dev --publish --push", changed_and_pushed, 2),
    "a promotion pushed to a folder": Case("promote dev prod --push", pushed, 2),
    "a promotion pushed over HTTP": Case("promote dev prod --push", pushed, 2, over_http=True),
}
if "rollback" in COMMANDS:
    CASES["a rollback"] = Case("rollback prod --reason broken", promoted_twice, 2, once=True)


@dataclass(frozen=True)
class Scene:
    """One copy of a case's start: the writer's repository, and the remote beside it."""

    folder: Path

    @property
    def here(self) -> Workspace:
        return Workspace(self.folder / "here")

    @property
    def remote(self) -> Workspace:
        return Workspace(self.folder / "platform.git")

    def command(self, case: Case) -> list[str]:
        return [*ENVCTL, "-C", str(self.here.path), *case.command.split()]


State = Mapping[str, str]
"""What can be seen of a scene from outside: refs here and there, index, files."""


def state(scene: Scene) -> dict[str, str]:
    found = {}
    for name, box in (("here", scene.here), ("remote", scene.remote)):
        listed = box.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads").splitlines()
        found |= {f"{name} {ref}": commit for ref, _, commit in (line.partition(" ") for line in listed)}
    found["index"] = scene.here.git("ls-files", "-s")
    files = (each for each in scene.here.path.rglob("*") if ".git" not in each.parts and each.is_file())
    return found | {str(each.relative_to(scene.here.path)): each.read_text() for each in files}


class Stage:
    """A case made once, copied for each kill."""

    def __init__(self, case: Case, folder: Path, server: GitServer) -> None:
        self.case = case
        self._server = server
        self._template = folder / "template"
        self._copies = iter(range(10**6))
        here = new_workspace(self._template / "here")
        remote = identified(_bare(self._template / "platform.git"))
        here.git("remote", "add", "origin", "../platform.git")
        for path, text in SMALL.items():
            here.write(path, text)
        here.commit("Add web")
        case.prepare(here, remote)
        self.before = state(self.scene())
        undisturbed = self.scene()
        ran, self.calls = calls(undisturbed.command(case), ENVIRONMENT, [undisturbed.folder])
        assert ran.code == 0, ran.err
        self.after = state(undisturbed)

    def scene(self) -> Scene:
        folder = self._server.root / f"{self._template.parent.name}-{next(self._copies)}"
        shutil.copytree(self._template, folder)
        scene = Scene(folder)
        if self.case.over_http:
            scene.here.git("remote", "set-url", "origin", self._server.url(f"{folder.name}/platform.git"))
        return scene

    def draw(self, count: int) -> list[Call]:
        """Calls to be killed at: each class of calls gets its turn, each time at another call."""
        draw = random.Random(f"{self.case.command} {count}")  # noqa: S311
        kinds = sorted({each.kind for each in self.calls if each.acts})
        rest = [each for each in self.calls if not each.acts]
        left = {kind: [each for each in self.calls if each.acts and each.kind == kind] for kind in kinds}
        drawn: list[Call] = []
        while len(drawn) < count and (any(left.values()) or rest):
            kind = kinds[len(drawn) % len(kinds)]
            pool = rest if rest and len(drawn) % SHARE == SHARE - 1 else left[kind]
            pool = pool or max(left.values(), key=len) or rest
            drawn.append(pool.pop(draw.randrange(len(pool))))
        return drawn


def _bare(path: Path) -> Workspace:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    return Workspace(path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """Serves every copy of every case."""
    (tmp_path / "copies").mkdir()
    with git_http_server(tmp_path / "copies") as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_a_killed_command_has_done_nothing_by_halves_and_the_next_run_finishes_it(
    name: str,
    tmp_path: Path,
    server: GitServer,
    request: pytest.FixtureRequest,
    counted: Callable[[str], None],
) -> None:
    """Writer's fault row 2: every ref is the old or the new one, and running it again gives the same ids.

    Writer's fault row 16: a lock file that a dead run left is never stolen; the message names it,
    and with that one file removed the next run goes on.
    """
    case = CASES[name]
    folder = tmp_path / name.replace(" ", "-")
    folder.mkdir()
    stage = Stage(case, folder, server)
    seeds = request.config.getoption("--kill-seeds")
    drawn = stage.draw(max(2, seeds * case.weight // sum(each.weight for each in CASES.values())))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda call: Trial(stage, call).run(), drawn))
    assert "\n".join(f"{each.call}: {each.wrong}" for each in results if each.wrong) == ""
    assert sum(each.killed for each in results) >= len(results) * 0.9
    counted(
        f"{name}: {len(results)} kills at {dict(Counter(call.kind for call in drawn))} of "
        f"{len(stage.calls)} calls; {sum(each.locks for each in results)} locks to remove by hand"
    )


@dataclass(frozen=True)
class Result:
    """What became of one kill. `wrong` is empty where all is well."""

    call: str
    killed: bool
    locks: int
    wrong: str


class Trial:
    """One kill: what is left is looked at, then the command is run again until it is done."""

    def __init__(self, stage: Stage, call: Call) -> None:
        self._stage = stage
        self._call = call
        self._scene = stage.scene()
        self._locks = 0

    def run(self) -> Result:
        ran = killed_at(self._call, self._scene.command(self._stage.case), ENVIRONMENT)
        wrong = self._halves() or self._finished()
        if not wrong:
            shutil.rmtree(self._scene.folder)
        return Result(str(self._call), ran.killed, self._locks, wrong)

    def _halves(self) -> str:
        """What is neither as before nor as after, right after the kill; "" where nothing is."""
        before, after, now = self._stage.before, self._stage.after, state(self._scene)
        scratch = re.compile(r".*/\.[^/]+\.envctl-\d+")
        mixed = [
            key
            for key in {*before, *after, *now}
            if now.get(key) not in {before.get(key), after.get(key)} and not scratch.fullmatch(key)
        ]
        return f"neither old nor new: {mixed}" if mixed else self._damage()

    def _damage(self) -> str:
        for box in (self._scene.here, self._scene.remote):
            done = subprocess.run(
                ["git", "-C", str(box.path), "fsck", "--strict", "--no-dangling", "--no-progress"],
                capture_output=True,
                text=True,
                env=ENVIRONMENT,
                check=False,
            )
            told = [
                each for each in done.stderr.splitlines() if not each.startswith("notice: ")
            ]  # an empty one
            if done.returncode or told:
                return f"git fsck: {done.stdout} {done.stderr}"
        return ""

    def _finished(self) -> str:
        told: list[str] = []
        for _ in range(RERUNS):
            if self._stage.case.once and self._is_done():
                break
            ran = self._again()
            told.append(ran.err or ran.out)
            if ran.code == 0:
                break
            if not self._follow(ran):
                return f"cannot go on: {told}"
        now = state(self._scene)
        other = {key for key in {*now, *self._stage.after} if now.get(key) != self._stage.after.get(key)}
        if other:
            return f"not as without a kill: {sorted(other)} {told}"
        status = self._scene.here.git("status", "--porcelain")
        return f"git status: {status}" if status else self._damage()

    def _is_done(self) -> bool:
        refs = {key: value for key, value in self._stage.after.items() if " refs/" in key}
        return refs.items() <= state(self._scene).items()

    def _again(self) -> Ran:
        return self._run(self._scene.command(self._stage.case))

    def _run(self, command: Sequence[str]) -> Ran:
        done = subprocess.run(
            command,
            cwd=self._scene.here.path,
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def _follow(self, ran: Ran) -> bool:
        """Do exactly what the message says, where it is one that a kill may lead to."""
        found = LOCK.search(ran.err + ran.out)
        if found:
            self._locks += 1
            Path(found[1]).unlink()
            return True
        hinted = re.search(
            "^hint: (git pull --rebase origin main), then run the command again$", ran.err, re.MULTILINE
        )
        if hinted:
            self._pull(hinted[1])
        return bool(hinted)

    def _pull(self, command: str) -> None:
        """As a person would: Git may find a lock of the dead run too, and names it.

        It looks for the lock after it has brought the files along, and will not pull again over those.
        """
        done = self._run(command.split())
        found = re.search(r"Unable to create '([^']+\.lock)'", done.err)
        if found:
            self._locks += 1
            Path(found[1]).unlink()
            self._pull(command)
        elif "uncommitted changes" in done.err:
            self._scene.here.git("reset", "-q", "--hard")
            self._pull(command)
