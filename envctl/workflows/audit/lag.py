"""Which source commits touched a component: its folder, its schema, and the shared libraries.

One walk of the source branch answers for every component and revision. Trees are compared from
the top, by id: a commit that leaves ``components/``, ``schemas/``, ``lib/`` and ``vendor/`` alone
costs two small objects. The walk ends at the oldest revision that is asked for.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from envctl.errors import InputError
from envctl.model.git import Commit
from envctl.ports import Repository, Tree

# Read at the pinned revision like the component itself (design §3).
_SHARED = ("lib", "vendor")
_SCHEMA = ".schema.json"
_CLOCKS_DIFFER = 86_400  # seconds


class Unknown(StrEnum):
    """Why it cannot be told how far a revision is behind."""

    NOT_HERE = "not here"
    ELSEWHERE = "not on the source branch"


@dataclass(frozen=True, slots=True)
class Lag:
    """The commits that a revision of a component lacks, newest first; or why that is not known.

    `NOT_HERE`: the revision or the history up to it is not in this clone. `ELSEWHERE`: it is
    here, and not in the history of the source branch.
    """

    commits: tuple[Commit, ...] = ()
    unknown: Unknown | None = None

    @property
    def since(self) -> int:
        """When the oldest of those commits was made, in seconds since 1970; 0 where there is none."""
        return self.commits[-1].committer.time if self.commits else 0


def lags(
    repository: Repository, new: str, wanted: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], Lag]:
    """What each pair of a component and its revision lacks, up to the commit `new`, in one walk.

    As ``git log --first-parent <revision>..<new>`` tells it of the component's folder, its schema
    and the libraries, against each commit's first parent. A component whose code is the same at
    both ends lacks nothing, whatever came and went between.
    """
    pairs = tuple(dict.fromkeys(wanted))
    chain = _Chain(repository, new)
    ends = _ends(repository, chain, dict.fromkeys(revision for _, revision in pairs))
    touches = _touches(chain, max((end for end in ends.values() if isinstance(end, int)), default=0))
    codes = _Codes(repository)
    return {pair: _lag(chain, touches, codes, pair, ends[pair[1]]) for pair in pairs}


def _lag(
    chain: "_Chain", touches: "_Touches", codes: "_Codes", pair: tuple[str, str], end: int | Unknown
) -> Lag:
    if isinstance(end, Unknown):
        return Lag(unknown=end)
    found = touches.of(pair[0], end)
    try:
        if not found or codes.of(*pair) == codes.of(pair[0], chain.tip):
            return Lag()
    except InputError:
        return Lag(unknown=Unknown.NOT_HERE)
    return Lag(tuple(chain.commits[each] for each in found))


class _Codes:
    """The code of components at revisions, as ids; each tree is looked up once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._trees: dict[str, Tree] = {}

    def of(self, component: str, revision: str) -> tuple[str, ...]:
        if revision not in self._trees:
            self._trees[revision] = self._repository.tree(revision)
        paths = (f"components/{component}", f"schemas/{component}{_SCHEMA}", *_SHARED)
        return _ids(self._trees[revision], paths)


@dataclass(frozen=True, slots=True)
class _Folder:
    """What a folder holds: its id, and names with the ids behind them."""

    id: str = ""
    names: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Tops:
    """What decides about all components at once: what is at the top of a tree."""

    components: _Folder = _Folder()
    schemas: _Folder = _Folder()
    shared: tuple[str, ...] = ("",) * len(_SHARED)


class _Chain:
    """First-parent history, newest first, read no further than it is asked for; `tops` are its trees."""

    def __init__(self, repository: Repository, tip: str) -> None:
        self.tip = tip
        self.commits: list[Commit] = []
        self.tops: list[_Tops] = []
        self.is_cut = False
        self._repository = repository
        self._rest = repository.history(tip)

    def at(self, index: int) -> Commit | None:
        """One commit; None behind the last one that is here."""
        while len(self.commits) <= index:
            try:
                commit = next(self._rest, None)
                if commit is None:
                    return None
                self.tops.append(_tops(self._repository.tree(commit.id), self.tops[-1:]))
            except InputError:
                self.is_cut = True
                return None
            self.commits.append(commit)
        return self.commits[index]


def _ends(repository: Repository, chain: _Chain, revisions: Iterable[str]) -> dict[str, int | Unknown]:
    """How many commits at the head of the chain are not in the history of each revision."""
    ends: dict[str, int | Unknown] = {}
    times: dict[str, int] = {}
    for revision in revisions:
        try:
            times[revision] = repository.commit(revision).committer.time
        except InputError:
            ends[revision] = Unknown.NOT_HERE
    index = 0
    while times and (commit := chain.at(index)):
        if times.pop(commit.id, None) is not None:
            ends[commit.id] = index
        elif commit.committer.time < min(times.values()) - _CLOCKS_DIFFER:
            break  # the rest hardly stands on the chain, and is looked up each for itself
        index += 1
    return ends | {revision: _end_beside(repository, chain, revision) for revision in times}


def _end_beside(repository: Repository, chain: _Chain, revision: str) -> int | Unknown:
    """The same for a revision that does not stand on the chain: it came in by a merge, or never did."""
    try:
        if not repository.is_ancestor(revision, chain.tip):
            return Unknown.ELSEWHERE
        lacked = {commit.id for commit in repository.since(revision, chain.tip)}
    except InputError:
        return Unknown.NOT_HERE
    index = 0
    while (commit := chain.at(index)) and commit.id in lacked:
        index += 1
    return Unknown.NOT_HERE if chain.is_cut and index == len(chain.commits) else index


@dataclass(slots=True)
class _Touches:
    """The positions on the chain of the commits that touched each component, and those that touched all."""

    by_name: dict[str, list[int]] = field(default_factory=dict)
    by_all: list[int] = field(default_factory=list)

    def of(self, component: str, end: int) -> list[int]:
        """Positions before `end`, ascending."""
        lists = (self.by_name.get(component, []), self.by_all)
        return sorted({position for each in lists for position in each[: bisect_left(each, end)]})


def _touches(chain: _Chain, end: int) -> _Touches:
    found = _Touches()
    tops = (*chain.tops, _Tops())[: end + 1]
    for position, (after, before) in enumerate(pairwise(tops)):
        for name in _changed(after, before):
            found.by_name.setdefault(name, []).append(position)
        if after.shared != before.shared:
            found.by_all.append(position)
    return found


def _changed(after: _Tops, before: _Tops) -> set[str]:
    """The components whose folder or schema differs."""
    folders = after.components.names ^ before.components.names
    schemas = after.schemas.names ^ before.schemas.names
    return {name for name, _ in folders} | {name.removesuffix(_SCHEMA) for name, _ in schemas}


def _tops(tree: Tree, newer: Sequence[_Tops]) -> _Tops:
    """The tops of a tree. Folders that are those of the newer commit are not listed again."""
    known = newer[0] if newer else _Tops()
    components = _folder(tree, "components", known.components)
    return _Tops(components, _folder(tree, "schemas", known.schemas), _ids(tree, _SHARED))


def _folder(tree: Tree, path: str, known: _Folder) -> _Folder:
    entry = tree.entry(path)
    if entry is None:
        return _Folder()
    if entry.id == known.id:
        return known
    return _Folder(entry.id, frozenset((each.name, each.id) for each in tree.list(path)))


def _ids(tree: Tree, paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(entry.id if (entry := tree.entry(path)) else "" for path in paths)
