"""Render caches for renders of old commits: one that disturbs nobody's memory, one that ends with the run.

A render remembers one run of each environment, the last one. Renders of other commits, for a
comparison, would take the place of what the next render of the work tree wants to know, and each
other's. So what is remembered of a commit is kept apart; values are shared by their keys.
"""

from collections import OrderedDict

from envctl.ports import RenderCache

_RUNS = "environment "
_MOST = 256 << 20


class CacheApart(RenderCache):
    """Another cache, with records of runs under a name of their own. What it knows already is read."""

    def __init__(self, cache: RenderCache, name: str) -> None:
        self._cache = cache
        self._name = name

    def get(self, key: str) -> bytes | None:
        found = self._cache.get(self._own(key)) if key.startswith(_RUNS) else None
        return self._cache.get(key) if found is None else found

    def put(self, key: str, data: bytes) -> None:
        self._cache.put(self._own(key) if key.startswith(_RUNS) else key, data)

    def _own(self, key: str) -> str:
        return f"{key} at {self._name}"


class RunMemory(RenderCache):
    """What one run has rendered by itself, so that the next commit of a branch costs what it changed.

    It starts empty and trusts no file: who proves something may use it. At most `most` bytes are
    kept, those that were asked for last. For one thread.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: str, data: bytes) -> None:
        self._size += len(data) - len(self._kept.pop(key, b""))
        self._kept[key] = data
        while self._size > self._most:
            self._size -= len(self._kept.popitem(last=False)[1])
