"""The store of an agent: deploy commits from one server, in a folder that is only a cache.

    store = open_deploy_store(folder, clock=clock, access=access)
    store.remote_refs(url, [ref])     # the poll: one small request
    store.fetch(url, [ref])           # the difference, in a process of its own
    store.commit(revision)            # everything that is read is hashed

What is damaged is never believed: it raises DamagedError, and the next fetch begins with an empty folder.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dulwich.repo import Repo

from envctl.errors import DamagedError, InputError, RefusedError, UnavailableError
from envctl.gitstore.checked import CheckedObjects
from envctl.gitstore.fetching import DEFAULT_LIMITS, Carrier, FetchLimits, Order
from envctl.gitstore.poll import RefPoll
from envctl.gitstore.remotes import Remotes
from envctl.gitstore.repository import GitRepository
from envctl.gitstore.storefolder import bare_store, made_anew, read_state, sweep
from envctl.gitstore.trimming import commits_from
from envctl.model.access import Access
from envctl.model.git import Commit
from envctl.ports import Clock

_KEPT_BYTES = 1 << 20


class DeployStore(GitRepository):
    """A bare repository that one process fetches into. Reading and looking up may be done by two threads."""

    def __init__(self, folder: Path, repo: Repo, clock: Clock, access: Access, limits: FetchLimits) -> None:
        super().__init__(_frugal(repo), clock, CheckedObjects, access)
        self._folder = folder
        self._opener = access
        self._limits = limits
        self._poll = RefPoll(access)
        self._turn = threading.RLock()  # of whoever changes the folder
        self._carrier = Carrier()
        self._keep: tuple[str, ...] = ()
        self._untidy = False
        self._state = read_state(folder)

    def keep(self, revisions: Sequence[str]) -> None:
        self._keep = tuple(each for each in revisions if each)

    def remote_refs(self, remote: str, names: Sequence[str]) -> Mapping[str, str | None]:
        """As the port says. Between two changes of the branch, the store is also put in order here."""
        remotes = self._own_remotes()
        address, config = remotes.address(remote)
        found = self._poll.look_up(address, config, names) if address.scheme in {"http", "https"} else None
        answer = remotes.look_up(remote, names) if found is None else found
        if self._untidy and all(self._is_here(each) for each in answer.values()):
            self._trim()
        return answer

    def fetch(self, remote: str, refs: Sequence[str]) -> Mapping[str, str | None]:
        with self._turn:
            if not self._damage:
                with suppress(DamagedError):
                    return self._fetched(remote, refs)
            self._begin_anew()
            try:
                answer = self._fetched(remote, refs)
            except DamagedError as error:
                raise UnavailableError(
                    f"the server did not send all of it: {error.summary}", place=remote
                ) from error
            # Who read meanwhile found an empty store, which is no damage of the new one.
            self._reopen(Repo(str(self._folder)))
            return answer

    def commit(self, commit_id: str) -> Commit:
        if flaw := self._state.flawed.get(commit_id):
            raise RefusedError(flaw, place=commit_id[:12], hint="publish a commit without it")
        if self._damage:
            raise DamagedError(f"the store of fetched objects is damaged: {self._damage}")
        return super().commit(commit_id)

    def history(self, start: str, *, stop: frozenset[str] = frozenset()) -> Iterator[Commit]:
        self.commit(start)
        try:
            yield from super().history(start, stop=stop)
        except InputError as error:
            raise self._broken(error) from error

    def is_ancestor(self, older: str, newer: str) -> bool:
        """As the port says; False where the older one was never fetched, which is no ancestor then."""
        self.commit(newer)
        try:
            if self._objects.has(older):
                return super().is_ancestor(older, newer)
            self._require_history(newer)
        except InputError as error:
            raise self._broken(error) from error
        return False

    def close(self) -> None:
        """End what is under way in another thread, and close the connection of the poll."""
        self._carrier.close()
        self._poll.close()

    @property
    def _damage(self) -> str:
        objects = self._objects
        return objects.damage if isinstance(objects, CheckedObjects) else ""

    def _broken(self, error: InputError) -> DamagedError:
        """History that ends where it should not: what was fetched is always whole."""
        if isinstance(error, DamagedError):
            return error
        assert isinstance(self._objects, CheckedObjects)  # noqa: S101  (made by this class)
        return self._objects.damaged(error.summary)

    def _require_history(self, start: str) -> None:
        """Raise InputError where a commit on the way to the first one is missing."""
        for _ in commits_from(self._objects, start, set()):
            pass

    def _own_remotes(self) -> Remotes:
        return Remotes(
            self._repo, self._objects, self._revisions, access=self._opener, seconds=self._limits.look_up
        )

    @property
    def _remotes(self) -> Remotes:
        return self._own_remotes()

    def _is_here(self, commit_id: str | None) -> bool:
        return commit_id is None or commit_id in self._state.whole

    def _order(self, task: str, remote: str = "", refs: Sequence[str] = ()) -> Order:
        return Order(
            task, str(self._folder), remote, tuple(refs), self._keep, self._opener.texts(), self._limits
        )

    def _fetched(self, remote: str, refs: Sequence[str]) -> Mapping[str, str | None]:
        answer = self._carrier.carried_out(self._order("fetch", remote, refs), sweep(self._folder))
        self._untidy = bool(answer["untidy"])
        self._state = read_state(self._folder)
        return dict(answer["refs"])

    def _trim(self) -> None:
        with self._turn:
            self._untidy = False
            self._carrier.carried_out(self._order("trim"), sweep(self._folder))
            self._reopen(Repo(str(self._folder)))

    def _begin_anew(self) -> None:
        self._reopen(made_anew(self._folder))

    def _reopen(self, repo: Repo) -> None:
        """Go on with another repository. Whoever still reads the old one keeps it open."""
        GitRepository.__init__(self, _frugal(repo), self._clock, CheckedObjects, self._opener)
        self._state = read_state(self._folder)


def _frugal(repo: Repo) -> Repo:
    """A repository that keeps little of what it has unpacked: each object is read once, for one commit."""
    repo.object_store.delta_base_cache_limit = _KEPT_BYTES
    return repo


def open_deploy_store(
    folder: Path, *, clock: Clock, access: Access | None = None, limits: FetchLimits = DEFAULT_LIMITS
) -> DeployStore:
    """The store in a folder, made where there is none. Raises InputError where something else is there."""
    return DeployStore(folder, bare_store(folder), clock, access or Access(), limits)
