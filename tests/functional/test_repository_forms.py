"""One source in every form that Git can give it: commit, index and work tree render to the same trees."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.conftest import Outcome, Workspace
from tests.support.repositories import RICH, Box, rich_box

COMMIT, INDEX, FILES = ("--rev", "HEAD"), ("--index",), ()


def whole(box: Box, path: Path) -> Box:
    return box.clone(path)


def bare(box: Box, path: Path) -> Box:
    return box.clone(path, "--bare")


def mirror(box: Box, path: Path) -> Box:
    return box.clone(path, "--mirror")


def shallow(box: Box, path: Path) -> Box:
    return box.clone(path, "--depth=2")


def linked(box: Box, path: Path) -> Box:
    box.git("worktree", "add", "-q", "-b", "linked", str(path))
    return Box(path)


def linked_to_a_bare_one(box: Box, path: Path) -> Box:
    return linked(box.clone(path.with_name("bare.git"), "--bare"), path)


def submodule(box: Box, path: Path) -> Box:
    outer = Box(path.with_name("outer"))
    outer.path.mkdir()
    outer.git("init", "-q", "-b", "main")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(box.path), "inner")
    return Box(outer.path / "inner")


def detached(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.git("checkout", "-q", "--detach")
    made.git("branch", "-D", "main")
    return made


def alternates(box: Box, path: Path) -> Box:
    made = box.clone(path.with_name("apart"))
    made.git("clone", "-q", "--shared", str(box.path), str(path))
    assert (path / ".git/objects/info/alternates").exists()
    return Box(path)


def packed(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.git("repack", "-adq", "--depth=50")
    made.git("pack-refs", "--all")
    assert not list((path / ".git/refs/heads").rglob("*"))
    assert not list((path / ".git/objects").glob("??/*"))
    return made


def index_version_4(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.git("update-index", "--index-version", "4")
    return made


def crlf(box: Box, path: Path) -> Box:
    made = box.clone(path, "-c", "core.autocrlf=true")
    assert b"\r\n" in (path / "lib/note.txt").read_bytes()
    return made


def eol_attribute(box: Box, path: Path) -> Box:
    box.commit({".gitattributes": "* text=auto eol=crlf\nlib/data.txt -text\n"})
    made = box.clone(path)
    assert b"\r\n" in (path / "lib/note.txt").read_bytes()
    assert b"\r" not in (path / "lib/data.txt").read_bytes()
    return made


def crlf_touched(box: Box, path: Path) -> Box:
    made = crlf(box, path)
    for name in RICH:
        os.utime(path / name, (1, 1))
    return made


def checked_out_in_part(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.git("sparse-checkout", "set", "--no-cone", "/*", "!/vendor/", "!/components/a/own.libsonnet")
    assert not (path / "vendor").exists()
    return made


def cone(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.git("sparse-checkout", "set", "--cone", "environments", "components")
    assert not (path / "lib").exists()
    return made


def assumed_unchanged(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.git("update-index", "--assume-unchanged", "lib/x.libsonnet", "envctl.yaml")
    return made


def intended(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.write("docs/new.txt", "text")
    made.git("add", "--intent-to-add", "docs/new.txt")
    return made


def with_caches(box: Box, path: Path) -> Box:
    made = box.clone(path)
    made.git("update-index", "--force-untracked-cache")
    made.git("config", "core.fsmonitor", "false")
    made.git("commit-graph", "write", "--reachable")
    made.git("multi-pack-index", "write")
    return made


def executable(box: Box, path: Path) -> Box:
    made = box.clone(path)
    (path / "lib/x.libsonnet").chmod(0o755)
    made.git("commit", "-qam", "Mode")
    return made


def replaced_folder(box: Box, path: Path) -> Box:
    return box.clone(path, f"--separate-git-dir={path.with_name('elsewhere.git')}")


FORMS: list[Callable[[Box, Path], Box]] = [
    whole,
    bare,
    mirror,
    shallow,
    linked,
    linked_to_a_bare_one,
    submodule,
    detached,
    alternates,
    packed,
    index_version_4,
    crlf,
    crlf_touched,
    eol_attribute,
    checked_out_in_part,
    cone,
    assumed_unchanged,
    intended,
    with_caches,
    executable,
    replaced_folder,
]


def render(path: Path, *arguments: str) -> Outcome:
    """The real command line, in this process."""
    return Workspace(path).envctl("render", "-o", "json", *arguments)


def trees(path: Path, *arguments: str) -> dict[str, str]:
    """Environment to tree id."""
    done = render(path, *arguments)
    assert done.code == 0, done.out + done.err
    return {each["environment"]: each["tree"] for each in done.data["environments"]}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return rich_box(tmp_path / "origin")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The trees of the plain repository's last commit."""
    found = trees(rich_box(tmp_path_factory.mktemp("plain") / "origin").path, *COMMIT)
    assert list(found) == ["dev", "prod"]
    return found


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_and_every_source_gives_the_same_trees(
    box: Box, expected: dict[str, str], tmp_path: Path, form: Callable[[Box, Path], Box]
) -> None:
    """Commit, index and work tree hold the same content, so they render to the same; with memory or without.

    Writer's fault rows 8 and 10: also detached, shallow, linked, sparse, and checked out with other line ends.
    """
    made = form(box, tmp_path / "made")
    sources = (COMMIT,) if form in {bare, mirror} else (COMMIT, INDEX, FILES)
    for source in sources:
        assert trees(made.path, *source) == expected, source
        assert trees(made.path, *source, "--no-cache") == expected, source
    assert trees(made.path) == expected


