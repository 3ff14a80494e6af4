"""The import search: precedence, refusals, and the evidence that decided."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.jsonnet.resolver import Resolver, refuse_pointer
from envctl.model.evaluation import evidence
from tests.support.trees import MemoryTree, blob_id

EVERYWHERE = {
    "components/a/x.libsonnet": "own",
    "lib/x.libsonnet": "lib",
    "vendor/x.libsonnet": "vendor",
    "x.libsonnet": "root",
}


@pytest.mark.parametrize(
    ("removed", "found"),
    [
        pytest.param((), "components/a/x.libsonnet", id="the importing file's folder is first"),
        pytest.param(("components/a",), "lib/x.libsonnet", id="then lib"),
        pytest.param(("components/a", "lib"), "vendor/x.libsonnet", id="then vendor"),
        pytest.param(("components/a", "lib", "vendor"), "x.libsonnet", id="then the root"),
    ],
)
def test_an_import_is_searched_in_a_fixed_order(removed: tuple[str, ...], found: str) -> None:
    """Each place hides the later ones, with or without a trailing slash of the folder."""
    files = {path: text for path, text in EVERYWHERE.items() if posixpath.dirname(path) not in removed}
    for directory in ("components/a", "components/a/"):
        assert Resolver(MemoryTree(files)).resolve(directory, "x.libsonnet").path == found


@pytest.mark.parametrize(
    ("directory", "wanted", "found"),
    [
        pytest.param("components/a", "../b/y.libsonnet", "components/b/y.libsonnet", id="beside"),
        pytest.param("components/a", "./../b/./y.libsonnet", "components/b/y.libsonnet", id="dots"),
        pytest.param(
            "components/b", "components/b/y.libsonnet", "components/b/y.libsonnet", id="from the root"
        ),
        pytest.param("lib/deep/er", "../../k.libsonnet", "lib/k.libsonnet", id="up twice"),
        pytest.param("", "lib/k.libsonnet", "lib/k.libsonnet", id="the entry stands at the root"),
        pytest.param("lib", "%2e%2e/k.libsonnet", "lib/%2e%2e/k.libsonnet", id="percent signs are plain"),
    ],
)
def test_relative_paths_are_taken_from_the_importing_file(directory: str, wanted: str, found: str) -> None:
    """Dots are resolved as text, and nothing is decoded."""
    tree = MemoryTree(
        {
            "components/b/y.libsonnet": "1",
            "lib/k.libsonnet": "2",
            "lib/deep/er/z.libsonnet": "3",
            "lib/%2e%2e/k.libsonnet": "4",
        }
    )
    assert Resolver(tree).resolve(directory, wanted).path == found


REFUSALS = [
    pytest.param(
        "/etc/passwd",
        'import "/etc/passwd" is an absolute path',
        "imports stay inside the repository: copy the file into it, for example under vendor/",
        {},
        id="absolute",
    ),
    pytest.param(
        "../../../secret",
        'import "../../../secret" leads out of the repository',
        "imports stay inside the repository: copy the file into it, for example under vendor/",
        {},
        id="past the root",
    ),
    pytest.param(
        "a/../../../../x",
        'import "a/../../../../x" leads out of the repository',
        "imports stay inside the repository: copy the file into it, for example under vendor/",
        {},
        id="past the root by detours",
    ),
    pytest.param("", 'import "" names no file', "", {}, id="empty"),
    pytest.param("real/", 'import "real/" names no file', "", {}, id="trailing slash"),
    pytest.param(
        "link",
        'import "link" leads through the symbolic link components/a/link',
        "links are never followed: commit the files themselves",
        {"components/a/link": "symlink"},
        id="link to a file",
    ),
    pytest.param(
        "link/x/y",
        'import "link/x/y" leads through the symbolic link components/a/link',
        "links are never followed: commit the files themselves",
        {"components/a/link": "symlink"},
        id="link to a folder",
    ),
    pytest.param(
        "sub/x",
        'import "sub/x" leads into the submodule lib/sub, whose files are not in this repository',
        "commit the files themselves",
        {"components/a": "tree", "components/a/sub": "", "lib/sub": "submodule"},
        id="submodule",
    ),
    pytest.param(
        "real",
        'import "real" names a folder, lib/real',
        "name a file in it: real/main.libsonnet",
        {"components/a": "tree", "components/a/real": "", "lib/real": "tree"},
        id="folder",
    ),
    pytest.param(
        "..",
        'import ".." names a folder, components',
        "name a file in it",
        {"components": "tree"},
        id="folder above",
    ),
    pytest.param(
        "../..",
        'import "../.." names a folder, the repository root',
        "name a file in it",
        {},
        id="the root",
    ),
]


def _guarded() -> MemoryTree:
    return MemoryTree(
        {"components/a/main.jsonnet": "1", "lib/real/main.libsonnet": "2", "lib/sub2/x": "3"},
        links={"components/a/link"},
        submodules={"lib/sub"},
    )


@pytest.mark.parametrize(("wanted", "summary", "hint", "seen"), REFUSALS)
def test_what_is_no_plain_file_inside_is_refused_before_anything_is_opened(
    wanted: str, summary: str, hint: str, seen: dict[str, str]
) -> None:
    """The message names the path asked for; nothing was read; the evidence shows what decided."""
    tree = _guarded()
    found = Resolver(tree).resolve("components/a", wanted)
    assert found.error is not None
    assert (found.path, found.error.summary, found.error.hint, dict(found.evidence)) == (
        "",
        summary,
        hint,
        seen,
    )
    assert tree.reads == []


def test_nothing_below_a_link_is_even_looked_up() -> None:
    """A tree that follows links would be asked about the link only."""
    tree = _guarded()
    Resolver(tree).resolve("components/a", "link/x/y")
    assert [path for path in tree.lookups if path.startswith("components/a/link/")] == []


def test_a_missing_import_says_where_it_looked_and_what_is_spelt_alike() -> None:
    """Extensions do not make names alike: they are the same everywhere."""
    tree = MemoryTree(
        {"lib/service.libsonnet": "1", "lib/other.libsonnet": "2", "vendor/k8s/main.libsonnet": "3"}
    )
    found = Resolver(tree).resolve("components/a", "servise.libsonnet")
    assert str(found.error) == (
        'import "servise.libsonnet" was not found\n'
        "hint: looked for components/a/servise.libsonnet, lib/servise.libsonnet, vendor/servise.libsonnet, "
        "servise.libsonnet; did you mean lib/service.libsonnet?"
    )


def test_a_misspelt_folder_is_found_too() -> None:
    """The part that is wrong may stand anywhere in the path."""
    tree = MemoryTree({"vendor/grafonnet/main.libsonnet": "1"})
    found = Resolver(tree).resolve("", "grafonet/main.libsonnet")
    assert found.error is not None
    assert found.error.hint.endswith("; did you mean vendor/grafonnet/main.libsonnet?")


def test_absent_places_are_evidence() -> None:
    """A file that appears at a place searched in vain would change the outcome."""
    tree = MemoryTree({"components/a/main.jsonnet": "1", "vendor/x.libsonnet": "2"})
    found = Resolver(tree).resolve("components/a", "x.libsonnet")
    assert dict(found.evidence) == {
        "components/a": "tree",
        "components/a/x.libsonnet": "",
        "lib": "",
        "vendor/x.libsonnet": blob_id(b"2"),
    }


def test_a_file_where_a_folder_is_expected_is_absent_and_evidence() -> None:
    """`lib` may be a file: then nothing is below it."""
    tree = MemoryTree({"lib": "1", "vendor/x.libsonnet": "2"})
    found = Resolver(tree).resolve("", "x.libsonnet")
    assert found.path == "vendor/x.libsonnet"
    assert found.evidence["lib"] == blob_id(b"1")


def test_each_path_is_looked_up_once_a_tree() -> None:
    """Five hundred imports of one library cost its paths, not their product."""
    tree = MemoryTree({"lib/k.libsonnet": "1"})
    resolver = Resolver(tree)
    for _ in range(5):
        resolver.resolve("components/a", "k.libsonnet")
        resolver.resolve("components/b", "k.libsonnet")
    assert len(tree.lookups) == len(set(tree.lookups))


def test_a_pointer_of_lfs_is_refused_without_its_contents() -> None:
    """The text of a pointer is not what the author means."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n"
    with pytest.raises(InputError) as caught:
        refuse_pointer(pointer, "big.json", "lib/big.json")
    assert str(caught.value) == (
        'import "big.json" found lib/big.json, a Git LFS pointer, whose contents are not here\n'
        "hint: commit the file itself: git lfs untrack, then add it again"
    )


