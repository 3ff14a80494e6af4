"""Trees that no honest git writes: reading them neither crashes nor follows, and names what is wrong."""

import re
from collections.abc import Callable

import pytest

from envctl.errors import InputError
from envctl.gitstore.repository import GitRepository
from tests.support.repositories import Box, draft, tree_bytes

STANDS = "a name that stands for the repository's own folder"
FLAWS = [
    pytest.param([("100644", b"", "b")], "", "an empty name", id="empty name"),
    pytest.param([("100644", b".", "b")], ".", "the name '.'", id="dot"),
    pytest.param([("40000", b"..", "t")], "..", "the name '..'", id="dot dot"),
    pytest.param([("40000", b".git", "t")], ".git", STANDS, id=".git"),
    pytest.param([("40000", b".GIT", "t")], ".GIT", STANDS, id=".GIT"),
    pytest.param([("40000", b"git~1", "t")], "git~1", STANDS, id="git~1"),
    pytest.param([("40000", b".git ", "t")], ".git ", STANDS, id=".git and a space"),
    pytest.param([("40000", b".git::$INDEX_ALLOCATION", "t")], ".git::$INDEX_ALLOCATION", STANDS, id="NTFS stream"),
    pytest.param([("40000", ".g\u200cit".encode(), "t")], ".g\\xe2\\x80\\x8cit", STANDS, id="invisible"),
    pytest.param([("100644", b"a/b", "b")], "a/b", "a name with a slash", id="slash"),
    pytest.param([("100644", b"../../etc/x", "b")], "../../etc/x", "a name with a slash", id="climbing"),
    pytest.param([("100644", b"\xff\xfe", "b")], "\\xff\\xfe", "a name that is not UTF-8", id="no text"),
    pytest.param([("100644", b"a", "b"), ("100644", b"a", "c")], "a", "the same name twice", id="twice"),
    pytest.param([("100644", b"a", "b"), ("40000", b"a", "t")], "a", "the same name twice", id="file and folder"),
    pytest.param([("120000", b"a", "b"), ("40000", b"a", "t")], "a", "the same name twice", id="link and folder"),
    pytest.param([("100644", b"z", "b"), ("100644", b"a", "b")], "a", "an entry out of order", id="order"),
    pytest.param([("104755", b"a", "b")], "a", "an entry of the unknown mode 104755", id="setuid"),
    pytest.param([("0", b"a", "b")], "a", "an entry of the unknown mode 0", id="no mode"),
    pytest.param([("20000", b"a", "b")], "a", "an entry of the unknown mode 20000", id="device"),
    pytest.param([("7777777", b"a", "b")], "a", "an entry of the unknown mode 7777777", id="too many bits"),
]  # fmt: skip


def stored(box: Box, entries: list[tuple[str, bytes, str]]) -> str:
    """A commit with the directory `d` of these entries beside an honest file."""
    ids = {
        "b": box.object("blob", b"content"),
        "c": box.object("blob", b"other"),
        "t": box.object("tree", tree_bytes(("100644", b"x", box.object("blob", b"content")))),
    }
    bad = box.object("tree", tree_bytes(*((mode, name, ids[each]) for mode, name, each in entries)))
    root = box.object("tree", tree_bytes(("40000", b"d", bad), ("100644", b"good", ids["b"])))
    return box.open().write_commit(draft(root))


@pytest.mark.parametrize(("entries", "name", "flaw"), FLAWS)
def test_a_dishonest_entry_is_named_by_every_way_to_read_it(
    box: Box, entries: list[tuple[str, bytes, str]], name: str, flaw: str
) -> None:
    """Listing, differences and writing over it; honest files beside it stay readable."""
    commit = stored(box, entries)
    repository = box.open()
    root = repository.commit(commit).tree
    expected = f"d: a tree holds entries that Git does not allow\n  d/{name}: {flaw}"
    for read in (
        lambda: repository.tree(commit).list("d"),
        lambda: repository.changes(None, root),
        lambda: repository.changes(root, None),
    ):
        assert message_of(read) == expected
    assert repository.tree(commit).read("good") == b"content"
    assert [each.name for each in repository.tree(commit).list("")] == ["d", "good"]


