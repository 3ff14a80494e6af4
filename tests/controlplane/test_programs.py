"""How programs are found, built and kept, with the real Go toolchain and a tiny module of our own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from envctl.devcluster.binaries import Sources, cached_programs, ensure_programs, group_folder
from envctl.devcluster.catalog import Group, read_module
from envctl.devcluster.folders import cache_folder
from envctl.devcluster.gotoolchain import go_toolchain
from envctl.errors import UnavailableError, UsageError

GO_MOD = """\
module tiny-programs

go 1.21

require example.dev/tiny v1.2.3

replace example.dev/tiny => ./tiny
"""
MAIN = """\
package main

var version = "v0.0.0"

func main() { println("tiny " + version) }
"""
TINY = Group(
    "tiny",
    "example.dev/tiny",
    {"tiny": "example.dev/tiny"},
    stamps=("main.version=v{version}",),
    stages=("stages/ready.yaml",),
    objects={"stages/class.yaml": "/apis/example.dev/v1/classes"},
)


@pytest.fixture(scope="session", autouse=True)
def _go_on_path() -> None:
    """Go is found once, where it is always found, so that tests with a cache of their own find it on PATH."""
    go = go_toolchain((1, 21), cache_folder(), lambda _: None)
    os.environ["PATH"] = f"{go.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A tiny Go module that takes a second to build, and an empty cache."""
    files = {
        "go.mod": GO_MOD,
        "go.sum": "",
        "tiny/go.mod": "module example.dev/tiny\n\ngo 1.21\n",
        "tiny/main.go": MAIN,
        "tiny/stages/ready.yaml": "kind: Stage\n",
        "tiny/stages/class.yaml": "kind: Class\n",
    }
    for path, text in files.items():
        file = tmp_path / "modules" / "tiny" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Sources(tmp_path / "cache", None, tmp_path / "modules", (TINY,))


def version_told(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stderr.strip()


def test_a_program_is_built_once_and_then_found(sources: Sources) -> None:
    """It carries the version of its pin, its files lie beside it, and nothing else is kept."""
    first, second = [], []
    built = ensure_programs(["tiny"], first.append, sources)
    again = ensure_programs(["tiny"], second.append, sources)
    assert built == again
    assert version_told(built["tiny"]) == "tiny v1.2.3"
    assert [stage.read_text() for stage in built.stages] == ["kind: Stage\n"]
    assert {file.read_text(): where for file, where in built.objects.items()} == {
        "kind: Class\n": "/apis/example.dev/v1/classes"
    }
    assert first[0] == "building tiny 1.2.3: 0 Go modules fetched, 0:00 min"
    assert second == []
    folder = group_folder(TINY, sources)
    assert sorted(each.name for each in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]
    assert cached_programs(sources) == {"tiny": folder / "tiny"}


ASK = """
import sys
from pathlib import Path
from envctl.devcluster.binaries import Sources, ensure_programs
from envctl.devcluster.catalog import Group
cache, modules = map(Path, sys.argv[1:])
tiny = Group("tiny", "example.dev/tiny", {"tiny": "example.dev/tiny"}, ("main.version=v{version}",))
lines = []
found = ensure_programs(["tiny"], lines.append, Sources(cache, None, modules, (tiny,)))
print(found["tiny"])
print(lines[0].partition(":")[0] if lines else "found it")
"""


def test_processes_that_ask_at_once_build_once(sources: Sources) -> None:
    """One builds, the others wait for it or come late, and all get the same program."""
    alone = replace(sources, groups=(replace(TINY, stages=(), objects={}),))
    command = [sys.executable, "-c", ASK, str(sources.cache), str(sources.modules)]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate()[0].splitlines() for process in asking]
    assert {path for path, _ in answers} == {str(ensure_programs(["tiny"], sources=alone)["tiny"])}
    said = [line for _, line in answers]
    assert said.count("building tiny 1.2.3") == 1
    assert set(said) <= {
        "building tiny 1.2.3",
        "waiting for another process that builds tiny",
        "found it",
    }


def test_a_program_that_no_longer_runs_is_built_again(sources: Sources) -> None:
    """A full disk or a careless hand may spoil the cache; its programs are asked for their version."""
    place = ensure_programs(["tiny"], sources=sources)["tiny"]
    place.write_bytes(b"spoilt")
    assert version_told(ensure_programs(["tiny"], sources=sources)["tiny"]) == "tiny v1.2.3"


def test_another_pin_is_another_place_in_the_cache(sources: Sources) -> None:
    """Two checkouts with different pins share a cache folder in peace."""
    old = ensure_programs(["tiny"], sources=sources)["tiny"]
    mod = sources.modules / "tiny" / "go.mod"
    mod.write_text(GO_MOD.replace("v1.2.3", "v1.3.0"))
    new = ensure_programs(["tiny"], sources=sources)["tiny"]
    assert (version_told(old), version_told(new)) == ("tiny v1.2.3", "tiny v1.3.0")
    assert old != new


def test_a_catalogue_with_more_files_leaves_an_older_cache_alone(sources: Sources) -> None:
    """What an older release kept lacks the new file, so it is not taken for whole."""
    less = replace(sources, groups=(replace(TINY, objects={}),))
    old = ensure_programs(["tiny"], sources=less)
    new = ensure_programs(["tiny"], sources=sources)
    assert old["tiny"].parent != new["tiny"].parent
    assert (len(old.objects), len(new.objects)) == (0, 1)
    assert all(file.exists() for file in new.objects)


def test_what_a_killed_build_left_is_cleared(sources: Sources) -> None:
    """The work folder's name is fixed, so nothing piles up."""
    folder = group_folder(TINY, sources)
    work = folder.with_name(f"{folder.name}.work")
    (work / "module").mkdir(parents=True)
    ensure_programs(["tiny"], sources=sources)
    assert not work.exists()


