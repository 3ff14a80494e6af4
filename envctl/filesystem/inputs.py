"""Read the files that somebody names on the command line: files, folders of them, standard input."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from envctl.errors import InputError

MAX_BYTES: Final = 256 * 1024 * 1024
STDIN: Final = "-"
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def read_inputs(paths: Iterable[str], stdin: BinaryIO | None = None) -> Iterator[tuple[str, bytes]]:
    """Each file with its name; those of a folder (``.yaml``, ``.yml``, ``.json``) sorted, at any depth.

    ``-`` is standard input. Hidden files and folders, and links to folders, are passed over inside a
    folder. Raises InputError for what is not there, cannot be read, or is longer than `MAX_BYTES`.
    """
    for path in paths:
        if path == STDIN:
            yield "standard input", _limited(stdin or sys.stdin.buffer, "standard input")
        elif Path(path).is_dir():
            yield from ((str(file), _read(file)) for file in _below(Path(path)))
        else:
            yield path, _read(Path(path))


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(place, name)


def _refuse(error: OSError) -> None:
    raise InputError(f"cannot be read: {error.strerror}", place=str(error.filename)) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _limited(file, str(path))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path)) from error


def _limited(file: BinaryIO, name: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"is longer than {MAX_BYTES // 2**20} MiB", place=name)
    return data