def test_a_path_cannot_write_to_the_terminal_nor_fill_it() -> None:
    """Control characters are escaped, and a message has a bound, whatever a program asks for."""
    odd = str(Resolver(MemoryTree({})).resolve("", "a\n\x1b[31m\x9b\u202eb").error)
    assert odd == (
        'import "a\\n\\u001b[31m\\u009b\\u202eb" was not found\n'
        "hint: looked for a\\n\\u001b[31m\\u009b\\u202eb, lib/a\\n\\u001b[31m\\u009b\\u202eb, "
        "vendor/a\\n\\u001b[31m\\u009b\\u202eb"
    )
    assert len(str(Resolver(MemoryTree({})).resolve("", "x" * 1_000_000).error)) < 1000


SEGMENTS = st.sampled_from(["..", ".", "a", "b", "lib", "vendor", "x", "link", "sub", ""])


@given(
    directory=st.lists(st.sampled_from(["a", "b", "lib", "vendor"]), max_size=3),
    parts=st.lists(SEGMENTS, max_size=6),
)
def test_whatever_is_asked_the_answer_lies_inside_and_is_a_file(
    directory: list[str], parts: list[str]
) -> None:
    """Any path either names a plain file of the tree or is an error; evidence always matches the tree."""
    files = {"a/x": "1", "lib/x": "2", "vendor/a/b": "3", "b/lib": "4", "x": "5"}
    tree = MemoryTree(files, links={"link", "a/link"}, submodules={"vendor/sub"})
    found = Resolver(tree).resolve("/".join(directory), "/".join(parts))
    assert (found.path in files) != (found.error is not None)
    assert {path: evidence(tree.entry(path)) for path in found.evidence} == dict(found.evidence)
    assert tree.reads == []


