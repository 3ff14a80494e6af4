"""Where deploy commits come from: the poll of the branch, and which commits are refused."""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from envctl.agent.options import World
from envctl.agent.permits import LiftableError, allows_rewrite, rewrite_hint
from envctl.agent.threads import AgentThread, Crashed
from envctl.delivery.deploy import DEPLOY_REFS, DeployRecord, deploy_record
from envctl.errors import DamagedError, EnvctlError, InputError, RefusedError
from envctl.model.git import Commit
from envctl.model.inventory import Accepted
from envctl.model.status import Level

_NAMED = 20
_KEPT = "the cluster stays at the last good commit"


@dataclass(frozen=True, slots=True)
class Head:
    """What a poll found: the commit of the branch, None where there is no branch, or an error.

    The objects of the commit are in the store. `read_at`: when the branch was read last without an error
    (RFC 3339), "" for never. `unread`: why its newest commit cannot be fetched, where the look-up went well.
    `fetched`: the objects came with this look. `others`: where there is no branch, the deploy branches that
    there are.
    """

    commit: str | None
    error: str = ""
    read_at: str = field(default="", compare=False)
    unread: str = ""
    fetched: bool = field(default=False, compare=False)
    others: tuple[str, ...] = field(default=(), compare=False)

    @property
    def absent(self) -> bool:
        """Whether the repository was read, and there is no branch."""
        return self.commit is None and not self.error and not self.unread

    @property
    def trouble(self) -> str:
        """Why the branch cannot be read, and since when; "" where it can."""
        since = f" (last read {self.read_at})" if self.error and self.read_at else ""
        return (self.error or self.unread) + since


def absence(branch: str, others: Sequence[str]) -> str:
    """That a branch does not exist, and which deploy branches do."""
    if not others:
        return f"the branch {branch} does not exist, nor does any other deploy branch there"
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"the branch {branch} does not exist; there are {', '.join(others[:_NAMED])}{more}"


class UnreadError(EnvctlError):
    """A commit could not be fetched, which says nothing about the commit itself."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A deploy commit that may be brought to the cluster.

    `rewritten`: it does not follow the accepted one, and somebody allowed that.
    """

    commit: Commit
    record: DeployRecord
    accepted: Accepted
    rewritten: bool = False


