"""Inputs that are not files of this repository: refused by name, wherever they are read from.

Links lead anywhere, submodules are not here, and what Git LFS keeps is not here either. None of
them is left out in silence: a schema that nobody finds would check nothing.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.functional.conftest import SMALL, Workspace, new_workspace
from tests.functional.failing import fails

MAIN = "components/web/main.jsonnet"
DEV = "environments/dev/environment.yaml"
LOCK = "environments/dev/lock.yaml"
LIBRARY = "lib/l/x.libsonnet"
SCHEMA = "schemas/web.schema.json"
OVERLAY = "environments/dev/web.jsonnet"
FILES = {
    "envctl.yaml": "remote: origin\n",
    "components/web/component.yaml": "owners: [web]\n",
    MAIN: "(import 'l/x.libsonnet') + " + SMALL[MAIN],
    LIBRARY: "{}\n",
    SCHEMA: "{}\n",
    DEV: SMALL[DEV],
    OVERLAY: "{}\n",
}
SOURCES = (("--rev", "HEAD"), ("--index",), ())

LINK = "hint: links are never followed: commit the files themselves"
COMMIT = "hint: commit the files themselves"
LFS = "hint: commit the file itself: git lfs untrack, then add it again"
# In which way each input is told; what is wrong with one component does not stop the other environments.
CONFIG = (("envctl.yaml", False), (DEV, False), (LOCK, True), ("components/web/component.yaml", True))
CONFIG = (*CONFIG, (SCHEMA, True), (OVERLAY, True), (MAIN, True))
# Each folder on the way, and the first file that is looked for behind it.
FOLDERS = (
    ("environments", "environments", False),
    ("environments/dev", DEV, False),
    ("components", MAIN, True),
    ("components/web", MAIN, True),
    ("schemas", SCHEMA, True),
    ("policies", "policies", False),
)


def told(error: str, hint: str, *, below: bool) -> str:
    return f"dev: failed\n  error: {error}\n  {hint}\n" if below else f"error: {error}\n{hint}\n"


def imported(reason: str, hint: str, *, first: str = f'{MAIN}:1:2: import "l/x.libsonnet"') -> str:
    steps = "    while evaluating web in dev\n" if first.startswith(MAIN) else ""
    needs = "    $.config: this part of the output needs it\n"
    return f"dev: failed\n  error: {first} {reason}\n{steps}{needs}  {hint}\n"


def link(workspace: Workspace, path: str) -> None:
    """Move a file or a folder away, and link to it."""
    here = workspace.path / path
    away = workspace.path / "elsewhere" / here.name
    away.parent.mkdir()
    shutil.move(here, away)
    here.symlink_to(away)


def submodule(workspace: Workspace, path: str) -> None:
    """Put another repository in the place of a file or a folder, as `git submodule add` does."""
    workspace.git("rm", "-rqf", "--ignore-unmatch", path)
    shutil.rmtree(workspace.path / path, ignore_errors=True)
    inner = new_workspace(workspace.path / path)
    inner.write("a", "")
    inner.commit("Inner")
    workspace.git("-c", "advice.addEmbeddedRepo=false", "add", path)


def pointer(workspace: Workspace, path: str) -> None:
    workspace.write(path, f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 3\n")


def links() -> Mapping[str, str]:
    files = {
        path: told(f"{path}: leads through the symbolic link {path}", LINK, below=b) for path, b in CONFIG
    }
    folders = {
        path: told(f"{first}: leads through the symbolic link {path}", LINK, below=b)
        for path, first, b in FOLDERS
    }
    libraries = {
        path: imported(f"leads through the symbolic link {path}", LINK) for path in (LIBRARY, "lib/l", "lib")
    }
    return files | folders | libraries


def submodules() -> Mapping[str, str]:
    reason = "leads into the submodule {}, whose files are not in this repository"
    files = {path: told(f"{path}: {reason.format(path)}", COMMIT, below=b) for path, b in CONFIG}
    folders = {path: told(f"{first}: {reason.format(path)}", COMMIT, below=b) for path, first, b in FOLDERS}
    libraries = {path: imported(reason.format(path), COMMIT) for path in (LIBRARY, "lib/l", "lib")}
    return files | folders | libraries


def pointers() -> Mapping[str, str]:
    reason = "the file is a Git LFS pointer, whose contents are not here"
    files = {path: told(f"{path}: {reason}", LFS, below=b) for path, b in CONFIG}
    found = "found {}, a Git LFS pointer, whose contents are not here"
    programs = {
        path: imported(found.format(path), LFS, first=f'web in dev: import "{path}"')
        for path in (MAIN, OVERLAY)
    }
    return files | programs | {LIBRARY: imported(found.format(LIBRARY), LFS)}


CASES = [
    pytest.param(replace, path, expected, id=f"{replace.__name__} {path}")
    for replace, table in ((link, links()), (submodule, submodules()), (pointer, pointers()))
    for path, expected in table.items()
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One component with every kind of file that a render reads, pinned where it is."""
    made = new_workspace(tmp_path / "refused")
    for path, text in FILES.items():
        made.write(path, text)
    commit = made.commit("Add web")
    made.write(LOCK, f"components:\n  web:\n    revision: {commit}\n")
    made.write("policies/README", "none yet\n")
    made.commit("Pin web")
    made.ok("render")
    return made


