"""When each field of an object became what it is: the deploy commit that brought its value.

Only the trees on the way to the object's file are looked at, and its file is read only where
its blob id differs from the parent's, until every field is found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from envctl.delivery.history import DeployKind, Deployment, deployment_of
from envctl.errors import InputError
from envctl.manifests.leaves import Leaf, leaves, same_value
from envctl.manifests.paths import parse_path
from envctl.model.git import Commit, EntryKind
from envctl.model.values import JsonValue
from envctl.ports import Repository
from envctl.workflows.rendering.sides import read_object

_KEPT = 8

Values = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Arrival:
    """The deploy commit that brought a value, and the one before it.

    `older` is None where there is none, or where somebody else wrote it: then it tells nothing of
    what the source gave before.
    """

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


@dataclass(frozen=True, slots=True)
class _Pending:
    """Fields that are found, and wait for the next older deploy commit of envctl's."""

    deployment: Deployment
    keys: tuple[str, ...]


def arrivals(
    repository: Repository, environment: str, tip: str, path: str, wanted: Sequence[Leaf]
) -> Arrivals:
    """Walk the first-parent history of a deploy branch from its tip until all fields are found."""
    walk = _Walk(repository, environment, path)
    return walk.run(tip, {each.key: each.value for each in wanted})


class _Walk:
    """Walks one deploy branch, and looks at one file. Deploy commits are only read where they matter."""

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
        child: Commit | None = None
        now, cut = "", ""
        try:
            for commit in self._repository.history(tip):
                before = self._blob(commit) or (child and self._blob_elsewhere(commit)) or ""
                if child and before != now:
                    self._step(child, before, left)
                if self._waiting or self._newest is None:
                    self._settle(commit)
                if not (left or self._waiting) and self._newest:
                    break
                child, now = commit, before
            else:
                if child:
                    self._step(child, "", left)
        except InputError as error:  # a shallow clone: what the last commit brought is not known
            cut = error.summary
        self._give(None)
        return Arrivals(self._found, self._newest, cut)

    def _settle(self, commit: Commit) -> None:
        """All that waits for the deploy commit before it has it."""
        deployment = deployment_of(commit, self._environment)
        foreign = deployment.kind is DeployKind.FOREIGN
        if not foreign:
            self._newest = self._newest or deployment
        self._give(None if foreign else deployment)

    def _give(self, older: Deployment | None) -> None:
        for each in self._waiting:
            self._found |= dict.fromkeys(each.keys, Arrival(each.deployment, older))
        self._waiting = []

    def _step(self, commit: Commit, before: str, left: dict[str, JsonValue]) -> None:
        """Find the fields whose value the file before the commit does not have."""
        older = self._values(before, self._path) if before else {}
        brought = tuple(key for key, value in left.items() if not _has(older, key, value))
        if brought:
            self._waiting.append(_Pending(deployment_of(commit, self._environment), brought))
        for key in brought:
            del left[key]

    def _blob(self, commit: Commit) -> str:
        entry = self._repository.tree(commit.id).entry(self._path)
        return entry.id if entry and entry.kind is EntryKind.FILE else ""

    def _blob_elsewhere(self, commit: Commit) -> str:
        """The object's file in another component, which it has then moved from; "" where it is nowhere."""
        own, (component, _, tail) = self._path, self._path.partition("/")
        for entry in self._repository.tree(commit.id).list(""):
            if entry.kind is EntryKind.TREE and entry.name != component:
                self._path = f"{entry.name}/{tail}"
                if found := self._blob(commit):
                    return found
        self._path = own
        return ""

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
