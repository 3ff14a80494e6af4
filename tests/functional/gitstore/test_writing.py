"""Trees and commits written: the ids that git makes, only what is new, and no tree that git would refuse."""

import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.gitstore.repository import init_repository
from envctl.gitstore.writing import object_id
from envctl.model.git import CommitDraft, Signature
from tests.support.repositories import ANN, CLEAN, Box, FixedClock, draft

NAMES = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters='/\0\n\t"'), min_size=1, max_size=6
).filter(lambda name: name not in {".", ".."} and "git" not in name.casefold())
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATHS, st.binary(max_size=20), max_size=12).map(
    lambda files: {path: data for path, data in files.items() if not _inside_another(path, files)}
)


def _inside_another(path: str, files: Mapping[str, bytes]) -> bool:
    return any(path != each and path.startswith(f"{each}/") for each in files)


def git_tree(box: Box, files: Mapping[str, bytes]) -> str:
    """The tree that git itself writes of files."""
    hand = Box(box.path, {**CLEAN, "GIT_INDEX_FILE": str(box.path / ".git/scratch-index")})
    hand.git("read-tree", "--empty")
    lines = (f"100644 {object_id(b'blob', data)}\t{path}\0" for path, data in files.items())
    hand.raw("update-index", "-z", "--index-info", stdin="".join(lines))
    return hand.git("write-tree", "--missing-ok")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Box:
    path = tmp_path_factory.mktemp("scratch")
    init_repository(path, clock=FixedClock())
    return Box(path)


@settings(max_examples=50, deadline=None)
@given(files=FILES, seed=st.integers())
def test_a_tree_is_the_one_that_git_writes_in_any_order(
    scratch: Box, files: dict[str, bytes], seed: int
) -> None:
    """The id is a function of the files alone, and every object can be read back by git."""
    items = list(files.items())
    random.Random(seed).shuffle(items)  # noqa: S311  (no secret: any order)
    written = scratch.open().write_tree(dict(items))
    assert written == git_tree(scratch, files)
    listed = scratch.git("ls-tree", "-rz", "--name-only", written)
    assert sorted(listed.rstrip("\0").split("\0")) == sorted(files or [""])