@pytest.mark.parametrize(("replace", "path", "expected"), CASES)
def test_what_is_no_file_of_this_repository_is_refused_by_name(
    workspace: Workspace, replace: Callable[[Workspace, str], None], path: str, expected: str
) -> None:
    """Path, reason and next step, the same from a commit, the index and the work tree.

    Writer's fault rows 9 and 13: submodules, Git LFS pointers and symbolic links.
    """
    if path != LOCK:
        workspace.git("rm", "-q", LOCK)  # else the component is read at its pin, where all is well
    replace(workspace, path)
    workspace.commit("Replace")
    outcomes = [fails(workspace, "render", *source) for source in SOURCES]
    assert [(each.code, each.out, each.err) for each in outcomes] == [(1, "", expected)] * len(SOURCES)


@pytest.mark.parametrize("path", [SCHEMA, "components/web/component.yaml", MAIN])
def test_a_pinned_revision_is_held_to_the_same(workspace: Workspace, path: str) -> None:
    """The work tree has the file again; the pin leads to the commit that has a link."""
    workspace.git("rm", "-q", LOCK)
    link(workspace, path)
    commit = workspace.commit("Replace")
    workspace.git("checkout", "-q", "HEAD~1", "--", ".")
    workspace.write(LOCK, f"components:\n  web:\n    revision: {commit}\n")
    outcome = fails(workspace, "render")
    assert outcome.err == told(f"{path}: leads through the symbolic link {path}", LINK, below=True)


def test_a_folder_in_the_place_of_a_file_is_told(workspace: Workspace) -> None:
    """A file below it would never be read."""
    workspace.git("rm", "-q", LOCK, SCHEMA)
    workspace.write(f"{SCHEMA}/web.json", "{}\n")
    assert fails(workspace, "render").err == told(
        f"{SCHEMA}: a folder stands where a file is read",
        "hint: rename it, or put the file there",
        below=True,
    )


MISNAMED = {
    "envctl.yml": ("a file of this name is not read", "hint: rename it to envctl.yaml", False),
    "environments/qa/environment.yml": (
        "a file of this name is not read",
        "hint: rename it to environments/qa/environment.yaml",
        False,
    ),
    "components/web/component.yml": (
        "a file of this name is not read",
        "hint: rename it to components/web/component.yaml",
        True,
    ),
    "environments/dev/lock.yml": (
        "a file of this name is not read",
        "hint: rename it to environments/dev/lock.yaml",
        True,
    ),
    "schemas/wep.schema.json": (
        "there is no component wep that this schema could be for",
        "hint: components here: web",
        False,
    ),
    "schemas/web.json": (
        "a schema of this name is not read",
        "hint: rename it to schemas/web.schema.json",
        False,
    ),
}


@pytest.mark.parametrize("path", MISNAMED)
def test_a_file_whose_name_is_nearly_right_is_refused(workspace: Workspace, path: str) -> None:
    """Else nobody would know that it is not read; a render that remembers the one before finds it too."""
    reason, hint, below = MISNAMED[path]
    for each in ("envctl.yaml", LOCK, "components/web/component.yaml"):
        (workspace.path / each).unlink()
    workspace.ok("render")
    workspace.write(path, "{}\n")
    assert fails(workspace, "render").err == told(f"{path}: {reason}", hint, below=below)


def test_links_that_no_render_reads_are_nobodys_business(workspace: Workspace) -> None:
    """Beside environments, in components, at the root."""
    for path in ("README.md", "environments/README.md", "components/web/notes", "environments/dev/notes"):
        (workspace.path / path).symlink_to("/etc/passwd")
    workspace.ok("render")
