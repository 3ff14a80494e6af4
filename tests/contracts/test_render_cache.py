"""The RenderCache port, fulfilled by files."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.rendercache.files import FileCache

LIMIT = 16 * 1000


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@given(entries=st.dictionaries(st.text(max_size=20), st.binary(max_size=200), max_size=20))
def test_what_was_put_is_got(tmp_path_factory: pytest.TempPathFactory, entries: dict[str, bytes]) -> None:
    """Any key and any bytes come back whole, also for another user of the folder."""
    folder = tmp_path_factory.mktemp("cache")
    for key, data in entries.items():
        FileCache(folder).put(key, data)
    assert {key: FileCache(folder).get(key) for key in entries} == entries


def test_the_last_put_counts(tmp_path: Path) -> None:
    """A key holds what was put last."""
    cache = FileCache(tmp_path)
    cache.put("key", b"first")
    cache.put("key", b"second")
    assert cache.get("key") == b"second"
    assert cache.get("other") is None


@pytest.mark.parametrize("at", [0, 20, 40, -1], ids=["magic", "checksum", "checksum's end", "contents"])
def test_a_changed_byte_is_an_absent_entry(tmp_path: Path, at: int) -> None:
    """Damage is seen wherever it is."""
    cache = FileCache(tmp_path)
    cache.put("key", b"contents")
    (entry,) = files(tmp_path)
    data = bytearray(entry.read_bytes())
    data[at] ^= 1
    entry.write_bytes(data)
    assert cache.get("key") is None


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "far too large"])
def test_what_is_no_entry_is_absent_at_once(tmp_path: Path, kind: str) -> None:
    """Whatever lies in an entry's place is neither waited for, nor followed, nor read whole."""
    cache = FileCache(tmp_path)
    cache.put("key", b"contents")
    (entry,) = files(tmp_path)
    moved = entry.rename(tmp_path / "moved")
    if kind == "pipe":
        os.mkfifo(entry)
    elif kind == "link":
        entry.symlink_to(moved)
    elif kind == "folder":
        entry.mkdir()
    else:
        entry.write_bytes(b"")
        os.truncate(entry, 1 << 40)
    assert cache.get("key") is None


def test_an_entry_under_another_key_is_absent(tmp_path: Path) -> None:
    """A file that was copied over another one is not taken for it."""
    cache = FileCache(tmp_path)
    cache.put("one", b"1")
    (one,) = files(tmp_path)
    cache.put("two", b"2")
    (two,) = (each for each in files(tmp_path) if each != one)
    two.write_bytes(one.read_bytes())
    assert cache.get("two") is None


def test_the_folder_stays_within_its_limit(tmp_path: Path) -> None:
    """However much is put, there is never more than the limit and the sixteenth that comes before a look."""
    cache = FileCache(tmp_path, LIMIT)
    for number in range(500):
        cache.put(f"key {number}", bytes(100))
        assert sum(path.stat().st_size for path in files(tmp_path)) <= LIMIT + LIMIT // 16 + 16 * 200


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    """Within a share, what was not used for longest makes room."""
    cache = FileCache(tmp_path, LIMIT)
    cache.put("first", bytes(400))
    (first,) = files(tmp_path)
    same = [key for key in map(str, range(1000)) if _share(tmp_path / "other", key) == first.parent.name][:3]
    cache.put(same[0], bytes(400))
    os.utime(first, (1, 1))
    os.utime(next(each for each in files(tmp_path) if each != first), (2, 2))
    assert cache.get("first") == bytes(400)  # and that counts as a use
    cache.put(same[1], bytes(400))
    cache.put(same[2], bytes(400))
    assert cache.get(same[0]) is None
    assert cache.get(same[2]) == bytes(400)


def _share(folder: Path, key: str) -> str:
    FileCache(folder).put(key, b"")
    (found,) = files(folder)
    found.unlink()
    return found.parent.name


def test_what_is_larger_than_a_share_is_not_kept(tmp_path: Path) -> None:
    """One entry never drives out all others."""
    cache = FileCache(tmp_path, LIMIT)
    cache.put("large", bytes(LIMIT))
    assert cache.get("large") is None
    assert files(tmp_path) == []


def test_files_that_nobody_finished_go(tmp_path: Path) -> None:
    """What a killed process left behind is removed once it is old; what is being written stays."""
    FileCache(tmp_path).put("key", b"1")
    (entry,) = files(tmp_path)
    old, new = entry.parent / ".new-old", entry.parent / ".new-new"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    FileCache(tmp_path).put("key", b"2")
    assert files(tmp_path) == sorted([entry, new])


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    """No error: there is just nothing there later."""
    (tmp_path / "file").write_text("in the way")
    cache = FileCache(tmp_path / "file")
    cache.put("key", b"1")
    assert cache.get("key") is None


def test_writers_and_readers_at_once_see_whole_entries(tmp_path: Path) -> None:
    """Many threads on the same keys, in a folder that is too small for them: bytes or None, never a mixture."""
    wrong: list[bytes] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        cache = FileCache(tmp_path, LIMIT)
        start.wait()
        for turn in range(60):
            key = str((number + turn) % 5)
            cache.put(key, bytes([number]) * 300)
            found = cache.get(key)
            if found is not None and (len(found) != 300 or len(set(found)) != 1):
                wrong.append(found)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert wrong == []
