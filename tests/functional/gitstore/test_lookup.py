"""Objects are found wherever they lie, and whatever other processes do meanwhile."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import EnvctlError
from envctl.gitstore.failures import translated
from envctl.gitstore.objects import parse_any_commit, parse_commit, parse_parents
from envctl.model.git import Commit
from tests.support.repositories import Box

ID = "a" * 40


def test_objects_are_found_while_others_pack_and_write(box: Box) -> None:
    """Loose, packed, packed again, in a pack that just came; and known to be absent in between."""
    first = box.commit({"a": "1"}, "first")
    repository = box.open()
    assert repository.commit(first).subject == "first"
    box.git("repack", "-adq")
    assert repository.commit(first).subject == "first"
    second = box.commit({"a": "2"}, "second")
    assert repository.commit(second).parents == (first,)
    box.git("repack", "-dq")
    third = box.commit({"a": "3"}, "third")
    box.git("repack", "-adq")
    box.git("prune-packed")
    assert [repository.commit(each).subject for each in (third, second, first)] == [
        "third",
        "second",
        "first",
    ]
    assert not repository._objects.has(ID)
    assert repository._objects.has(third)


def test_objects_of_alternates_are_found(box: Box, tmp_path: Path) -> None:
    """A clone that shares its objects, loose ones and packed ones, also with a clone of its own."""
    first = box.commit({"a": "1"}, "first")
    box.git("repack", "-adq")
    second = box.commit({"a": "2"}, "second")
    near = box.clone(tmp_path / "near", "--shared")
    far = near.clone(tmp_path / "far", "--shared")
    for each in (near, far):
        repository = each.open()
        assert [repository.commit(one).subject for one in (first, second)] == ["first", "second"]
        assert repository.is_ancestor(first, second)


PERSONS = st.sampled_from(
    [
        b"Ann <ann@example.com> 1767323045 +0000",
        b"Ann <ann@example.com> 1767323045 -0130",
        b"  Ann   Lee <ann@example.com> 0 +1400",
        b"<> 5 -0000",
        b"\xc3\x84nn <a@x> 12 +0090",
        b"\xff <\xfe> 12 +0000",
        b"Ann <a> b@x> 12 +0000",
        b"A < <a@x> 12 +0000",
        b"Ann a@x 12 +0000",
        b"Ann <a@x> 12",
        b"Ann <a@x> 99999999999999999 +0000",
        b"Ann <a@x> 12  +0000",
        b"Ann <a@x> -12 +0000",
        b"Ann <a@x> 12 --700",
    ]
)
LINES = st.sampled_from(
    [
        b"encoding ISO-8859-1",
        b"encoding none",
        b"gpgsig -----BEGIN\n  line\n -----END",
        b"parent " + b"c" * 40,
        b"author Eve <e@x> 1 +0000",
        b"x",
        b" folded",
        b"",
    ]
)


def outcome(parse: Callable[[str, bytes], Commit], raw: bytes) -> Commit | None:
    """What a parser gives, or that it gives nothing."""
    try:
        with translated("read a commit"):
            return parse(ID, raw)
    except EnvctlError:
        return None


@settings(max_examples=300, deadline=None)
@given(
    tree=st.sampled_from([b"tree " + b"a" * 40, b"tree " + b"A" * 40, b"tree abc", b""]),
    parents=st.lists(st.sampled_from([b"parent " + b"b" * 40, b"parent b"]), max_size=3),
    author=PERSONS,
    committer=PERSONS,
    more=st.lists(LINES, max_size=2),
    message=st.sampled_from(
        [b"\n\nsubject\n", b"\n\n", b"\n", b"", b"\n\n\xff\n\nbody", b"\nno blank line\n"]
    ),
)
def test_commits_are_read_as_dulwich_reads_them(
    tree: bytes, parents: list[bytes], author: bytes, committer: bytes, more: list[bytes], message: bytes
) -> None:
    """The short way for plain commits and the long one for others agree, on strange ones too."""
    lines = [tree, *parents, b"author " + author, b"committer " + committer, *more]
    raw = b"\n".join(lines) + message
    expected = outcome(parse_any_commit, raw)
    assert outcome(parse_commit, raw) == expected
    if expected:
        assert parse_parents(ID, raw) == (expected.parents, expected.committer.time)
