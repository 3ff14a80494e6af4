"""The work tree as git sees it: ignored and tracked files, line endings, ids without reading, changes."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.model.git import EntryKind
from envctl.ports import Tree
from tests.support.repositories import Box, new_box


def every_file(tree: Tree, folder: str = "") -> list[str]:
    found = []
    for entry in tree.list(folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        found += every_file(tree, path) if entry.kind is EntryKind.TREE else [path]
    return found


def git_files(box: Box) -> list[str]:
    """The files that git sees on disk: tracked ones that are there, and untracked ones it does not ignore."""
    listed = box.git("ls-files", "-coz", "--exclude-standard").split("\0")
    return sorted({each for each in listed if each and (box.path / each).is_file()})


def test_ignored_files_are_no_entries_unless_git_tracks_them(box: Box) -> None:
    """All of Git's places for ignore rules count; what is tracked is never ignored."""
    box.commit({"kept.log": "tracked", "a/b/tracked": "1", "a/b/.gitignore": "secret\n!open\n"})
    box.write(".gitignore", "*.log\n/build/\nnode_modules/\n!important.log\nopen\n")
    box.write(".git/info/exclude", "private\n")
    for path in ("x.log", "important.log", "build/out", "a/build/kept", "a/node_modules/m/index.js",
                 "a/b/secret", "a/b/open", "private", "kept.log/", "plain"):  # fmt: skip
        if not path.endswith("/"):
            box.write(path, "x")
    tree = box.open().work_tree()
    assert every_file(tree) == git_files(box) == [
        ".gitignore", "a/b/.gitignore", "a/b/open", "a/b/tracked", "a/build/kept", "important.log", "kept.log", "plain",
    ]  # fmt: skip
    assert [tree.entry(path) for path in ("x.log", "build", "build/out", "a/node_modules", "private")] == [
        None
    ] * 5
    with pytest.raises(InputError, match="there is no such file"):
        tree.read("build/out")


def test_a_directory_without_visible_files_is_none(box: Box) -> None:
    """What git rm left behind, empty directories and caches, must not look like a component."""
    box.commit({".gitignore": "__pycache__/\n", "components/old/main": "1", "components/new/main": "1"})
    box.git("rm", "-q", "-r", "components/old")
    box.write("components/old/__pycache__/x", "1")
    (box.path / "components/empty/deep").mkdir(parents=True)
    tree = box.open().work_tree()
    assert [each.name for each in tree.list("components")] == ["new"]
    assert (tree.entry("components/old"), tree.entry("components/empty")) == (None, None)


def test_a_repository_inside_is_not_entered(box: Box) -> None:
    """Git does not read the files of a repository inside another, be it a submodule or not."""
    box.commit({"readme": "1"})
    new_box(box.path / "inner").commit({"x": "1"})
    tree = box.open().work_tree()
    assert [(each.name, each.kind) for each in tree.list("")] == [
        ("inner", EntryKind.SUBMODULE),
        ("readme", EntryKind.FILE),
    ]
    assert (tree.entry("inner/x"), tree.list("inner")) == (None, ())
    assert box.open().changed_paths() == ("inner",)


def test_a_file_that_looks_unchanged_is_not_read(box: Box) -> None:
    """Size and times of the index stand for the content, as in git status."""
    box.commit({"a": "1", "b": "2"})
    past = (box.path / "a").stat().st_mtime_ns - 10_000_000_000
    os.utime(box.path / "a", ns=(past, past))
    box.git("update-index", "--refresh")
    tree = box.open().work_tree()
    (box.path / "a").chmod(0)
    assert tree.entry("a") is not None
    os.utime(box.path / "a")
    assert tree.entry("a") is not None if os.geteuid() == 0 else True


def test_a_file_changed_in_the_moment_of_the_index_is_seen(box: Box) -> None:
    """Racy git: same size, same times, another content, as fast as a machine can write it."""
    for number in range(20):
        box.write("f", f"{number:02d}")
        box.git("add", "f")
        state = (box.path / "f").stat()
        box.write("f", "xx")
        os.utime(box.path / "f", ns=(state.st_atime_ns, state.st_mtime_ns))
        assert box.open().work_tree().entry("f").id == box.git("hash-object", "f")  # type: ignore[union-attr]
        assert box.open().changed_paths() == ("f",)


LINE_ENDINGS = [
    pytest.param({}, {}, id="nothing set"),
    pytest.param({"core.autocrlf": "true"}, {}, id="autocrlf"),
    pytest.param({"core.autocrlf": "input"}, {}, id="autocrlf input"),
    pytest.param({}, {".gitattributes": "* text=auto\n"}, id="text=auto"),
    pytest.param({}, {".gitattributes": "*.txt text eol=crlf\n"}, id="eol=crlf"),
    pytest.param({"core.autocrlf": "true"}, {".gitattributes": "*.txt -text\n"}, id="-text"),
    pytest.param({}, {"sub/.gitattributes": "* text\n"}, id="in a directory"),
    pytest.param({}, {".git/info/attributes": "dos.txt text\n"}, id="info/attributes"),
    pytest.param({"filter.up.clean": "tr a-z A-Z"}, {".gitattributes": "*.txt filter=up\n"}, id="a filter"),
    pytest.param(
        {}, {".gitattributes": "*.txt filter=lfs diff=lfs merge=lfs -text\n"}, id="LFS not installed"
    ),
]


