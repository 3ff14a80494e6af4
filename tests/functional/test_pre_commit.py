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
    """A change of a text is looked at, and passes."""
    user.write("notes.md", "x")
    user.git("add", "-A")
    outcome = run("git", "commit", "-m", "Notes", cwd=user.path, **home)
    assert (outcome.code, outcome.err) == (0, PASSED)


IMPORTED = "assets/settings.libsonnet"
GONE = """\
envctl render............................................................Failed
- hook id: envctl-render
- exit code: 1

prod: nothing promoted yet
dev: failed
  error: components/web/main.jsonnet:2:12: import "assets/settings.libsonnet" was not found
    components/web/main.jsonnet:7:30: called from here
    components/web/main.jsonnet:7:23: called from here
    while evaluating web in dev
    $.settings.data.replicas: this part of the output needs it
  hint: looked for components/web/assets/settings.libsonnet, lib/assets/settings.libsonnet, \
vendor/assets/settings.libsonnet, assets/settings.libsonnet

"""
RENAMED = """\
envctl render............................................................Failed
- hook id: envctl-render
- exit code: 1

prod: nothing promoted yet
dev: failed
  error: environments/dev/environment.yaml:2: there is no component web: components/web/main.jsonnet does not exist in \
the index
  hint: components there: site

"""


@pytest.fixture
def importing(user: Workspace) -> Workspace:
    """A component that imports a file from a folder that envctl has no name for."""
    user.write(IMPORTED, "{ replicas: 1 }\n")
    main = (user.path / MAIN).read_text()
    user.write(MAIN, main.replace("{ replicas: 1 }", f"import '{IMPORTED}'", 1))
    user.git("add", "-A")
    user.git("commit", "-qnm", "Import from elsewhere")
    return user


def committed(
    workspace: Workspace, *arguments: str, home: Mapping[str, str], cwd: Path | None = None
) -> Outcome:
    """A commit by a person, and what it tells; without pre-commit's own lines about what is not staged."""
    outcome = run("git", "commit", "-m", "Change", *arguments, cwd=cwd or workspace.path, **home)
    lines = [line for line in outcome.err.splitlines(keepends=True) if not line.startswith(STASHED)]
    return Outcome(outcome.code, outcome.out, "".join(lines))


def test_a_commit_that_only_deletes_is_checked(importing: Workspace, home: Mapping[str, str]) -> None:
    """No file is left to be named, and yet something does not render any more."""
    importing.git("rm", "-q", IMPORTED)
    outcome = committed(importing, home=home)
    assert (outcome.code, outcome.err) == (1, GONE)
    assert importing.git("log", "-1", "--format=%s") == "Import from elsewhere"


def test_a_file_of_any_folder_is_checked(importing: Workspace, home: Mapping[str, str]) -> None:
    """What a component imports counts, wherever it lies."""
    importing.write(IMPORTED, "{ replicas: 1 + }\n")
    outcome = committed(importing, "-a", home=home)
    assert outcome.code == 1
    assert f"error: {IMPORTED}:1:17: " in outcome.err


def test_a_renamed_component_is_missed_where_it_is_named(user: Workspace, home: Mapping[str, str]) -> None:
    """A rename alone breaks what names it; with its environments it passes."""
    user.git("mv", "components/web", "components/site")
    outcome = committed(user, home=home)
    assert (outcome.code, outcome.err) == (1, RENAMED)
    for name in ("dev", "prod"):
        user.edit(f"environments/{name}/environment.yaml", "web", "site")
    user.git("add", "-A")
    outcome = committed(user, home=home)
    assert (outcome.code, outcome.err) == (0, PASSED)


def test_half_of_a_file_is_staged(user: Workspace, home: Mapping[str, str]) -> None:
    """Hunks that are staged count, and those that are not, do not; both are there afterwards."""
    good = (user.path / MAIN).read_text()
    staged = good.replace("replicas: 1", "replicas: 2")
    user.write(MAIN, staged)
    user.git("add", MAIN)
    user.write(MAIN, staged + "}")
    outcome = committed(user, home=home)
    assert (outcome.code, outcome.err) == (0, PASSED)
    assert user.git("show", f"HEAD:{MAIN}") == staged.strip()
    assert (user.path / MAIN).read_text() == staged + "}"


def test_a_commit_of_one_file_is_checked_without_the_others(user: Workspace, home: Mapping[str, str]) -> None:
    """`git commit FILE` leaves out what else is staged: good or bad, it does not count."""
    user.write("lib/new.libsonnet", "{}\n")
    user.write(MAIN, NUMBER)
    user.git("add", "-A")
    user.edit("environments/dev/environment.yaml", "namespace: dev", "namespace: dev2")
    outcome = committed(user, "environments/dev/environment.yaml", home=home)
    assert (outcome.code, outcome.err) == (0, PASSED)
    assert user.git("status", "--porcelain") == f"M  {MAIN}\nA  lib/new.libsonnet"
    outcome = committed(user, MAIN, home=home)
    assert (outcome.code, outcome.err) == (1, REFUSED)


def test_a_linked_work_tree_is_checked_by_its_own_index(
    user: Workspace, home: Mapping[str, str], tmp_path: Path
) -> None:
    """What is staged here and there does not mix."""
    linked = Workspace(tmp_path / "linked")
    user.git("worktree", "add", "-q", "-b", "linked", str(linked.path))
    user.write(MAIN, NUMBER)
    user.git("add", "-A")
    linked.edit(MAIN, "replicas: 1", "replicas: 2")
    for arguments in (("-a",), ("--allow-empty",)):
        outcome = committed(linked, *arguments, home=home)
        assert (outcome.code, outcome.err) == (0, PASSED)
    linked.write(MAIN, NUMBER)
    outcome = committed(linked, "web/main.jsonnet", home=home, cwd=linked.path / "components")
    assert (outcome.code, outcome.err) == (1, REFUSED)
    outcome = committed(linked, "-a", home=home, cwd=linked.path / "components")
    assert (outcome.code, outcome.err) == (1, REFUSED)
    outcome = committed(user, home=home)
    assert (outcome.code, outcome.err) == (1, REFUSED)


def test_a_merge_is_checked(user: Workspace, home: Mapping[str, str]) -> None:
    """Two good branches may make a bad one."""
    user.git("checkout", "-q", "-b", "other")
    user.write("components/web/extra.libsonnet", "{}\n")
    user.git("add", "-A")
    user.git("commit", "-qnm", "Extra")
    user.git("checkout", "-q", "main")
    user.write(MAIN, NUMBER)
    user.git("add", "-A")
    user.git("commit", "-qnm", "Number")
    user.git("merge", "-q", "--no-commit", "other")
    outcome = committed(user, home=home)
    assert (outcome.code, outcome.err) == (1, f"[INFO] Checking merge-conflict files only.\n{REFUSED}")


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
