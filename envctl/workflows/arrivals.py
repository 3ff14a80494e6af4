"""When each field of an object became what it is: the deploy commit that brought its value.

Only the trees on the way to the object's file are looked at, and its file is read only where
its blob id differs from the parent's, until every field is found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from envctl.delivery.history import DeployKind, Deployment, deployment_of
from envctl.errors import InputError
from envctl.manifests.leaves import Leaf, leaves, same_value
from envctl.manifests.paths import parse_path
from envctl.model.git import Commit, EntryKind
from envctl.model.values import JsonValue
from envctl.ports import Repository
from envctl.workflows.sides import read_object

_KEPT = 8

Values = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Arrival:
    """The deploy commit that brought a value, and the nearest older one that envctl wrote, if any."""

    deployment: Deployment
    older: Deployment | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """By the key of each field; fields whose arrival lies before what is here are missing.

    `newest` is the newest deploy commit that envctl wrote. `cut` says why history ends too early.
    """

    found: Mapping[str, Arrival]
    newest: Deployment | None
    cut: str = ""


@dataclass(slots=True)
class _Pending:
    """Fields that are found, and wait for the next older deploy commit of envctl's."""

    deployment: Deployment
    keys: list[str] = field(default_factory=list)


def arrivals(
    repository: Repository, environment: str, tip: str, path: str, wanted: Sequence[Leaf]
) -> Arrivals:
    """Walk the first-parent history of a deploy branch from its tip until all fields are found."""
    walk = _Walk(repository, environment, path)
    return walk.run(tip, {each.key: each.value for each in wanted})


class _Walk:
    def __init__(self, repository: Repository, environment: str, path: str) -> None:
        self._repository = repository
        self._environment = environment
        self._path = path
        self._values = lru_cache(_KEPT)(self._read)
        self._found: dict[str, Arrival] = {}
        self._waiting: list[_Pending] = []
        self._newest: Deployment | None = None

    def run(self, tip: str, wanted: Values) -> Arrivals:
        left = dict(wanted)
        child: tuple[Commit, Deployment] | None = None
        cut = ""
        try:
            for commit in self._repository.history(tip):
                if child:
                    self._step(*child, commit, left)
                deployment = deployment_of(commit, self._environment)
                child = commit, deployment
                if deployment.kind is not DeployKind.FOREIGN:
                    self._newest = self._newest or deployment
                    self._settle(deployment)
                    if not left:
                        break
            else:
                if child:
                    self._step(*child, None, left)
        except InputError as error:  # a shallow clone: what the last commit brought is not known
            cut = error.summary
        self._settle(None)
        return Arrivals(self._found, self._newest, cut)

    def _settle(self, older: Deployment | None) -> None:
        """The next older deploy commit is known now for all that waits for it."""
        for each in self._waiting:
            for key in each.keys:
                self._found[key] = Arrival(each.deployment, older)
        self._waiting = []

    def _step(
        self, commit: Commit, deployment: Deployment, parent: Commit | None, left: dict[str, JsonValue]
    ) -> None:
        """Find the fields whose value the parent does not have."""
        if not left:
            return
        now, before, path = self._blobs(commit, parent)
        self._path = path
        if now == before:
            return
        older = self._values(before, path) if before else {}
        brought = [key for key, value in left.items() if not _has(older, key, value)]
        if brought:
            self._waiting.append(_Pending(deployment, brought))
        for key in brought:
            del left[key]

    def _blobs(self, commit: Commit, parent: Commit | None) -> tuple[str, str, str]:
        """The object's blob now and before, and its path before: it may have moved between components."""
        now = self._blob(commit, self._path)
        if parent is None:
            return now, "", self._path
        before = self._blob(parent, self._path)
        if before:
            return now, before, self._path
        component, _, tail = self._path.partition("/")
        for entry in self._repository.tree(parent.id).list(""):
            moved = f"{entry.name}/{tail}"
            if entry.kind is EntryKind.TREE and entry.name != component and self._blob(parent, moved):
                return now, self._blob(parent, moved), moved
        return now, "", self._path

    def _blob(self, commit: Commit, path: str) -> str:
        entry = self._repository.tree(commit.id).entry(path)
        return entry.id if entry and entry.kind is EntryKind.FILE else ""

    def _read(self, blob: str, path: str) -> Values:
        parsed = parse_path(path)
        try:
            value = read_object(self._repository.blob(blob), path)
        except InputError:  # edited by hand: whatever it was, it was another value
            return {}
        return {
            each.key: each.value for each in leaves(value, is_secret=bool(parsed and parsed[1].is_secret))
        }


def _has(values: Values, key: str, value: JsonValue) -> bool:
    return key in values and same_value(values[key], value)
