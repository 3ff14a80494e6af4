"""A copy of the sample in a real repository, and envctl's own command line to run on it."""

import contextlib
import io
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envctl.cli.main import run

ROOT = Path(__file__).parents[2]
SAMPLE = ("components", "environments", "lib", "policies", "schemas", "envctl.yaml")
WHO = {"name": "Ann", "email": "ann@example.com", "date": "2026-01-02T03:04:05+00:00"}


@dataclass(frozen=True)
class Outcome:
    """What one run of envctl did: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Workspace:
    """A repository in a folder, and the two hands that work on it."""

    path: Path

    def git(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments], capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def envctl(self, *arguments: str) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["-C", str(self.path), *arguments])
        return Outcome(code, out.getvalue(), err.getvalue())

    def ok(self, *arguments: str) -> Outcome:
        outcome = self.envctl(*arguments)
        assert outcome.code == 0, outcome.out + outcome.err
        return outcome

    def json(self, *arguments: str) -> Any:
        return self.ok(*arguments, "-o", "json").data

    def write(self, path: str, text: str) -> None:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.path / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    def clone(self, path: Path) -> "Workspace":
        subprocess.run(["git", "clone", "-q", str(self.path), str(path)], check=True)
        return identified(Workspace(path))


def identified(workspace: Workspace) -> Workspace:
    workspace.git("config", "user.name", WHO["name"])
    workspace.git("config", "user.email", WHO["email"])
    return workspace


def new_workspace(path: Path) -> Workspace:
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    return identified(Workspace(path))


@pytest.fixture(scope="session", autouse=True)
def _steady_identity() -> Any:
    """Commits made by the git binary get fixed dates; no configuration of this machine counts."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GIT_AUTHOR_DATE", WHO["date"])
    patch.setenv("GIT_COMMITTER_DATE", WHO["date"])
    patch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    yield
    patch.undo()


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, committed once."""
    path = tmp_path_factory.mktemp("template") / "repository"
    workspace = new_workspace(path)
    for name in SAMPLE:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, path / name)
        elif origin.exists():
            shutil.copy(origin, path / name)
    workspace.commit("Add the platform")
    return path


@pytest.fixture
def sample(sample_template: Path, tmp_path: Path) -> Workspace:
    """A fresh copy of the sample repository."""
    shutil.copytree(sample_template, tmp_path / "repository")
    return Workspace(tmp_path / "repository")


@pytest.fixture
def promoted(sample: Workspace) -> Workspace:
    """The sample, published on dev and promoted to staging and prod."""
    sample.ok("render", "dev", "--publish")
    sample.ok("promote", "dev", "staging")
    sample.ok("promote", "staging", "prod")
    return sample


SMALL = {
    "components/web/main.jsonnet": """{
  config:: { replicas: 1 },
  settings: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'web' },
    data: { replicas: '%d' % $.config.replicas },
  },
}
""",
    "environments/dev/environment.yaml": "namespace: dev\ncomponents: [web]\n",
    "environments/prod/environment.yaml": (
        "namespace: prod\npromotesFrom: [dev]\ncomponents: [{name: web, config: {replicas: 3}}]\n"
    ),
}


@pytest.fixture
def small(tmp_path: Path) -> Workspace:
    """The smallest repository that shows everything: one component, dev and prod."""
    workspace = new_workspace(tmp_path / "small")
    for path, text in SMALL.items():
        workspace.write(path, text)
    workspace.commit("Add web")
    return workspace


@pytest.fixture(scope="session")
def line_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three deploy commits of dev and one of prod; the good tip of dev is tagged `good`."""
    workspace = new_workspace(tmp_path_factory.mktemp("line") / "repository")
    for path, text in SMALL.items():
        workspace.write(path, text)
    workspace.commit("Add web")
    workspace.ok("render", "dev", "--publish")
    workspace.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    workspace.commit("Two replicas")
    workspace.ok("render", "dev", "--publish")
    workspace.ok("promote", "dev", "prod")
    workspace.edit("components/web/main.jsonnet", "replicas: 2", "replicas: 4")
    workspace.commit("Four replicas")
    workspace.ok("render", "dev", "--publish")
    workspace.git("tag", "good", "deploy/dev")
    return workspace.path


@pytest.fixture
def line(line_template: Path, tmp_path: Path) -> Workspace:
    """A fresh copy of a deploy branch that is as it should be."""
    shutil.copytree(line_template, tmp_path / "repository")
    return Workspace(tmp_path / "repository")
