"""The shortest way of a render: what nothing has changed in is told from memory, and nothing else is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl import wiring
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.recall import recalled
from envctl.workflows.publishing.runs import EnvironmentOutcome, PublishOptions

MAIN = "local x = import 'x.libsonnet'; { a: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: x } } }"
FILES = {
    "components/a/main.jsonnet": MAIN,
    "lib/x.libsonnet": "'one'",
    "environments/dev/environment.yaml": "namespace: dev\ncomponents: [a]\n",
    "environments/prod/environment.yaml": "namespace: prod\npromotesFrom: dev\ncomponents: [a]\n",
    ".gitignore": "*.swp\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose dev is published, rendered once more after that."""
    root = tmp_path / "repository"
    for path, text in FILES.items():
        write(root, path, text)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Ann")
    git(root, "config", "user.email", "ann@example.com")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Start")
    envctl(root, "render", "--publish")
    envctl(root, "render")
    return root


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True
    ).stdout


def envctl(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "envctl", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def recall(root: Path, options: PublishOptions | None = None) -> tuple[EnvironmentOutcome, ...] | None:
    """What a run would be told from memory."""
    repository = wiring.open_repository(root)
    chosen = options or PublishOptions()
    source = open_source(repository, chosen)
    cache = wiring.render_cache(repository)
    return recalled(repository, source.tree, chosen, cache, wiring.engine_version)


def test_nothing_changed_is_told_from_memory(repository: Path) -> None:
    """Trees, counts and commits are those of the render; index and work tree are runs of their own."""
    tip = git(repository, "rev-parse", "deploy/dev").strip()
    tree = git(repository, "rev-parse", "deploy/dev^{tree}").strip()
    expected = (
        EnvironmentOutcome("dev", "unchanged", 1, tree, tip),
        EnvironmentOutcome("prod", "waiting"),
    )
    assert recall(repository) == expected
    assert recall(repository, PublishOptions(index=True)) is None
    envctl(repository, "render", "--index")
    assert recall(repository, PublishOptions(index=True)) == expected


HARMLESS: dict[str, Callable[[Path], object]] = {
    "a new time of a file": lambda root: os.utime(root / "lib/x.libsonnet", (1, 1)),
    "a file that no render looks at": lambda root: write(root, "docs/page.md", "text"),
    "an ignored file": lambda root: write(root, "lib/.x.swp", "text"),
    "an empty folder": lambda root: (root / "components/b").mkdir(),
    "a new commit of the same": lambda root: git(root, "commit", "-q", "--allow-empty", "-m", "Again"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_decides_nothing_is_no_change(repository: Path, change: Callable[[Path], object]) -> None:
    """Times, commits and files elsewhere are no part of the evidence."""
    change(repository)
    assert recall(repository) is not None


CHANGES: dict[str, Callable[[Path], object]] = {
    "a library": lambda root: write(root, "lib/x.libsonnet", "'two'"),
    "the same size and time": lambda root: same_size(root / "lib/x.libsonnet", "'two'"),
    "a file found earlier": lambda root: write(root, "components/a/x.libsonnet", "'two'"),
    "an overlay": lambda root: write(root, "environments/dev/a.jsonnet", "{}"),
    "an environment": lambda root: write(root, "environments/dev/environment.yaml", "components: [a]\n"),
    "a lock": lambda root: write(root, "environments/prod/lock.yaml", "components: {}\n"),
    "the settings": lambda root: write(root, "envctl.yaml", "limits: {objects: 0}\n"),
    "a schema": lambda root: write(root, "schemas/a.schema.json", "{}"),
    "a policy": lambda root: write(root, "policies/a.yaml", "{}"),
    "a misspelt overlay": lambda root: write(root, "environments/dev/b.jsonnet", "{}"),
    "a file that is gone": lambda root: (root / "lib/x.libsonnet").unlink(),
    "a file that became a link": lambda root: linked(root / "lib/x.libsonnet"),
    "a deploy branch that moved": lambda root: git(root, "branch", "-f", "deploy/dev", edited(root)),
    "a deploy branch that envctl did not write": lambda root: git(root, "branch", "-f", "deploy/dev", "main"),
    "a large new file where components are": lambda root: large(root / "components/a/data.bin"),
    "a deploy branch that is gone": lambda root: git(root, "branch", "-D", "deploy/dev"),
}


def same_size(path: Path, text: str) -> None:
    """A change that a look at size and time alone would miss."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def large(path: Path) -> None:
    """A file that nobody imports and that is too large to look at for nothing."""
    path.touch()
    os.truncate(path, 1 << 30)


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def edited(root: Path) -> str:
    """A commit on top of the deploy branch with another tree."""
    message = git(root, "log", "-1", "--format=%B", "deploy/dev")
    tree = git(root, "rev-parse", "main^{tree}").strip()
    return git(root, "commit-tree", tree, "-p", "deploy/dev", "-m", message).strip()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_could_matter_is_rendered(repository: Path, change: Callable[[Path], object]) -> None:
    """A change of anything that a render reads, or compares with, is never told from memory."""
    assert recall(repository) is not None
    change(repository)
    assert recall(repository) is None


def test_what_differs_is_told_from_memory_too(repository: Path) -> None:
    """A change that is not published yet is remembered with its list, until the deploy branch moves."""
    write(repository, "lib/x.libsonnet", "'two'")
    first = envctl(repository, "render")
    known = recall(repository)
    assert known is not None
    assert [(each.state, [change.action for change in each.changes]) for each in known] == [
        ("differs", ["changed"]),
        ("waiting", []),
    ]
    assert envctl(repository, "render") == first
    git(repository, "commit", "-qam", "Two")
    envctl(repository, "render", "--publish")
    after = recall(repository)
    assert after is not None
    assert [each.state for each in after] == ["unchanged", "waiting"]


def test_a_change_taken_back_is_known_again(repository: Path) -> None:
    """Evidence is about contents: the old ones are as good as ever."""
    write(repository, "lib/x.libsonnet", "'two'")
    assert recall(repository) is None
    write(repository, "lib/x.libsonnet", "'one'")
    assert recall(repository) is not None


def test_a_run_with_errors_is_not_remembered(repository: Path) -> None:
    """What failed is rendered anew each time, so its message is there again."""
    write(repository, "lib/x.libsonnet", "error 'no'")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "envctl", "-C", str(repository), "render"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "no" in done.stderr) == (1, True)


def test_another_engine_or_selection_is_another_run(repository: Path) -> None:
    """What was asked is part of the key."""
    assert recall(repository, PublishOptions(("dev",))) is None
    assert recall(repository, PublishOptions(engine="rjsonnet")) is None


def test_what_nobody_asks_for_stands_in_nobodys_way(repository: Path) -> None:
    """Folders hundreds deep and files far too large do not matter beside an import."""
    first = envctl(repository, "render", "dev")
    large(repository / "lib/data.bin")
    folder = repository / "vendor"
    at = os.open(repository, os.O_RDONLY)
    for name in ["vendor", *["d"] * 300]:
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    try:
        assert envctl(repository, "render", "dev") == first
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