SPARSE_STEPS: dict[str, Callable[[Path], object]] = {
    "a file that is there nevertheless": lambda root: written(root / "lib/y.libsonnet", "[9]\n"),
    "a folder in a file's place": lambda root: written(root / "lib/y.libsonnet/x", "1\n"),
    "a link in a folder's place": lambda root: (root / "lib").symlink_to("components"),
    "a file that is found earlier": lambda root: written(root / "components/b/v.libsonnet", "{}\n"),
}


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("step", SPARSE_STEPS.values(), ids=SPARSE_STEPS)
def test_what_is_on_disk_counts_before_what_was_left_out(
    box: Box, expected: dict[str, str], tmp_path: Path, step: Callable[[Path], object]
) -> None:
    """A sparse checkout's missing files stand in for nothing that is there, or in their way."""
    made = cone(box, tmp_path / "made")
    assert trees(made.path) == expected
    step(made.path)
    known, anew = render(made.path), render(made.path, "--no-cache")
    assert (known.code, known.out) == (anew.code, anew.out)
    found = {each["environment"]: each["tree"] for each in anew.data["environments"]}
    assert found["dev"] != expected["dev"]
    assert found["prod"] == expected["prod"]


def test_a_pin_that_a_shallow_clone_lacks_is_named(
    box: Box, expected: dict[str, str], tmp_path: Path
) -> None:
    """The error says which commit is missing and how to get it, and its command works.

    Writer's fault row 8: what is there renders, and what is not is asked for.
    """
    made = box.clone(tmp_path / "made", "--depth=1")
    pinned = box.git("rev-parse", "HEAD~1")
    done = Workspace(made.path).envctl("render", "prod")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "prod: failed\n"
        f"  error: environments/prod/lock.yaml: the pinned revision {pinned[:12]} of component b"
        " is not in this repository\n"
        f"  hint: fetch it: git fetch origin {pinned}; or all that a shallow clone lacks: git fetch --unshallow\n"
    )
    assert trees(made.path, "dev") == {"dev": expected["dev"]}
    made.git("fetch", "-q", "--depth=1", "origin", pinned)
    assert trees(made.path) == expected


def test_files_that_a_partial_clone_lacks_are_named(
    box: Box, expected: dict[str, str], tmp_path: Path
) -> None:
    """envctl fetches no file behind a render's back: it says which is missing, and how to get all.

    Writer's fault row 8: what is there renders, and what is not is asked for.
    """
    box.git("config", "uploadpack.allowFilter", "true")
    box.git("config", "uploadpack.allowAnySHA1InWant", "true")
    made = box.clone(tmp_path / "made", "--filter=blob:none")
    assert trees(made.path, "dev") == {"dev": expected["dev"]}
    done = Workspace(made.path).envctl("render", "prod")
    assert (done.code, done.out) == (1, "")
    missing = box.git("rev-parse", "HEAD~1:vendor/v.libsonnet")
    assert done.err.startswith(
        "prod: failed\n"
        f"  error: components/b/main.jsonnet:1:109: there is no file {missing} in this repository\n"
    )
    assert "a partial clone (--filter) lacks files\n" in done.err
    made.git("-c", "fetch.negotiationAlgorithm=noop", "fetch", "-q", "--refetch", "--no-filter", "origin")
    assert trees(made.path) == expected
