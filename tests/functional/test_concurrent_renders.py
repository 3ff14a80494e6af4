"""Several renders with one cache, some of them killed, and what any of them may leave behind."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envctl.rendercache.files import FileCache
from tests.support.rendering import Counting, Place, counting_engine
from tests.support.repositories import RICH, Box, rich_box

ROOT = Path(__file__).parents[2]


def started(box: Box, *arguments: str) -> subprocess.Popen[bytes]:
    """A render by the real command, under way."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "envctl", "-C", str(box.path), "render", "-o", "json", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[bytes]) -> object:
    """What a render says of each environment."""
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)["environments"]


def entries(box: Box) -> list[Path]:
    return [each for each in sorted((box.path / ".git/envctl/render").rglob("*")) if each.is_file()]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return rich_box(tmp_path / "repository")


def test_renders_at_once_on_a_cold_cache_give_the_same(box: Box) -> None:
    """Four processes write the same entries at the same time; each result is right, and so is what is left."""
    expected = finished(started(box, "--no-cache"))
    running = [started(box) for _ in range(4)]
    assert [finished(each) for each in running] == [expected] * 4
    assert finished(started(box)) == expected
    assert entries(box)


def test_renders_that_are_killed_poison_nothing(box: Box) -> None:
    """Killed at any moment beside one that lives: the living and every later render are right."""
    expected = finished(started(box, "--no-cache"))
    begun = time.monotonic()
    assert finished(started(box)) == expected
    whole = time.monotonic() - begun
    moments = random.Random(5)  # noqa: S311  moments, not secrets
    killed = 0
    for number in range(6):
        shutil.rmtree(box.path / ".git/envctl/render")
        doomed = [started(box) for _ in range(2)]
        living = started(box) if number % 2 else None
        for each in doomed:
            time.sleep(moments.uniform(0.1, 0.5) * whole)
            each.kill()
            each.communicate()
            killed += each.returncode < 0
        assert living is None or finished(living) == expected
        assert finished(started(box)) == expected
    assert killed > 0


@pytest.fixture(scope="module")
def engine() -> Iterator[Counting]:
    with counting_engine() as counting:
        yield counting


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("place")
    return Place(rich_box(folder / "repository").path, folder / "cache", ())


@pytest.fixture(scope="module")
def full(place: Place, engine: Counting) -> object:
    """The render without a cache; after it, one has filled the cache."""
    full = place.good(engine)
    assert place.render(engine, place.files()) == full
    return full


damages = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1), st.integers(0, 7)),
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(0)),
    st.tuples(st.just("insert"), st.floats(0, 1), st.integers(0, 255)),
    st.tuples(st.just("swap"), st.floats(0, 1), st.just(0)),
    st.tuples(st.just("remove"), st.just(0.0), st.just(0)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.floats(0, 1), damages), min_size=1, max_size=5))
def test_no_byte_of_a_cache_is_believed(
    place: Place,
    engine: Counting,
    full: object,
    steps: list[tuple[float, tuple[str, float, int]]],
) -> None:
    """Bytes flipped, cut off, put in, files exchanged or lost: the texts are those of a render from nothing."""
    assert place.render(engine, place.files()) == full
    files = [each for each in sorted(place.cache.rglob("*")) if each.is_file()]
    for which, (kind, at, more) in steps:
        file = chosen(files, which)
        if file.exists():
            damage(file, chosen(files, at), kind, at, more)
    assert place.render(engine, place.files()) == full


def chosen(files: list[Path], at: float) -> Path:
    return files[round(at * (len(files) - 1))]


def damage(file: Path, other: Path, kind: str, at: float, more: int) -> None:
    data = bytearray(file.read_bytes())
    place = round(at * max(len(data) - 1, 0))
    if kind == "remove":
        file.unlink()
        return
    if kind == "flip" and data:
        data[place] ^= 1 << more
    elif kind == "cut":
        del data[place:]
    elif kind == "insert":
        data.insert(place, more)
    elif kind == "swap" and other.exists():
        data = bytearray(other.read_bytes())
    file.write_bytes(data)


@pytest.mark.parametrize("limit", [0, 1, 16, 4096, 16 * 400, 16 * 2000])
def test_a_cache_without_room_changes_nothing(
    place: Place, engine: Counting, full: object, tmp_path: Path, limit: int
) -> None:
    """However little is kept, results are the same, and the bound holds."""
    for _ in range(3):
        assert place.render(engine, FileCache(tmp_path / "small", limit)) == full
    sizes = [each.stat().st_size for each in (tmp_path / "small").rglob("*") if each.is_file()]
    assert sum(sizes) <= limit + limit // 16


def test_a_cache_that_can_only_be_read_is_used(box: Box, tmp_path: Path) -> None:
    """A folder that nobody may write: known things are known, new ones are made each time."""
    expected = finished(started(box))
    before = {each: each.read_bytes() for each in entries(box)}
    folders = [each for each in (box.path / ".git/envctl").rglob("*") if each.is_dir()]
    for each in (*folders, *entries(box)):
        each.chmod(0o500 if each.is_dir() else 0o400)
    limited = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    box.write("lib/y.libsonnet", "[7]\n")
    try:
        anew = finished(started(box, "--no-cache"))
        assert anew != expected
        for text, wanted in (("[7]\n", anew), (RICH["lib/y.libsonnet"], expected)):
            box.write("lib/y.libsonnet", text)
            assert read_only_render(box, limited, tmp_path) == wanted
        assert {each: each.read_bytes() for each in entries(box)} == before
    finally:
        for each in folders:
            each.chmod(0o700)


def read_only_render(box: Box, limited: list[str], home: Path) -> object:
    """A render without the rights of an administrator, whom no mode stops."""
    done = subprocess.run(
        [*limited, sys.executable, "-P", "-m", "envctl", "-C", str(box.path), "render", "-o", "json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(home / "home")},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)["environments"]
