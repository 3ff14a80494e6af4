"""A render depends on the source and on nothing else: not on the machine, the place, the clock or the past."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.repositories import RICH, Box, rich_box

ROOT = Path(__file__).parents[2]
VARIABLES = (
    {"LC_ALL": "C"},
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"},
    {"TZ": "Pacific/Kiritimati"},
    {"TZ": "America/Los_Angeles", "SOURCE_DATE_EPOCH": "1"},
    {"PYTHONHASHSEED": "1"},
    {"PYTHONHASHSEED": "4242", "PYTHONDONTWRITEBYTECODE": "1"},
    {"PYTHONOPTIMIZE": "2"},
    {"GOGC": "10", "GOMAXPROCS": "1", "GOMEMLIMIT": "50MiB"},
    {"JSONNET_PATH": "SIBLINGS/lib:/"},
    {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "XDG_CACHE_HOME": "/dev/null"},
    {"HOME": "SIBLINGS/home"},
    {"COLUMNS": "20", "TERM": "dumb", "NO_COLOR": "1"},
    {"GIT_AUTHOR_NAME": "Zoe", "GIT_AUTHOR_DATE": "2001-01-01T00:00:00+0900"},
    {"TMPDIR": "SIBLINGS"},
)
# Beside the source, or in it without a say: ignored, imported by nobody, or found later than another.
ABOUT = {
    "components/a/x.libsonnet": "error 'ignored, and never read'",
    "environments/dev/.b.jsonnet.swp": "ignored {",
    "lib/unused.libsonnet": "no jsonnet {",
    "vendor/y.libsonnet": "'found later than the one of lib'",
    "components/unused/main.jsonnet": "no jsonnet {",
    "README.txt": "text",
    "main.jsonnet": "{",
    "node_modules/lib/main.jsonnet": "{",
}
IGNORED = "components/a/x.libsonnet\n*.swp\nnode_modules/\n"
SIBLINGS = {
    "lib/x.libsonnet": "error 'outside'",
    "envctl.yaml": "no settings",
    "home/.gitconfig": "[core]\n\tautocrlf = input\n\tabbrev = 5\n[user]\n\tname = Zoe\n",
    "home/.config/git/ignore": "*.unheard-of\n",
}


@dataclass(frozen=True)
class Circumstances:
    """Everything around a render that must not count."""

    variables: Sequence[Mapping[str, str]]
    folder: str
    directory: str
    mask: int
    about: Sequence[str]
    clock: int
    mode: int
    date: str
    source: str
    jobs: int
    workers: int
    past: str
    order: Sequence[str]


combinations = st.builds(
    Circumstances,
    variables=st.lists(st.sampled_from(VARIABLES), min_size=3, max_size=8),
    folder=st.sampled_from(["repository", "other place \u00e4", "a/deeper/'quoted'", "lib"]),
    directory=st.sampled_from([".", "components/a", "lib"]),
    mask=st.sampled_from([0o000, 0o022, 0o077]),
    about=st.lists(st.sampled_from(sorted(ABOUT)), unique=True),
    clock=st.sampled_from([1, 1_000_000_000, 4_000_000_000]),
    mode=st.sampled_from([0o600, 0o644, 0o755]),
    date=st.sampled_from(["100000000 +0000", "1767323045 +0000", "4000000000 -1130"]),
    source=st.sampled_from(["files", "files", "index", "commit"]),
    jobs=st.integers(1, 4),
    workers=st.integers(1, 3),
    past=st.sampled_from(["none", "cold", "warm", "damaged", "cut", "stale"]),
    order=st.permutations(["dev", "prod"]),
)


def rendered(
    box: Box, *arguments: str, cwd: Path, mask: int = 0o022, **variables: str
) -> dict[str, tuple[str, int]]:
    """Tree and number of objects of each environment, by the real command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "envctl", "-C", str(box.path), "render", "-o", "json", *arguments],
        cwd=cwd,
        env={**plain_environment(), **variables},
        capture_output=True,
        check=False,
        umask=mask,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = {
        each["environment"]: (each["tree"], each["objects"])
        for each in json.loads(done.stdout)["environments"]
    }
    assert all(len(tree) == 40 and objects == 2 for tree, objects in found.values())
    return found


