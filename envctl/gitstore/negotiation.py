"""What a fetch tells the server that we have, so that only the rest is sent."""

import heapq
from collections.abc import Callable, Iterable

from dulwich.objects import ObjectID

Parents = Callable[[str], tuple[tuple[str, ...], int]]


class Haves:
    """Walks commits that are here, as dulwich's clients ask for them: tips in order, then by time.

    A server looks at a bounded number of them, so the likeliest in common come first. `shallow`
    are commits whose parents are not here.
    """

    def __init__(self, tips: Iterable[str], parents: Parents, shallow: set[ObjectID]) -> None:
        self._parents = parents
        self._tips = list(dict.fromkeys(tips))
        self._seen = set(self._tips)
        self._older: list[tuple[int, str]] = []
        self._common: set[str] = set()
        self.shallow = shallow

    def __next__(self) -> ObjectID | None:
        while self._tips or self._older:
            commit = self._tips.pop(0) if self._tips else heapq.heappop(self._older)[1]
            self._push_parents(commit)
            if commit not in self._common:
                return ObjectID(commit.encode())
        return None

    def next(self) -> ObjectID | None:
        """The same, by the name that the local client uses."""
        return self.__next__()

    def ack(self, sha: ObjectID) -> None:
        """The server has this commit, and so all that it descends from."""
        pending = [sha.decode()]
        while pending:
            commit = pending.pop()
            if commit in self._seen and commit not in self._common:
                self._common.add(commit)
                pending.extend(self._parents(commit)[0] if self._is_open(commit) else ())

    def nak(self) -> None:
        """The server has none of those named so far."""

    def _push_parents(self, commit: str) -> None:
        if not self._is_open(commit):
            return
        for parent in self._parents(commit)[0]:
            if commit in self._common:
                self._common.add(parent)
            if parent not in self._seen:
                self._seen.add(parent)
                heapq.heappush(self._older, (-self._parents(commit)[1], parent))

    def _is_open(self, commit: str) -> bool:
        return commit.encode() not in self.shallow
