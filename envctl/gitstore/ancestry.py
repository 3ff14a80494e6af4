"""Which commits can be reached from which: exact whatever their dates say, bounded by what lies between.

Commits are looked at by date, the newest first. Dates only decide how much is looked at: clocks
differ, so nothing is concluded from them. What is concluded rests on one fact: history has no
circles, so what lies below a commit cannot reach it.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count

from envctl.errors import InputError
from envctl.gitstore.commitgraph import CommitGraph, Node
from envctl.gitstore.objects import Objects

_ANY = 1 << 62


class Ancestry:
    """Answers questions about the history of one repository; with a commit-graph file faster."""

    def __init__(self, objects: Objects, graph: Callable[[], CommitGraph | None]) -> None:

        self._objects = objects
        self._graph = graph

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is `newer` or can be reached from it. InputError where history is missing."""
        walk = self._walk(newer, (older,))
        return bool(walk.search()) or walk.require_whole()

    def since(self, old: str, new: str) -> list[str]:
        """What can be reached from `new` and not from `old`, newest first. InputError as above."""
        self._objects.parents(old)
        walk = _Walk(self._look, new, (old,))
        found = walk.not_below()
        walk.require_whole()
        while reached := self._reached(old, found):
            found = [each for each in found if each not in reached]
        return found

    def _reached(self, old: str, found: Sequence[str]) -> set[str]:
        """Some of `found` that `old` reaches after all, against all dates; none only where there are none.

        Descendants of `old` cannot be among them, and others only together with all below them.
        """
        parents = {each: self._look(each).parents for each in found}
        doubtful = parents.keys() - _descendants(old, parents)
        lowest = [each for each in found if each in doubtful and doubtful.isdisjoint(parents[each])]
        return self._walk(old, lowest).search() if lowest else set()

    def _walk(self, start: str, targets: Sequence[str]) -> "_Walk":
        """A walk that stops where the graph file tells that no target can be reached any more.

        A commit of the file reaches only others of the file, and only those of lower generations.
        """
        for each in (*targets, start):
            self._objects.parents(each)
        nodes = [node for each in targets if (node := self._in_graph(each))]
        return _Walk(self._look, start, targets, min((node.generation for node in nodes), default=_ANY))

    def _look(self, commit: str) -> Node:
        return self._in_graph(commit) or Node(*self._objects.parents(commit))

    def _in_graph(self, commit: str) -> Node | None:
        graph = self._graph()
        return graph.find(commit) if graph else None


def _descendants(old: str, parents: Mapping[str, Iterable[str]]) -> set[str]:
    """Those of some commits that descend from `old`."""
    children: dict[str, list[str]] = {}
    for each, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(each)
    found: set[str] = set()
    pending = [old]
    while pending:
        new = [each for each in children.get(pending.pop(), ()) if each not in found]
        found.update(new)
        pending.extend(new)
    return found


class _Walk:
    """Walks down from `start`, and with it from below each target, until the rest cannot reach a target.

    Each commit is marked with the targets that it lies below, and with whether `start` reaches it. One
    that lies below all targets reaches none, and neither does one of a generation up to `floor`.
    """

    def __init__(
        self, look: Callable[[str], Node], start: str, targets: Sequence[str], floor: int = 0
    ) -> None:
        self._look = look
        self._floor = floor
        self._targets = frozenset(targets)
        self._below_all = (1 << len(targets)) - 1
        self._from_start = 1 << len(targets)
        self._marks: dict[str, int] = {}
        self._nodes: dict[str, Node] = {}
        self._missing: list[str] = []
        self._pending: list[tuple[int, int, str]] = []
        self._ahead: list[tuple[int, int, str]] = []
        self._turn = False
        self._waiting: set[str] = set()
        self._left: dict[str, tuple[str, ...]] = {}
        self._open: set[str] = set()
        self._found: set[str] = set()
        self._numbers = count()
        for number, target in enumerate(targets):
            for parent in look(target).parents:
                self._mark(parent, 1 << number)
        self._mark(start, self._from_start)

    def search(self) -> set[str]:
        """The targets that `start` reaches."""
        while self._open and len(self._found) < len(self._targets):
            self._step()
        return self._found

    def not_below(self) -> list[str]:
        """What `start` reaches that is no target and, as far as was looked, below none; newest first."""
        while self._open:
            self._step()
        found = [each for each, marks in self._marks.items() if marks == self._from_start]
        here = (each for each in found if each in self._nodes and each not in self._targets)
        return sorted(here, key=lambda each: -self._nodes[each].time)

    def require_whole(self) -> bool:
        """False; raises InputError where a commit is missing that may reach a target."""
        for each in self._missing:
            if self._is_open(each):
                self._look(each)
        return False

    def _step(self) -> None:
        """Look at one commit: in turn the newest of all, and the newest of those that may lead to a target.

        So neither a long history below the targets costs much, nor one below the start.
        """
        self._turn = not self._turn
        heap, valid = (self._pending, self._waiting) if self._turn else (self._ahead, self._open)
        commit = heapq.heappop(heap)[2]
        while commit not in valid:
            commit = heapq.heappop(heap)[2]
        self._waiting.discard(commit)
        self._open.discard(commit)
        node = self._nodes[commit]
        self._left[commit] = () if 0 < node.generation <= self._floor else node.parents
        for parent in self._left[commit]:
            self._mark(parent, self._marks[commit])

    def _mark(self, commit: str, marks: int) -> None:
        """Mark a commit, and at once all that was walked below it: else the walk runs ahead of its end."""
        pending = [(commit, marks)]
        while pending:
            at, new = pending.pop()
            before = self._marks.get(at, 0)
            if before | new == before:
                continue
            self._marks[at] = before | new
            if at in self._targets and new & self._from_start:
                self._found.add(at)
            if at in self._left:
                pending += [(parent, before | new) for parent in self._left[at]]
            elif self._is_here(at):
                self._queue(at)

    def _queue(self, commit: str) -> None:
        item = -self._nodes[commit].time, next(self._numbers), commit
        if commit not in self._waiting:
            self._waiting.add(commit)
            heapq.heappush(self._pending, item)
        if not self._is_open(commit):
            self._open.discard(commit)
        elif commit not in self._open:
            self._open.add(commit)
            heapq.heappush(self._ahead, item)

    def _is_here(self, commit: str) -> bool:
        """Whether a commit is in this repository: a shallow clone ends somewhere."""
        if commit not in self._nodes:
            try:
                self._nodes[commit] = self._look(commit)
            except InputError:
                self._missing.append(commit)
                return False
        return True

    def _is_open(self, commit: str) -> bool:
        """Whether a commit may lead from `start` to a target."""
        marks = self._marks[commit]
        return bool(marks & self._from_start) and marks & self._below_all != self._below_all
