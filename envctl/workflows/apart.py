"""A render cache for renders of old commits: they use what is known, and disturb nobody's memory.

A render remembers one run of each environment, the last one. Renders of other commits, for a
comparison, would take the place of what the next render of the work tree wants to know, and each
other's. So what is remembered of a commit is kept apart; values are shared by their keys.
"""

from envctl.ports import RenderCache

_RUNS = "environment "


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