PATHS = ["a/x", "a/b/x", "lib/x", "lib/b/x", "vendor/x", "vendor/b/x", "b/x", "x"]
CHANGES = [(path, "add") for path in PATHS] + [(path, "remove") for path in PATHS]
CHANGES += [(path, "link") for path in ("lib", "vendor", "a", "a/b", "lib/b", "b", "x", "lib/x")]


def _changed(files: set[str], changes: set[tuple[str, str]]) -> MemoryTree:
    links = {path for path, how in changes if how == "link"}
    removed = {path for path, how in changes if how == "remove"} | links
    kept = files | {path for path, how in changes if how == "add"}
    below = {path for path in kept for gone in removed if path == gone or path.startswith(f"{gone}/")}
    tops = {link for link in links if not any(link.startswith(f"{other}/") for other in links)}
    return MemoryTree(dict.fromkeys(kept - below, "1"), links=tops)


@given(
    files=st.sets(st.sampled_from(PATHS)),
    changes=st.sets(st.sampled_from(CHANGES), max_size=3),
    wanted=st.sampled_from(["x", "b/x", "../x"]),
)
def test_trees_with_the_same_evidence_give_the_same_answer(
    files: set[str], changes: set[tuple[str, str]], wanted: str
) -> None:
    """The evidence is enough to know that a later search would end the same."""
    found = Resolver(_changed(files, set())).resolve("a", wanted)
    after = _changed(files, changes)
    if all(evidence(after.entry(path)) == seen for path, seen in found.evidence.items()):
        again = Resolver(after).resolve("a", wanted)
        assert (again.path, again.blob) == (found.path, found.blob)
        assert (again.error is None) == (found.error is None)
