"""Git's commit-graph files: parents, dates and generations of commits without reading the commits.

They are there after ``git gc``, ``git maintenance`` or ``git commit-graph write``, and hold what
was there at that time: whatever a listed commit descends from is listed too. dulwich reads such a
file as a whole into objects, which takes longer than most walks; here nothing is read before it
is asked for. The format is that of gitformat-commit-graph(5).
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER = b"CGPH\x01\x01"  # version 1, ids of SHA-1
_ID = 20
_ROW = _ID + 16
_NONE = 0x70000000
_MANY = 0x80000000
_DATE_BITS = 32
_LEVEL_SHIFT = 2
_HIGHEST_LEVEL = 0x3FFFFFFF


_UNREADABLE = (OSError, OverflowError, ValueError, IndexError, struct.error)


class CommitGraphError(ValueError):
    """The file is none that can be read. Nobody needs it, so nobody is told."""


@dataclass(frozen=True, slots=True)
class Node:
    """One commit. `generation` is one more than the highest of its parents', 0 where that is not known."""

    parents: tuple[str, ...]
    time: int
    generation: int = 0


class CommitGraph:
    """The commits in the graph files of an object folder; none where there is no file that can be read."""

    def __init__(self, objects: Path) -> None:
        self._layers = tuple(_opened(objects))

    def find(self, commit_id: str) -> Node | None:
        """A commit, None where it is in no file."""
        try:
            for layer in self._layers:
                row = layer.row_of(bytes.fromhex(commit_id))
                if row is not None:
                    return self._node(layer, row)
        except _UNREADABLE:
            self._layers = ()
        return None

    def _node(self, layer: "_Layer", row: int) -> Node:
        first, second, level, date = layer.data(row)
        places = [each for each in (first, second) if each < _NONE]
        if second & _MANY:
            places += layer.more_parents(second & ~_MANY)
        generation = level >> _LEVEL_SHIFT
        return Node(
            tuple(self._id(place) for place in places),
            (level & 0b11) << _DATE_BITS | date,
            generation if generation < _HIGHEST_LEVEL else 0,
        )

    def _id(self, place: int) -> str:
        for layer in self._layers:
            if place < layer.count:
                return layer.id_of(place).hex()
            place -= layer.count
        raise CommitGraphError("it names a commit that it does not list")


class _Layer:
    """One file: a whole graph, or one of a chain in which each adds to those before it."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._data[: len(_HEADER)] != _HEADER:
            raise CommitGraphError("it is of another version")
        chunks = {name: place for name, place in self._chunks() if name.strip(b"\0")}
        try:
            self._fan, self._ids, self._rows = (chunks[name] for name in (b"OIDF", b"OIDL", b"CDAT"))
        except KeyError as error:
            raise CommitGraphError("a part of it is missing") from error
        self._edges = chunks.get(b"EDGE", 0)
        self.count = self._number(self._fan + 4 * 255)

    def _chunks(self) -> Iterator[tuple[bytes, int]]:
        for number in range(self._data[6] + 1):
            yield struct.unpack_from(">4sQ", self._data, 8 + 12 * number)

    def _number(self, place: int) -> int:
        return int(struct.unpack_from(">L", self._data, place)[0])

    def row_of(self, raw: bytes) -> int | None:
        """The row of a commit, None where it is not in this file."""
        low = self._number(self._fan + 4 * (raw[0] - 1)) if raw[0] else 0
        high = self._number(self._fan + 4 * raw[0])
        while low < high:
            middle = (low + high) // 2
            found = self.id_of(middle)
            if found == raw:
                return middle
            low, high = (middle + 1, high) if found < raw else (low, middle)
        return None

    def id_of(self, row: int) -> bytes:
        """The id in a row."""
        start = self._ids + _ID * row
        return self._data[start : start + _ID]

    def data(self, row: int) -> tuple[int, int, int, int]:
        """Places of two parents, then generation and date."""
        first, second, level, date = struct.unpack_from(">4L", self._data, self._rows + _ROW * row + _ID)
        return first, second, level, date

    def more_parents(self, number: int) -> Iterator[int]:
        """Places of a merge's parents from the second on."""
        last = 0
        while not last:
            value = self._number(self._edges + 4 * number)
            last = value & _MANY
            number += 1
            yield value & ~_MANY


def _opened(objects: Path) -> Iterator[_Layer]:
    try:
        for path in _paths(objects / "info"):
            yield _Layer(path)
    except _UNREADABLE:
        return


def _paths(info: Path) -> list[Path]:
    """The one file, or those of a chain in its order."""
    whole = info / "commit-graph"
    if whole.exists():
        return [whole]
    names = (info / "commit-graphs/commit-graph-chain").read_text().split()
    return [info / f"commit-graphs/graph-{name}.graph" for name in names]
