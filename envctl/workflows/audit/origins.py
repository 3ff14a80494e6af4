"""Which source commit gave a value that a deploy commit brought.

Between two deploy commits a component changes along the commits of the source branch and, where it
is pinned, along those between its pins. Of the commits that touch what its evaluation reads, the
newest one is named before which the value was another one; the component is evaluated at them, newest
first, as far as that is needed to know.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from envctl.delivery.deploy import ENVIRONMENT, PROMOTED_FROM, ROLLBACK_TO
from envctl.delivery.trailers import trailer
from envctl.errors import InputError
from envctl.manifests.leaves import Leaf
from envctl.model.git import Commit
from envctl.ports import Evaluator, Repository
from envctl.workflows.audit.blamed import Origin, PinChange
from envctl.workflows.audit.grounds import Ground, Sought, Values
from envctl.workflows.audit.layering import has_value
from envctl.workflows.audit.sourcepins import SourcePins

MOST_CANDIDATES = 50
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Way:
    """The commits along which a value came: after `old` ("": from the very first) up to `new`.

    `paths` are what the evaluation reads there, `ground` what it is at one of them.
    """

    old: str
    new: str
    paths: tuple[str, ...]
    ground: Callable[[str], Ground | None]


def origins(
    repository: Repository, evaluator: Evaluator, way: Way, sought: Sought, wanted: Sequence[Leaf]
) -> Mapping[str, Origin]:
    """The origin of each field by its key. Evaluates at no more than `MOST_CANDIDATES` commits."""
    search = _Search(repository, evaluator, way, sought)
    return search.run(wanted)


class _Search:
    def __init__(self, repository: Repository, evaluator: Evaluator, way: Way, sought: Sought) -> None:
        self._repository = repository
        self._evaluator = evaluator
        self._way = way
        self._sought = sought
        self._tops = tuple(sorted({path.partition("/")[0] for path in way.paths}))
        self._cut = ""
        self._known: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def run(self, wanted: Sequence[Leaf]) -> Mapping[str, Origin]:
        candidates = list(islice(self._candidates(self._begin()), MOST_CANDIDATES + 1))
        if not candidates and not self._cut:
            # Nothing changed in between: somebody had put another value on the branch meanwhile.
            candidates = list(islice(self._candidates(""), MOST_CANDIDATES + 1))
        if not candidates:
            note = self._cut or "no source commit touched what the component reads"
            return {each.key: Origin(note=note) for each in wanted}
        bounded = len(candidates) > MOST_CANDIDATES or bool(self._cut)
        candidates = candidates[:MOST_CANDIDATES]
        found: dict[str, Origin] = {}
        left = list(wanted)
        for at, values in self._values(candidates[1:], left):
            settled = [each for each in left if not has_value(values, each.key, each.value)]
            found |= {each.key: Origin(candidates[at]) for each in settled}
            left[:] = [each for each in left if each.key not in found]
        last = Origin(candidates[-1], bounded, _bound_note(candidates, self._cut) if bounded else "")
        return found | {each.key: last for each in left}

    def _values(self, commits: Sequence[Commit], left: list[Leaf]) -> Iterator[tuple[int, Values | None]]:
        """The values at commits, some at once, until nothing is left to be found."""
        for start in range(0, len(commits), _AT_ONCE):
            if not left:
                return
            grounds = [self._way.ground(each.id) for each in commits[start : start + _AT_ONCE]]
            present = [each for each in grounds if each]
            outcomes = iter(self._evaluator.evaluate([each.task() for each in present]))
            for at, ground in enumerate(grounds, start):
                namespace = ground.environment.namespace or "" if ground else ""
                yield at, self._sought.values(next(outcomes), namespace) if ground else None

    def _candidates(self, old: str) -> Iterator[Commit]:
        """The commits after `old` ("": all) that touched what is read, newest first."""
        last: tuple[Commit, tuple[str, ...]] | None = None
        try:
            for commit in self._repository.history(self._way.new, stop=frozenset({old})):
                ids = self._ids(commit.id)
                if last and last[1] != ids:
                    yield last[0]
                last = commit, ids
            before = self._ids(old) if old else ()
        except InputError as error:  # a shallow clone: whether the last one touched it is not known
            self._cut = error.summary
            return
        if last and last[1] != before:
            yield last[0]

    def _begin(self) -> str:
        """Where the way begins: nowhere, where its begin is not in the history of its end."""
        try:
            known = self._way.old and self._repository.is_ancestor(self._way.old, self._way.new)
        except InputError:
            known = False
        return self._way.old if known else ""

    def _ids(self, commit: str) -> tuple[str, ...]:
        """What stands at all paths; not looked up where everything around them is as it was last time."""
        tree = self._repository.tree(commit)
        tops = tuple(tree.fingerprint(top) for top in self._tops)
        if tops != self._known[0]:
            self._known = tops, tuple(tree.fingerprint(path) for path in self._way.paths)
        return self._known[1]


def _bound_note(candidates: Sequence[Commit], cut: str) -> str:
    return cut or f"or an older commit: only the newest {len(candidates)} were looked at"


def pin_change(
    repository: Repository, pins: SourcePins, component: str, source: str, older: str
) -> PinChange | None:
    """The newest source commit up to `source` that pinned a component to what is pinned there.

    None where that is not in the history here since the source commit `older`.
    """
    wanted = _pin(pins, source, component)
    last: Commit | None = None
    try:
        for commit in repository.history(source, stop=frozenset({older})):
            if last and _pin(pins, commit.id, component) != wanted:
                return _pin_change(last)
            last = commit
        before = _pin(pins, older, component) if older else ""
    except InputError:
        return None
    return _pin_change(last) if last and before != wanted else None


def rollback_of(commit: Commit, environment: str) -> PinChange | None:
    """A source commit as the rollback of an environment, by its trailers; None where it is none."""
    of = trailer(commit.message, ENVIRONMENT)
    return _pin_change(commit) if of == environment and trailer(commit.message, ROLLBACK_TO) else None


def _pin(pins: SourcePins, commit: str, component: str) -> str:
    """What is pinned at a source commit, "" where nothing is: a tracked component has no pin."""
    return (pins.at(commit).pins or {}).get(component, "")


def _pin_change(commit: Commit) -> PinChange:
    promoted, rolled = (trailer(commit.message, key) or "" for key in (PROMOTED_FROM, ROLLBACK_TO))
    return PinChange(commit, promoted, rolled)
