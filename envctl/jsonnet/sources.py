"""What tasks import: found by the resolver, read once, and written down as the task's closure."""

import posixpath
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from envctl.errors import InputError
from envctl.jsonnet.importing import Request, shares
from envctl.jsonnet.resolver import Resolution, Resolver, refuse_pointer
from envctl.ports import Tree


@dataclass(frozen=True, slots=True)
class Found:
    """An imported file."""

    path: str
    blob: str
    contents: bytes


class Blobs:
    """Contents by blob id, for all trees and threads; the least recently used go first.

    One lock guards every use of a tree, because a Git store is not made for many threads.
    """

    def __init__(self, capacity: int) -> None:
        self.lock = threading.RLock()
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._room = capacity

    def get(self, blob: str, read: Callable[[], bytes]) -> bytes:
        """The contents of a blob, read where they are not known."""
        with self.lock:
            if blob not in self._contents:
                self._put(blob, read())
            self._contents.move_to_end(blob)
            return self._contents[blob]

    def _put(self, blob: str, contents: bytes) -> None:
        self._contents[blob] = contents
        self._room -= len(contents)
        while self._room < 0 and len(self._contents) > 1:
            _, dropped = self._contents.popitem(last=False)
            self._room += len(dropped)


class Imports:
    """The imports of one engine call. They and `refusal` fill while it is evaluated."""

    def __init__(self, tree: Tree, resolver: Resolver, blobs: Blobs) -> None:
        self._tree = tree
        self._resolver = resolver
        self._blobs = blobs
        self._found: dict[str, str] = {}
        self._made: dict[Request, Resolution] = {}
        self.refusal: InputError | None = None

    def find(self, directory: str, wanted: str) -> Found | None:
        """The file that an import means, or None where it is refused; `refusal` then says why."""
        request = (directory.strip("/"), wanted)
        with self._blobs.lock:
            resolution = self._resolver.resolve(*request)
        self._made.pop(request, None)
        self._made[request] = resolution
        self.refusal = resolution.error
        if resolution.error:
            return None
        path, blob = resolution.path, resolution.blob
        try:
            contents = self._blobs.get(blob, lambda: self._tree.read(path))
            refuse_pointer(contents, wanted, path)
        except InputError as error:
            self.refusal = error
            return None
        self._found[path] = blob
        return Found(path, blob, contents)

    @property
    def closure(self) -> dict[str, str]:
        """Everything in the tree that decided what was imported, by path."""
        return _evidence(self._made.values())

    def closures(self, programs: Iterable[str]) -> list[dict[str, str]]:
        """For each program of the call its closure: what was imported and it could have asked for."""
        leads = {request: made.path for request, made in self._made.items()}
        own = shares((each.encode() for each in programs), leads, self.read)
        return [_evidence(self._made[request] for request in each) for each in own]

    def read(self, path: str) -> bytes | None:
        """The contents of a file that was imported, None for any other."""
        if path not in self._found:
            return None
        return self._blobs.get(self._found[path], lambda: self._tree.read(path))

    def last_place(self) -> str:
        """Where the last import is written (``<file>:<line>:<column>``), "" where that is not certain.

        For an engine that does not say which file asked for it.
        """
        directory, wanted = next(reversed(self._made), ("", ""))
        pattern = re.compile(rb"\bimport(?:str|bin)?\s*([\"'])" + re.escape(wanted.encode()) + rb"\1")
        files = [path for path in self._found if posixpath.dirname(path) == directory]
        found = [(path, match) for path in files for match in pattern.finditer(self.read(path) or b"")]
        if len(found) != 1:
            return ""
        path, match = found[0]
        before = match.string[: match.start()]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        return f"{path}:{line}:{column}"


def _evidence(resolutions: Iterable[Resolution]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in resolutions:
        found |= each.evidence
    return dict(sorted(found.items()))