def test_a_failed_build_shows_what_the_compiler_said(sources: Sources) -> None:
    """The error carries the compiler's lines and a next step, and the cache stays empty."""
    main = sources.modules / "tiny" / "tiny" / "main.go"
    main.write_text(MAIN.replace("println", "printline"))
    with pytest.raises(UnavailableError) as failed:
        ensure_programs(["tiny"], sources=sources)
    assert "building tiny 1.2.3 failed (exit code 1):\n" in failed.value.summary
    assert "main.go:5:15: undefined: printline" in failed.value.summary
    assert failed.value.hint == "run it again; if it fails in the same way, report it with these lines"
    assert cached_programs(sources) == {}


def test_a_program_with_the_wrong_version_is_not_kept(sources: Sources) -> None:
    """A stamp that did not arrive would make the cache lie about what it holds."""
    unstamped = Sources(sources.cache, None, sources.modules, (Group("tiny", TINY.module, TINY.packages),))
    with pytest.raises(UnavailableError, match=r"the new tiny says that it is version 0\.0\.0, not 1\.2\.3"):
        ensure_programs(["tiny"], sources=unstamped)
    assert cached_programs(unstamped) == {}


SLOW = """
import sys
from pathlib import Path
from envctl.devcluster.binaries import Sources, ensure_programs
ensure_programs(["etcd"], lambda line: print(line, flush=True), Sources(Path(sys.argv[1]), None))
"""


def test_an_interrupted_build_leaves_no_compiler_behind(
    tmp_path: Path, processes_of: Callable[[Path], dict[int, str]]
) -> None:
    """Ctrl-C ends the compiler and all its children, and clears the work folder."""
    environ = {**os.environ, "GOCACHE": str(tmp_path / "go-build")}
    command = [sys.executable, "-c", SLOW, str(tmp_path / "cache")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ
    ) as build:
        assert build.stdout
        assert next(line for line in build.stdout if "packages compiled" in line)
        assert len(processes_of(tmp_path)) > 1
        build.send_signal(signal.SIGINT)
    assert build.returncode != 0
    deadline = time.monotonic() + 10
    while processes_of(tmp_path):
        assert time.monotonic() < deadline, "a compiler is still running"
        time.sleep(0.05)
    assert [each.suffix for each in (tmp_path / "cache" / "programs").iterdir()] == [".lock"]


def test_an_unknown_program_is_refused(sources: Sources) -> None:
    """Nothing is built before all names are known."""
    with pytest.raises(UsageError) as unknown:
        ensure_programs(["tiny", "huge"], sources=sources)
    assert str(unknown.value) == "there is no program huge\nhint: one of tiny"


def script(folder: Path, name: str, says: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho {says}\n")
    (folder / name).chmod(0o755)


def sources_with_assets(tmp_path: Path, programs: Mapping[str, str]) -> Sources:
    for name, says in programs.items():
        script(tmp_path / "assets", name, says)
    return Sources(tmp_path / "cache", tmp_path / "assets")


def test_ready_made_programs_win(tmp_path: Path) -> None:
    """What KUBEBUILDER_ASSETS has is used as it is."""
    sources = sources_with_assets(
        tmp_path, {"kube-apiserver": "Kubernetes v1.34.1", "etcd": "etcd Version: 3.6.4"}
    )
    found = ensure_programs(["kube-apiserver", "etcd"], sources=sources)
    assert dict(found.paths) == {name: tmp_path / "assets" / name for name in ("kube-apiserver", "etcd")}


@pytest.mark.parametrize(
    ("says", "wanted", "problem"),
    [
        pytest.param(
            "Kubernetes v1.28.3",
            ["kube-apiserver"],
            "kube-apiserver 1.28 is too old: 1.30 is needed",
            id="too old for envctl",
        ),
        pytest.param(
            "Kubernetes v1.34.1",
            ["kube-apiserver", "kube-scheduler"],
            "kube-apiserver 1.34 is too old: 1.35 is needed beside kube-scheduler of that version",
            id="older than its own scheduler",
        ),
        pytest.param(
            "exec format error; exit 1",
            ["kube-apiserver"],
            "this program of KUBEBUILDER_ASSETS does not run here",
            id="for another machine",
        ),
    ],
)
def test_ready_made_programs_that_do_not_fit_are_refused(
    tmp_path: Path, says: str, wanted: list[str], problem: str
) -> None:
    """The message names the file, so that the folder can be put right."""
    sources = sources_with_assets(tmp_path, {"kube-apiserver": says})
    with pytest.raises(UnavailableError) as refused:
        ensure_programs(wanted, sources=sources)
    assert refused.value.summary == problem
    assert refused.value.place == str(tmp_path / "assets" / "kube-apiserver")


def test_assets_that_are_no_folder_are_an_error(tmp_path: Path) -> None:
    """A mistyped KUBEBUILDER_ASSETS does not start a build of minutes in silence."""
    with pytest.raises(UnavailableError) as missing:
        ensure_programs(["etcd"], sources=Sources(tmp_path / "cache", tmp_path / "gone"))
    assert str(missing.value) == (
        f"{tmp_path / 'gone'}: KUBEBUILDER_ASSETS names no folder\nhint: unset it, or fix it"
    )


def test_the_pinned_modules_hold_what_the_catalogue_says() -> None:
    """Every group has its `go.mod` and `go.sum` in the package."""
    sources = Sources()
    for group in sources.groups:
        module = read_module(sources.modules / group.name)
        assert f"\t{group.module} v" in module.mod
        assert f"{group.module} v" in module.sums