def plain_environment() -> dict[str, str]:
    """This process's environment, in which nothing hides a user's own Git configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """What the source renders to in the plainest of circumstances."""
    path = tmp_path_factory.mktemp("plain")
    return rendered(rich_box(path / "repository"), "--no-cache", cwd=path)


# Found by chance once: a locale without the letters of the repository's own path.
NO_LETTERS = Circumstances(
    variables=[{"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"}],
    folder="other place \u00e4",
    directory=".",
    mask=0o022,
    about=[],
    clock=1,
    mode=0o600,
    date="100000000 +0000",
    source="files",
    jobs=1,
    workers=1,
    past="none",
    order=["dev", "prod"],
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@example(around=NO_LETTERS)
@given(around=combinations)
def test_no_circumstance_changes_a_tree(
    plain: dict[str, tuple[str, int]], tmp_path_factory: pytest.TempPathFactory, around: Circumstances
) -> None:
    """Whatever the machine, the place, the time, the past and the form of the source: the trees are the same.

    Writer's fault row 6: byte for byte, in 20 circumstances; CI runs it with every Python and processor.
    """
    siblings = tmp_path_factory.mktemp("around")
    box = prepared(siblings, around)
    run = [*around.order, "--jobs", str(around.jobs), *SOURCES[around.source]]
    if around.past == "none":
        run.append("--no-cache")
    variables = {
        name: value.replace("SIBLINGS", str(siblings))
        for each in around.variables
        for name, value in each.items()
    }
    remembering(box, around, run, siblings)
    found = rendered(box, *run, cwd=box.path / around.directory, mask=around.mask, **variables)
    assert found == plain
    assert list(found) == list(around.order)
    shutil.rmtree(siblings)


SOURCES = {"files": (), "index": ("--index",), "commit": ("--rev", "HEAD")}


def prepared(siblings: Path, around: Circumstances) -> Box:
    """The repository in its place, with what lies about in it and beside it."""
    dates = {"GIT_AUTHOR_DATE": around.date, "GIT_COMMITTER_DATE": around.date}
    box = rich_box(siblings / around.folder, **dates)
    box.commit({"envctl.yaml": f"evaluation: {{jobs: {around.workers}}}\n"})
    box.write(".git/info/exclude", IGNORED)
    for path in around.about:
        box.write(path, ABOUT[path])
    for path, text in SIBLINGS.items():
        if not path.startswith(f"{around.folder}/"):
            Box(siblings).write(path, text)
    for path in RICH:
        (box.path / path).chmod(around.mode)
        os.utime(box.path / path, (around.clock, around.clock))
    if around.source != "files":
        box.write("lib/x.libsonnet", "error 'not what is asked for'")
        (box.path / "components/b/main.jsonnet").unlink()
    return box


def remembering(box: Box, around: Circumstances, run: Sequence[str], folder: Path) -> None:
    """Give the repository a past: what earlier renders remember, and what became of it since."""
    if around.past in {"none", "cold"}:
        return
    if around.past == "stale":
        box.write("environments/dev/environment.yaml", RICH["environments/dev/environment.yaml"] + "#\n")
        box.write("lib/y.libsonnet", "'of another time'\n")
        rendered(box, cwd=folder) if around.source == "files" else None
        for path in ("environments/dev/environment.yaml", "lib/y.libsonnet"):
            box.write(path, RICH[path])
        return
    rendered(box, *run, cwd=folder)
    entries = [each for each in (box.path / ".git/envctl/render").rglob("*") if each.is_file()]
    assert entries
    for number, entry in enumerate(entries if around.past != "warm" else ()):
        data = bytearray(entry.read_bytes())
        data[number * 7919 % len(data)] ^= 1 << number % 8
        entry.write_bytes(data if around.past == "damaged" else data[: len(data) * (number % 4) // 4])


INPUTS = {
    "a namespace": ("environments/dev/environment.yaml", "namespace: dev", "namespace: other", {"dev"}),
    "config of a parent": ("environments/base/environment.yaml", "text: base", "text: more", {"dev", "prod"}),
    "a parent's overlay": ("environments/base/a.jsonnet", "extra: 2", "extra: 4", {"dev", "prod"}),
    "a letter of an overlay": ("environments/dev/more.libsonnet", "m\u00f6re", "mo\u0308re", {"dev"}),
    "config of one": ("environments/prod/environment.yaml", "replicas: 3", "replicas: 4", {"prod"}),
    "a pin": ("environments/prod/lock.yaml", "FIRST", "SECOND", {"prod"}),
    "a library": ("lib/y.libsonnet", "[3, 1, 2]", "[3, 2, 1]", {"dev"}),
    "a last digit": ("vendor/v.libsonnet", "0.2", "0.3", {"dev"}),
    "a line end of a text": ("lib/note.txt", "Zeile\n", "Zeile", {"dev"}),
    "bytes": ("lib/data.txt", "b\n", "B\n", {"dev"}),
    "an order of applying": ("components/a/component.yaml", "[b]", "[]", {"dev"}),
    "a vendored file behind a link": (
        "vendor/github.com/org/tool/one/deep.libsonnet",
        "1",
        "2",
        {"dev"},
    ),
}


@pytest.mark.parametrize(("path", "old", "new", "changed"), INPUTS.values(), ids=INPUTS)
def test_what_is_input_changes_its_trees_and_no_other(
    plain: dict[str, tuple[str, int]], tmp_path: Path, path: str, old: str, new: str, changed: set[str]
) -> None:
    """Every kind of file counts, for the environments that read it; pinned ones do not read the new one."""
    box = rich_box(tmp_path / "repository")
    ids = {"FIRST": box.git("rev-parse", "HEAD~1"), "SECOND": box.git("rev-parse", "HEAD")}
    old, new = ids.get(old, old), ids.get(new, new)
    text = (box.path / path).read_text()
    assert old in text
    box.write(path, text.replace(old, new))
    found = rendered(box, "--no-cache", cwd=tmp_path)
    assert {name for name in plain if found[name] != plain[name]} == changed