@pytest.mark.parametrize(("config", "files"), LINE_ENDINGS)
def test_ids_and_bytes_are_those_that_git_would_store(
    box: Box, config: dict[str, str], files: dict[str, str]
) -> None:
    """Line endings and filters: what is read has the id that is reported, and git reports the same."""
    for key, value in config.items():
        box.git("config", key, value)
    for path, data in {**files, "dos.txt": "a\r\nb\r\n", "unix.txt": "a\nb\n", "sub/dos": "x\r\n"}.items():
        box.write(path, data)
    box.write("binary", b"\0\r\n")
    tree = box.open().work_tree()
    for path in ("dos.txt", "unix.txt", "binary", "sub/dos"):
        expected = box.git("hash-object", "-w", path)
        assert tree.entry(path).id == expected  # type: ignore[union-attr]
        assert tree.read(path) == box.raw("cat-file", "blob", expected)
    assert not (box.path / ".git/lfs").exists()


def test_bytes_have_the_reported_id_even_where_the_rules_changed(box: Box) -> None:
    """A file stored with CRLF, unchanged since: new rules touch neither its id nor its bytes."""
    box.commit({"dos.txt": "a\r\n"})
    past = (box.path / "dos.txt").stat().st_mtime_ns - 10_000_000_000
    os.utime(box.path / "dos.txt", ns=(past, past))
    box.git("update-index", "--refresh")
    box.write(".gitattributes", "*.txt text\n")
    tree = box.open().work_tree()
    assert (tree.entry("dos.txt").id, tree.read("dos.txt")) == (box.git("rev-parse", ":dos.txt"), b"a\r\n")  # type: ignore[union-attr]


def test_a_name_that_is_no_text_is_an_error_that_shows_it(box: Box) -> None:
    """Such a name cannot be told to anybody; the error shows its bytes."""
    (box.path / "lib").mkdir()
    Path(os.fsdecode(os.fsencode(box.path) + b"/lib/\xff")).write_text("x")
    with pytest.raises(InputError) as caught:
        box.open().work_tree().list("lib")
    assert str(caught.value) == "lib/\\xff: the directory holds a name that is not UTF-8"
    assert box.open().changed_paths() == ("lib/\\xff",)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["write", "delete", "add", "link", "chmod", "rm-cached", "folder", "commit"]),
        st.sampled_from(["a", "b", "d/a", "d/e/b", "x.log", "d/x.log", "d"]),
        st.integers(0, 2),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@example(operations=[("delete", "a", 0), ("folder", "a", 0)])
@given(operations=OPERATIONS)
def test_changed_paths_are_those_of_git_status(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str, int]]
) -> None:
    """Whatever is done to a repository, git status names the same paths."""
    box = new_box(tmp_path_factory.mktemp("status"))
    box.commit({".gitignore": "*.log\n", "a": "0", "d/a": "0", "x.log/keep": "0"})
    for operation, path, number in operations:
        operate(box, operation, path, number)
    expected = {
        line[3:].rstrip("/") for line in box.git("status", "-z", "-uall", "--no-renames").split("\0") if line
    }
    assert set(box.open().changed_paths()) == expected
    assert every_file(box.open().work_tree()) == sorted(git_seen(box))


def operate(box: Box, operation: str, path: str, number: int) -> None:
    file = box.path / path
    blocked = any(each.is_symlink() or each.is_file() for each in file.parents if each != box.path)
    if operation in {"write", "link", "folder"} and (file.is_dir() or blocked):
        return
    if operation == "write":
        file.unlink(missing_ok=True)
        box.write(path, str(number))
    elif operation == "link":
        file.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(["a", "d", "absent"][number])
    elif operation == "folder" and not file.is_symlink() and not file.exists():
        file.mkdir(parents=True)
    elif operation == "delete" and not blocked and (file.is_file() or file.is_symlink()):
        file.unlink()
    elif operation == "chmod" and file.is_file() and not file.is_symlink() and not blocked:
        file.chmod(0o755 if number else 0o644)
    elif operation == "add":
        box.git("add", "-A", "--", path, check=False)
    elif operation == "rm-cached":
        box.git("rm", "-rq", "--cached", "--", path, check=False)
    elif operation == "commit":
        box.git("commit", "-qm", "x", check=False)


def git_seen(box: Box) -> set[str]:
    listed = box.git("ls-files", "-coz", "--exclude-standard").split("\0")
    return {each for each in listed if each and on_disk(box, each)}


def on_disk(box: Box, path: str) -> bool:
    file = box.path / path
    linked = any(each.is_symlink() for each in file.parents if each != box.path)
    return not linked and (file.is_symlink() or file.is_file())


def test_submodules_change_with_their_commit(box: Box) -> None:
    """A submodule at another commit than recorded is a change; the files in it are its own matter."""
    inner = new_box(box.path / "sub")
    first = inner.commit({"x": "1"})
    box.git("add", "sub")
    box.git("commit", "-qm", "with a submodule")
    inner.write("untracked", "1")
    assert box.open().changed_paths() == ()
    inner.commit({"x": "2"})
    assert box.open().changed_paths() == ("sub",)
    inner.git("checkout", "-q", first)
    assert box.open().changed_paths() == ()