@settings(max_examples=50, deadline=None)
@given(before=FILES, after=FILES)
def test_a_tree_over_a_base_is_the_tree_of_all_files(
    scratch: Box, before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    """Changed, added and removed paths over a base give the same tree as writing everything."""
    repository = scratch.open()
    base = repository.write_tree(before)
    changed = {path: data for path, data in after.items() if before.get(path) != data}
    removed = dict.fromkeys(before.keys() - after.keys(), "")
    mixed = {path for path in changed if _clashes(path, removed)}
    if not mixed:
        assert repository.write_tree({**changed, **removed}, base=base) == repository.write_tree(after)


def _clashes(path: str, others: Mapping[str, str]) -> bool:
    return any(f"{each}/".startswith(f"{path}/") or path.startswith(f"{each}/") for each in others)


def test_ten_thousand_files_are_one_pack_and_a_second_write_is_nothing(scratch: Box) -> None:
    """Many objects go into a pack; objects that exist are not written again."""
    repository = scratch.open()
    files = {f"c{each % 40}/ns/{each}.yaml": b"%d" % each for each in range(10_000)}
    before = stored(scratch.path)
    tree = repository.write_tree(files)
    added = stored(scratch.path) - before
    assert sorted(path.suffix for path in added) == [".idx", ".pack"]
    assert repository.write_tree(files) == scratch.open().write_tree(files) == tree
    assert stored(scratch.path) - before == added
    smaller = repository.write_tree({"c0/ns/0.yaml": b"new"}, base=tree)
    assert len(stored(scratch.path) - before - added) == 4
    assert [each.path for each in repository.changes(tree, smaller)] == ["c0/ns/0.yaml"]
    scratch.git("fsck", "--strict", "--no-dangling")


def stored(path: Path) -> set[Path]:
    return {each for each in (path / ".git/objects").rglob("*") if each.is_file()}


def test_ids_of_files_and_trees_stand_for_their_content(full: Box) -> None:
    """A subtree is reused by its id, and an executable stays one."""
    repository = full.open()
    head = repository.resolve("HEAD")
    base = repository.commit(head).tree
    lib, tool = full.git("rev-parse", "HEAD:lib"), full.git("rev-parse", "HEAD:tool")
    tree = repository.write_tree(
        {"copy": lib, "again/tool": tool, "tool": b"#!/bin/sh\ntrue\n", "readme": ""}, base=base
    )
    assert full.git("ls-tree", "-r", "--format=%(objectmode) %(path)", tree).split("\n") == [
        "100644 again/tool",
        "100644 copy/a.libsonnet",
        "100644 copy/deep/b",
        "120000 folder",
        "100644 lib/a.libsonnet",
        "100644 lib/deep/b",
        "120000 link",
        "100755 tool",
        "160000 vendor/sub",
    ]


def test_the_last_file_takes_its_directories_along(full: Box) -> None:
    """Git has no empty directories; a tree without files is the empty tree."""
    repository = full.open()
    base = repository.write_tree({"a/b/c": b"1", "d": b"2"})
    assert repository.write_tree({"a/b/c": ""}, base=base) == repository.write_tree({"d": b"2"})
    assert repository.write_tree({"a": "", "d": ""}, base=base) == full.git("mktree")


BAD = [
    pytest.param({"": b"1"}, "Git allows no file with an empty name", id="nothing"),
    pytest.param({"a//b": b"1"}, "a//b: Git allows no file with an empty name", id="two slashes"),
    pytest.param({"/a": b"1"}, "/a: Git allows no file with an empty name", id="absolute"),
    pytest.param({"a/../b": b"1"}, "a/../b: Git allows no file with the name '..'", id="up"),
    pytest.param({"./a": b"1"}, "./a: Git allows no file with the name '.'", id="here"),
    pytest.param({"a\0b": b"1"}, "a\\x00b: Git allows no file with a name with a NUL byte", id="NUL"),
    pytest.param({"a\udcff": b"1"}, "a\\xff: Git allows no file with a name that is not UTF-8", id="bytes"),
    *(
        pytest.param(
            {f"a/{name}/b": b"1"},
            f"{shown}: Git allows no file with a name that stands for the repository's own folder",
            id=name.encode("unicode_escape").decode(),
        )
        for name, shown in [
            (".git", "a/.git/b"),
            (".GiT", "a/.GiT/b"),
            ("git~1", "a/git~1/b"),
            (".git. .", "a/.git. ./b"),
            (".g\u200cit", "a/.g\\xe2\\x80\\x8cit/b"),
            (".git::$INDEX_ALLOCATION", "a/.git::$INDEX_ALLOCATION/b"),
            (".git\\x", "a/.git\\x/b"),
        ]
    ),
    pytest.param({"a": b"1", "a/b": b"2"}, "a: it is to be a file and, for a/b, a directory", id="both"),
    pytest.param({"a/b": b"2", "a": b"1"}, "a: it is to be a file and, for a/…, a directory", id="both, other order"),
    pytest.param({"readme/b": b"1"}, "readme: a directory cannot take the place of a file\nhint: remove what is there first", id="below a file"),
    pytest.param({"lib": b"1"}, "lib: a file cannot take the place of a directory\nhint: remove what is there first", id="over a directory"),
    pytest.param({"link": b"1"}, "link: a file cannot take the place of a symbolic link\nhint: remove what is there first", id="over a link"),
    pytest.param({"folder/x": b"1"}, "folder: a directory cannot take the place of a symbolic link\nhint: remove what is there first", id="through a link"),
    pytest.param({"a": "f" * 40}, f"a: there is no file or tree {'f' * 40}", id="absent id"),
    pytest.param({"a": "main"}, "a: there is no file or tree main", id="no id"),
    pytest.param({"/".join("a" * 300): b"1"}, "/".join("a" * 300)[:200] + ": the path is deeper than 256 directories", id="deep"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "message"), BAD)
def test_a_tree_that_cannot_be_is_refused_before_anything_is_written(
    full: Box, files: dict[str, bytes | str], message: str
) -> None:
    """Names, collisions and ids are checked first; the error names the path."""
    repository = full.open()
    base = repository.commit(repository.resolve("HEAD")).tree
    before = stored(full.path)
    with pytest.raises(InputError) as caught:
        repository.write_tree({"new": b"never seen", **files}, base=base)
    assert str(caught.value) == message
    assert stored(full.path) == before


COMMITS = [
    pytest.param("one line\n", ANN, id="plain"),
    pytest.param("subject\n\nbody\n\nEnvctl-Sequence: 1\n", ANN, id="with body"),
    pytest.param("no newline at the end", ANN, id="without newline"),
    pytest.param("grüße \N{BANANA}\n", replace(ANN, name="Jürgen Ærø"), id="not ASCII"),
    pytest.param("x\n", replace(ANN, name=' "Ann" <x>, ', email="<ann@example.com>"), id="to be cleaned"),
    pytest.param("x\n", replace(ANN, zone=-12600), id="half an hour west"),
    pytest.param("x\n", replace(ANN, zone=20700), id="Nepal"),
]


@pytest.mark.parametrize(("message", "author"), COMMITS)
def test_a_commit_is_the_one_that_git_writes(full: Box, message: str, author: Signature) -> None:
    """Byte for byte what git commit-tree makes of the same tree, parents, people, dates and text."""
    tree, parents = full.git("rev-parse", "HEAD^{tree}"), full.git("rev-list", "HEAD").split()
    hand = Box(full.path, {**CLEAN, **as_environment("AUTHOR", author)})
    options = [word for parent in parents for word in ("-p", parent)]
    expected = hand.git("commit-tree", tree, *options, "-m", message.removesuffix("\n"))
    repository = full.open()
    written = repository.write_commit(CommitDraft(tree, tuple(parents), author, ANN, message))
    assert (written, repository.write_commit(CommitDraft(tree, tuple(parents), author, ANN, message))) == (
        expected,
        expected,
    )


def as_environment(role: str, who: Signature) -> dict[str, str]:
    sign, minutes = "-" if who.zone < 0 else "+", abs(who.zone) // 60
    return {
        f"GIT_{role}_NAME": who.name,
        f"GIT_{role}_EMAIL": who.email,
        f"GIT_{role}_DATE": f"{who.time} {sign}{minutes // 60:02d}{minutes % 60:02d}",
    }


def test_a_commit_reads_back_as_it_was_written(full: Box) -> None:
    """Write and read are inverse."""
    repository = full.open()
    made = replace(
        draft(full.git("rev-parse", "HEAD^{tree}"), message="subject\n\nbody\n"),
        author=replace(ANN, zone=-5400),
    )
    read = repository.commit(repository.write_commit(made))
    assert CommitDraft(read.tree, read.parents, read.author, read.committer, read.message) == made
    assert read.subject == "subject"


BAD_COMMITS = [
    pytest.param({"message": "a\0b"}, "a commit message cannot hold a NUL character", id="NUL"),
    pytest.param({"message": "a\udcff"}, "the commit's text cannot be stored as UTF-8: surrogates not allowed", id="no text"),
    pytest.param({"author": replace(ANN, time=-1)}, "a commit cannot be dated before 1970", id="before time"),
    pytest.param({"tree": "1" * 40}, f"there is no tree {'1' * 40} in this repository", id="absent tree"),
    pytest.param({"parents": ("2" * 40,)}, f"there is no commit {'2' * 40} in this repository", id="absent parent"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD_COMMITS)
def test_a_commit_that_cannot_be_is_refused(full: Box, changes: dict[str, object], message: str) -> None:
    """Nothing is written that git would call corrupt."""
    repository = full.open()
    made = replace(draft(full.git("rev-parse", "HEAD^{tree}")), **changes)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        repository.write_commit(made)
    assert caught.value.summary == message


def _cut_writes(box: Box, files: Mapping[str, bytes], at: int) -> None:
    """Write a tree in a process that is killed when it is about to put its nth object in place."""
    program = (
        "import os, sys, pathlib, envctl.gitstore.loose as loose\n"
        "from envctl.gitstore.repository import open_repository\n"
        "from tests.support.repositories import FixedClock\n"
        "left, real = [int(sys.argv[2])], pathlib.Path.replace\n"
        "def replace(self, target):\n"
        "    left[0] -= 1\n"
        "    os._exit(9) if left[0] < 0 else real(self, target)\n"
        "pathlib.Path.replace = replace\n"
        f"open_repository(pathlib.Path(sys.argv[1]), clock=FixedClock()).write_tree({files!r})\n"
    )
    subprocess.run([sys.executable, "-c", program, box.path, str(at)], check=False, timeout=60)


@pytest.mark.parametrize("at", range(7))
def test_a_tree_whose_writing_was_killed_is_written_whole_the_next_time(box: Box, at: int) -> None:
    """No object is there before what it holds, and nothing left behind stands in the way."""
    files = {"a/x": b"1", "a/b/y": b"2", "a/b/z": b"3", "c": b"4"}
    _cut_writes(box, files, at)
    written = box.open().write_tree(files)
    assert box.git("ls-tree", "-r", "--name-only", written).split() == sorted(files)
    assert box.git("fsck", "--strict", "--no-dangling", written) == ""
    assert [box.git("cat-file", "-p", f"{written}:{path}") for path in files] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("count", [2, 40], ids=["loose", "pack"])
def test_lock_files_of_dead_processes_stop_no_object(box: Box, count: int) -> None:
    """An object's name is its content: whoever held the lock was writing the same."""
    files = {f"f{number}": b"%d" % number for number in range(count)}
    whole = Box(box.path.with_name("other"))
    init_repository(whole.path, clock=FixedClock()).write_tree(files)
    for path in (whole.path / ".git/objects").rglob("*"):
        lock = box.path / ".git/objects" / path.relative_to(whole.path / ".git/objects")
        if path.is_file():
            lock.parent.mkdir(exist_ok=True)
            lock.with_name(f"{lock.name}.lock").touch()
    written = box.open().write_tree(files)
    assert len(box.git("ls-tree", "--name-only", written).split()) == count
