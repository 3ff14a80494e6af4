"""Trees that no honest Git writes, rendered by the real command: refused by name where the render needs them."""

import pytest

from tests.functional.conftest import Workspace
from tests.support.repositories import Box, tree_bytes

IMPORT = "components/web/main.jsonnet:1:2: "
STEPS = "    while evaluating web in dev\n"
CALLED = f"    components/web/main.jsonnet:1:2: called from here\n{STEPS}"
ABSENT = "9" * 40
LIFT = "  hint: a shallow clone lacks old commits (git fetch --unshallow), a partial clone (--filter) lacks files\n"
LINKS = "  hint: links are never followed: commit the files themselves\n"
NEEDED = [
    pytest.param(
        [("100644", b"f", "good"), ("100644", b"f", "other")],
        f"lib/x/f: the tree holds the same name twice\n{CALLED}",
        id="twice",
    ),
    pytest.param(
        [("100644", b"z", "good"), ("100644", b"f", "good")],
        f"lib/x/f: the tree holds an entry out of order\n{CALLED}",
        id="out of order",
    ),
    pytest.param(
        [("120000", b"f", "good")],
        f'{IMPORT}import "x/f" leads through the symbolic link lib/x/f\n{STEPS}{LINKS}',
        id="symbolic link",
    ),
    pytest.param(
        [("160000", b"f", "absent")],
        f'{IMPORT}import "x/f" leads into the submodule lib/x/f, whose files are not in this repository\n'
        f"{STEPS}  hint: commit the files themselves\n",
        id="submodule",
    ),
    pytest.param(
        [("100644", b"f", "absent")],
        f"{IMPORT}there is no file {ABSENT} in this repository\n{STEPS}{LIFT}",
        id="no such blob",
    ),
    pytest.param(
        [("100644", b"f", "tree")], f"{IMPORT}{{tree}} is a tree, not a file\n{STEPS}", id="tree as blob"
    ),
    pytest.param(
        [("40000", b"f", "good")], f"{IMPORT}{{good}} is a file, not a tree\n{STEPS}", id="blob as tree"
    ),
    *(
        pytest.param(
            [(mode, b"f", "good")],
            f"lib/x/f: the tree holds an entry of the unknown mode {mode}\n{CALLED}",
            id=f"mode {mode}",
        )
        for mode in ("104755", "100000", "140000", "60000")
    ),
]
BESIDE = [
    b".git",
    b".GIT",
    b"git~1",
    b".git ",
    b"a\\b",
    b"CON",
    b"C:",
    b"F",
    b"..",
    b".",
    b"\xff\xfe",
    b"a/b",
    b"GIT~1",
    b".git\xe2\x80\x8c",
    b".gitmodules",
    b"nul.txt",
    b"a ",
    b"a.",
    b"a\n",
    b"\x1b[31m",
    b"-rf",
    b"*",
    b"a" * 5000,
    "\u202ef".encode(),
    "e\u0301".encode(),
]


def rendered(small: Workspace, entries: list[tuple[str, bytes, str]]) -> tuple[int, str, dict[str, str]]:
    """Render a commit whose folder lib/x has these entries, where the component imports x/f."""
    small.edit("components/web/main.jsonnet", "{\n  config", "(import 'x/f') + {\n  config")
    small.commit("Import")
    return render_again(small, entries)


def render_again(small: Workspace, entries: list[tuple[str, bytes, str]]) -> tuple[int, str, dict[str, str]]:
    """As `rendered`, of a component that imports x/f already."""
    box = Box(small.path)
    ids = {"good": box.object("blob", b"{}"), "other": box.object("blob", b"{ a: 1 }"), "absent": ABSENT}
    ids["tree"] = box.object("tree", tree_bytes(("100644", b"f", ids["good"])))
    folder = box.object("tree", tree_bytes(*((mode, name, ids[each]) for mode, name, each in entries)))
    root = box.object(
        "tree",
        tree_bytes(
            ("40000", b"components", small.git("rev-parse", "HEAD:components")),
            ("40000", b"environments", small.git("rev-parse", "HEAD:environments")),
            ("40000", b"lib", box.object("tree", tree_bytes(("40000", b"x", folder)))),
        ),
    )
    outcome = small.envctl("render", "dev", "--rev", box.git("commit-tree", root, "-m", "x"))
    return outcome.code, outcome.out + outcome.err, ids


@pytest.mark.parametrize(("entries", "error"), NEEDED)
def test_an_entry_that_the_render_needs_is_refused_by_name(
    small: Workspace, entries: list[tuple[str, bytes, str]], error: str
) -> None:
    """The whole answer, and nothing was written.

    Writer's fault rows 9, 12 and 13: links, submodules, and entries that no honest tree has.
    """
    code, text, ids = rendered(small, entries)
    told = error.replace("{tree}", ids["tree"]).replace("{good}", ids["good"])
    assert (code, text) == (1, f"dev: failed\n  error: {told}")


@pytest.mark.parametrize(("entries", "error"), NEEDED)
def test_a_render_that_remembers_a_good_tree_says_the_same(
    small: Workspace, entries: list[tuple[str, bytes, str]], error: str
) -> None:
    """A tree that is dishonest about a remembered path is a change of it, not the end of the command."""
    assert rendered(small, [("100644", b"f", "good")])[0] == 0
    code, text, ids = render_again(small, entries)
    told = error.replace("{tree}", ids["tree"]).replace("{good}", ids["good"])
    assert (code, text) == (1, f"dev: failed\n  error: {told}")


@pytest.mark.parametrize("name", BESIDE, ids=repr)
def test_an_entry_that_the_render_does_not_need_stands_in_nobodys_way(small: Workspace, name: bytes) -> None:
    """It is neither read nor written anywhere.

    Writer's fault row 12: names that are no text, too long, or spelt like Git's own.
    """
    entries = sorted([("100644", name, "other"), ("100644", b"f", "good")], key=lambda each: each[1])
    assert rendered(small, entries)[:2] == (
        0,
        "dev: 1 object, not published yet\n  + ConfigMap dev/web  (web)\n",
    )


def test_a_file_that_unpacks_to_hundreds_of_megabytes_is_refused(small: Workspace) -> None:
    """Half a megabyte of compressed zeros is never unpacked whole: it is refused by name at 64 MiB."""
    small.edit("components/web/main.jsonnet", "{\n  config", "(import 'x/f') + {\n  config")
    small.commit("Import")
    box = Box(small.path)
    body = bytes(100 << 20)
    bomb = box.object("blob", body)
    folder = box.object("tree", tree_bytes(("100644", b"f", bomb)))
    root = box.object(
        "tree",
        tree_bytes(
            ("40000", b"components", small.git("rev-parse", "HEAD:components")),
            ("40000", b"environments", small.git("rev-parse", "HEAD:environments")),
            ("40000", b"lib", box.object("tree", tree_bytes(("40000", b"x", folder)))),
        ),
    )
    outcome = small.envctl("render", "dev", "--rev", box.git("commit-tree", root, "-m", "x"))
    assert outcome.err == (
        f"dev: failed\n  error: {IMPORT}object {bomb[:12]} has more than 64 MiB once it is unpacked\n{STEPS}"
        "  hint: no file of a configuration is that large; remove it from the commit\n"
    )
