"""The hook that other repositories use, by real pre-commit, and the wheel that it installs."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.functional.conftest import ROOT, SMALL, Outcome, Workspace, new_workspace

MAIN = "components/web/main.jsonnet"
NUMBER = "{ replicas: 3 }\n"
REFUSED = """\
envctl render............................................................Failed
- hook id: envctl-render
- exit code: 1

prod: nothing promoted yet
dev: failed
  error: web $: is neither a Kubernetes object nor a collection of them, because of replicas:
      replicas: 3
  hint: add apiVersion and kind, or hide what is no object with two colons (name:: value)

"""
PASSED = "envctl render............................................................Passed\n"
SKIPPED = "envctl render........................................(no files to check)Skipped\n"
STASHED = ("[WARNING] Unstaged files detected.", "[INFO] Stashing unstaged files", "[INFO] Restored changes")


def run(*command: str | Path, cwd: Path, **environment: str) -> Outcome:
    """Run a command as a person would, with this checkout's tools on the PATH."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        env={**os.environ, "PATH": tools, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def hook_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository's last commit, as others would name it by its address."""
    path = tmp_path_factory.mktemp("hooks") / "envctl"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def hook_home(hook_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit has installed the hook: once for all tests, from the package index."""
    home = tmp_path_factory.mktemp("pre-commit")
    user = hooked(tmp_path_factory.mktemp("user") / "user", hook_repository)
    installed = run("pre-commit", "install-hooks", cwd=user.path, PRE_COMMIT_HOME=str(home))
    assert installed.code == 0, installed
    return home


def hooked(path: Path, hooks: Path) -> Workspace:
    """The small repository with our hook in its configuration."""
    workspace = new_workspace(path)
    revision = Workspace(hooks).git("rev-parse", "HEAD")
    workspace.write(
        ".pre-commit-config.yaml",
        f"repos:\n- repo: {hooks}\n  rev: {revision}\n  hooks:\n  - id: envctl-render\n",
    )
    for name, text in SMALL.items():
        workspace.write(name, text)
    workspace.commit("Add web")
    return workspace


@pytest.fixture
def user(hook_repository: Path, hook_home: Path, tmp_path: Path) -> Workspace:
    """A repository of somebody else whose commits the hook checks."""
    workspace = hooked(tmp_path / "user", hook_repository)
    run("pre-commit", "install", cwd=workspace.path, PRE_COMMIT_HOME=str(hook_home))
    return workspace


@pytest.fixture
def home(hook_home: Path) -> Mapping[str, str]:
    return {"PRE_COMMIT_HOME": str(hook_home)}


def test_a_bad_component_stops_the_commit(user: Workspace, home: Mapping[str, str]) -> None:
    """What is staged does not render: our message is shown, and there is no commit."""
    before = user.git("rev-parse", "HEAD")
    user.write(MAIN, NUMBER)
    user.git("add", "-A")
    outcome = run("git", "commit", "-m", "Three", cwd=user.path, **home)
    assert (outcome.code, outcome.err) == (1, REFUSED)
    assert user.git("rev-parse", "HEAD") == before


def test_a_bad_component_stops_a_commit_of_all_changes(user: Workspace, home: Mapping[str, str]) -> None:
    """`git commit -a` stages into an index of its own: that one counts."""
    user.write(MAIN, NUMBER)
    outcome = run("git", "commit", "-a", "-m", "Three", cwd=user.path, **home)
    assert (outcome.code, outcome.err) == (1, REFUSED)


def test_a_good_component_passes(user: Workspace, home: Mapping[str, str]) -> None:
    """The commit is made, and no deploy branch with it."""
    user.edit(MAIN, "replicas: 1", "replicas: 2")
    outcome = run("git", "commit", "-a", "-m", "Two", cwd=user.path, **home)
    assert (outcome.code, outcome.err) == (0, PASSED)
    assert user.git("log", "-1", "--format=%s") == "Two"
    assert user.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_what_is_not_staged_does_not_count(user: Workspace, home: Mapping[str, str]) -> None:
    """A bad file that lies about does not stop a good commit, and is still there afterwards."""
    user.edit("environments/dev/environment.yaml", "namespace: dev", "namespace: dev2")
    user.git("add", "-A")
    user.write(MAIN, NUMBER)
    user.write("components/api/main.jsonnet", "{")
    outcome = run("git", "commit", "-m", "Another namespace", cwd=user.path, **home)
    assert outcome.code == 0
    lines = [line for line in outcome.err.splitlines() if not line.startswith(STASHED)]
    assert lines == PASSED.splitlines()
    assert (user.path / MAIN).read_text() == NUMBER
    assert user.git("status", "--porcelain") == f"M {MAIN}\n?? components/api/"


def test_a_good_file_on_disk_does_not_hide_a_bad_staged_one(user: Workspace, home: Mapping[str, str]) -> None:
    """Mended, but not staged: the commit would still be bad."""
    good = (user.path / MAIN).read_text()
    user.write(MAIN, NUMBER)
    user.git("add", "-A")
    user.write(MAIN, good)
    outcome = run("git", "commit", "-m", "Three", cwd=user.path, **home)
    assert outcome.code == 1
    assert "because of replicas:" in outcome.err


def test_commits_of_other_files_are_not_held_up(user: Workspace, home: Mapping[str, str]) -> None:
    """Nothing is rendered for a change of a text."""
    user.write("notes.md", "x")
    user.git("add", "-A")
    outcome = run("git", "commit", "-m", "Notes", cwd=user.path, **home)
    assert (outcome.code, outcome.err) == (0, SKIPPED)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without the network."""
    folder = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    assert built.code == 0, built
    return next(folder.glob("envctl-*.whl"))


def data_files(folder: Path) -> set[str]:
    """The files of the package that are no Python modules."""
    return {
        each.relative_to(ROOT).as_posix()
        for each in folder.rglob("*")
        if each.is_file() and each.suffix != ".py" and "__pycache__" not in each.parts
    }


def test_the_wheel_carries_everything_that_envctl_reads(wheel: Path) -> None:
    """Schemas, the Go modules and the stages of the dev cluster, the marker for type checkers."""
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = data_files(ROOT / "envctl")
    assert {Path(each).suffix for each in wanted} >= {".json", ".mod", ".sum", ".typed"}
    assert wanted <= names
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"envctl"}


def test_the_wheel_renders_the_sample(wheel: Path, sample: Workspace, tmp_path: Path) -> None:
    """Installed into an empty folder, away from this checkout, with the locked dependencies beside it."""
    target = tmp_path / "target"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, wheel, cwd=tmp_path)
    libraries = next(each for each in sys.path if each.endswith("site-packages"))
    code = "import envctl; print(envctl.__file__)"
    path = f"{target}{os.pathsep}{libraries}"
    isolated = (sys.executable, "-S", "-P")
    assert run(*isolated, "-c", code, cwd=tmp_path, PYTHONPATH=path).out.startswith(str(target))
    outcome = run(*isolated, target / "bin/envctl", "render", "dev", cwd=sample.path, PYTHONPATH=path)
    assert outcome.err == ""
    assert outcome.out == sample.ok("render", "dev").out
