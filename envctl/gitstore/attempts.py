"""Which commits an agent began and did not end: a small file in the folder of its store.

It survives the process, not the pod: a poison commit ends processes. Where the disk takes no writes, nothing
is counted, and nothing else is stopped by that.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from envctl.gitstore.storefolder import ATTEMPTS

_REMEMBERED = 20


class FileAttempts:
    """The port `Attempts`, in a file."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / ATTEMPTS

    def count(self, revision: str) -> int:
        found = self._read("counts").get(revision)
        return found if isinstance(found, int) else 0

    def begin(self, revision: str) -> None:
        counts = dict(self._read("counts"))
        number = counts.pop(revision, 0)
        self._write({**counts, revision: number + 1 if isinstance(number, int) else 1}, self._read("used"))

    def end(self, revision: str) -> None:
        counts = dict(self._read("counts"))
        if counts.pop(revision, None) is not None:
            self._write(counts, self._read("used"))

    def use(self, permit: str) -> bool:
        used = self._read("used")
        if permit in used:
            return False
        self._write(self._read("counts"), {**used, permit: True})
        return True

    def _read(self, name: str) -> Mapping[str, Any]:
        with suppress(OSError, ValueError, AttributeError):
            found = json.loads(self._file.read_bytes()).get(name)
            return found if isinstance(found, dict) else {}
        return {}

    def _write(self, counts: Mapping[str, Any], used: Mapping[str, Any]) -> None:
        scratch = self._file.with_suffix(".new")
        content = {"counts": _last(counts), "used": _last(used)}
        with suppress(OSError):
            scratch.write_text(json.dumps(content))
            scratch.replace(self._file)


def _last(found: Mapping[str, Any]) -> dict[str, Any]:
    return dict(list(found.items())[-_REMEMBERED:])
