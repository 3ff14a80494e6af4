"""Many writers on one real server: each with a clone of its own, each command a process of its own."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import pytest
from ruamel.yaml import YAML

from tests.functional.conftest import SMALL, Workspace, identified, new_workspace
from tests.support.git_servers import GitServer, git_http_server
from tests.support.repositories import CLEAN

ENVCTL = (sys.executable, "-m", "envctl")
GAVE_UP = "other writers were faster 5 times in a row; nothing was published"
RUNS = 40  # of one command, before a writer is taken to be stuck
MERGES = Lock()  # the source branch has a merge queue, as forges have: races are those of deploy branches


@pytest.fixture
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Writers, and pushes of each."""
    return request.config.getoption("--writers"), request.config.getoption("--pushes")


@pytest.fixture
def server(tmp_path: Path, size: tuple[int, int]) -> Iterator[GitServer]:
    """A repository in which everybody has a file in the shared environment, and an environment of their own."""
    origin = new_workspace(tmp_path / "origin")
    for path, text in SMALL.items():
        origin.write(path, text)
    names = [f"w{number}" for number in range(size[0])]
    imports = " + ".join(f"(import '{name}.libsonnet')" for name in names)
    origin.write("environments/dev/web.jsonnet", f"{{ settings+: {{ data+: {imports} }} }}\n")
    for name in names:
        origin.write(f"environments/dev/{name}.libsonnet", f"{{ {name}: 'nothing' }}\n")
        origin.write(f"environments/{name}/environment.yaml", own(0))
    origin.commit("Add web")
    root = tmp_path / "root"
    subprocess.run(["git", "clone", "-q", "--bare", str(origin.path), str(root / "platform.git")], check=True)
    with git_http_server(root) as running:
        yield running


def own(push: int) -> str:
    return f"namespace: own\ncomponents: [{{name: web, config: {{replicas: {push}}}}}]\n"


@dataclass
class Writer:
    """One person or job. `published`: what each run said of each environment; `gave_up`: runs that lost five races."""

    name: str
    clone: Workspace
    published: list[tuple[str, str, str]] = field(default_factory=list)
    gave_up: int = 0

    def work(self, pushes: int) -> None:
        for push in range(1, pushes + 1):
            self.clone.write(f"environments/dev/{self.name}.libsonnet", f"{{ {self.name}: 'push {push}' }}\n")
            self.clone.write(f"environments/{self.name}/environment.yaml", own(push))
            self.clone.commit(f"{self.name}: push {push}")
            with MERGES:
                self.clone.git("pull", "-q", "--rebase", "origin", "main")
                self.clone.git("push", "-q", "origin", "main")
            assert any(self._publish() for _ in range(RUNS)), f"{self.name} is stuck"

    def _publish(self) -> bool:
        done = subprocess.run(
            [
                *ENVCTL,
                "-C",
                str(self.clone.path),
                "render",
                "dev",
                self.name,
                "--publish",
                "--push",
                "-o",
                "json",
            ],
            capture_output=True,
            text=True,
            env=CLEAN,
            check=False,
        )
        answer = json.loads(done.stdout or "{}")
        if done.returncode:
            assert GAVE_UP in answer["error"]["summary"], done.stdout + done.stderr
            self.gave_up += 1
            return False
        self.published += [(e["environment"], e["state"], e["commit"]) for e in answer["environments"]]
        return True


def test_of_many_writers_at_once_nobody_loses_anything(
    server: GitServer, size: tuple[int, int], tmp_path: Path, counted: Callable[[str], None]
) -> None:
    """Writer's fault row 1: one wins each race, losers render again on the new tip, five times at most.

    At the end each deploy branch is one line, sequences have no gap, everything that was said to be
    published is there, and every writer's last change is in the tree of the tip.
    """
    many, pushes = size
    writers = []
    for number in range(many):
        path = tmp_path / f"clone-{number}"
        subprocess.run(["git", "clone", "-q", server.url("platform.git"), str(path)], check=True)
        writers.append(Writer(f"w{number}", identified(Workspace(path))))
    with ThreadPoolExecutor(many) as pool:
        list(pool.map(lambda writer: writer.work(pushes), writers))

    remote = Workspace(server.root / "platform.git")
    for branch in ("dev", *(writer.name for writer in writers)):
        _is_one_line(remote, branch)
    for environment, state, commit in (each for writer in writers for each in writer.published):
        assert state in {"pushed", "superseded", "unchanged"}
        assert commit in remote.git("rev-list", f"deploy/{environment}").splitlines()
    data = json.loads(_shown(remote, "deploy/dev"))["data"]
    assert {name: text for name, text in data.items() if name != "replicas"} == {
        writer.name: f"push {pushes}" for writer in writers
    }
    assert remote.git("rev-list", "--count", "main") == str(1 + many * pushes)
    source = remote.git("log", "-1", "--format=%(trailers:key=Envctl-Source-Commit,valueonly)", "deploy/dev")
    assert source == remote.git("rev-parse", "main")
    for writer in writers:
        own_data = json.loads(_shown(remote, f"deploy/{writer.name}"))["data"]
        assert own_data["replicas"] == str(pushes)
    assert remote.envctl("verify", "dev").code == 0
    remote.git("fsck", "--strict", "--no-dangling")
    _count(server, writers, counted)


def _is_one_line(remote: Workspace, environment: str) -> None:
    branch = f"deploy/{environment}"
    assert remote.git("rev-list", "--merges", "--count", branch) == "0"
    format_ = "--format=%(trailers:key=Envctl-Sequence,valueonly,separator=)"
    numbers = remote.git("log", format_, branch).split()
    assert numbers == [str(number) for number in range(len(numbers), 0, -1)], environment


def _shown(remote: Workspace, branch: str) -> str:
    """The one object of a branch, as JSON."""
    path = next(
        each for each in remote.git("ls-tree", "-r", "--name-only", branch).splitlines() if "web" in each
    )
    return json.dumps(YAML(typ="safe").load(remote.git("show", f"{branch}:{path}")))


def _count(server: GitServer, writers: list[Writer], counted: Callable[[str], None]) -> None:
    states = Counter(state for writer in writers for _, state, _ in writer.published)
    tries = sum(
        path.endswith("info/refs?service=git-receive-pack") and "dulwich" in str(headers)
        for _, path, headers in server.requests
    )
    runs = sum(len(writer.published) // 2 + writer.gave_up for writer in writers)
    counted(
        f"{len(writers)} writers: {runs} runs, {tries} pushes tried, "
        f"{sum(writer.gave_up for writer in writers)} runs gave up after five lost races, {dict(states)}"
    )