def message_of(read: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    return str(caught.value)


def test_the_dishonest_name_itself_is_no_way_in(box: Box) -> None:
    """Of two files with one name neither is read; others in the directory are."""
    commit = stored(box, [("100644", b"a", "b"), ("100644", b"a", "c"), ("100644", b"b", "b")])
    tree = box.open().tree(commit)
    assert message_of(lambda: tree.entry("d/a")) == "d/a: the tree holds the same name twice"
    assert message_of(lambda: tree.read("d/a")) == "d/a: the tree holds the same name twice"
    assert tree.read("d/b") == b"content"


MANGLED = [
    pytest.param(b"garbage", id="no entry"),
    pytest.param(b"100644 a\0short", id="cut id"),
    pytest.param(b"mode a\0" + b"1" * 20, id="mode is no number"),
    pytest.param(b"100644 a", id="no NUL"),
    pytest.param(b"-100644 a\0" + b"1" * 20, id="negative mode"),
    pytest.param(b"9999999999999999999999 a\0" + b"1" * 20, id="huge mode"),
]


@pytest.mark.parametrize("data", MANGLED)
def test_what_is_no_tree_is_told(box: Box, data: bytes) -> None:
    """Bytes that do not parse at all."""
    bad = box.object("tree", data)
    with pytest.raises(InputError) as caught:
        box.open().changes(None, bad)
    assert re.match(f"cannot read (object|tree) {bad[:12]}: the repository is damaged: ", str(caught.value))


def test_a_tree_deeper_than_python_recurses_is_read(box: Box) -> None:
    """Two thousand levels: found, listed and compared without recursion; more is refused."""
    tree = box.object("tree", tree_bytes(("100644", b"f", box.object("blob", b"1"))))
    repository = box.open()
    for _ in range(1500):
        tree = deeper(repository, tree)
    commit = repository.write_commit(draft(tree))
    path = "d/" * 1500 + "f"
    assert repository.tree(commit).read(path) == b"1"
    assert [each.path for each in repository.changes(None, tree)] == [path]
    for _ in range(700):
        tree = deeper(repository, tree)
    with pytest.raises(InputError, match="or 2048 levels"):
        repository.changes(None, tree)


def deeper(repository: GitRepository, tree: str) -> str:
    return repository.write_tree({"d": tree})


def test_entries_that_point_to_the_wrong_or_nothing_are_told(box: Box) -> None:
    """A file that is a tree, a directory that is a blob, and objects that are absent."""
    blob, absent = box.object("blob", b"1"), "9" * 40
    inner = box.object("tree", tree_bytes(("100644", b"x", blob)))
    root = box.object(
        "tree",
        tree_bytes(
            ("100644", b"a", inner), ("40000", b"b", blob), ("100644", b"c", absent), ("40000", b"d", absent)
        ),
    )
    repository = box.open()
    commit = box.object(
        "commit", f"tree {root}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n".encode()
    )
    tree = repository.tree(commit)
    hint = "\nhint: a shallow clone lacks old commits (git fetch --unshallow), a partial clone (--filter) lacks files"
    assert message_of(lambda: tree.read("a")) == f"{inner} is a tree, not a file"
    assert message_of(lambda: tree.read("b/x")) == f"{blob} is a file, not a tree"
    assert message_of(lambda: tree.read("c")) == f"there is no file {absent} in this repository{hint}"
    assert message_of(lambda: tree.list("d")) == f"there is no tree {absent} in this repository{hint}"


COMMITS = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"tree x\n\n", id="no tree id"),
    pytest.param(b"tree " + b"1" * 40 + b"\n\nno people\n", id="no author"),
    pytest.param(b"tree " + b"1" * 40 + b"\nauthor A\ncommitter A\n\nx", id="no dates"),
    pytest.param(b"tree " + b"1" * 40 + b"\nauthor A <a> 99999999999999999999999 +0000\ncommitter A <a> x y\n\nx", id="bad dates"),
    pytest.param(b"parent " + b"1" * 40 + b"\n\n", id="order"),
    pytest.param(b"\xff\xfe\0", id="bytes"),
]  # fmt: skip


@pytest.mark.parametrize("data", COMMITS)
def test_a_commit_that_is_none_is_told(box: Box, data: bytes) -> None:
    """No exception of another kind leaves the adapter."""
    bad = box.object("commit", data)
    with pytest.raises(InputError) as caught:
        box.open().commit(bad)
    assert re.match(f"cannot read (object|commit) {bad[:12]}: the repository is damaged: ", str(caught.value))


def test_odd_but_real_commits_are_read(box: Box) -> None:
    """Other encodings, codecs nobody has, signatures, strange people: history is full of them."""
    tree = box.git("mktree")
    people = b"author  <> 0 -0000\ncommitter J\xfcrgen <j@x> 1700000000 +0530\n"
    latin = box.object(
        "commit",
        f"tree {tree}\n".encode()
        + people
        + b"encoding ISO-8859-1\ngpgsig -----BEGIN\n x\n -----END\n\ngr\xfc\xdfe\n",
    )
    unknown = box.object("commit", f"tree {tree}\n".encode() + people + b"encoding klingon\n\ngr\xfc\xdfe\n")
    repository = box.open()
    read = repository.commit(latin)
    assert (str(read.author), str(read.committer), read.committer.zone, read.message) == (
        " <>",
        "Jürgen <j@x>",
        19800,
        "grüße\n",
    )
    assert repository.commit(unknown).message == "gr\ufffd\ufffde\n"


def test_a_damaged_object_is_told(box: Box) -> None:
    """A loose object whose bytes rotted."""
    blob = box.object("blob", b"content")
    file = box.path / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(b"rotten")
    with pytest.raises(InputError) as caught:
        box.open().blob(blob)
    assert str(caught.value).startswith(f"cannot read object {blob[:12]}: the repository is damaged: ")
    assert caught.value.hint == "check it with git fsck"
