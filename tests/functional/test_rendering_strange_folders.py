"""Folders of a size, a depth or a kind that nobody expects, rendered by the real command."""

import os
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.conftest import Outcome, Workspace
from tests.functional.test_rendering_hostile_trees import BESIDE, NEEDED
from tests.support.repositories import Box, tree_bytes

DONE = (0, "dev: 1 object, not published yet\n  + ConfigMap dev/web  (web)\n", "")
AT = "components/web/main.jsonnet:1:2: "
STEPS = "    while evaluating web in dev\n"
CALLED = f"    components/web/main.jsonnet:1:2: called from here\n{STEPS}"
LINKS = "  hint: links are never followed: commit the files themselves\n"
FOLDERS = 2000

Make = Callable[[Box, str], str]
"""Makes the folder lib/x from the id of an honest file."""


def folder(box: Box, *entries: tuple[str, bytes, str]) -> str:
    return box.object("tree", tree_bytes(*entries))


def deep(box: Box, good: str) -> str:
    """The file f below 2,000 folders named d."""
    inner = ("100644", b"f", good)
    for _ in range(FOLDERS + 1):
        inner = ("40000", b"d", folder(box, inner))
    return inner[2]


def wide(box: Box, good: str) -> str:
    names = [b"%06d" % number for number in range(100_000)]
    return folder(box, *(("100644", name, good) for name in [*names, b"f"]))


def zeros(box: Box, good: str) -> str:
    return folder(box, ("0100644", b"f", good))


def colliding(box: Box, good: str) -> str:
    inner = folder(box, ("100644", b"f", good))
    entries = [("40000", name, inner) for name in (b"D", b"d", b"e\xcc\x81", b"\xc3\xa9")]
    return folder(box, *entries[:3], ("100644", b"f", good), entries[3])


def disordered(box: Box, good: str) -> str:
    return folder(box, ("100644", b"g", good), ("100644", b"f", good))


def loop(box: Box, good: str) -> str:
    one, two = box.object("blob", b"two"), box.object("blob", b"one")
    return folder(box, ("100644", b"f", good), ("120000", b"one", one), ("120000", b"two", two))


def pointer(box: Box, _: str) -> str:
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 3\n"
    return folder(box, ("100644", b"f", box.object("blob", text.encode())))


def cut(box: Box, good: str) -> str:
    return box.object("tree", tree_bytes(("100644", b"f", good))[:-7])


def no_tree(box: Box, _: str) -> str:
    return box.object("tree", b"no tree at all")


def replaced(box: Box, _: str) -> str:
    """A file whose object was exchanged for another one."""
    other = box.object("blob", b"{ exchanged: 1 }")
    place = box.path / ".git/objects" / other[:2] / other[2:]
    place.chmod(0o644)
    place.write_bytes(zlib.compress(b"blob 2\0{}"))
    return folder(box, ("100644", b"f", other))


def torn(box: Box, _: str) -> str:
    """A file whose object ends in the middle."""
    other = box.object("blob", os.urandom(4096))
    place = box.path / ".git/objects" / other[:2] / other[2:]
    place.chmod(0o644)
    place.write_bytes(place.read_bytes()[:2000])
    return folder(box, ("100644", b"f", other))


def empty(box: Box, _: str) -> str:
    """A file whose object is an empty file, as after a crash."""
    other = box.object("blob", b"{ lost: 1 }")
    place = box.path / ".git/objects" / other[:2] / other[2:]
    place.chmod(0o644)
    place.write_bytes(b"")
    return folder(box, ("100644", b"f", other))


TAKEN = [
    (deep, f"x/{'d/' * FOLDERS}f"),
    (wide, "x/f"),
    (zeros, "x/f"),
    (colliding, "x/d/f"),
    (colliding, "x/e\u0301/f"),
    (loop, "x/f"),
]
DAMAGED = "the repository is damaged"
FSCK = "  hint: check it with git fsck\n"


def absent(path: str) -> str:
    looked = f"  hint: looked for components/web/{path}, lib/{path}, vendor/{path}, {path}\n"
    return f'{AT}import "{path}" was not found\n{STEPS}{looked}'


def through(path: str, link: str) -> str:
    return f'{AT}import "{path}" leads through the symbolic link {link}\n{STEPS}{LINKS}'