class Source(AgentThread):
    """Asks the remote for the branch again and again, and fetches; each change is handed on once.

    A commit is handed on when it is here: a slow Git server keeps nobody from healing, nor from going on with
    the commit before. Alone it writes to the store.
    """

    def __init__(
        self,
        world: World,
        hand_on: Callable[[Head], None],
        crashed: Crashed,
        needed: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`needed`: the commits that the store must keep for others; may be asked at any time."""
        super().__init__("envctl-source", self._poll, crashed)
        self._world = world
        self._hand_on = hand_on
        self._needed = needed
        self._stopped = threading.Event()
        self._awake = threading.Event()
        self._last: Head | None = None
        self._failures = 0
        self._asked_to_wait = 0.0
        self._read_text = ""
        self.read_at = 0.0  # seconds since 1970

    def _poll(self) -> None:
        """Poll until stopped. An error makes the polls rarer, up to `source_most`."""
        while not self._stopped.is_set():
            head = self._look()
            self._failures = self._failures + 1 if head.error or head.unread else 0
            if head != self._last or head.fetched or head.unread:
                self._last = head
                self._hand_on(head)
            self._awake.wait(self._pause())
            self._awake.clear()

    def stop(self) -> None:
        """End after what is under way."""
        self._stopped.set()
        self._awake.set()

    def look_now(self) -> None:
        """Look without a pause, since something is not in the store; not where the server has troubles."""
        if not self._failures:
            self._awake.set()

    def _look(self) -> Head:
        options, repository = self._world.options, self._world.repository
        self._asked_to_wait = 0
        missing = False
        try:
            repository.keep([each for each in self._needed() if each])
            commit = repository.remote_refs(options.remote, [options.ref])[options.ref]
            missing = commit is not None and not self._is_here(commit)
            if missing:
                # The branch may have moved on since it was looked up: what is fetched is the newest.
                commit = repository.fetch(options.remote, [options.ref])[options.ref]
            others = self._others() if commit is None else ()
        except EnvctlError as error:
            self._asked_to_wait = error.retry_after
            failed = Head(None, read_at=self._read_text)
            return replace(failed, unread=error.line) if missing else replace(failed, error=error.line)
        now = self._world.clock.now()
        self.read_at, self._read_text = now.timestamp(), now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Head(commit, read_at=self._read_text, fetched=missing, others=others)

    def _others(self) -> tuple[str, ...]:
        """The deploy branches that there are, looked up once while ours is missing."""
        if self._last and self._last.absent:
            return self._last.others
        names = self._world.repository.remote_names(self._world.options.remote, DEPLOY_REFS)
        return tuple(name.removeprefix("refs/heads/") for name in names)

    def _is_here(self, commit_id: str) -> bool:
        try:
            self._world.repository.commit(commit_id)
        except InputError:
            return False
        except RefusedError:  # it is here, and not fit to be read
            return True
        return True

    def _pause(self) -> float:
        options = self._world.options
        spread = random.uniform(0.9, 1.1)  # noqa: S311  (no secret: spreads agents)
        return pause(options.interval, options.source_most, self._failures, self._asked_to_wait) * spread


def pause(interval: float, most: float, failures: int, asked: float) -> float:
    """Seconds until the next look-up: longer after failures, or as long as was asked for; at most `most`.

    An interval that is longer than that stays what it is.
    """
    seconds: float = max(interval * 2.0 ** min(failures, 16), asked)
    return min(seconds, max(most, interval))


def verify(world: World, accepted: Accepted | None, commit_id: str) -> Verified:
    """A deploy commit that follows the accepted one. Raises RefusedError for any other.

    Refused are commits that envctl did not write, another environment's, and any but a
    fast-forward with a higher sequence: a branch that was rewritten, replayed or swapped.
    """
    options = world.options
    place = f"{options.branch}@{commit_id[:12]}"
    commit = world.repository.commit(commit_id)
    record = deploy_record(commit.message)
    if record is None:
        raise RefusedError(f"it is no deploy commit: the Envctl- trailers are missing; {_KEPT}", place=place)
    if record.environment != options.environment:
        raise RefusedError(
            f"it was made for the environment {record.environment}, not {options.environment}; {_KEPT}",
            place=place,
        )
    if accepted is None:
        root = root_of(world, commit_id)
        return Verified(commit, record, Accepted(commit_id, commit.tree, record.sequence, root))
    if commit_id != accepted.revision:
        try:
            _refuse_detour(world, accepted, commit_id, record, place)
        except LiftableError:
            if not allows_rewrite(world, accepted.revision, commit_id):
                raise
            world.say(Level.WARNING, f"{place} does not follow the accepted commit; an annotation allows it")
            root = root_of(world, commit_id)
            following = Accepted(commit_id, commit.tree, record.sequence, root)
            return Verified(commit, record, following, rewritten=True)
    following = replace(accepted, revision=commit_id, tree=commit.tree, sequence=record.sequence)
    return Verified(commit, record, following)


def _refuse_detour(
    world: World, accepted: Accepted, commit_id: str, record: DeployRecord, place: str
) -> None:
    if not _follows(world, accepted.revision, commit_id):
        reason = "does not follow the accepted commit"
        if root_of(world, commit_id) != accepted.root:
            reason = "belongs to another history than the accepted commit"
        raise LiftableError(
            f"it {reason} {accepted.revision[:12]}: the branch was rewritten; {_KEPT}",
            place=place,
            hint=rewrite_hint(world, accepted.revision, commit_id),
        )
    if record.sequence <= accepted.sequence:
        raise LiftableError(
            f"its sequence {record.sequence} is not above the accepted {accepted.sequence}; {_KEPT}",
            place=place,
            hint=rewrite_hint(world, accepted.revision, commit_id),
        )


def _follows(world: World, older: str, newer: str) -> bool:
    try:
        return world.repository.is_ancestor(older, newer)
    except DamagedError:
        raise
    except InputError:  # the older one is not in the store: what was fetched does not contain it
        return False


def root_of(world: World, commit_id: str) -> str:
    """The first commit of a commit's history. Raises InputError where it is not in the store."""
    *_, root = world.repository.history(commit_id)
    return root.id