REFUSED: list[tuple[Make, str, str]] = [
    (wide, "x/g", absent("x/g")),
    (colliding, "x/\u00c9/f", absent("x/\u00c9/f")),
    (
        disordered,
        "x/e",
        f"lib/x: a tree holds entries that Git does not allow\n    lib/x/f: an entry out of order\n{CALLED}",
    ),
    (loop, "x/one", through("x/one", "lib/x/one")),
    (loop, "x/two/f", through("x/two/f", "lib/x/two")),
    (
        pointer,
        "x/f",
        (
            f'{AT}import "x/f" found lib/x/f, a Git LFS pointer, whose contents are not here\n{STEPS}'
            "  hint: commit the file itself: git lfs untrack, then add it again\n"
        ),
    ),
    (cut, "x/f", f"{AT}cannot read tree 34e11e59f496: {DAMAGED}: SHA truncated\n{STEPS}{FSCK}"),
    (
        no_tree,
        "x/f",
        (
            f"{AT}cannot read tree 2263b1e0fe0d: {DAMAGED}: invalid mode: invalid digit found in string\n"
            f"{STEPS}{FSCK}"
        ),
    ),
    (
        empty,
        "x/f",
        f"{AT}cannot read object 7c0a550754b9: {DAMAGED}: Corrupted empty file detected\n{STEPS}{FSCK}",
    ),
]


def rendered(small: Workspace, make: Make, path: str) -> Outcome:
    """Render a commit whose folder lib/x was made so, where the component imports a path."""
    small.edit("components/web/main.jsonnet", "{\n  config", f"(import '{path}') + {{\n  config")
    small.commit("Import")
    box = Box(small.path)
    made = make(box, box.object("blob", b"{}"))
    root = folder(
        box,
        ("40000", b"components", small.git("rev-parse", "HEAD:components")),
        ("40000", b"environments", small.git("rev-parse", "HEAD:environments")),
        ("40000", b"lib", folder(box, ("40000", b"x", made))),
    )
    return small.envctl("render", "dev", "--rev", box.git("commit-tree", root, "-m", "x"))


@pytest.mark.parametrize(("make", "path"), TAKEN)
def test_a_strange_folder_renders_like_any_other(small: Workspace, make: Make, path: str) -> None:
    """Neither depth nor size nor names that some file systems confuse matter to a tree."""
    outcome = rendered(small, make, path)
    assert (outcome.code, outcome.out, outcome.err) == DONE


@pytest.mark.parametrize(("make", "path", "error"), REFUSED)
def test_what_is_wrong_with_a_folder_is_told(small: Workspace, make: Make, path: str, error: str) -> None:
    """The place, the reason and the next step; the exit code is that of wrong input."""
    outcome = rendered(small, make, path)
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"dev: failed\n  error: {error}")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def to_itself(path: Path) -> None:
    path.symlink_to("f")


def to_nothing(path: Path) -> None:
    path.symlink_to("gone")


def listening(path: Path) -> None:
    folder = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def a_folder(path: Path) -> None:
    path.mkdir()


ON_DISK: list[tuple[Callable[[Path], None], str]] = [
    (fifo, absent("x/f")),
    (listening, absent("x/f")),
    (a_folder, absent("x/f")),
    *((link, through("x/f", "lib/x/f")) for link in (to_device, to_itself, to_nothing)),
]


@pytest.mark.parametrize(("make", "error"), ON_DISK)
def test_what_is_no_file_in_the_work_tree_is_never_opened(
    small: Workspace, make: Callable[[Path], None], error: str
) -> None:
    """A pipe without a writer would hang the command, a device would never end.

    Writer's fault row 22: nothing hangs.
    """
    small.edit("components/web/main.jsonnet", "{\n  config", "(import 'x/f') + {\n  config")
    (small.path / "lib/x").mkdir(parents=True)
    make(small.path / "lib/x/f")
    outcome = small.envctl("render", "dev")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"dev: failed\n  error: {error}")


@pytest.mark.parametrize("make", [replaced, torn])
def test_a_file_whose_object_is_not_what_its_id_says_is_never_rendered(small: Workspace, make: Make) -> None:
    """The file is named, and nothing was rendered."""
    outcome = rendered(small, make, "x/f")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("dev: failed\n  error: lib/x/f: ")


def test_there_are_forty_hostile_trees() -> None:
    """Counted over the tables, each another one."""
    strange = {(make, path) for make, path, _ in REFUSED} | set(TAKEN) | {(make, "") for make, _ in ON_DISK}
    assert len(strange) == len(REFUSED) + len(TAKEN) + len(ON_DISK)
    assert len(strange) + len(NEEDED) + len(set(BESIDE)) >= 40
